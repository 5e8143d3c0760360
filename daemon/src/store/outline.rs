//! Reads what it takes to serve the first callers: which credentials there are and who may read
//! them, and then those that are asked for, while all else is still being read.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension};
use tokend_core::{Name, Stamp};

use super::{
    envelope::Vault,
    load,
    record::LabelRecord,
    revocation,
    seal::{Broken, Cell, Flaw},
    writer::CREDENTIAL,
};
use crate::{
    credential::{Access, CredentialId},
    ports::{Outline, StoredCredential},
};

/// Reads the names of all credentials that [`load::load`] can tell apart, and who may read them.
/// Whether the rest of each can be read isn't known yet.
pub(super) fn outline(connection: &Connection, vault: &Vault) -> rusqlite::Result<Outline> {
    let mut named: BTreeMap<Name, Option<(CredentialId, Access)>> = BTreeMap::new();
    let mut statement = connection.prepare("SELECT id, sealed FROM credentials")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id = CredentialId(row.get(0)?);
        let Ok((name, access)) = open_label(vault, id, row.get_ref(1)?.as_blob()?) else {
            continue;
        };
        named.entry(name).and_modify(|one| *one = None).or_insert(Some((id, access)));
    }
    let (revocations, _) = revocation::load(connection, vault)?;
    let ending = revocations.iter().filter_map(|it| Some((it.credential, it.token.as_ref()?.id)));
    let known =
        named.into_iter().filter_map(|(name, one)| one.map(|(id, access)| (name, id, access)));
    Ok(Outline { credentials: known.collect(), ending: ending.collect() })
}

/// Reads one credential as [`load::load`] does. One that can't be read isn't there.
pub(super) fn one(
    connection: &Connection,
    vault: &Vault,
    id: CredentialId,
    now: &Stamp,
) -> Option<StoredCredential> {
    let sealed = connection.prepare_cached(
        "SELECT credentials.sealed, tokens.sealed \
         FROM credentials LEFT JOIN tokens ON tokens.credential = credentials.id \
         WHERE credentials.id = ?",
    );
    let sealed = sealed.and_then(|mut statement| {
        let row = statement.query_row([id.0], |row| Ok((row.get(0)?, row.get(1)?)));
        row.optional()
    });
    let (credential, token): (Vec<u8>, Option<Vec<u8>>) = sealed.ok()??;
    let credential = load::open_credential(vault, id, &credential).ok()?;
    load::complete(connection, vault, credential, token.as_deref(), now).ok()?.ok()
}

fn open_label(vault: &Vault, id: CredentialId, sealed: &[u8]) -> Result<(Name, Access), Broken> {
    let cell = Cell { column: CREDENTIAL, row: &id.0 };
    let record: LabelRecord = vault.open_record(cell, sealed)?;
    record.restore().map_err(|_| cell.broken(Flaw::Content(0)))
}
