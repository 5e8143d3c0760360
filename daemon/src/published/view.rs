//! A part of the slots, for a socket that shows no others.

use std::{collections::BTreeSet, sync::Arc};

use arc_swap::ArcSwap;
use tokend_core::Name;

use super::Slots;

impl Slots {
    /// Returns the same slots without those of other names: as long as those are the names, they
    /// aren't there.
    #[must_use]
    pub fn limited_to(&self, names: &Arc<ArcSwap<BTreeSet<Name>>>) -> Self {
        Self {
            all: Arc::clone(&self.all),
            watchers: Arc::clone(&self.watchers),
            early: Arc::clone(&self.early),
            only: Some(Arc::clone(names)),
        }
    }

    pub(super) fn shows(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|names| names.load().contains(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{credential::Access, published::Slot};

    #[test]
    fn a_view_shows_what_is_listed_as_it_comes_and_goes_and_nothing_else() {
        let slots = Slots::default();
        let name = |text: &str| text.parse::<Name>().unwrap();
        let add = |text| {
            let slot = Slot::new(name(text), Access::default(), slots.watchers());
            slots.insert(&Arc::new(slot));
        };
        let listed = Arc::new(ArcSwap::from_pointee(["b", "d", "z"].map(name).into()));
        let view = slots.limited_to(&listed);
        ["a", "b", "c", "d"].into_iter().for_each(add);
        assert_eq!(view.names(), ["b", "d"].map(name));
        let after = |from: Option<&str>, most| -> Vec<String> {
            let from = from.map(name);
            view.after(from.as_ref(), most).iter().map(|slot| slot.name().to_string()).collect()
        };
        assert_eq!(after(None, 1), ["b"]);
        assert_eq!(after(Some("b"), 9), ["d"]);
        assert_eq!(after(Some("d"), 9), [""; 0]);
        let there = |text| (view.get(text).is_some(), slots.get(text).is_some());
        assert_eq!(["a", "b", "z"].map(there), [(false, true), (true, true), (false, false)]);
        add("z");
        slots.remove(&name("b"));
        assert_eq!(view.names(), ["d", "z"].map(name));
        listed.store(Arc::new(["a", "z"].map(name).into()));
        assert_eq!(view.names(), ["a", "z"].map(name));
    }
}
