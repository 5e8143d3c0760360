//! The address by which systemd says which unit asks for what.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tokend::handout::read(bytes));
