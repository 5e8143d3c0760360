//! Backups that somebody has changed before they are restored.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tokend::store::fuzzing::backup(bytes));
