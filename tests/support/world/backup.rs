//! Backups of the store, and what becomes of the world when one is restored.

use std::fs;

use tempfile::TempDir;
use tokend::{
    engine::{AccountBudget, Accounts, Command},
    store::DATABASE,
};

use super::{
    World,
    caller::{AUTHOR, Waiting},
    disk::Content,
};

/// A copy of the store, and what lies in it.
pub struct Backup {
    files: TempDir,
    content: Content,
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
        Backup { files, content: self.disk.content(), key: self.key() }
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
        self.home.platter().forget();
        self.disk.put_back(backup.content.clone());
        self.home.keys.put_back(backup.key);
        self.start();
    }

    /// Has an operator say how many issuances of each account a restored ledger lacks.
    pub fn accept(&mut self, accounts: Accounts, used: u32) -> Waiting<Vec<AccountBudget>> {
        self.ask(|reply| Command::AcceptBudget { accounts, used, author: AUTHOR, reply })
    }
}

fn names() -> [String; 2] {
    [DATABASE.to_owned(), format!("{DATABASE}-wal")]
}
