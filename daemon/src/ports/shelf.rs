//! The provider definitions that hold now: services read them, and the engine alone puts others
//! in their place.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokend_provider::Library;

/// Where the provider definitions are found that hold now.
#[derive(Debug, Default)]
pub struct Shelf(ArcSwap<Library>);

impl Shelf {
    /// Puts the first ones there.
    pub fn new(definitions: Arc<Library>) -> Self {
        Self(ArcSwap::new(definitions))
    }

    /// Returns those that hold now.
    pub fn now(&self) -> Arc<Library> {
        self.0.load_full()
    }

    /// Has others hold from now on.
    pub(crate) fn replace(&self, definitions: Arc<Library>) {
        self.0.store(definitions);
    }
}
