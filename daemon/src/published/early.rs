//! Tokens that are served before the engine has taken them up.

use std::{
    fmt::{Debug, Formatter},
    sync::Arc,
};

use futures_util::future::BoxFuture;
use tokend_core::Name;

use super::{Published, Slots};

/// Finds tokens in the store, as long as the engine isn't there.
pub(crate) struct Early(Box<Find>);

type Find = dyn Fn(&Name) -> BoxFuture<'static, Option<Arc<Published>>> + Send + Sync;

impl Early {
    pub(crate) fn new(
        find: impl Fn(&Name) -> BoxFuture<'static, Option<Arc<Published>>> + Send + Sync + 'static,
    ) -> Self {
        Self(Box::new(find))
    }
}

impl Debug for Early {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Early").finish_non_exhaustive()
    }
}

impl Slots {
    /// Returns a credential's token as it is stored, expired or not, if the engine is still to
    /// come: until then nothing can change, be taken away or be removed. `None` says nothing but
    /// that it is the engine that knows.
    pub async fn early(&self, name: &Name) -> Option<Arc<Published>> {
        let found = (self.early.load_full()?.0)(name).await?;
        // It may have come meanwhile, and taken the token away.
        self.early.load().is_some().then_some(found)
    }

    /// Has tokens found like this until the engine is there.
    pub(crate) fn find_early(&self, early: Early) {
        self.early.store(Some(Arc::new(early)));
    }

    /// The engine has the tokens, and may change them from now on.
    pub(crate) fn end_early(&self) {
        self.early.store(None);
    }
}
