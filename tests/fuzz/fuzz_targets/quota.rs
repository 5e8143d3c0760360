//! Headers, for all that is read from them.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tokend_provider::fuzzing::quota(bytes));
