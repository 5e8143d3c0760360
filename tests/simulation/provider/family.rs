//! Refresh tokens, and what came of the same login: to use one that was replaced ends all
//! of it (RFC 9700 §4.14.2).

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use tokend_core::after;

/// All refresh tokens that were given, by their values.
#[derive(Default)]
pub(super) struct Families(BTreeMap<String, Member>);

/// One of them.
struct Member {
    /// When another first took its place, or may have.
    replaced_at: Option<Timestamp>,
    /// How often it was exchanged for another.
    exchanges: usize,
}

/// How a provider takes one that was exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reuse {
    /// As theft.
    Never,
    /// For so long as if it hadn't been.
    Within(Duration),
    /// There is one for good.
    Always,
}

impl Families {
    /// Adds one.
    pub(super) fn give(&mut self, token: &str) {
        let member = Member { replaced_at: None, exchanges: 0 };
        self.0.entry(token.to_owned()).or_insert(member);
    }

    /// Checks that one that is sent may be: who sends it has none that is newer, and if it was
    /// exchanged nonetheless, it is taken once more at the most. A clock that was set may
    /// `hide` some time.
    pub(super) fn check(&self, token: &str, reuse: Reuse, at: Timestamp, hidden: Duration) {
        let member = self.0.get(token);
        let Some(Member { replaced_at, exchanges }) = member else {
            panic!("{token} was never given");
        };
        match (reuse, replaced_at) {
            (Reuse::Always, _) | (_, None) => {}
            (Reuse::Never, Some(_)) => panic!("{token} is sent once more"),
            (Reuse::Within(grace), Some(replaced_at)) => {
                let end = after(*replaced_at, grace + hidden);
                assert!(at < end, "{token} is sent at {at}, replaced at {replaced_at}");
                assert!(*exchanges < 2, "{token} is sent over and over");
            }
        }
    }

    /// Notes that one was exchanged, or may have been.
    pub(super) fn exchange(&mut self, token: &str, at: Timestamp) {
        if let Some(member) = self.0.get_mut(token) {
            member.replaced_at.get_or_insert(at);
            member.exchanges += 1;
        }
    }
}
