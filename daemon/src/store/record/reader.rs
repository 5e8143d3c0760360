//! Who may do something with a credential's tokens, as it is stored.

use serde::{Deserialize, Serialize};

use super::Invalid;
use crate::credential::{NoUnits, Reader};

/// A reader.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum ReaderRecord {
    User { id: u32, name: Option<String> },
    Group { id: u32, name: Option<String> },
    Unit { name: String },
}

impl From<NoUnits> for Invalid {
    fn from(_: NoUnits) -> Self {
        Self
    }
}

impl From<&Reader> for ReaderRecord {
    fn from(reader: &Reader) -> Self {
        match reader {
            Reader::User { id, name } => Self::User { id: *id, name: name.clone() },
            Reader::Group { id, name } => Self::Group { id: *id, name: name.clone() },
            Reader::Unit(units) => Self::Unit { name: units.to_string() },
        }
    }
}

impl ReaderRecord {
    fn restore(self) -> Result<Reader, Invalid> {
        Ok(match self {
            Self::User { id, name } => Reader::User { id, name },
            Self::Group { id, name } => Reader::Group { id, name },
            Self::Unit { name } => Reader::Unit(name.parse()?),
        })
    }
}

/// Restores all of them.
pub(super) fn restore(readers: Vec<ReaderRecord>) -> Result<Vec<Reader>, Invalid> {
    readers.into_iter().map(ReaderRecord::restore).collect()
}
