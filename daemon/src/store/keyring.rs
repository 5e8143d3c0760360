//! Other keys for a store that is in use.
//!
//! The store's thread does it between writes: those before are on disk, those behind are sealed
//! with what is new. Whoever reads tokens doesn't come by here.

use std::{io, path::Path};

use secrecy::{ExposeSecret as _, SecretString};
use tokend_core::{BootTime, Random, StoreFailure};
use zeroize::Zeroizing;

use super::{
    Cost, Derivation, Key, KeyError, KeySource, OpenError, Passphrase, Patience, Store,
    envelope::{self, Vault},
    error::full,
};
use crate::ports::{Rekey, RekeyFailure, Rekeyed};

/// Where the key is that opens the store, and how another place is written down.
#[derive(Debug, Clone)]
pub(super) struct Keyring {
    current: KeySource,
    parse: Parse,
    cost: Cost,
    patience: Patience,
}

/// Reads how a key source is written down, or says what is wrong with it.
pub type Parse = fn(&str) -> Result<KeySource, String>;

/// Passphrases that come with a wish for another key.
#[derive(Debug, Clone, Copy)]
struct Given<'a> {
    present: Option<&'a SecretString>,
    new: Option<&'a SecretString>,
}

impl<R: Random> Store<R> {
    /// Says where the key is that opened the store, for whoever wants another; one that comes of
    /// a new passphrase is to cost this.
    #[must_use]
    pub fn keyed_by(mut self, current: KeySource, parse: Parse, cost: Cost) -> Self {
        self.keyring = Some(Keyring { current, parse, cost, patience: Patience::default() });
        self
    }

    /// Gives the store another data key, or another key from outside. Whenever this is
    /// interrupted, it is done wholly or not at all, but that a key file may have been made.
    ///
    /// # Errors
    ///
    /// Nothing has changed, but that a key file may have been made.
    pub fn rekey(&mut self, rekey: &Rekey, now: BootTime) -> Result<Rekeyed, RekeyFailure> {
        // A copy: if this panics, the store keeps what it had.
        let Some(mut keyring) = self.keyring.clone() else {
            return Err(RekeyFailure::Unusable("nothing says where the store's key is".into()));
        };
        let rekeyed = self.rekey_by(&mut keyring, rekey, now);
        self.keyring = Some(keyring);
        if rekeyed.is_ok() {
            // What was sealed with the key before is in no file from now on.
            self.wipe();
        }
        rekeyed
    }

    fn rekey_by(
        &mut self,
        keyring: &mut Keyring,
        rekey: &Rekey,
        now: BootTime,
    ) -> Result<Rekeyed, RekeyFailure> {
        match rekey {
            Rekey::Rotate { passphrase } => {
                let key = self.present(keyring, passphrase.as_ref(), now)?;
                let damaged = self.rotate(&key).map_err(|error| failure(&error))?;
                Ok(Rekeyed::Rotated { damaged })
            }
            Rekey::ChangeSource { to, passphrase, new_passphrase } => {
                let to = (keyring.parse)(to).map_err(RekeyFailure::Unusable)?;
                let given = Given { present: passphrase.as_ref(), new: new_passphrase.as_ref() };
                let (is_new, advice) = match &to {
                    KeySource::Passphrase => self.change_passphrase(keyring, given, now)?,
                    to => (self.change_source(keyring, to, given, now)?, None),
                };
                let (from, to) = (std::mem::replace(&mut keyring.current, to.clone()), to);
                let (from, to) = (from.to_string(), to.to_string());
                Ok(Rekeyed::Moved { from, to, is_new, advice })
            }
        }
    }

    /// Has the key of a file or of a credential open the store; tells whether it didn't before.
    fn change_source(
        &mut self,
        keyring: &mut Keyring,
        to: &KeySource,
        given: Given<'_>,
        now: BootTime,
    ) -> Result<bool, RekeyFailure> {
        // No file is made for whoever doesn't know the passphrase.
        let derived = match keyring.current {
            KeySource::Passphrase => Some(self.present(keyring, given.present, now)?),
            KeySource::File(_) | KeySource::Credential { .. } => None,
        };
        // One that is there may be where tokend can't write. It may be the one that an
        // interrupted change has made.
        if let KeySource::File(path) = to
            && !path.try_exists().unwrap_or(true)
        {
            let made = Key::generate(&mut self.random).write_new(path);
            made.map_err(|error| unmade(path, &error))?;
        }
        let new = to.read().map_err(unusable)?;
        match Vault::open(&self.connection, &new, &self.path) {
            Ok(_) => return Ok(false),
            Err(OpenError::WrongKey { .. } | OpenError::PassphraseNeeded { .. }) => {}
            Err(error) => return Err(failure(&error)),
        }
        let key = derived.map_or_else(|| keyring.current.read().map_err(unusable), Ok)?;
        self.rewrap(&key, &new).map_err(|error| failure(&error))?;
        Ok(true)
    }

