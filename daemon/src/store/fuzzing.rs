//! What others may have written of a store, for fuzzers.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, sync::OnceLock, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use tempfile::TempDir;
use tokend_core::{BootId, BootTime, Moment, SplitMix, Stamp};

use super::{
    Candidate, Key, Store,
    record::{
        CredentialRecord, OutcomeRecord, QuotasRecord, RequestRecord, RevocationRecord,
        SettledRecord, TokenRecord, decode, encode,
    },
    seal::{Cell, Cipher, Column},
};

/// Reads the content of a cell as each kind of record.
///
/// # Panics
///
/// It does if a record that was read isn't read as the same once it was written.
pub fn record(bytes: &[u8]) {
    reads_back::<CredentialRecord>(bytes);
    reads_back::<TokenRecord>(bytes);
    reads_back::<RequestRecord>(bytes);
    reads_back::<OutcomeRecord>(bytes);
    reads_back::<SettledRecord>(bytes);
    reads_back::<QuotasRecord>(bytes);
    reads_back::<RevocationRecord>(bytes);
}

fn reads_back<T: Serialize + DeserializeOwned>(bytes: &[u8]) {
    let Ok(record) = decode::<T>(bytes) else { return };
    let written = encode(&record);
    let again = decode::<T>(&written).expect("what was written can be read");
    assert_eq!(*encode(&again), *written);
}

/// Opens a cell that was never sealed, and reads what stands beside a wrapped key.
///
/// # Panics
///
/// It does if the cell opens.
pub fn cell(bytes: &[u8]) {
    let column = Column { table: "tokens", name: "sealed" };
    let opened = Cipher::new(&[3; 32], 1).open(Cell { column, row: b"row" }, bytes);
    assert!(opened.is_err(), "nobody has sealed it");
    let _ = (Key::derivation_of(bytes), Key::id_of(bytes));
}

/// Takes a backup that somebody has changed where these bytes say, and opens what is taken.
///
/// # Panics
///
/// It does if another key than its own opens it, or if there is no room for it.
pub fn backup(bytes: &[u8]) {
    static WHOLE: OnceLock<Vec<u8>> = OnceLock::new();
    let mut backup = WHOLE.get_or_init(whole).clone();
    let (length, changes) = bytes.split_first_chunk::<3>().unwrap_or((&[0; 3], &[]));
    for change in changes.chunks_exact(4) {
        let place = place([change[0], change[1], change[2]]) % backup.len();
        backup[place] = change[3];
    }
    if length != &[0; 3] {
        backup.truncate(place(*length));
    }
    let home = home();
    let Ok(candidate) = Candidate::take(home.path(), &mut &*backup) else { return };
    let _ = candidate.contents();
    drop(candidate);
    let database = home.path().join("tokend.db");
    fs::write(&database, &backup).expect("there is room");
    fs::set_permissions(&database, fs::Permissions::from_mode(0o600)).expect("it is ours");
    let opened = open(home.path(), 2);
    assert!(opened.is_none(), "another key opens it");
    if let Some(mut store) = open(home.path(), 1) {
        let moment = Moment { wall: jiff::Timestamp::UNIX_EPOCH, boot: BootTime(Duration::ZERO) };
        let now = Stamp { moment, boot_id: BootId([1; 16]), date: None };
        let _ = store.load(&now);
    }
}

fn place(bytes: [u8; 3]) -> usize {
    bytes.into_iter().fold(0, |place, byte| place * 256 + usize::from(byte))
}

fn key(seed: u64) -> Key {
    Key::generate(&mut SplitMix::new(seed))
}

fn open(directory: &Path, seed: u64) -> Option<Store<SplitMix>> {
    Store::open(directory, None, &key(seed), SplitMix::new(3)).ok()
}

fn home() -> TempDir {
    let private = fs::Permissions::from_mode(0o700);
    tempfile::Builder::new().permissions(private).tempdir().expect("there is room")
}

/// Returns a store that is as good as new.
fn whole() -> Vec<u8> {
    let home = home();
    Store::create(home.path(), &key(1), SplitMix::new(2)).expect("there is room");
    fs::read(home.path().join("tokend.db")).expect("it is there")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::seeds::changed;

    const SEEDS: [&[u8]; 5] = [
        include_bytes!("../../../tests/fuzz/corpus/record/credential"),
        include_bytes!("../../../tests/fuzz/corpus/record/token"),
        include_bytes!("../../../tests/fuzz/corpus/record/outcome"),
        include_bytes!("../../../tests/fuzz/corpus/record/request"),
        include_bytes!("../../../tests/fuzz/corpus/record/quotas"),
    ];

    proptest! {
        #[test]
        fn whatever_was_sealed_is_read_as_it_is_written(
            bytes in changed(&SEEDS),
        ) {
            record(&bytes);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn a_backup_that_somebody_has_changed_is_taken_or_refused(
            cut in any::<Option<[u8; 3]>>(),
            changes in prop::collection::vec(any::<[u8; 4]>(), 0..40),
        ) {
            let cut = cut.map_or([0; 3], |[_, middle, low]| [0, middle, low]);
            backup(&[&cut[..], &changes.concat()].concat());
        }
    }

    #[test]
    fn a_backup_that_nobody_has_changed_is_taken() {
        let home = home();
        let candidate = Candidate::take(home.path(), &mut &*whole()).unwrap();
        assert_eq!(candidate.contents().credentials, 0);
    }
}
