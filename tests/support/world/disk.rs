//! The disk: the real store in a directory of its own, and what is known to lie in
//! it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::Permissions,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::Arc,
    time::Duration,
};

use secrecy::{ExposeSecret, SecretString};
use tempfile::TempDir;
use tokend::{
    credential::{CredentialId, Grant},
    ports::{Found, Loaded, RekeyEnded, RekeyFailure, Ticket, Write, Written},
    store::Store,
};
use tokend_core::{IssuanceId, SplitMix, StoreFailure, Token, TokenId};

use super::{Coming, desk::Task, keys::Keys};

/// How the disk is doing.
#[derive(Debug)]
pub struct Disk {
    /// How long it takes from a write's submission to its being on the disk ..
    pub writes_after: Duration,
    /// .. and from there until the engine hears of it.
    pub answers_after: Duration,
    /// Whether nothing can be written.
    pub full: bool,
    settled: BTreeSet<IssuanceId>,
    held: BTreeMap<CredentialId, Arc<Token<Grant>>>,
    acknowledged: BTreeMap<CredentialId, Arc<Token<Grant>>>,
    /// Those of which the store has said that they are to be revoked.
    revoked: BTreeSet<TokenId>,
}

/// What the store has done with a token.
pub(super) enum Kept {
    /// It lies on the disk.
    Held(CredentialId, Arc<Token<Grant>>),
    /// It is to be revoked.
    Revoked(CredentialId, TokenId),
}

/// What lies on the disk at some time.
#[derive(Clone)]
pub(super) struct Content {
    held: BTreeMap<CredentialId, Arc<Token<Grant>>>,
    settled: BTreeSet<IssuanceId>,
    revoked: BTreeSet<TokenId>,
}

/// A state directory with a store in it.
pub(super) struct Home {
    dir: TempDir,
    pub(super) keys: Keys,
}

impl Default for Disk {
    fn default() -> Self {
        Self {
            writes_after: Duration::from_millis(1),
            answers_after: Duration::from_millis(1),
            full: false,
            settled: BTreeSet::new(),
            held: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            revoked: BTreeSet::new(),
        }
    }
}

impl Disk {
    /// Returns the token of which the store has said that it is on the disk.
    pub fn acknowledged(&self, credential: CredentialId) -> Option<&Arc<Token<Grant>>> {
        self.acknowledged.get(&credential)
    }

    /// Tells whether the store has said that a token is to be revoked.
    pub fn is_revoked(&self, token: TokenId) -> bool {
        self.revoked.contains(&token)
    }

    /// Tells whether the end of an issuance is on the disk.
    pub fn is_settled(&self, issuance: IssuanceId) -> bool {
        self.settled.contains(&issuance)
    }

    /// Does what was submitted and returns the answers.
    pub(super) fn serve(
        &mut self,
        store: &mut Store<SplitMix>,
        tasks: Vec<(Ticket, Task)>,
    ) -> Vec<Coming> {
        let mut answers = Vec::new();
        let mut tasks = tasks.into_iter().peekable();
        while let Some((ticket, task)) = tasks.next() {
            let write = match task {
                Task::Write(write) => write,
                Task::Look(query) => {
                    let result = store.look(&query);
                    answers.push(Coming::Found(Found { ticket, result }));
                    continue;
                }
                Task::Rekey(rekey, now) => {
                    let result = match self.full {
                        true => Err(RekeyFailure::Store(full())),
                        false => store.rekey(&rekey, now),
                    };
                    answers.push(Coming::Rekeyed(RekeyEnded { ticket, result }));
                    continue;
                }
            };
            // What has piled up goes to the disk together.
            let (mut tickets, mut writes) = (vec![ticket], vec![write]);
            while let Some((ticket, Task::Write(write))) =
                tasks.next_if(|(_, task)| matches!(task, Task::Write(_)))
            {
                tickets.push(ticket);
                writes.push(write);
            }
            answers.extend(self.write(store, tickets, writes));
        }
        answers
    }

