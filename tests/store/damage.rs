//! Damaged rows: whose they are is harmed, and no one else.

use std::{collections::BTreeSet, fs, path::Path};

use super::{
    SECRET, succeed,
    support::{Place, provider::Provider, text},
};

/// What a cell that is sealed with the first data key begins with: its layout, its form and the
/// key's number.
const HEADER: [u8; 6] = [1, 1, 0, 0, 0, 1];

/// A byte of a sealed cell behind its header and its nonce.
const INSIDE: usize = HEADER.len() + 12 + 2;

/// Returns where in the file sealed cells begin.
fn cells(database: &[u8]) -> Vec<usize> {
    let windows = database.windows(HEADER.len()).enumerate();
    windows.filter(|(_, window)| *window == HEADER).map(|(at, _)| at).collect()
}

/// Starts the daemon on a store and returns how many of two credentials are served. Those that
/// aren't are said to be damaged.
fn served(place: &Place, database: &Path, content: &[u8], names: [&str; 2]) -> usize {
    fs::write(database, content).unwrap();
    let daemon = place.start();
    let status = succeed(place, &["status"]);
    let mut served = 0;
    for name in names {
        let got = place.run(["get", name]);
        if got.status.success() {
            assert!(text(&got.stdout).starts_with("token-"), "{got:?}");
            served += 1;
        } else {
            assert!(status.contains("is damaged"), "{status}");
        }
    }
    daemon.kill();
    let _ = fs::remove_file(place.state().join("tokend.db-wal"));
    served
}

#[test]
fn whatever_cell_is_altered_no_other_credential_is_harmed() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let names = ["twin-a", "twin-b"];
    let daemon = place.start();
    for name in names {
        assert!(place.add(name, provider.url(), SECRET).status.success());
    }
    assert_eq!(daemon.end().code, Some(0));
    let database = place.state().join("tokend.db");
    let intact = fs::read(&database).unwrap();
    let cells = cells(&intact);
    // Each has a credential, a token, and an issuance that is settled.
    assert!(cells.len() >= 6, "{cells:?}");
    assert_eq!(served(&place, &database, &intact, names), 2);

    let mut harmed = 0;
    for at in &cells {
        let mut altered = intact.clone();
        altered[at + INSIDE] ^= 1;
        let served = served(&place, &database, &altered, names);
        assert!(served >= 1, "the cell at {at}");
        harmed += 2 - served;
    }
    assert!(harmed >= 6, "{harmed}");
}

#[test]
fn a_damaged_credential_can_be_removed_and_added_again() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let daemon = place.start();
    assert!(place.add("api", provider.url(), SECRET).status.success());
    assert_eq!(daemon.end().code, Some(0));
    let database = place.state().join("tokend.db");
    let intact = fs::read(&database).unwrap();
    let mut names = BTreeSet::new();
    for at in cells(&intact) {
        let mut altered = intact.clone();
        altered[at + INSIDE] ^= 1;
        fs::write(&database, altered).unwrap();
        let daemon = place.start();
        let status = succeed(&place, &["status"]);
        let damaged = status.lines().find_map(|line| line.strip_prefix("problem: the credential "));
        if let Some((name, _)) = damaged.and_then(|line| line.split_once(" is damaged")) {
            names.insert(name.to_owned());
            let story = place.run(["status", name]);
            assert_eq!(story.status.code(), Some(5), "{name} is damaged, not missing");
            succeed(&place, &["remove", name, "--yes"]);
            assert!(!succeed(&place, &["status"]).contains("damaged"));
            assert!(place.add("api", provider.url(), SECRET).status.success());
        }
        daemon.kill();
        let _ = fs::remove_file(place.state().join("tokend.db-wal"));
    }
    // The credential's own row holds its name: another stands for it.
    let stand_ins = names.iter().filter(|name| name.starts_with("damaged-")).count();
    assert!(names.contains("api") && names.len() == 2 && stand_ins == 1, "{names:?}");
}