    /// Has the key that comes of a new passphrase open the store; tells whether it didn't before,
    /// and what speaks against that passphrase.
    fn change_passphrase(
        &mut self,
        keyring: &mut Keyring,
        given: Given<'_>,
        now: BootTime,
    ) -> Result<(bool, Option<&'static str>), RekeyFailure> {
        let new = passphrase(given.new, "the new passphrase of the store has to be given")?;
        let key = match self.present(keyring, given.present, now) {
            // It may be the one before: someone does it again who heard nothing of it.
            Err(wrong @ RekeyFailure::WrongPassphrase(_)) => {
                return match self.lock()?.try_passphrase(&new) {
                    Ok(_) => {
                        keyring.patience = Patience::default();
                        Ok((false, None))
                    }
                    Err(_) => Err(wrong),
                };
            }
            key => key?,
        };
        if keyring.current == KeySource::Passphrase
            && given.present.is_some_and(|it| it.expose_secret() == new.as_str())
        {
            return Ok((false, None));
        }
        let derivation = Derivation::draw(keyring.cost, &mut self.random);
        let derived = derivation.derive(&new).map_err(|error| failure(&error.into()))?;
        self.rewrap(&key, &derived).map_err(|error| failure(&error))?;
        Ok((true, new.advice()))
    }

    /// Returns the key that opens the store: out of its place, or what comes of the passphrase
    /// that is given, if it is the one.
    fn present(
        &self,
        keyring: &mut Keyring,
        given: Option<&SecretString>,
        now: BootTime,
    ) -> Result<Key, RekeyFailure> {
        if keyring.current != KeySource::Passphrase {
            return keyring.current.read().map_err(unusable);
        }
        let given = passphrase(given, "the passphrase of the store has to be given")?;
        if let Some(wait) = keyring.patience.left(now) {
            return Err(RekeyFailure::TooSoon(wait));
        }
        match self.lock()?.try_passphrase(&given) {
            Ok(key) => {
                keyring.patience = Patience::default();
                Ok(key)
            }
            Err(wrong @ OpenError::WrongPassphrase { .. }) => {
                keyring.patience.note(now);
                Err(RekeyFailure::WrongPassphrase(wrong.to_string()))
            }
            Err(error) => Err(failure(&error)),
        }
    }

    /// Returns what a passphrase is tried against.
    fn lock(&self) -> Result<super::Lock, RekeyFailure> {
        envelope::lock(&self.connection, &self.path).map_err(|error| failure(&error))
    }
}

/// Takes a passphrase that is to be given, or says that it is missing.
fn passphrase(given: Option<&SecretString>, missing: &str) -> Result<Passphrase, RekeyFailure> {
    let given = given.ok_or_else(|| RekeyFailure::Unusable(missing.to_owned()))?;
    let text = Zeroizing::new(given.expose_secret().to_owned());
    Passphrase::new(text).map_err(unusable)
}

fn unusable(error: impl std::error::Error) -> RekeyFailure {
    RekeyFailure::Unusable(chain(&error))
}

/// The new key file can't be made: a daemon may write less than whoever asks it to.
fn unmade(path: &Path, error: &KeyError) -> RekeyFailure {
    let closed = [io::ErrorKind::PermissionDenied, io::ErrorKind::ReadOnlyFilesystem];
    let is_closed = matches!(error, KeyError::Io { source, .. } if closed.contains(&source.kind()));
    let mut message = chain(error);
    if is_closed {
        let directory = path.parent().unwrap_or(path).display();
        message = format!(
            "{message}; tokend runs as a user, and as a unit, that may not write in {directory}: \
             let its user write there and its unit say ReadWritePaths={directory}, or stop it and \
             run `tokend key change-source` as root"
        );
    }
    RekeyFailure::Unusable(message)
}

fn failure(error: &OpenError) -> RekeyFailure {
    match error {
        OpenError::Sqlite { path, source } if full(source) => {
            let message = format!("no space left for {}: free some and try again", path.display());
            RekeyFailure::Store(StoreFailure { full: true, message })
        }
        OpenError::WrongKey { .. } => {
            RekeyFailure::Unusable("the key that opened the store isn't there any more".into())
        }
        _ => RekeyFailure::Store(StoreFailure { full: false, message: chain(error) }),
    }
}

/// Joins an error and what it comes from.
fn chain(error: &impl std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_forbids_a_new_key_file_is_said_with_the_way_out() {
        let path = Path::new("/etc/tokend/key");
        let said = |kind: io::ErrorKind| {
            let error = KeyError::Io { path: path.to_owned(), source: kind.into() };
            let RekeyFailure::Unusable(message) = unmade(path, &error) else { panic!() };
            message
        };
        for kind in [io::ErrorKind::PermissionDenied, io::ErrorKind::ReadOnlyFilesystem] {
            let message = said(kind);
            assert!(message.contains("ReadWritePaths=/etc/tokend"), "{message}");
            assert!(message.contains("`tokend key change-source`"), "{message}");
        }
        assert!(!said(io::ErrorKind::StorageFull).contains("ReadWritePaths"));
    }
}
