//! Seals cells of the database with AES-256-GCM, each bound to its place.
//!
//! A sealed cell is `layout (1) | form (1) | generation (4) | nonce (12) |
//! ciphertext | tag (16)`. The first three are authenticated together with the
//! names of the table and the column and the id of the row: a cell opens only
//! where it was sealed. Nonces are random, so one key must not seal more than 2³²
//! cells (NIST SP 800-38D §8.3), which at one a second takes 136 years.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use tokend_core::Random;
use zeroize::Zeroizing;

/// The only layout there is.
const LAYOUT: u8 = 1;

const HEADER_LENGTH: usize = 6;

/// A place in the database.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell<'a> {
    /// The table and the column.
    pub(super) column: Column,
    /// What identifies the row.
    pub(super) row: &'a [u8],
}

/// A column that holds sealed cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) table: &'static str,
    pub(super) name: &'static str,
}

/// How the content of a cell is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A record as JSON.
    Json = 1,
    /// A key, as it is.
    Key = 2,
}

/// A cell can't be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}.{} of row {row} can't be opened: {flaw}", .column.table, .column.name)]
pub(super) struct Broken {
    pub(super) column: Column,
    /// The row's id in hexadecimal.
    pub(super) row: String,
    pub(super) flaw: Flaw,
}

/// What is wrong with a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Flaw {
    #[error("it is cut off")]
    Short,
    #[error("its layout, {0}, isn't known to this version of tokend")]
    Layout(u8),
    #[error("it was sealed with another data key, number {0}")]
    Generation(u32),
    #[error("it was altered, or sealed for another place")]
    Altered,
    #[error("the form of its content isn't known to this version of tokend")]
    Form,
    /// Where it stops making sense. What stands there may be a secret.
    #[error("its content isn't as expected at byte {0}")]
    Content(usize),
}

/// Seals and opens cells with one key.
pub(super) struct Cipher {
    key: LessSafeKey,
    generation: u32,
}

impl Cipher {
    /// `generation` numbers the keys, to tell cells of different keys apart.
    pub(super) fn new(key: &[u8; 32], generation: u32) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, key).expect("the key has 32 bytes");
        Self { key: LessSafeKey::new(key), generation }
    }

    pub(super) fn seal(
        &self,
        cell: Cell<'_>,
        form: Form,
        content: &[u8],
        random: &mut impl Random,
    ) -> Vec<u8> {
        let mut header = [LAYOUT, form as u8, 0, 0, 0, 0];
        header[2..].copy_from_slice(&self.generation.to_be_bytes());
        let mut nonce = [0; NONCE_LEN];
        random.fill(&mut nonce);

        // The content must not be left behind by a growing vector.
        let length = HEADER_LENGTH + NONCE_LEN + content.len() + AES_256_GCM.tag_len();
        let mut sealed = Vec::with_capacity(length);
        sealed.extend_from_slice(&header);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(content);
        let tag = self
            .key
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(cell.authenticated(&header)),
                &mut sealed[HEADER_LENGTH + NONCE_LEN..],
            )
            .expect("a record is shorter than the 64 GiB that AES-GCM can seal");
        sealed.extend_from_slice(tag.as_ref());
        sealed
    }

    pub(super) fn open(
        &self,
        cell: Cell<'_>,
        sealed: &[u8],
    ) -> Result<(Form, Zeroizing<Vec<u8>>), Broken> {
        self.try_open(cell, sealed).map_err(|flaw| cell.broken(flaw))
    }

    fn try_open(&self, cell: Cell<'_>, sealed: &[u8]) -> Result<(Form, Zeroizing<Vec<u8>>), Flaw> {
        let (header, rest) = sealed.split_first_chunk::<HEADER_LENGTH>().ok_or(Flaw::Short)?;
        let (nonce, body) = rest.split_first_chunk::<NONCE_LEN>().ok_or(Flaw::Short)?;
        let [layout, form, generation @ ..] = *header;
        let generation = u32::from_be_bytes(generation);
        if layout != LAYOUT {
            return Err(Flaw::Layout(layout));
        }
        if generation != self.generation {
            return Err(Flaw::Generation(generation));
        }
        let mut content = Zeroizing::new(body.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let authenticated = Aad::from(cell.authenticated(header));
        let opened = self.key.open_in_place(nonce, authenticated, &mut content);
        let length = opened.map_err(|_| Flaw::Altered)?.len();
        content.truncate(length);
        let form = match form {
            form if form == Form::Key as u8 => Form::Key,
            form if form == Form::Json as u8 => Form::Json,
            _ => return Err(Flaw::Form),
        };
        Ok((form, content))
    }
}

