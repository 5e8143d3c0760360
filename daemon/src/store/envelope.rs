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
    Key, Lock, OpenError, pages, record,
    seal::{Broken, Cell, Cipher, Column, Flaw, Form},
};

const DATA_KEY: Column = Column { table: "envelope", name: "data_key" };
const INDEX_KEY: Column = Column { table: "envelope", name: "index_key" };

/// The number of a store's first data key.
const FIRST: u32 = 1;

/// The number of the wrapping key in what it seals: it has an id instead.
const OUTER: u32 = 0;

/// What opens and seals the store's cells.
pub(super) struct Vault(Box<Keys>);

/// They stay where they are in memory, out of swap space.
struct Keys {
    cipher: Cipher,
    index: hmac::Key,
}

/// The row of the envelope, opened.
struct Envelope {
    generation: u32,
    data_key: Zeroizing<[u8; 32]>,
    index_key: Zeroizing<[u8; 32]>,
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

        let envelope = Envelope { generation: FIRST, data_key, index_key };
        envelope.write(connection, key, random)
    }

    /// Draws a new data key and puts it in the place of this one. What it seals with opens
    /// nothing that was sealed before.
    pub(super) fn succeed(
        connection: &Connection,
        key: &Key,
        random: &mut impl Random,
        path: &Path,
    ) -> Result<Self, OpenError> {
        let mut envelope = Envelope::read(connection, key, path)?;
        let sqlite = |source| OpenError::sqlite(path, source);
        connection.execute("DELETE FROM envelope", []).map_err(sqlite)?;
        // At one rotation a second the numbers last for 136 years.
        envelope.generation = envelope.generation.wrapping_add(1);
        random.fill(&mut *envelope.data_key);
        envelope.write(connection, key, random).map_err(sqlite)?;
        Ok(envelope.into())
    }

    /// Opens the envelope of the store at `path`.
    pub(super) fn open(connection: &Connection, key: &Key, path: &Path) -> Result<Self, OpenError> {
        Ok(Envelope::read(connection, key, path)?.into())
    }

    /// Wraps the data key, which `key` opens, with `new` instead.
    pub(super) fn rewrap(
        connection: &Connection,
        key: &Key,
        new: &Key,
        random: &mut impl Random,
        path: &Path,
    ) -> Result<(), OpenError> {
        let Envelope { generation, data_key, .. } = Envelope::read(connection, key, path)?;
        let wrapped = wrap(&data_key, generation, new, random);
        connection
            .execute("UPDATE envelope SET key_id = ?, data_key = ?", params![new.label(), wrapped])
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
        self.0.cipher.seal(cell, Form::Json, &record::encode(record), random)
    }

    /// Opens a record in its place.
    pub(super) fn open_record<T: DeserializeOwned>(
        &self,
        cell: Cell<'_>,
        sealed: &[u8],
    ) -> Result<T, Broken> {
        let (form, content) = self.0.cipher.open(cell, sealed)?;
        let record = match form {
            Form::Json => record::decode(&content),
            Form::Key => Err(Flaw::Form),
        };
        record.map_err(|flaw| cell.broken(flaw))
    }

    /// Seals what is in a cell anew, as `next` does.
    pub(super) fn reseal(
        &self,
        next: &Self,
        cell: Cell<'_>,
        sealed: &[u8],
        random: &mut impl Random,
    ) -> Result<Vec<u8>, Broken> {
        let (form, content) = self.0.cipher.open(cell, sealed)?;
        Ok(next.0.cipher.seal(cell, form, &content, random))
    }

    /// Returns what shows that someone with this store's keys wrote `text`.
    pub(super) fn tag(&self, text: &[u8]) -> [u8; 16] {
        let tag = hmac::sign(&self.0.index, text);
        *tag.as_ref().first_chunk().expect("a SHA-256 tag has 32 bytes")
    }

    /// Returns what stands for an account in the ledger: alike for the same
    /// account, and without the index key nothing can be learnt from it.
    pub(super) fn account(&self, account: &str) -> [u8; 32] {
        let tag = hmac::sign(&self.0.index, account.as_bytes());
        *tag.as_ref().first_chunk().expect("a SHA-256 tag has 32 bytes")
    }
}

