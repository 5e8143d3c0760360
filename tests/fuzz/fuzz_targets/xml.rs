//! Bodies that may be XML.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tokend_provider::fuzzing::xml(bytes));