impl Cell<'_> {
    /// Says that this cell can't be opened.
    pub(super) fn broken(&self, flaw: Flaw) -> Broken {
        Broken { column: self.column, row: hexadecimal(self.row), flaw }
    }

    /// Returns what is authenticated besides the content; each part is preceded
    /// by its length, so that no two places look alike.
    fn authenticated(&self, header: &[u8]) -> Vec<u8> {
        let mut bytes = header.to_vec();
        for part in [self.column.table.as_bytes(), self.column.name.as_bytes(), self.row] {
            let length = u32::try_from(part.len()).expect("names and ids are short");
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(part);
        }
        bytes
    }
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokend_core::SplitMix;

    use super::*;

    const COLUMN: Column = Column { table: "tokens", name: "sealed" };

    fn cell(row: &[u8]) -> Cell<'_> {
        Cell { column: COLUMN, row }
    }

    fn flaw(cipher: &Cipher, cell: Cell<'_>, sealed: &[u8]) -> Flaw {
        cipher.open(cell, sealed).unwrap_err().flaw
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens_in_its_place_only(
            key: [u8; 32],
            row: [u8; 16],
            other_row: [u8; 16],
            content: Vec<u8>,
            seed: u64,
        ) {
            prop_assume!(row != other_row);
            let cipher = Cipher::new(&key, 1);
            let sealed = cipher.seal(cell(&row), Form::Json, &content, &mut SplitMix::new(seed));
            let (form, opened) = cipher.open(cell(&row), &sealed).unwrap();
            prop_assert_eq!((form, &*opened), (Form::Json, &content));

            prop_assert_eq!(flaw(&cipher, cell(&other_row), &sealed), Flaw::Altered);
            for (table, name) in [("tokens", "value"), ("issuances", "sealed"), ("token", "ssealed")] {
                let elsewhere = Cell { column: Column { table, name }, row: &row };
                prop_assert_eq!(flaw(&cipher, elsewhere, &sealed), Flaw::Altered);
            }
        }

        #[test]
        fn what_was_altered_cut_lengthened_or_joined_does_not_open(
            key: [u8; 32],
            contents in prop::collection::vec(any::<u8>(), 0..200),
            place: prop::sample::Index,
            bit in 0..8_u8,
            more in prop::collection::vec(any::<u8>(), 1..40),
            seed: u64,
        ) {
            let (cipher, mut random) = (Cipher::new(&key, 1), SplitMix::new(seed));
            let mut seal = || cipher.seal(cell(b"row"), Form::Json, &contents, &mut random);
            let (sealed, other) = (seal(), seal());
            prop_assert!(cipher.open(cell(b"row"), &other).is_ok());
            let place = place.index(sealed.len());
            let mut altered = sealed.clone();
            altered[place] ^= 1 << bit;
            for wrong in [
                altered,
                sealed[..place].to_vec(),
                [&sealed[..place], &more, &sealed[place..]].concat(),
                [&sealed[..], &more].concat(),
            ] {
                prop_assert!(cipher.open(cell(b"row"), &wrong).is_err());
            }
            // The same content, and nonces of their own; but the last bytes can be the same by chance.
            let joined = [&sealed[..place], &other[place..]].concat();
            let is_one = joined == sealed || joined == other;
            prop_assert!(is_one || cipher.open(cell(b"row"), &joined).is_err());
        }
    }

    #[test]
    fn no_nonce_is_used_twice() {
        let (cipher, mut random) = (Cipher::new(&[3; 32], 1), SplitMix::new(9));
        let mut nonce = || {
            let sealed = cipher.seal(cell(b"row"), Form::Key, b"same", &mut random);
            sealed[HEADER_LENGTH..HEADER_LENGTH + NONCE_LEN].to_vec()
        };
        let nonces: std::collections::BTreeSet<_> = (0..20_000).map(|_| nonce()).collect();
        assert_eq!(nonces.len(), 20_000);
    }

    #[test]
    fn every_altered_byte_and_every_cut_is_noticed() {
        let cipher = Cipher::new(&[3; 32], 1);
        let sealed = cipher.seal(cell(b"row"), Form::Key, b"content", &mut SplitMix::new(1));
        for position in 0..sealed.len() {
            for bit in 0..8 {
                let mut altered = sealed.clone();
                altered[position] ^= 1 << bit;
                cipher.open(cell(b"row"), &altered).unwrap_err();
            }
            cipher.open(cell(b"row"), &sealed[..position]).unwrap_err();
            cipher.open(cell(b"row"), &sealed[position + 1..]).unwrap_err();
        }
        let mut of_another_form = sealed.clone();
        of_another_form[1] = Form::Json as u8;
        assert_eq!(flaw(&cipher, cell(b"row"), &of_another_form), Flaw::Altered);
        let longer = [&sealed[..], &[0]].concat();
        assert_eq!(flaw(&cipher, cell(b"row"), &longer), Flaw::Altered);
    }

    #[test]
    fn another_key_or_an_older_one_does_not_open() {
        let sealed =
            Cipher::new(&[3; 32], 1).seal(cell(b"row"), Form::Key, b"", &mut SplitMix::new(1));
        assert_eq!(flaw(&Cipher::new(&[4; 32], 1), cell(b"row"), &sealed), Flaw::Altered);
        assert_eq!(flaw(&Cipher::new(&[3; 32], 2), cell(b"row"), &sealed), Flaw::Generation(1));
    }

    #[test]
    fn a_broken_cell_is_named_by_its_place() {
        let broken = cell(&[0x0a, 0xff]).broken(Flaw::Short);
        assert_eq!(broken.to_string(), "tokens.sealed of row 0aff can't be opened: it is cut off");
    }
}
