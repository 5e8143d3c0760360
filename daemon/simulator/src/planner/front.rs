//! The ways to a stage that are worth going on with.

use std::ops::Range;

use crate::{Millis, World};

/// A schedule up to now, as far as what comes can depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Way {
    /// Until when its last token can be used.
    held_until: Millis,
    /// The time without a valid token until then.
    without: Millis,
}

/// Ways of which none makes another pointless. There is mostly one.
#[derive(Debug)]
pub(super) struct Front {
    first: Way,
    others: Vec<Way>,
}

impl Way {
    pub(super) const START: Self = Self { held_until: 0, without: 0 };

    /// Returns what becomes of this way by the requests in `stage` that are worth
    /// looking at.
    pub(super) fn requests(
        self,
        world: &World,
        stage: Range<Millis>,
    ) -> impl Iterator<Item = Self> {
        let last = stage.end - 1;
        // The last request whose token comes before this one's has ended.
        let seamless = self.held_until.checked_sub(world.latency);
        let in_time = seamless.and_then(|seamless| world.last_open(seamless.min(last)));
        // The first whose token comes too late.
        let too_late = (self.held_until + 1).saturating_sub(world.latency).max(stage.start);
        let rejections = world.rejections_from(too_late).iter().take_while(move |at| **at <= last);
        let late = std::iter::once(too_late).chain(rejections.copied());
        let late = late.map(|from| world.first_open(from));
        let sent = in_time.into_iter().chain(late).filter(move |sent| stage.contains(sent));
        sent.filter_map(move |sent| {
            let held_until = world.good_until(sent).min(world.end);
            let gap = (sent + world.latency).min(world.end).saturating_sub(self.held_until);
            // Nobody asks for a token that ends no later.
            let longer = held_until > self.held_until;
            longer.then_some(Self { held_until, without: self.without + gap })
        })
    }

    /// Returns the way of who asks for nothing until `now`. No token can come before
    /// one that is asked for then.
    pub(super) fn wait(self, world: &World, now: Millis) -> Self {
        let soonest = (now + world.latency).min(world.end);
        let gap = soonest.saturating_sub(self.held_until);
        Self { held_until: self.held_until + gap, without: self.without + gap }
    }

    /// Returns the time without a valid token if no more tokens are asked for.
    pub(super) fn at_the_end(self, world: &World) -> Millis {
        self.without + world.end.saturating_sub(self.held_until)
    }

    /// Tells whether going on from here never costs more than from `other`: to hold
    /// a token for some time longer is worth that time at most.
    fn is_as_good_as(self, other: Self) -> bool {
        self.without + other.held_until.saturating_sub(self.held_until) <= other.without
    }
}

impl Front {
    pub(super) fn of(way: Way) -> Self {
        Self { first: way, others: Vec::new() }
    }

    pub(super) fn add(&mut self, way: Way) {
        if self.iter().any(|other| other.is_as_good_as(way)) {
            return;
        }
        self.others.retain(|other| !way.is_as_good_as(*other));
        if way.is_as_good_as(self.first) {
            self.first = way;
        } else {
            self.others.push(way);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Way> {
        std::iter::once(self.first).chain(self.others.iter().copied())
    }
}
