//! What a store holds, once a key has opened it.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tokend::store::fuzzing::record(bytes));
