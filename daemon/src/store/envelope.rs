//! The envelope: the data key, which seals all cells, wrapped by the key from
//! outside.
//!
//! Another outer key thus means one new row and nothing sealed anew. The
//! envelope is read before the schema is brought up to date, so its table keeps
//! its form for ever.

use std::path::Path;

use ring::hmac;
use rusqlite::{Connection, params};
use serde::{Serialize, de::DeserializeOwned};
use tokend_core::Random;
use zeroize::Zeroizing;

use super::{
    Key, OpenError, record,
    seal::{Broken, Cell, Cipher, Column, Flaw, Form},
};

const DATA_KEY: Column = Column { table: "envelope", name: "data_key" };
const INDEX_KEY: Column = Column { table: "envelope", name: "index_key" };

/// The number of the data key. There is one until keys can be rotated.
const GENERATION: u32 = 1;

/// The number of the wrapping key in what it seals: it has an id instead.
const OUTER: u32 = 0;

/// What opens and seals the store's cells.
pub(super) struct Vault {
    cipher: Cipher,
    index: hmac::Key,
}

impl Vault {
    /// Draws the store's own keys and writes them into its envelope.
    pub(super) fn create(
        connection: &Connection,
        key: &Key,
        random: &mut impl Random,
    ) -> rusqlite::Result<()> {
        let (mut data_key, mut index_key) = (Zeroizing::new([0; 32]), Zeroizing::new([0; 32]));
        random.fill(&mut *data_key);
        random.fill(&mut *index_key);

        let row = GENERATION.to_be_bytes();
        let outer = Cipher::new(key.bytes(), OUTER);
        let cell = Cell { column: DATA_KEY, row: &row };
        let wrapped = outer.seal(cell, Form::Key, &*data_key, random);
        let cell = Cell { column: INDEX_KEY, row: &row };
        let index = Cipher::new(&data_key, GENERATION).seal(cell, Form::Key, &*index_key, random);
        connection.execute(
            "INSERT INTO envelope (generation, key_id, data_key, index_key) VALUES (?, ?, ?, ?)",
            params![GENERATION, key.id(), wrapped, index],
        )?;
        Ok(())
    }

    /// Opens the envelope of the store at `path`.
    pub(super) fn open(connection: &Connection, key: &Key, path: &Path) -> Result<Self, OpenError> {
        let (data_key, index) = unwrap(connection, key, path)?;
        let row = GENERATION.to_be_bytes();
        let cipher = Cipher::new(&data_key, GENERATION);
        let cell = Cell { column: INDEX_KEY, row: &row };
        let index_key =
            open_key(&cipher, cell, &index).map_err(|broken| OpenError::damaged(path, &broken))?;
        let index = hmac::Key::new(hmac::HMAC_SHA256, &*index_key);
        Ok(Self { cipher, index })
    }

    /// Wraps the data key, which `key` opens, with `new` instead.
    pub(super) fn rewrap(
        connection: &Connection,
        key: &Key,
        new: &Key,
        random: &mut impl Random,
        path: &Path,
    ) -> Result<(), OpenError> {
        let (data_key, _) = unwrap(connection, key, path)?;
        let row = GENERATION.to_be_bytes();
        let cell = Cell { column: DATA_KEY, row: &row };
        let wrapped = Cipher::new(new.bytes(), OUTER).seal(cell, Form::Key, &*data_key, random);
        connection
            .execute(
                "UPDATE envelope SET key_id = ?, data_key = ? WHERE generation = ?",
                params![new.id(), wrapped, GENERATION],
            )
            .map_err(|source| OpenError::sqlite(path, source))?;
        Ok(())
    }

    /// Seals a record for its place.
    pub(super) fn seal(
        &self,
        cell: Cell<'_>,
        record: &impl Serialize,
        random: &mut impl Random,
    ) -> Vec<u8> {
        self.cipher.seal(cell, Form::Json, &record::encode(record), random)
    }

    /// Opens a record in its place.
    pub(super) fn open_record<T: DeserializeOwned>(
        &self,
        cell: Cell<'_>,
        sealed: &[u8],
    ) -> Result<T, Broken> {
        let (form, content) = self.cipher.open(cell, sealed)?;
        let record = match form {
            Form::Json => record::decode(&content),
            Form::Key => Err(Flaw::Form),
        };
        record.map_err(|flaw| cell.broken(flaw))
    }

    /// Returns what shows that someone with this store's keys wrote `text`.
    pub(super) fn tag(&self, text: &[u8]) -> [u8; 16] {
        let tag = hmac::sign(&self.index, text);
        *tag.as_ref().first_chunk().expect("a SHA-256 tag has 32 bytes")
    }

    /// Returns what stands for an account in the ledger: alike for the same
    /// account, and without the index key nothing can be learnt from it.
    pub(super) fn account(&self, account: &str) -> [u8; 32] {
        let tag = hmac::sign(&self.index, account.as_bytes());
        *tag.as_ref().first_chunk().expect("a SHA-256 tag has 32 bytes")
    }
}

/// Returns the data key, and the index key as it is sealed with that.
fn unwrap(
    connection: &Connection,
    key: &Key,
    path: &Path,
) -> Result<(Zeroizing<[u8; 32]>, Vec<u8>), OpenError> {
    let (key_id, wrapped, index): (Vec<u8>, Vec<u8>, Vec<u8>) = connection
        .query_row(
            "SELECT key_id, data_key, index_key FROM envelope WHERE generation = ?",
            [GENERATION],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .map_err(|source| OpenError::sqlite(path, source))?;
    if key_id != key.id() {
        return Err(OpenError::WrongKey { path: path.to_owned() });
    }
    let row = GENERATION.to_be_bytes();
    let cell = Cell { column: DATA_KEY, row: &row };
    let data_key = open_key(&Cipher::new(key.bytes(), OUTER), cell, &wrapped)
        .map_err(|broken| OpenError::damaged(path, &broken))?;
    Ok((data_key, index))
}

fn open_key(cipher: &Cipher, cell: Cell<'_>, sealed: &[u8]) -> Result<Zeroizing<[u8; 32]>, Broken> {
    let (form, content) = cipher.open(cell, sealed)?;
    let mut key = Zeroizing::new([0; 32]);
    if form != Form::Key || content.len() != key.len() {
        return Err(cell.broken(Flaw::Form));
    }
    key.copy_from_slice(&content);
    Ok(key)
}
