//! What was acknowledged to callers, and what may have been done besides.

use std::collections::{BTreeMap, BTreeSet};

/// Something that callers change. A change that wasn't acknowledged is done or not.
#[derive(Debug, Clone, Default)]
pub(crate) struct Value<T> {
    acknowledged: T,
    attempted: Vec<T>,
}

impl<T: PartialEq + Clone> Value<T> {
    pub(crate) fn new(acknowledged: T) -> Self {
        Self { acknowledged, attempted: Vec::new() }
    }

    /// Notes that a change is asked for.
    pub(crate) fn attempt(&mut self, value: T) {
        self.attempted.push(value);
    }

    /// Notes that a change is done.
    pub(crate) fn acknowledge(&mut self, value: T) {
        *self = Self::new(value);
    }

    pub(crate) fn acknowledged(&self) -> &T {
        &self.acknowledged
    }

    /// Whether it can be this after a crash.
    pub(crate) fn may_be(&self, value: &T) -> bool {
        self.acknowledged == *value || self.attempted.contains(value)
    }
}

impl Value<u64> {
    /// Returns a number that it never was nor may be.
    pub(crate) fn next(&self) -> u64 {
        self.attempted.iter().copied().fold(self.acknowledged, u64::max) + 1
    }
}

/// A credential's place in what is known.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) readers: BTreeSet<String>,
    /// `None` until it is told.
    pub(crate) etag: Option<String>,
}

/// Equal as far as both are known.
impl PartialEq for Made {
    fn eq(&self, other: &Self) -> bool {
        let etags = self.etag.as_ref().zip(other.etag.as_ref());
        self.readers == other.readers && etags.is_none_or(|(one, other)| one == other)
    }
}

/// What callers know.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// The credentials that come and go; `None` for what isn't there.
    pub(crate) names: BTreeMap<String, Value<Option<Made>>>,
    /// The number of the token that each credential's callers have got.
    pub(crate) served: BTreeMap<&'static str, u64>,
    /// The number of the secret that is to be shown to the provider.
    pub(crate) secret: Value<u64>,
    /// The number of the token that callers have handed in.
    pub(crate) handed_in: Value<u64>,
    /// How many changes were acknowledged.
    pub(crate) acknowledgements: usize,
}
