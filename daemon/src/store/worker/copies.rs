//! Copies of a store that its thread makes, one after the other.

use std::collections::VecDeque;

use tokend_core::{Random, StoreFailure};
use tokio::sync::oneshot;

use super::super::{Store, copy::Copied};
use crate::ports::Unchecked;

/// Where a copy goes.
pub(super) type CopyReply = oneshot::Sender<Result<Unchecked, StoreFailure>>;

/// Copies of the store that are wanted; the first is being made.
#[derive(Default)]
pub(super) struct Copies(VecDeque<CopyReply>);

impl Copies {
    /// Takes in that another is wanted.
    pub(super) fn want(&mut self, reply: CopyReply) {
        self.0.push_back(reply);
    }

    pub(super) fn are_wanted(&self) -> bool {
        !self.0.is_empty()
    }

    /// Begins the first one, or copies some more of it.
    pub(super) fn go_on<R: Random>(&mut self, store: &mut Store<R>) {
        let Some(first) = self.0.front() else { return };
        if first.is_closed() {
            // Whoever wanted it has gone.
            store.end_copy();
            self.0.pop_front();
            return;
        }
        let copied =
            if store.is_copying() { store.copy_more() } else { store.begin_copy().err().map(Err) };
        if let Some(copied) = copied
            && let Some(reply) = self.0.pop_front()
        {
            let check = |copied: Copied| Box::new(move || copied.check()) as Unchecked;
            let _ = reply.send(copied.map(check));
        }
    }
}
