//! The store on real files.

mod budget;
mod copy;
mod damage;
mod durability;
mod history;
mod journal;
mod keyring;
mod mark;
mod outline;
mod passphrase;
mod reading;
mod refusal;
mod rekey;
mod released;
mod report;
mod residue;
mod restoration;
mod restore;
mod retention;
mod revocation;
mod rotation;
mod secret;
mod size;
mod upgrade;

use std::{
    collections::BTreeMap,
    fs,
    num::NonZeroU32,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rusqlite::Connection;
use tempfile::TempDir;
use tokend_core::{
    BootId, BootTime, Cause, Failure, Fate, IssuanceId, Limit, Moment, Policy, Session, SplitMix,
    Stamp, Token, TokenId, Verdict, Window,
};

use super::*;
use crate::{
    credential::{Credential, CredentialId, Fingerprint, Grant, Place, Reader, Source, Supply},
    ports::{Account, LONGEST_ISSUANCE, Reservation, Settled, StoredCredential},
};

/// A state directory with a store in it.
pub(super) struct Home(TempDir);

impl Home {
    pub(super) fn new() -> Self {
        let home = Self(closed_directory());
        Store::create(home.path(), &key(1), SplitMix::new(1)).unwrap();
        home
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    fn database(&self) -> PathBuf {
        self.path().join("tokend.db")
    }

    pub(super) fn open(&self) -> Store<SplitMix> {
        Store::open(self.path(), None, &key(1), SplitMix::new(2)).unwrap()
    }

    /// Opens the database as an attacker or a newer tokend would.
    fn raw(&self) -> Connection {
        Connection::open(self.database()).unwrap()
    }

    /// Returns what a crash at this moment would leave.
    fn crashed(&self) -> Self {
        let copy = Self(closed_directory());
        fs::copy(self.database(), copy.database()).unwrap();
        let log = "tokend.db-wal";
        // It isn't there before the first write.
        if self.path().join(log).exists() {
            fs::copy(self.path().join(log), copy.path().join(log)).unwrap();
        }
        copy
    }
}

/// Makes a directory that only its owner can enter.
pub(super) fn closed_directory() -> TempDir {
    let permissions = fs::Permissions::from_mode(0o700);
    tempfile::Builder::new().permissions(permissions).tempdir().unwrap()
}

pub(super) fn key(seed: u64) -> Key {
    Key::generate(&mut SplitMix::new(seed))
}

pub(super) fn credential(id: u8, name: &str) -> Arc<Credential> {
    Arc::new(Credential {
        id: CredentialId([id; 16]),
        name: name.parse().unwrap(),
        provider: "causely".into(),
        variables: [("tenant".to_owned(), "acme-corp".to_owned())].into(),
        secrets: [("client_secret".to_owned(), "s3cret \"é\"\u{1}".into())].into(),
        supply: Supply::default(),
        declared_in: None,
        readers: vec![
            Reader::User { id: 1_000, name: Some("ann".into()) },
            Reader::Group { id: 7, name: None },
            Reader::Unit("worker@*.service".parse().unwrap()),
        ],
        submitters: vec![Reader::User { id: 1_001, name: None }],
        refreshers: vec![Reader::User { id: 1_002, name: None }],
        policy: Policy::Used,
        limits: vec!["24/day@Europe/Berlin".parse().unwrap()],
        revision: u64::MAX,
        created_at: "2026-01-01T00:00:00.000000001Z".parse().unwrap(),
        updated_at: "2026-01-02T00:00:00Z".parse().unwrap(),
    })
}

pub(super) fn token(id: u8, value: &str) -> Arc<Token<Grant>> {
    Arc::new(Token {
        id: TokenId([id; 16]),
        issued_at: "2026-01-01T00:00:00.123456789Z".parse().unwrap(),
        expires_at: Some("2026-01-01T01:00:00Z".parse().unwrap()),
        refresh_at: None,
        taken_up: None,
        refreshes: Some(3),
        session: Some(Session { idle: Duration::from_secs(900), end: None }),
        payload: Grant {
            value: value.into(),
            token_type: Some("Bearer".into()),
            refresh_token: Some("r3fresh".into()),
            secrets: BTreeMap::new(),
            proven: BTreeMap::new(),
            extras: [("instance_url".to_owned(), "https://eu.example".into())].into(),
        },
    })
}

/// A stamp some seconds after the start, with an honest clock.
fn at(seconds: u64) -> Stamp {
    stamp(1, seconds, seconds)
}

pub(super) fn stamp(boot_id: u8, wall: u64, boot: u64) -> Stamp {
    let start = "2026-01-01T00:00:00Z".parse().unwrap();
    Stamp {
        moment: Moment {
            wall: tokend_core::after(start, Duration::from_secs(wall)),
            boot: BootTime(Duration::from_secs(boot)),
        },
        boot_id: BootId([boot_id; 16]),
        date: None,
    }
}

fn settled(at: Stamp) -> Settled {
    Settled { at, took: Duration::from_millis(120), quotas: Vec::new(), free: false, renewed: true }
}

fn issuance(number: u64) -> IssuanceId {
    IssuanceId(u128::from(number).to_be_bytes())
}

fn limit(count: u32, seconds: u64) -> Limit {
    let window = Window::Sliding(Duration::from_secs(seconds));
    Limit { count: NonZeroU32::new(count).unwrap(), window }
}

/// A reservation for the credential with the id 1.
pub(super) fn reserve(number: u64, at: Stamp, limits: &[Limit]) -> Write {
    Write::Reserve(Reservation {
        issuance: issuance(number),
        credential: CredentialId([1; 16]),
        account: Account {
            name: "https://issuer.example|client-7".into(),
            limits: limits.to_vec(),
            sharers: 1,
        },
        cause: Cause::Forced,
        replacements: 0,
        spends: None,
        within: LONGEST_ISSUANCE,
        at,
    })
}

pub(super) fn issued(number: u64, token: Arc<Token<Grant>>, at: Stamp) -> Write {
    let credential = CredentialId([1; 16]);
    Write::Token { credential, token, issuance: issuance(number), settled: settled(at) }
}

fn failed(number: u64, sent: bool, verdict: Verdict, at: Stamp) -> Write {
    let failure = Failure {
        verdict,
        retry_after: Some(Duration::from_millis(1_500)),
        message: format!("answer {number}"),
    };
    let (issuance, fate) = (issuance(number), if sent { Fate::Answered } else { Fate::Unsent });
    Write::Failure { issuance, fate, spent: false, failure, settled: settled(at) }
}

fn write(store: &mut Store<SplitMix>, write: Write) -> Result<Reply, StoreFailure> {
    store.write(&[write]).remove(0)
}

fn done(store: &mut Store<SplitMix>, writes: &[Write]) {
    for result in store.write(writes) {
        assert!(matches!(result, Ok(Reply::Done | Reply::Reserved(_))), "{result:?}");
    }
}

/// A store that holds a credential with a token, and one issuance without end.
fn furnished() -> Home {
    let home = Home::new();
    let mut store = home.open();
    done(
        &mut store,
        &[
            Write::Credential(credential(1, "causely")),
            reserve(1, at(0), &[]),
            issued(1, token(1, "t0ken"), at(1)),
            reserve(2, at(10), &[]),
            failed(2, true, Verdict::Transient, at(11)),
        ],
    );
    store.close().unwrap();
    home
}

/// What a reservation is answered that is granted.
pub(super) fn is_granted(result: &Result<Reply, StoreFailure>) -> bool {
    matches!(result, Ok(Reply::Reserved(_)))
}

fn loaded(store: &mut Store<SplitMix>) -> Vec<StoredCredential> {
    let loaded = store.load(&at(1_000)).unwrap();
    assert_eq!(loaded.damaged, []);
    loaded.credentials
}

/// Counts the frames of the log that end a transaction: those that carry the
/// size of the database (<https://sqlite.org/fileformat2.html#walformat>).
pub(super) fn commits(home: &Home) -> usize {
    let log = fs::read(home.path().join("tokend.db-wal")).unwrap_or_default();
    let Some((header, frames)) = log.split_at_checked(32) else {
        return 0;
    };
    let page = u32::from_be_bytes(header[8..12].try_into().unwrap()) as usize;
    frames.chunks_exact(24 + page).filter(|frame| frame[4..8] != [0; 4]).count()
}
