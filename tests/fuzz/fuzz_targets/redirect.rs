//! What browsers were led back with after logins.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tokend_provider::fuzzing::redirect(bytes));
