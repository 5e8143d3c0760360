//! How opening, writing and closing the store fail.

use std::{
    io,
    path::{Path, PathBuf},
};

use rusqlite::ErrorCode;
use tokend_core::{IssuanceId, StoreFailure};

use super::{DerivationError, Exposed, seal::Broken};

/// The store can't be made or opened. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no state directory.
    #[error("{} isn't a directory: make it with `mkdir -m 700 {}`", .path.display(), .path.display())]
    NoDirectory {
        /// Where it should be.
        path: PathBuf,
    },
    /// Other users could get at the store.
    #[error(transparent)]
    Exposed(#[from] Exposed),
    /// Another process has the store open.
    #[error("another tokend{} uses {}: stop it first", in_brackets(*.pid), .directory.display())]
    InUse {
        /// The state directory.
        directory: PathBuf,
        /// The other process, if it is known.
        pid: Option<u32>,
    },
    /// A store is to be made where one is.
    #[error("there is a store already: {}", .path.display())]
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// There is no store.
    #[error("there is no store at {}: make one with `tokend init`", .path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("{} isn't a store of tokend", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The store was written by a newer tokend.
    #[error(
        "{} was written by a newer tokend (schema {found}, this one knows {known}): \
         use that version, or put an older store in its place, tokend.db.before-v{found} say, \
         which that version has copied",
        .path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema that is known here.
        known: i64,
    },
    /// The log of a database that isn't there would be written over a new one.
    #[error(
        "{} is the rest of a store whose tokend.db is gone: bring that back, or move the rest away",
        .path.display()
    )]
    Leftover {
        /// The log.
        path: PathBuf,
    },
    /// The key isn't the one that the store was sealed with.
    #[error(
        "the key doesn't fit {}, which is unchanged: give the key that was made with it, \
         or restore that key from a backup; without it the store can't be read",
        .path.display()
    )]
    WrongKey {
        /// The file.
        path: PathBuf,
    },
    /// The passphrase isn't the one of the store.
    #[error("that isn't the passphrase of {}, which is unchanged", .path.display())]
    WrongPassphrase {
        /// The file.
        path: PathBuf,
    },
    /// A key is given for a store with a passphrase.
    #[error(
        "the key of {} comes of a passphrase: say key_source = \"passphrase\" in tokend.toml",
        .path.display()
    )]
    PassphraseNeeded {
        /// The file.
        path: PathBuf,
    },
    /// A passphrase is given for a store with a key.
    #[error(
        "the key of {} comes of no passphrase: have key_source in tokend.toml say where it is, or \
         run `tokend key change-source --from SOURCE --to passphrase`",
        .path.display()
    )]
    NoPassphrase {
        /// The file.
        path: PathBuf,
    },
    /// A passphrase can't be tried.
    #[error(transparent)]
    Derivation(#[from] DerivationError),
    /// The key fits but what it opens has been altered.
    #[error("the data key in {} is damaged: restore the file from a backup: {reason}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file isn't what SQLite has written.
    #[error("{} is damaged: restore a backup: {reason}", .path.display())]
    Unsound {
        /// The file.
        path: PathBuf,
        /// What SQLite finds.
        reason: String,
    },
    /// The file system can't carry SQLite's write-ahead log.
    #[error("{} can't have a write-ahead log: keep it on a local file system", .path.display())]
    NoLog {
        /// The file.
        path: PathBuf,
    },
    /// There is no room to copy the store before it is upgraded.
    #[error(
        "no space left for {}, a copy of the store from before its schema is upgraded: free some \
         and start again; the store is unchanged",
        .path.display()
    )]
    NoRoom {
        /// The copy.
        path: PathBuf,
    },
    /// A file can't be used.
    #[error("can't use {}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// SQLite can't read or write the file.
    #[error("can't open {}", .path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
}

impl OpenError {
    /// What was restored can't be noted as such.
    pub(super) fn restored(path: &Path, error: WriteError) -> Self {
        match error {
            WriteError::Sqlite(source) => Self::sqlite(path, source),
            other => {
                let reason = other.into_failure(path).message;
                Self::Damaged { path: path.to_owned(), reason }
            }
        }
    }

    pub(super) fn damaged(path: &Path, broken: &Broken) -> Self {
        Self::Damaged { path: path.to_owned(), reason: broken.to_string() }
    }

    /// The store can't be copied before it is upgraded.
    pub(super) fn uncopied(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull => Self::NoRoom { path: path.to_owned() },
            _ => Self::io(path, source),
        }
    }

    /// Says of what is wrong with a copy what is wrong with the file that was copied.
    #[must_use]
    pub fn of_file(self, file: &Path) -> Self {
        let path = file.to_owned();
        match self {
            Self::Foreign { .. } => Self::Foreign { path },
            Self::Newer { found, known, .. } => Self::Newer { path, found, known },
            Self::WrongKey { .. } => Self::WrongKey { path },
            Self::WrongPassphrase { .. } => Self::WrongPassphrase { path },
            Self::PassphraseNeeded { .. } => Self::PassphraseNeeded { path },
            Self::NoPassphrase { .. } => Self::NoPassphrase { path },
            Self::Damaged { reason, .. } => Self::Damaged { path, reason },
            Self::Unsound { reason, .. } => Self::Unsound { path, reason },
            Self::Sqlite { source, .. }
                if source.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) =>
            {
                Self::Unsound { path, reason: source.to_string() }
            }
            other => other,
        }
    }

    /// Tells whether the disk is full.
    pub fn is_full(&self) -> bool {
        match self {
            Self::Io { source, .. } => source.kind() == io::ErrorKind::StorageFull,
            Self::Sqlite { source, .. } => full(source),
            Self::NoRoom { .. } => true,
            _ => false,
        }
    }

    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }

    pub(super) fn sqlite(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::Foreign { path },
            _ => Self::Sqlite { path, source },
        }
    }
}

/// The store couldn't be closed in order. What was acknowledged is in the log all
/// the same and is read from there when the store is opened again.
#[derive(Debug, thiserror::Error)]
#[error("can't close {}", .path.display())]
pub struct CloseError {
    pub(super) path: PathBuf,
    pub(super) source: rusqlite::Error,
}

/// A write wasn't done.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error("the credential isn't stored any more")]
    NoCredential,
    #[error("the credential can't be opened: {0}")]
    Broken(#[from] Broken),
    #[error("issuance {0} isn't in the ledger")]
    NoIssuance(IssuanceId),
}

impl WriteError {
    /// Returns what the daemon is told.
    pub(super) fn into_failure(self, path: &Path) -> StoreFailure {
        let path = path.display();
        match self {
            Self::Sqlite(error) if full(&error) => StoreFailure {
                full: true,
                message: format!(
                    "no space left for {path}: free some, tokend tries again by itself"
                ),
            },
            Self::Sqlite(error)
                if error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure) =>
            {
                let message = format!(
                    "can't write {path}: {error}: see what the kernel's log says of its disk, and \
                     whether the size of files is limited; tokend tries again by itself"
                );
                StoreFailure { full: false, message }
            }
            error => StoreFailure { full: false, message: format!("can't write {path}: {error}") },
        }
    }
}

/// Tells whether the disk is full.
pub(super) fn full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
}

fn in_brackets(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default()
}
