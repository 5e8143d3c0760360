//! The disk: the real store in a directory of its own, and what is known to lie in
//! it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::Permissions,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{Arc, MutexGuard},
    time::Duration,
};

use jiff::Timestamp;
use tempfile::TempDir;
use tokend::{
    credential::{CredentialId, Grant},
    ports::{Found, Loaded, RekeyEnded, Ticket, Write, Written},
    store::{OpenError, Store},
};
use tokend_core::{IssuanceId, Name, SplitMix, StoreFailure, Token, TokenId};

use super::{
    Coming,
    contents::Contents,
    desk::Task,
    keys::Keys,
    platter::{Platter, Trouble},
    vfs::Watched,
};

/// How the disk is doing.
#[derive(Debug)]
pub struct Disk {
    /// How long it takes from a write's submission to its being on the disk ..
    pub writes_after: Duration,
    /// .. and from there until the engine hears of it.
    pub answers_after: Duration,
    /// Whether there is no room for more.
    pub full: bool,
    /// When a write or a sync last failed.
    pub troubled_at: Option<Timestamp>,
    /// What befalls it when a token is written, after so many writes and syncs.
    pub(super) in_token: Option<(u64, Trouble)>,
    /// What lies on it for sure ..
    contents: Contents,
    /// .. and what may lie on it instead: what was written may be there even if the store
    /// has said that it couldn't write it, or has said nothing.
    besides: Vec<Contents>,
    /// Issuances whose end may be on it.
    unsure: BTreeSet<IssuanceId>,
    /// Whether a backup is in the place of what was there.
    restored: bool,
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
    contents: Contents,
    besides: Vec<Contents>,
    revoked: BTreeSet<TokenId>,
}

/// A state directory with a store in it.
pub(super) struct Home {
    watched: Watched,
    dir: TempDir,
    pub(super) keys: Keys,
}

