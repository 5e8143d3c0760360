//! Stores that a tokend of each schema has written, each by the program of its time:
//! `tests/store/released`.

use secrecy::ExposeSecret;
use tokend_core::after;

use super::{
    super::{
        schema::{self, NEWEST},
        upgrade::BEFORE,
    },
    *,
};
use crate::ports::{Findings, Loaded, Query};

/// The account of the credential `reports`, of whose four issuances a day three are used.
const ACCOUNT: &str = "127.0.0.1:18423/reports";

/// What is stored, and from which schema on: the credential and its token.
const STORED: [(i64, &str, Option<&str>); 5] = [
    (3, "lost", Some("token-7")),
    (2, "people", Some("token-6")),
    (1, "reports", Some("token-3")),
    (4, "shop", None),
    (1, "tickets", Some("token-4")),
];

/// A copy of the store of a schema.
struct Released {
    home: Home,
    key: Key,
}

impl Released {
    fn new(version: i64) -> Self {
        let home = Home(closed_directory());
        let from = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(format!("../tests/store/released/v{version}"));
        for file in fs::read_dir(from).unwrap() {
            let file = file.unwrap();
            let to = home.path().join(file.file_name());
            fs::copy(file.path(), &to).unwrap();
            fs::set_permissions(to, fs::Permissions::from_mode(0o600)).unwrap();
        }
        let key = Key::read(&home.path().join("key")).unwrap();
        Self { home, key }
    }

    fn open(&self) -> Store<SplitMix> {
        Store::open(self.home.path(), None, &self.key, SplitMix::new(2)).unwrap()
    }
}

/// A minute after the last issuance, in another boot.
fn later(store: &Store<SplitMix>) -> Stamp {
    let query = Query::Issuances { credential: None, before: None, limit: 1 };
    let Findings::Issuances(last) = store.look(&query).unwrap() else {
        unreachable!("issuances were asked for")
    };
    let wall = after(last[0].at, Duration::from_secs(60));
    Stamp { moment: Moment { wall, ..at(0).moment }, ..at(0) }
}

fn read(store: &mut Store<SplitMix>) -> Loaded {
    let now = later(store);
    store.load(&now).unwrap()
}

fn last_of_four() -> Reservation {
    let Write::Reserve(reservation) = reserve(1, at(0), &[limit(4, 24 * 3_600)]) else {
        unreachable!("it is a reservation")
    };
    let account = Account { name: ACCOUNT.to_owned(), ..reservation.account };
    Reservation { account, ..reservation }
}

#[test]
fn there_is_a_store_of_each_schema() {
    for version in 1..=NEWEST {
        let released = Released::new(version);
        assert_eq!(schema::version(&released.home.raw()).unwrap(), version);
    }
}

#[test]
fn all_that_any_schema_has_stored_is_there() {
    for version in 1..=NEWEST {
        let released = Released::new(version);
        let mut store = released.open();
        assert_eq!(schema::version(&store.connection).unwrap(), NEWEST);
        let loaded = read(&mut store);
        assert_eq!(loaded.damaged, []);
        assert!(!loaded.is_restored && !loaded.lacks, "{version}");
        let stored: Vec<_> = loaded
            .credentials
            .iter()
            .map(|stored| {
                let token = stored.token.as_ref();
                let value = token.map(|token| token.payload.value.expose_secret());
                (stored.credential.name.as_str(), value)
            })
            .collect();
        let expected = STORED.iter().filter(|(since, ..)| *since <= version);
        let expected: Vec<_> = expected.map(|(_, name, token)| (*name, *token)).collect();
        assert_eq!(stored, expected, "{version}");
        for StoredCredential { credential, .. } in &loaded.credentials {
            let first = credential.secrets.values().next().map(|it| it.expose_secret().to_owned());
            let first = first.unwrap();
            let name = &credential.name;
            // A refresh token's place was taken by the one that came with the first token.
            assert!(
                first == format!("s3cret-of-{name}") || first.starts_with("refresh-"),
                "{name}"
            );
            let readers = usize::from(name.as_str() == "reports");
            assert_eq!(credential.readers.len(), readers, "{name}");
        }
        let of = |name: &str| {
            loaded.credentials.iter().find(|it| it.credential.name.as_str() == name).unwrap()
        };
        let grant = &of("tickets").token.as_ref().unwrap().payload;
        assert_eq!(grant.refresh_token.as_ref().unwrap().expose_secret(), "refresh-4");
        assert_eq!(loaded.revocations.len(), usize::from(version >= 4));
        if version >= 3 {
            assert!(of("lost").history.doubt.is_some(), "its refresh token was sent");
            assert!(of("people").history.doubt.is_none());
        }
    }
}

#[test]
fn one_that_was_made_and_never_opened_since_is_upgraded() {
    for version in 1..=NEWEST {
        let released = Released::new(version);
        let raw = released.home.raw();
        raw.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(())).unwrap();
        drop(raw);
        released.open().close().unwrap();
        assert_eq!(schema::version(&released.home.raw()).unwrap(), NEWEST);
    }
}

#[test]
fn what_was_issued_under_any_schema_counts() {
    for version in 1..=NEWEST {
        let mut store = Released::new(version).open();
        let expected = [5, 6, 8, 9, 9, 9][usize::try_from(version - 1).unwrap()];
        assert!(matches!(store.look(&Query::Rows), Ok(Findings::Rows(rows)) if rows == expected));
        let (now, reservation) = (later(&store), last_of_four());
        let query = Query::Budgets { accounts: vec![reservation.account.clone()], at: now };
        let Ok(Findings::Budgets(found)) = store.look(&query) else {
            unreachable!("budgets were asked for")
        };
        assert_eq!((found[0].last_day, found[0].usages[0].used), (3, 3), "{version}");
        let reserve =
            |issuance| Write::Reserve(Reservation { issuance, at: now, ..reservation.clone() });
        assert!(is_granted(&write(&mut store, reserve(issuance(101)))), "{version}");
        let refused = write(&mut store, reserve(issuance(102)));
        assert!(matches!(refused, Ok(Reply::Refused { .. })), "{version}: {refused:?}");
    }
}

#[test]
fn the_store_from_before_is_kept_and_can_be_gone_back_to() {
    for version in 1..NEWEST {
        let released = Released::new(version);
        let before = fs::read(released.home.database()).unwrap();
        released.open().close().unwrap();
        let kept = released.home.path().join(format!("{BEFORE}{NEWEST}"));
        assert!(fs::read(kept).unwrap() == before, "{version}");
        // It is upgraded once more.
        fs::write(released.home.database(), before).unwrap();
        let expected = STORED.iter().filter(|(since, ..)| *since <= version).count();
        assert_eq!(read(&mut released.open()).credentials.len(), expected, "{version}");
    }
}

#[test]
fn an_older_store_in_the_place_of_an_upgraded_one_is_known_as_restored() {
    for version in 1..=NEWEST {
        let released = Released::new(version);
        let before = fs::read(released.home.database()).unwrap();
        let mut store = released.open();
        let now = later(&store);
        // Something may have been sent.
        done(&mut store, &[Write::Reserve(Reservation { at: now, ..last_of_four() })]);
        store.close().unwrap();
        fs::write(released.home.database(), before).unwrap();
        let loaded = read(&mut released.open());
        assert!(loaded.is_restored && loaded.lacks, "{version}");
        let tickets = loaded.credentials.iter().find(|it| it.credential.name.as_str() == "tickets");
        assert!(tickets.unwrap().history.doubt.is_some(), "{version}");
    }
}
