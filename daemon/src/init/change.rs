//! Gives a store that is there other keys.

use std::{fs, os::unix::fs::MetadataExt};

use nix::unistd::{Uid, User, geteuid};

use super::{InitError, become_user, exists, give, make_key, system};
use crate::{
    config::Config,
    entropy::SystemEntropy,
    store::{Key, KeySource, OpenError, Store},
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
) -> Result<Changed, InitError> {
    let owner = store_owner(config)?;
    // What only root can do comes first: credentials that are its own, a file where the store's
    // user can't make one. In the state directory nothing is done as root.
    let handed = |source: &KeySource| match source {
        KeySource::Credential { .. } => source.read().map(Some),
        KeySource::File(_) => Ok(None),
    };
    let (from_handed, to_handed) = (handed(from)?, handed(to)?);
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
    let read = |source: &KeySource, handed: Option<Key>| handed.map_or_else(|| source.read(), Ok);
    let new = read(to, to_handed)?;
    match open(config, &new) {
        Ok(store) => {
            store.close()?;
            Ok(Changed::Already)
        }
        Err(OpenError::WrongKey { .. }) => {
            let key = read(from, from_handed)?;
            let mut store = open(config, &key)?;
            store.rewrap(&key, &new)?;
            // What was wrapped with the key before is in no file from now on.
            store.close()?;
            Ok(Changed::New)
        }
        Err(error) => Err(error.into()),
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
pub fn rotate(config: &Config) -> Result<usize, InitError> {
    let owner = store_owner(config)?;
    let handed = match &config.key {
        KeySource::Credential { .. } => Some(config.key.read()?),
        KeySource::File(_) => None,
    };
    if let Some(user) = &owner {
        become_user(user)?;
    }
    let key = handed.map_or_else(|| config.key.read(), Ok)?;
    let mut store = open(config, &key)?;
    let broken = store.rotate(&key)?;
    // What was sealed before is in no file from now on.
    store.close()?;
    Ok(broken)
}

fn open(config: &Config, key: &Key) -> Result<Store<SystemEntropy>, OpenError> {
    let mark = config.mark_file.as_deref();
    Store::open(&config.state_dir, mark, key, SystemEntropy::default())
}

/// Returns the user whose store it is, if this is root and it isn't root's.
fn store_owner(config: &Config) -> Result<Option<User>, InitError> {
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
