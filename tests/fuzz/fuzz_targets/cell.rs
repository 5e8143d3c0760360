//! Sealed cells that nobody has sealed, and what stands beside a wrapped key.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tokend::store::fuzzing::cell(bytes));