impl Envelope {
    fn read(connection: &Connection, key: &Key, path: &Path) -> Result<Self, OpenError> {
        let (generation, label, wrapped, index): (u32, Vec<u8>, Vec<u8>, Vec<u8>) = connection
            .query_row("SELECT generation, key_id, data_key, index_key FROM envelope", [], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })
            .map_err(|source| OpenError::sqlite(path, source))?;
        if label != key.label() {
            return Err(misfit(&label, key, path));
        }
        let damaged = |broken| OpenError::damaged(path, &broken);
        let row = generation.to_be_bytes();
        let cell = Cell { column: DATA_KEY, row: &row };
        let outer = Cipher::new(key.bytes(), OUTER);
        let data_key = open_key(&outer, cell, &wrapped).map_err(damaged)?;
        let cell = Cell { column: INDEX_KEY, row: &row };
        let inner = Cipher::new(&data_key, generation);
        let index_key = open_key(&inner, cell, &index).map_err(damaged)?;
        Ok(Self { generation, data_key, index_key })
    }

    fn write(
        &self,
        connection: &Connection,
        key: &Key,
        random: &mut impl Random,
    ) -> rusqlite::Result<()> {
        let wrapped = wrap(&self.data_key, self.generation, key, random);
        let row = self.generation.to_be_bytes();
        let cell = Cell { column: INDEX_KEY, row: &row };
        let inner = Cipher::new(&self.data_key, self.generation);
        let index = inner.seal(cell, Form::Key, &*self.index_key, random);
        connection.execute(
            "INSERT INTO envelope (generation, key_id, data_key, index_key) VALUES (?, ?, ?, ?)",
            params![self.generation, key.label(), wrapped, index],
        )?;
        Ok(())
    }
}

impl From<Envelope> for Vault {
    fn from(envelope: Envelope) -> Self {
        let keys = Box::new(Keys {
            cipher: Cipher::new(&envelope.data_key, envelope.generation),
            index: hmac::Key::new(hmac::HMAC_SHA256, &*envelope.index_key),
        });
        pages::keep(&*keys);
        Self(keys)
    }
}

/// Returns how the key comes of a passphrase that opens the store at `path`.
///
/// # Errors
///
/// Fails if it doesn't, or if that can't be read or can't be meant.
pub(super) fn lock(connection: &Connection, path: &Path) -> Result<Lock, OpenError> {
    let label = label(connection, path)?;
    let path = path.to_owned();
    match Key::derivation_of(&label) {
        Ok(Some(derivation)) => Ok(Lock { path, label, derivation }),
        Ok(None) => Err(OpenError::NoPassphrase { path }),
        Err(error) => Err(OpenError::Damaged { path, reason: error.to_string() }),
    }
}

/// Returns the label of the key that opens the store at `path`.
pub(super) fn label(connection: &Connection, path: &Path) -> Result<Vec<u8>, OpenError> {
    connection
        .query_row("SELECT key_id FROM envelope", [], |row| row.get(0))
        .map_err(|source| OpenError::sqlite(path, source))
}

/// Says how the key with this label and `key` differ.
fn misfit(label: &[u8], key: &Key, path: &Path) -> OpenError {
    let path = path.to_owned();
    match (Key::derivation_of(label), key.is_derived()) {
        (Ok(Some(_)), false) => OpenError::PassphraseNeeded { path },
        (Ok(None), true) => OpenError::NoPassphrase { path },
        (_, true) => OpenError::WrongPassphrase { path },
        (_, false) => OpenError::WrongKey { path },
    }
}

/// Seals a data key with the key from outside.
fn wrap(data_key: &[u8; 32], generation: u32, key: &Key, random: &mut impl Random) -> Vec<u8> {
    let row = generation.to_be_bytes();
    let cell = Cell { column: DATA_KEY, row: &row };
    Cipher::new(key.bytes(), OUTER).seal(cell, Form::Key, data_key, random)
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
