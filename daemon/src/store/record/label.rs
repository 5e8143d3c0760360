//! As much of a sealed credential as the first callers need.

use serde::Deserialize;
use tokend_core::Name;

use super::{Invalid, ReaderRecord, restore};
use crate::credential::Access;

/// As much of a credential as tells who may read its tokens.
#[derive(Deserialize)]
pub(in super::super) struct LabelRecord {
    name: String,
    readers: Vec<ReaderRecord>,
    #[serde(default)]
    submitters: Vec<ReaderRecord>,
    #[serde(default)]
    refreshers: Vec<ReaderRecord>,
}

impl LabelRecord {
    /// Restores the name, and who may read.
    pub(in super::super) fn restore(self) -> Result<(Name, Access), Invalid> {
        let readers = restore(self.readers)?;
        let (submitters, refreshers) = (restore(self.submitters)?, restore(self.refreshers)?);
        Ok((self.name.parse()?, Access { readers, submitters, refreshers }))
    }
}
