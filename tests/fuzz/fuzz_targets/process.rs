//! What the kernel tells of a process that calls.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tokend::rpc::fuzzing::process(bytes));
