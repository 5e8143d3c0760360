//! Does one write inside of a transaction.

use rusqlite::{Connection, OptionalExtension, ffi, params};
use tokend_core::{Fate, Random, Token, Verdict};
use tracing::warn;

use super::{
    envelope::Vault,
    error::WriteError,
    load::open_credential,
    record::{CredentialRecord, Outcome, TokenRecord},
    seal::{Cell, Column},
};
use crate::{
    credential::{Credential, CredentialId, Grant},
    ports::{Reply, Write},
};

pub(super) const CREDENTIAL: Column = Column { table: "credentials", name: "sealed" };
pub(super) const TOKEN: Column = Column { table: "tokens", name: "sealed" };

/// What a write is done with.
pub(super) struct Writer<'a, R> {
    pub(super) connection: &'a Connection,
    pub(super) vault: &'a Vault,
    pub(super) random: &'a mut R,
}

impl<R: Random> Writer<'_, R> {
    /// Does a write. After an error it may be half done: the transaction has to be
    /// rolled back.
    pub(super) fn apply(&mut self, write: &Write) -> Result<Reply, WriteError> {
        match write {
            Write::Credential(credential) => self.credential(credential)?,
            Write::Doubted(credential) => {
                self.credential(credential)?;
                self.note_restored(credential, None)?;
            }
            Write::Anew { before, credential } => {
                self.remove(*before)?;
                self.credential(credential)?;
            }
            Write::Remove(id) => self.remove(*id)?,
            Write::Reserve(reservation) => return self.reserve(reservation),
            Write::Token { credential, token, issuance, settled } => {
                self.token(*credential, token)?;
                if settled.renewed {
                    self.note_answer(*credential)?;
                }
                self.settle(*issuance, !settled.free, Outcome::Issued, settled)?;
            }
            Write::Rotation { credential, token } => self.token(*credential, token)?,
            Write::Discard(credential) => self.discard(*credential)?,
            Write::Revoke { revocation, leaving } => self.revoke(revocation, *leaving)?,
            Write::Attempt(revocation) => self.attempt(revocation)?,
            Write::EndRevocation { id, token } => self.end_revocation(*id, *token)?,
            Write::Accept { accounts, used } => self.accept(accounts, *used)?,
            Write::Failure { issuance, fate, spent, failure, settled } => {
                let counts = *fate != Fate::Unsent;
                let outcome = Outcome::Failed(failure.clone());
                let credential = match self.settle(*issuance, counts, outcome, settled) {
                    Err(error @ WriteError::NoIssuance(_)) => {
                        // There is nothing to be settled, now or later.
                        warn!("{error}");
                        return Ok(Reply::Done);
                    }
                    settled => settled?,
                };
                let refused = *spent && failure.verdict == Verdict::Denied;
                match self.note_failure(credential, *issuance, *fate, (*spent, refused)) {
                    // It stays as it is, and is no reason for what wasn't sent to count.
                    Err(WriteError::Broken(broken)) => warn!("{broken}"),
                    noted => noted?,
                }
            }
        }
        Ok(Reply::Done)
    }

    pub(super) fn credential(&mut self, credential: &Credential) -> Result<(), WriteError> {
        let cell = Cell { column: CREDENTIAL, row: &credential.id.0 };
        let record = CredentialRecord::from(credential);
        let sealed = self.vault.seal(cell, &record, self.random);
        self.connection
            .prepare_cached(
                "INSERT INTO credentials (id, sealed) VALUES (?, ?) \
                 ON CONFLICT (id) DO UPDATE SET sealed = excluded.sealed",
            )?
            .execute(params![credential.id.0, sealed])?;
        Ok(())
    }

    pub(super) fn remove(&mut self, id: CredentialId) -> Result<(), WriteError> {
        self.connection.prepare_cached("DELETE FROM credentials WHERE id = ?")?.execute([id.0])?;
        Ok(())
    }

    /// Puts the secrets that came with a token in the place of a credential's own, and
    /// drops those whose successors have worked.
    fn settle_secrets(&mut self, id: CredentialId, token: &Token<Grant>) -> Result<(), WriteError> {
        let mut select =
            self.connection.prepare_cached("SELECT sealed FROM credentials WHERE id = ?")?;
        let sealed: Option<Vec<u8>> = select.query_row([id.0], |row| row.get(0)).optional()?;
        let sealed = sealed.ok_or(WriteError::NoCredential)?;
        let credential = open_credential(self.vault, id, &sealed)?;
        self.credential(&credential.settled_by(&token.payload, token.issued_at))
    }

    pub(super) fn discard(&mut self, id: CredentialId) -> Result<(), WriteError> {
        self.connection
            .prepare_cached("DELETE FROM tokens WHERE credential = ?")?
            .execute([id.0])?;
        Ok(())
    }

    fn token(&mut self, credential: CredentialId, token: &Token<Grant>) -> Result<(), WriteError> {
        if token.payload.settles_secrets() {
            self.settle_secrets(credential, token)?;
        }
        let cell = Cell { column: TOKEN, row: &credential.0 };
        let sealed = self.vault.seal(cell, &TokenRecord::from(token), self.random);
        let written = self
            .connection
            .prepare_cached(
                "INSERT INTO tokens (credential, sealed) VALUES (?, ?) \
                 ON CONFLICT (credential) DO UPDATE SET sealed = excluded.sealed",
            )?
            .execute(params![credential.0, sealed]);
        match written {
            Err(rusqlite::Error::SqliteFailure(error, _))
                if error.extended_code == ffi::SQLITE_CONSTRAINT_FOREIGNKEY =>
            {
                Err(WriteError::NoCredential)
            }
            written => Ok(written.map(drop)?),
        }
    }
}
