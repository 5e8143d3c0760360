//! Reads what the daemon starts with, and sets aside what can't be opened.

use std::collections::BTreeMap;

use rusqlite::Connection;
use tokend_core::{Name, Stamp, Token};

use super::{
    envelope::Vault,
    history, journal,
    record::{CredentialRecord, TokenRecord},
    revocation,
    seal::{Broken, Cell, Flaw, hexadecimal},
    writer::{CREDENTIAL, TOKEN},
};
use crate::{
    credential::{Credential, CredentialId, Grant},
    ports::{Damage, Loaded, StoredCredential},
};

/// Reads all credentials with their tokens and histories, and attends to others between them.
pub(super) fn load(
    connection: &Connection,
    vault: &Vault,
    now: &Stamp,
    mut attend: impl FnMut(),
) -> rusqlite::Result<Loaded> {
    let mut nameless = Vec::new();
    // What is large lies in one piece, which leaves no holes behind in memory.
    let mut all: Vec<StoredCredential> = Vec::new();
    let mut named: BTreeMap<Name, Result<(), Damage>> = BTreeMap::new();
    let mut statement = connection.prepare_cached(
        "SELECT credentials.id, credentials.sealed, tokens.sealed \
         FROM credentials LEFT JOIN tokens ON tokens.credential = credentials.id \
         ORDER BY credentials.rowid",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        attend();
        let id = CredentialId(row.get(0)?);
        let sealed: Vec<u8> = row.get(1)?;
        let credential = match open_credential(vault, id, &sealed) {
            Ok(credential) => credential,
            Err(broken) => {
                let message =
                    format!("{broken}; its own name can't be read, this one stands for it");
                nameless.push(Damage { credential: (stand_in(id), id), message });
                continue;
            }
        };
        let name = credential.name.clone();
        let damage = |message| Damage { credential: (name.clone(), id), message };
        let stored = if named.contains_key(&name) {
            // Neither can be told to be the right one.
            Err(damage("several rows of credentials have this name".to_owned()))
        } else {
            let token: Option<Vec<u8>> = row.get(2)?;
            complete(connection, vault, credential, token.as_deref(), now)?
                .map(|stored| all.push(stored))
                .map_err(|broken| damage(broken.to_string()))
        };
        named.insert(name, stored);
    }

    let (revocations, unreadable) = revocation::load(connection, vault)?;
    all.retain(|stored| matches!(named.get(&stored.credential.name), Some(Ok(()))));
    all.sort_unstable_by(|one, other| one.credential.name.cmp(&other.credential.name));
    let damaged = nameless.into_iter().chain(named.into_values().filter_map(Result::err));
    let damaged = damaged.collect();
    let loaded = Loaded { credentials: all, damaged, revocations, unreadable, ..Loaded::default() };
    Ok(loaded)
}

/// Returns a name by which a credential can be removed whose own can't be read.
fn stand_in(CredentialId(id): CredentialId) -> Name {
    let name = format!("damaged-{}", hexadecimal(&id));
    name.parse().expect("it begins with a letter and has 40 of them, and digits")
}

/// Reads all credentials that can be opened, with their tokens.
pub(super) fn pairs(
    connection: &Connection,
    vault: &Vault,
) -> rusqlite::Result<Vec<(Credential, Option<Token<Grant>>)>> {
    let mut statement = connection.prepare(
        "SELECT credentials.id, credentials.sealed, tokens.sealed \
         FROM credentials LEFT JOIN tokens ON tokens.credential = credentials.id",
    )?;
    let rows = statement.query_map([], |row| {
        let (id, sealed) = (CredentialId(row.get(0)?), row.get::<_, Vec<u8>>(1)?);
        let token: Option<Vec<u8>> = row.get(2)?;
        let credential = open_credential(vault, id, &sealed).ok();
        let token = token.and_then(|sealed| open_token(vault, id, &sealed).ok());
        Ok(credential.map(|credential| (credential, token)))
    })?;
    rows.filter_map(Result::transpose).collect()
}

/// Opens the row of a credential.
pub(super) fn open_credential(
    vault: &Vault,
    id: CredentialId,
    sealed: &[u8],
) -> Result<Credential, Broken> {
    let cell = Cell { column: CREDENTIAL, row: &id.0 };
    let record: CredentialRecord = vault.open_record(cell, sealed)?;
    record.restore(id).map_err(|_| cell.broken(Flaw::Content(0)))
}

pub(super) fn complete(
    connection: &Connection,
    vault: &Vault,
    credential: Credential,
    token: Option<&[u8]>,
    now: &Stamp,
) -> rusqlite::Result<Result<StoredCredential, Broken>> {
    let token = match token.map(|sealed| open_token(vault, credential.id, sealed)).transpose() {
        Ok(token) => token,
        Err(broken) => return Ok(Err(broken)),
    };
    let mut history = match history::read(connection, vault, credential.id, now)? {
        Ok(history) => history,
        Err(broken) => return Ok(Err(broken)),
    };
    let doubt = journal::doubt(connection, vault, &credential, token.as_ref(), now)?;
    Ok(doubt.map(|doubt| {
        history.doubt = doubt;
        StoredCredential { credential, token, history }
    }))
}

pub(super) fn open_token(
    vault: &Vault,
    credential: CredentialId,
    sealed: &[u8],
) -> Result<Token<Grant>, Broken> {
    let cell = Cell { column: TOKEN, row: &credential.0 };
    let record: TokenRecord = vault.open_record(cell, sealed)?;
    Ok(record.into())
}
