//! Gives a store that is there other keys.

use std::{fs, os::unix::fs::MetadataExt};

use nix::unistd::{Uid, User, geteuid};

use super::{AskError, InitError, Prompt, become_user, derive, exists, give, make_key, system};
use crate::{
    config::Config,
    entropy::SystemEntropy,
    store::{Key, KeySource, OpenError, Passphrase, Sealed, Store},
};

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// The store has the new key.
    New,
    /// It had it already; nothing has changed.
    Already,
}

/// Wraps the store's data key with the key of the source `to`, and with the one before no more.
/// A key file that isn't there is made.
///
/// Whenever this is interrupted, one of the two keys fits, and doing it again ends it. Root does
/// it as the user whose store it is, from then on.
///
/// # Errors
///
/// The store is as it was; that the new key file isn't there isn't said.
pub fn change_source(
    config: &Config,
    from: &KeySource,
    to: &KeySource,
    prompt: Prompt,
) -> Result<Changed, InitError> {
    let owner = store_owner(config)?;
    // What only root can do comes first: credentials that are its own, a file where the store's
    // user can't make one. In the state directory nothing is done as root.
    let from = Handed::by(from, || prompt.present())?;
    let to_handed = Handed::by(to, || prompt.new_one())?;
    if let (KeySource::File(path), Some(user)) = (to, &owner)
        && !path.starts_with(&config.state_dir)
        && !exists(path)?
    {
        make_key(path)?;
        give(path, user).map_err(system(path))?;
    }
    if let Some(user) = &owner {
        become_user(user)?;
    }
    if let KeySource::File(path) = to
        && !exists(path)?
    {
        make_key(path)?;
    }
    match to_handed.open(config) {
        Ok((store, _)) => {
            store.close()?;
            Ok(Changed::Already)
        }
        Err(InitError::Store(
            OpenError::WrongKey { .. }
            | OpenError::WrongPassphrase { .. }
            | OpenError::PassphraseNeeded { .. }
            | OpenError::NoPassphrase { .. },
        )) => {
            let (mut store, key) = from.open(config)?;
            store.rewrap(&key, &to_handed.new_key()?)?;
            // What was wrapped with the key before is in no file from now on.
            store.close()?;
            Ok(Changed::New)
        }
        Err(error) => Err(error),
    }
}

/// Seals everything in the store with a new data key; returns how many cells can't be opened.
///
/// Whenever this is interrupted, it is done wholly or not at all. Root does it as the user whose
/// store it is, from then on.
///
/// # Errors
///
/// The store is as it was.
pub fn rotate(config: &Config, prompt: Prompt) -> Result<usize, InitError> {
    let owner = store_owner(config)?;
    let handed = Handed::by(&config.key, || prompt.present())?;
    if let Some(user) = &owner {
        become_user(user)?;
    }
    let (mut store, key) = handed.open(config)?;
    let broken = store.rotate(&key)?;
    // What was sealed before is in no file from now on.
    store.close()?;
    Ok(broken)
}

/// What a source gives before this process becomes the store's user's.
pub(super) enum Handed {
    /// Nothing: that user reads it.
    Source(KeySource),
    Key(Key),
    Passphrase(Passphrase),
}

impl Handed {
    pub(super) fn by(
        source: &KeySource,
        ask: impl FnOnce() -> Result<Passphrase, AskError>,
    ) -> Result<Self, InitError> {
        Ok(match source {
            KeySource::File(_) => Self::Source(source.clone()),
            KeySource::Credential { .. } => Self::Key(source.read()?),
            KeySource::Passphrase => Self::Passphrase(ask()?),
        })
    }

    /// Opens the store, if this opens it.
    fn open(&self, config: &Config) -> Result<(Store<SystemEntropy>, Key), InitError> {
        let (directory, mark) = (&config.state_dir, config.mark_file.as_deref());
        let random = SystemEntropy::default();
        if let Self::Passphrase(passphrase) = self {
            let sealed = Sealed::claim(directory)?;
            let key = sealed.lock().try_passphrase(passphrase)?;
            return Ok((sealed.open(mark, &key, random)?, key));
        }
        let key = self.new_key()?;
        Ok((Store::open(directory, mark, &key, random)?, key))
    }

    /// Returns the key that a store can have from now on.
    pub(super) fn new_key(&self) -> Result<Key, InitError> {
        Ok(match self {
            Self::Source(source) => source.read()?,
            Self::Key(key) => key.clone(),
            Self::Passphrase(passphrase) => derive(passphrase)?,
        })
    }
}

/// Returns the user whose store it is, if this is root and it isn't root's.
pub(super) fn store_owner(config: &Config) -> Result<Option<User>, InitError> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    let metadata = fs::metadata(&config.state_dir).map_err(system(&config.state_dir))?;
    let uid = Uid::from_raw(metadata.uid());
    if uid.is_root() {
        return Ok(None);
    }
    let found =
        User::from_uid(uid).map_err(|error| InitError::Lookup(format!("with uid {uid}"), error))?;
    found.map(Some).ok_or(InitError::NoOwner(uid.as_raw()))
}
