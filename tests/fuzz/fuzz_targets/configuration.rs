//! The configuration as its authors write it.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tokend::config::fuzzing::read(bytes));
