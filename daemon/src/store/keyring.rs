//! Other keys for a store that is in use.
//!
//! The store's thread does it between writes: those before are on disk, those behind are sealed
//! with what is new. Whoever reads tokens doesn't come by here.

use std::{io, path::Path};

use tokend_core::{Random, StoreFailure};

use super::{Key, KeyError, KeySource, OpenError, Store, envelope::Vault, error::full};
use crate::ports::{Rekey, RekeyFailure, Rekeyed};

/// Where the key is that opens the store, and how another place is written down.
#[derive(Debug)]
pub(super) struct Keyring {
    current: KeySource,
    parse: Parse,
}

/// Reads how a key source is written down, or says what is wrong with it.
pub type Parse = fn(&str) -> Result<KeySource, String>;

impl<R: Random> Store<R> {
    /// Says where the key is that opened the store, for whoever wants another.
    #[must_use]
    pub fn keyed_by(mut self, current: KeySource, parse: Parse) -> Self {
        self.keyring = Some(Keyring { current, parse });
        self
    }

    /// Gives the store another data key, or another key from outside. Whenever this is
    /// interrupted, it is done wholly or not at all, but that a key file may have been made.
    pub(super) fn rekey(&mut self, rekey: &Rekey) -> Result<Rekeyed, RekeyFailure> {
        let Some(Keyring { current, parse }) = &self.keyring else {
            return Err(RekeyFailure::Unusable("nothing says where the store's key is".into()));
        };
        let rekeyed = match rekey {
            Rekey::Rotate => {
                let key = current.read().map_err(unusable)?;
                let damaged = self.rotate(&key).map_err(|error| failure(&error))?;
                Rekeyed::Rotated { damaged }
            }
            Rekey::ChangeSource { to } => {
                let (from, to) = (current.clone(), parse(to).map_err(RekeyFailure::Unusable)?);
                let is_new = self.change_source(&from, &to)?;
                let rekeyed = Rekeyed::Moved { from: from.to_string(), to: to.to_string(), is_new };
                self.keyring.as_mut().expect("it was there").current = to;
                rekeyed
            }
        };
        // What was sealed with the key before is in no file from now on.
        self.wipe();
        Ok(rekeyed)
    }

    fn change_source(&mut self, from: &KeySource, to: &KeySource) -> Result<bool, RekeyFailure> {
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
            Err(OpenError::WrongKey { .. }) => {}
            Err(error) => return Err(failure(&error)),
        }
        let key = from.read().map_err(unusable)?;
        self.rewrap(&key, &new).map_err(|error| failure(&error))?;
        Ok(true)
    }
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
