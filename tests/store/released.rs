//! Stores that a tokend of each schema has written, served by this one.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use super::{
    succeed,
    support::{Place, assert_output},
    told,
};

const NEWEST: u32 = 6;

/// Where the version of the schema is in a database
/// (<https://sqlite.org/fileformat2.html#user_version_number>).
const VERSION: std::ops::Range<usize> = 60..64;

/// A place with the store of a schema.
fn released(version: u32) -> Place {
    let place = Place::empty();
    fs::create_dir(place.state()).unwrap();
    fs::set_permissions(place.state(), Permissions::from_mode(0o700)).unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(format!("../../tests/store/released/v{version}"));
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        let to = place.state().join(file.file_name());
        fs::copy(file.path(), &to).unwrap();
        fs::set_permissions(to, Permissions::from_mode(0o600)).unwrap();
    }
    place
}

#[test]
fn a_store_of_any_schema_is_served_without_a_word_to_the_provider() {
    for version in 1..=NEWEST {
        let place = released(version);
        let daemon = place.start();
        // Nothing listens where their provider was.
        assert_output(&place.run(["get", "reports"]), 0, "token-3\n", "");
        assert_output(&place.run(["get", "tickets"]), 0, "token-4\n", "");
        if version >= 2 {
            assert_output(&place.run(["get", "people"]), 0, "token-6\n", "");
        }
        let issuances = succeed(&place, &["issuances", "reports", "--json"]);
        let issuances: serde_json::Value = serde_json::from_str(&issuances).unwrap();
        assert_eq!(issuances.as_array().unwrap().len(), 3, "{version}: {issuances}");
        assert_eq!(daemon.end().code, Some(0));
        let kept = place.state().join(format!("tokend.db.before-v{NEWEST}"));
        assert_eq!(kept.exists(), version < NEWEST, "{version}");
    }
}

#[test]
fn a_store_of_a_later_schema_is_refused_and_stays_as_it_is() {
    let place = released(NEWEST);
    let database = place.state().join("tokend.db");
    let mut later = fs::read(&database).unwrap();
    later[VERSION].copy_from_slice(&(NEWEST + 1).to_be_bytes());
    fs::write(&database, later).unwrap();
    let before = place.stored();
    let refused = place.tokend([""; 0]);
    let (known, found) = (NEWEST, NEWEST + 1);
    let expected = format!(
        "tokend.db was written by a newer tokend (schema {found}, this one knows {known}): use \
         that version, or put an older store in its place, tokend.db.before-v{found} say"
    );
    assert!(told(&refused).contains(&expected), "{}", told(&refused));
    assert_eq!(refused.status.code(), Some(1));
    for (path, content) in before {
        assert!(fs::read(&path).unwrap() == content, "{}", path.display());
    }
}