impl Default for Disk {
    fn default() -> Self {
        Self {
            writes_after: Duration::from_millis(1),
            answers_after: Duration::from_millis(1),
            full: false,
            troubled_at: None,
            in_token: None,
            contents: Contents::default(),
            besides: Vec::new(),
            unsure: BTreeSet::new(),
            restored: false,
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

    /// Returns of whom tokens are to be ended at their providers, as the store holds it.
    pub fn to_end(&self) -> Vec<Name> {
        self.contents.to_end()
    }

    /// Tells whether the store holds that a token is to be ended at its provider.
    pub fn is_to_end(&self, value: &str) -> bool {
        self.contents.is_to_end(value)
    }

    /// Tells whether the end of an issuance is on the disk.
    pub fn is_settled(&self, issuance: IssuanceId) -> bool {
        self.contents.is_settled(issuance)
    }

    /// Tells whether the end of an issuance may be on the disk though nobody was told so.
    pub fn may_be_settled(&self, issuance: IssuanceId) -> bool {
        self.unsure.contains(&issuance)
            || self.besides.iter().any(|contents| contents.is_settled(issuance))
    }

    /// Does what was submitted and returns the answers.
    pub(super) fn serve(
        &mut self,
        store: &mut Store<SplitMix>,
        tasks: Vec<(Ticket, Task)>,
        home: &Home,
    ) -> Vec<Coming> {
        let mut answers = Vec::new();
        let mut tasks = tasks.into_iter().peekable();
        while home.platter().ended().is_none()
            && let Some((ticket, task)) = tasks.next()
        {
            let write = match task {
                Task::Write(write) => write,
                Task::Look(query) => {
                    let result = store.look(&query);
                    answers.push(Coming::Found(Found { ticket, result }));
                    continue;
                }
                Task::Rekey(rekey, now) => {
                    let result = store.rekey(&rekey, now);
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
            if writes.iter().any(|write| matches!(write, Write::Token { .. }))
                && let Some((after, trouble)) = self.in_token.take()
            {
                home.platter().expect(after, trouble);
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
        let results = store.write(&writes);
        let failed = writes.iter().zip(&results).filter(|(_, result)| result.is_err());
        let failed: Vec<Write> = failed.map(|(write, _)| write.clone()).collect();
        // What is written later takes the place of what couldn't be; a refused reservation isn't.
        let is_written = |(write, result): (&Write, &Result<_, _>)| {
            Result::is_ok(result) && !matches!(write, Write::Reserve(_))
        };
        if writes.iter().zip(&results).any(is_written) {
            self.besides.clear();
        }
        let answers = tickets.into_iter().zip(writes).zip(results);
        let answer = |((ticket, write), result): ((Ticket, Write), Result<_, StoreFailure>)| {
            let kept = if result.is_ok() {
                self.contents.apply(&write);
                kept(write)
            } else {
                None
            };
            Coming::Written(Written { ticket, result }, kept)
        };
        let answers = answers.map(answer).collect();
        // Nobody is promised that it isn't there.
        if !failed.is_empty() {
            let mut besides = self.contents.clone();
            for write in &failed {
                besides.apply(write);
            }
            self.besides.push(besides);
        }
        answers
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

    /// Returns what lies on it, and what may.
    pub(super) fn content(&self) -> Content {
        let Self { contents, besides, revoked, .. } = self;
        Content { contents: contents.clone(), besides: besides.clone(), revoked: revoked.clone() }
    }

    /// What a backup had lies on it, and nothing else.
    pub(super) fn put_back(&mut self, content: Content) {
        Content { contents: self.contents, besides: self.besides, revoked: self.revoked } = content;
        self.restored = true;
    }

    /// The daemon is gone, and with it what it was told.
    pub(super) fn forget(&mut self) {
        self.acknowledged.clear();
        self.in_token = None;
    }

    /// Holds what was read at a start against what was written before: all that the store
    /// has said is there, and of what it hasn't, all or nothing.
    pub(super) fn check(&mut self, loaded: &Loaded) {
        let restored = std::mem::take(&mut self.restored);
        assert!(restored || !loaded.is_restored, "it is taken for a backup, and is none");
        let mut all = std::mem::take(&mut self.besides);
        all.push(std::mem::take(&mut self.contents));
        let mut fitting = all.iter().filter(|contents| contents.is(loaded));
        let Some(first) = fitting.next() else {
            panic!("the store holds {:?}, which is none of {all:?}", loaded.credentials);
        };
        self.contents = first.clone();
        for other in fitting {
            self.unsure.extend(self.contents.differ(other));
        }
        self.contents.learn(loaded);
        for (credential, token) in self.contents.tokens().clone() {
            self.acknowledge(Some(Kept::Held(credential, token)));
        }
    }
}

/// Returns what a write that was done says of a token.
fn kept(write: Write) -> Option<Kept> {
    match write {
        Write::Token { credential, token, .. } | Write::Rotation { credential, token } => {
            Some(Kept::Held(credential, token))
        }
        Write::Revoke { revocation, .. } => {
            let token = revocation.token.as_ref()?;
            Some(Kept::Revoked(revocation.credential, token.id))
        }
        _ => None,
    }
}

impl Home {
    /// Makes a store, in memory if the machine has a file system there: to wait for a
    /// disk shows nothing here.
    pub(super) fn new(seed: u64) -> Self {
        let mut builder = tempfile::Builder::new();
        let builder = builder.permissions(Permissions::from_mode(0o700));
        let memory = Path::new("/dev/shm");
        let dir = if memory.is_dir() { builder.tempdir_in(memory) } else { builder.tempdir() };
        let dir = dir.unwrap();
        let home = Self { watched: Watched::new(dir.path()), dir, keys: Keys::new(seed) };
        Store::create(home.path(), &home.keys.present(), SplitMix::new(seed)).unwrap();
        home.platter().forget();
        home
    }

    pub(super) fn open(&mut self, seed: u64) -> Result<Store<SplitMix>, OpenError> {
        self.keys.open(self.dir.path(), seed)
    }

    /// Returns what the disk keeps of the files.
    pub(super) fn platter(&self) -> MutexGuard<'_, Platter> {
        self.watched.platter()
    }

    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }
}
