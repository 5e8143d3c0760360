//! A store that is this process's and not open: someone has to give its passphrase.

use std::path::{Path, PathBuf};

use tokend_core::Random;

use super::{
    Derivation, Directory, Key, OpenError, Passphrase, Store, database, envelope, restore,
};

/// A store that no other process can open, and whose passphrase isn't known yet. Nothing in it is
/// changed, and none of its files is open but the lock.
pub struct Sealed {
    lock: Lock,
    directory: Directory,
}

/// What a passphrase is tried against.
#[derive(Debug, Clone)]
pub struct Lock {
    pub(super) path: PathBuf,
    pub(super) label: Vec<u8>,
    pub(super) derivation: Derivation,
}

impl Sealed {
    /// Takes the store in `directory`.
    ///
    /// # Errors
    ///
    /// Fails if another process has it, if others could read it, and if its key comes of no
    /// passphrase.
    pub fn claim(directory: &Path) -> Result<Self, OpenError> {
        let directory = Directory::claim(directory)?;
        restore::complete(&directory)?;
        let path = directory.database();
        database::check(&path)?;
        directory.check_files()?;
        let lock = envelope::lock(&database::look(&path)?, &path)?;
        Ok(Self { lock, directory })
    }

    /// Returns what a passphrase is tried against.
    pub fn lock(&self) -> &Lock {
        &self.lock
    }

    /// Opens the store with the key that came of the passphrase, as [`Store::open`] does.
    ///
    /// # Errors
    ///
    /// As for [`Store::open`].
    pub fn open<R: Random>(
        self,
        elsewhere: Option<&Path>,
        key: &Key,
        random: R,
    ) -> Result<Store<R>, OpenError> {
        Store::open_in(self.directory, elsewhere, key, random)
    }
}

impl Lock {
    /// Returns the key, if this is its passphrase. It takes its time: see [`Derivation::derive`].
    ///
    /// # Errors
    ///
    /// Fails if it isn't, and if there is no memory to try it with.
    pub fn try_passphrase(&self, passphrase: &Passphrase) -> Result<Key, OpenError> {
        let key = self.derivation.derive(passphrase)?;
        if key.label() == self.label { Ok(key) } else { Err(self.wrong()) }
    }

    /// Says that a passphrase isn't the one.
    pub fn wrong(&self) -> OpenError {
        OpenError::WrongPassphrase { path: self.path.clone() }
    }
}
