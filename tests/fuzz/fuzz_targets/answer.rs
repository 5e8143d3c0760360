//! Answers of a provider, to their outcome.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tokend_provider::fuzzing::answer(bytes));