    fn write(
        &mut self,
        store: &mut Store<SplitMix>,
        tickets: Vec<Ticket>,
        writes: Vec<Write>,
    ) -> Vec<Coming> {
        let results = if self.full {
            writes.iter().map(|_| Err(full())).collect()
        } else {
            store.write(&writes)
        };
        let answers = tickets.into_iter().zip(writes).zip(results);
        let answer = |((ticket, write), result): ((Ticket, Write), Result<_, StoreFailure>)| {
            let kept = match write {
                _ if result.is_err() => None,
                Write::Token { credential, token, issuance, .. } => {
                    self.settled.insert(issuance);
                    self.held.insert(credential, Arc::clone(&token));
                    Some(Kept::Held(credential, token))
                }
                Write::Rotation { credential, token } => {
                    self.held.insert(credential, Arc::clone(&token));
                    Some(Kept::Held(credential, token))
                }
                Write::Revoke { revocation, .. } => {
                    let (credential, token) = (revocation.credential, revocation.token.as_ref());
                    token.map(|token| {
                        self.release(credential, token.id);
                        Kept::Revoked(credential, token.id)
                    })
                }
                Write::EndRevocation { token, .. } => {
                    if let Some((credential, token)) = token {
                        self.release(credential, token);
                    }
                    None
                }
                Write::Discard(credential) => {
                    self.held.remove(&credential);
                    None
                }
                Write::Failure { issuance, .. } => {
                    self.settled.insert(issuance);
                    None
                }
                _ => None,
            };
            Coming::Written(Written { ticket, result }, kept)
        };
        answers.map(answer).collect()
    }

    /// A token is gone from the disk, unless another has taken its place.
    fn release(&mut self, credential: CredentialId, token: TokenId) {
        if self.held.get(&credential).is_some_and(|held| held.id == token) {
            self.held.remove(&credential);
        }
    }

    pub(super) fn acknowledge(&mut self, kept: Option<Kept>) {
        match kept {
            // It may have been kept alive meanwhile.
            Some(Kept::Held(credential, token)) if !self.is_revoked(token.id) => {
                self.acknowledged.insert(credential, token);
            }
            Some(Kept::Revoked(credential, token)) => {
                self.revoked.insert(token);
                let held = self.acknowledged.get(&credential);
                if held.is_some_and(|held| held.id == token) {
                    self.acknowledged.remove(&credential);
                }
            }
            Some(Kept::Held(..)) | None => {}
        }
    }

    /// Returns what lies on it.
    pub(super) fn content(&self) -> Content {
        let Self { held, settled, revoked, .. } = self;
        Content { held: held.clone(), settled: settled.clone(), revoked: revoked.clone() }
    }

    /// What a backup had lies on it, and nothing else.
    pub(super) fn put_back(&mut self, content: Content) {
        Content { held: self.held, settled: self.settled, revoked: self.revoked } = content;
    }

    /// The daemon is gone, and with it what it was told.
    pub(super) fn forget(&mut self) {
        self.acknowledged.clear();
    }

    /// Holds what was read at a start against what was written before.
    pub(super) fn check(&mut self, loaded: &Loaded) {
        let text = |secret: &SecretString| secret.expose_secret().to_owned();
        let value = |token: &Token<Grant>| {
            let Grant { value, refresh_token, .. } = &token.payload;
            (text(value), refresh_token.as_ref().map(text))
        };
        for stored in &loaded.credentials {
            let id = stored.credential.id;
            let (read, held) = (stored.token.as_ref(), self.held.get(&id));
            let written = held.map(|token| (token.id, value(token)));
            assert_eq!(read.map(|token| (token.id, value(token))), written);
            self.acknowledge(held.map(|token| Kept::Held(id, Arc::clone(token))));
        }
    }
}

fn full() -> StoreFailure {
    StoreFailure { full: true, message: "disk full".to_owned() }
}

impl Home {
    /// Makes a store, in memory if the machine has a file system there: to wait for a
    /// disk shows nothing here.
    pub(super) fn new(seed: u64) -> Self {
        let mut builder = tempfile::Builder::new();
        let builder = builder.permissions(Permissions::from_mode(0o700));
        let memory = Path::new("/dev/shm");
        let dir = if memory.is_dir() { builder.tempdir_in(memory) } else { builder.tempdir() };
        let home = Self { dir: dir.unwrap(), keys: Keys::new(seed) };
        Store::create(home.dir.path(), &home.keys.present(), SplitMix::new(seed)).unwrap();
        home
    }

    pub(super) fn open(&self, seed: u64) -> Store<SplitMix> {
        self.keys.open(self.dir.path(), seed)
    }

    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }
}
