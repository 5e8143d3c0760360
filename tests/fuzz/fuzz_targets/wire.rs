//! Answers of a daemon that is broken or means ill, in pieces and to their end.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tokend_client::fuzzing::ask(bytes));
