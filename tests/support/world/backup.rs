//! Backups of the store, and what becomes of the world when one is restored.

use std::{collections::BTreeMap, fs, sync::Arc};

use tempfile::TempDir;
use tokend::{
    credential::{CredentialId, Grant},
    store::DATABASE,
};
use tokend_core::Token;

use super::World;

/// A copy of the store, and the tokens that lie in it.
pub struct Backup {
    files: TempDir,
    pub(super) held: BTreeMap<CredentialId, Arc<Token<Grant>>>,
    /// The key that opens it.
    key: usize,
}

impl World {
    /// Copies the database and its log away, as a backup does while the daemon runs.
    pub fn back_up(&self) -> Backup {
        let files = tempfile::tempdir().unwrap();
        for name in names() {
            let from = self.home.path().join(&name);
            if from.exists() {
                fs::copy(from, files.path().join(&name)).unwrap();
            }
        }
        Backup { files, held: self.disk.held(), key: self.key() }
    }

    /// Kills the daemon, puts a backup in the place of its database, and starts it.
    pub fn restore(&mut self, backup: &Backup) {
        self.crash();
        for name in names() {
            let (from, to) = (backup.files.path().join(&name), self.home.path().join(&name));
            let _ = fs::remove_file(&to);
            if from.exists() {
                fs::copy(from, to).unwrap();
            }
        }
        self.disk.put_back(backup.held.clone());
        self.home.keys.put_back(backup.key);
        self.start();
    }
}

fn names() -> [String; 2] {
    [DATABASE.to_owned(), format!("{DATABASE}-wal")]
}
