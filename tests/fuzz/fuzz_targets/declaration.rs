//! Declared credentials as their authors write them.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tokend::declared::fuzzing::read(bytes));
