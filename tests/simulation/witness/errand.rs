//! Holds requests to end tokens against what is to be ended, and what is served against both.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use tokend_core::after;

use super::{Witness, failure::LEAST_PAUSE, is_disk_troubled, told::wait_in};
use crate::{
    story::Story,
    world::{World, errand::Plea},
};

/// What is known of the ends of tokens.
#[derive(Default)]
pub(super) struct Errands {
    /// So many requests have been looked at.
    seen: usize,
    /// So many of them were sent before this run of the daemon.
    before: usize,
    /// When the store last couldn't write, or a moment before.
    troubled_at: Option<Timestamp>,
    /// What has ended, and isn't to be ended any more.
    over: BTreeSet<String>,
    /// When operators last wanted the end of a credential's token.
    urged: BTreeMap<String, Timestamp>,
}

/// So many are under way at a time.
const AT_ONCE: usize = 8;

/// One that fails and goes on failing is asked for so often in [`A_WHILE`] at most, unless
/// operators urge: waits double, of which a second is the least.
const MOST_ATTEMPTS: usize = 20;
const A_WHILE: Duration = Duration::from_secs(600);

impl Errands {
    /// Notes that the daemon has been started anew.
    pub(super) fn restarted(&mut self) {
        self.before = self.seen;
    }
}

impl Witness {
    /// Notes that an operator wants the end of a credential's token, maybe once more.
    pub(crate) fn urges(&mut self, name: &str, world: &World) {
        self.errands.urged.insert(name.to_owned(), world.truth());
    }

    /// Returns when this run of the daemon began.
    pub(crate) fn began_at(&self) -> Timestamp {
        self.began_at
    }

    /// Looks at the requests to end tokens that were sent.
    pub(super) fn look_at_errands(&mut self, world: &World, story: &mut Story) {
        if is_disk_troubled(world) {
            self.errands.troubled_at = Some(world.truth());
        }
        let all = &world.errands;
        for sent in &all[self.errands.before..] {
            if sent.has_succeeded && !world.disk.is_to_end(&sent.value) {
                self.errands.over.insert(sent.value.clone());
            }
        }
        for (place, sent) in all.iter().enumerate().skip(self.errands.seen) {
            let Plea { name, value, what, .. } = sent;
            story.note(sent.sent_at, format_args!("{name} asks to end {value}: {what}"));
            let is_to_end = world.disk.is_to_end(value);
            assert!(is_to_end, "{name} asks to end {value}, which isn't written down to be ended");
            let earlier = || all[self.errands.before..place].iter().rev();
            let is_under_way = |other: &&Plea| !other.heard && other.ended_at > sent.sent_at;
            let under_way = earlier().filter(is_under_way).count();
            assert!(under_way < AT_ONCE, "{name} has {value} ended beside {under_way} others");
            let same: Vec<&Plea> = earlier().filter(|other| other.value == *value).collect();
            // A token that came late may bring the same refresh token, which is ended once more.
            let is_anew = self.errands.over.remove(value);
            if let Some(last) = same.first().filter(|_| !is_anew) {
                self.check_sequel(sent, last, &same);
            }
            if sent.is_done() {
                self.provider.borrow_mut().end(value);
            }
        }
        self.errands.seen = all.len();
    }

    /// Checks that there is a reason and a pause if the same is asked once more.
    fn check_sequel(&self, sent: &Plea, last: &Plea, same: &[&Plea]) {
        let Plea { name, value, sent_at, .. } = sent;
        assert!(last.heard, "{name} asks twice at a time to end {value}");
        // What couldn't be taken off the disk is asked for once more.
        let was_troubled = self.errands.troubled_at.is_some_and(|at| at >= last.ended_at);
        let again = last.has_succeeded && !was_troubled;
        assert!(!again, "{name} asks to end {value}, which it has been told has ended");
        let urged_at = self.errands.urged.get(name.as_str()).copied();
        if urged_at.is_some_and(|at| at >= last.sent_at) {
            return;
        }
        let wait = LEAST_PAUSE.max(wait_in(&last.what).unwrap_or_default());
        let due_at = after(last.ended_at, wait);
        assert!(due_at <= *sent_at, "{name} asks to end {value} before {due_at}, at {sent_at}");
        let since = urged_at.unwrap_or(Timestamp::MIN);
        let is_late =
            |other: &&&Plea| other.sent_at > since && after(other.sent_at, A_WHILE) > *sent_at;
        let often = same.iter().filter(is_late).count();
        assert!(often < MOST_ATTEMPTS, "{name} has asked {often} times to end {value}");
    }
}
