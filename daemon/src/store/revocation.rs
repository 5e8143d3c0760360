//! Keeps the tokens that are to be ended at their providers.

use rusqlite::{Connection, OptionalExtension, params};
use tokend_core::{Random, RevocationId, TokenId};

use super::{
    envelope::Vault,
    error::WriteError,
    load::{open_credential, open_token},
    record::RevocationRecord,
    seal::{Broken, Cell, Column, Flaw},
    writer::Writer,
};
use crate::{
    credential::CredentialId,
    ports::{Leaving, Revocation},
};

pub(super) const REVOCATION: Column = Column { table: "revocations", name: "sealed" };

/// Those that can be opened, and those that can't, each with what is wrong.
type All = (Vec<Revocation>, Vec<(RevocationId, String)>);

/// Reads all revocations, in the order in which they were asked for.
pub(super) fn load(connection: &Connection, vault: &Vault) -> rusqlite::Result<All> {
    let mut statement =
        connection.prepare_cached("SELECT id, sealed FROM revocations ORDER BY rowid")?;
    let (mut readable, mut unreadable) = All::default();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id = RevocationId(row.get(0)?);
        let sealed: Vec<u8> = row.get(1)?;
        match open(vault, id, &sealed) {
            Ok(revocation) => readable.push(revocation),
            Err(broken) => unreadable.push((id, broken.to_string())),
        }
    }
    Ok((readable, unreadable))
}

fn open(vault: &Vault, id: RevocationId, sealed: &[u8]) -> Result<Revocation, Broken> {
    let cell = Cell { column: REVOCATION, row: &id.0 };
    let record: RevocationRecord = vault.open_record(cell, sealed)?;
    record.restore(id).map_err(|_| cell.broken(Flaw::Content(0)))
}

impl<R: Random> Writer<'_, R> {
    /// Stores a revocation, and removes what isn't to be served any more.
    pub(super) fn revoke(
        &mut self,
        revocation: &Revocation,
        leaving: Leaving,
    ) -> Result<(), WriteError> {
        let sealed = self.seal_revocation(revocation);
        self.connection
            .prepare_cached("INSERT INTO revocations (id, sealed) VALUES (?, ?)")?
            .execute(params![revocation.id.0, sealed])?;
        let credential = revocation.credential;
        match leaving {
            Leaving::Token => {
                let token = revocation.token.as_ref().map(|token| token.id);
                token.map_or(Ok(()), |token| self.discard_if(credential, token))
            }
            Leaving::Login => {
                self.discard(credential)?;
                self.forget_login(revocation)
            }
            Leaving::Credential => self.remove(credential),
        }
    }

    /// Stores how an attempt failed. What has been ended meanwhile stays so.
    pub(super) fn attempt(&mut self, revocation: &Revocation) -> Result<(), WriteError> {
        let sealed = self.seal_revocation(revocation);
        self.connection
            .prepare_cached("UPDATE revocations SET sealed = ? WHERE id = ?")?
            .execute(params![sealed, revocation.id.0])?;
        Ok(())
    }

    /// Removes a revocation, and the token if something has stored it once more.
    pub(super) fn end_revocation(
        &mut self,
        id: RevocationId,
        token: Option<(CredentialId, TokenId)>,
    ) -> Result<(), WriteError> {
        self.connection.prepare_cached("DELETE FROM revocations WHERE id = ?")?.execute([id.0])?;
        token.map_or(Ok(()), |(credential, token)| self.discard_if(credential, token))
    }

    /// Removes a credential's token if it is this one.
    fn discard_if(&mut self, credential: CredentialId, token: TokenId) -> Result<(), WriteError> {
        let mut select =
            self.connection.prepare_cached("SELECT sealed FROM tokens WHERE credential = ?")?;
        let sealed: Option<Vec<u8>> =
            select.query_row([credential.0], |row| row.get(0)).optional()?;
        // One that can't be opened isn't served either, and is left for people to look at.
        let stored = sealed.and_then(|sealed| open_token(self.vault, credential, &sealed).ok());
        match stored {
            Some(stored) if stored.id == token => self.discard(credential),
            _ => Ok(()),
        }
    }

    /// Takes what a person's login left behind from a credential's secrets.
    fn forget_login(&mut self, revocation: &Revocation) -> Result<(), WriteError> {
        let id = revocation.credential;
        let mut select =
            self.connection.prepare_cached("SELECT sealed FROM credentials WHERE id = ?")?;
        let sealed: Option<Vec<u8>> = select.query_row([id.0], |row| row.get(0)).optional()?;
        let sealed = sealed.ok_or(WriteError::NoCredential)?;
        let credential = open_credential(self.vault, id, &sealed)?;
        self.credential(&credential.without_login(revocation.asked_at))
    }

    fn seal_revocation(&mut self, revocation: &Revocation) -> Vec<u8> {
        let cell = Cell { column: REVOCATION, row: &revocation.id.0 };
        self.vault.seal(cell, &RevocationRecord::from(revocation), self.random)
    }
}
