//! What is sealed of a credential's secrets beside their values.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Secret, Time, open_all, seal_all};
use crate::credential::{Fingerprint, Source, Supply};

/// What is known of a credential's secrets.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct SupplyRecord {
    former: BTreeMap<String, Secret>,
    expire_times: BTreeMap<String, Time>,
    sources: BTreeMap<String, SourceRecord>,
    given: BTreeMap<String, [u8; 32]>,
    replaced_at: Option<Time>,
    replacements: u64,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SourceRecord {
    // It came as text.
    File(PathBuf),
    Command { words: Vec<String>, max_age: Duration },
}

impl From<&Supply> for SupplyRecord {
    fn from(supply: &Supply) -> Self {
        let source = |source: &Source| match source.clone() {
            Source::File(path) => SourceRecord::File(path),
            Source::Command { words, max_age } => SourceRecord::Command { words, max_age },
        };
        Self {
            former: seal_all(&supply.former),
            expire_times: map(&supply.expire_times, |time| Time(*time)),
            sources: map(&supply.sources, source),
            given: map(&supply.given, |given| given.0),
            replaced_at: supply.replaced_at.map(Time),
            replacements: supply.replacements,
        }
    }
}

impl From<SupplyRecord> for Supply {
    fn from(record: SupplyRecord) -> Self {
        let source = |source: &SourceRecord| match source.clone() {
            SourceRecord::File(path) => Source::File(path),
            SourceRecord::Command { words, max_age } => Source::Command { words, max_age },
        };
        Self {
            former: open_all(record.former),
            expire_times: map(&record.expire_times, |time| time.0),
            sources: map(&record.sources, source),
            given: map(&record.given, |given| Fingerprint(*given)),
            replaced_at: record.replaced_at.map(|time| time.0),
            replacements: record.replacements,
        }
    }
}

fn map<A, B>(all: &BTreeMap<String, A>, of: impl Fn(&A) -> B) -> BTreeMap<String, B> {
    all.iter().map(|(name, one)| (name.clone(), of(one))).collect()
}
