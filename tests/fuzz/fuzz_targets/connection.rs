//! Frames of HTTP/2 that a caller writes, whole connections long.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tokend::rpc::fuzzing::serve(bytes));
