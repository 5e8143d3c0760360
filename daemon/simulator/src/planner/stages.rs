//! A limit on a window that slides, as limits on windows that begin at fixed times.
//!
//! Time is cut into stages, several of which make up a window. Each window that
//! begins with a stage holds no more issuances than are allowed, which is true of
//! every schedule that keeps the limit. The more stages a window has, the closer
//! that is to the limit itself; with one stage for each millisecond it is the same.

use std::ops::Range;

use tokend_core::{Limit, Window};

use crate::{Millis, clock::stamp, span::millis};

/// The states that are looked at in all, at most: some seconds of work, since most
/// of those that could be never are.
const MOST_STATES: u64 = 10_000_000;

/// Limits on shorter windows are looked at several windows at a time.
const MOST_WINDOWS: u64 = 100_000;

/// A window has fewer parts than bits that tell them apart.
const MOST_PARTS: u32 = u64::BITS;

/// The stages of a simulation, and what is allowed in each few of them.
#[derive(Debug)]
pub(super) struct Stages {
    /// Where each begins, and where the last ends.
    edges: Vec<Millis>,
    /// How many make up a window.
    parts: u32,
    /// How many issuances are allowed in a window.
    usable: u32,
}

/// How many issuances were made lately: in the stages of one window, the current
/// stage included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Recent {
    all: u32,
    /// Of each stage, `bits` for each, the current stage's in the lowest.
    each: u64,
}

impl Stages {
    /// Cuts the time until `end` into stages for a limit. One issuance of the limit
    /// is an operator's.
    pub(super) fn of(limit: &Limit, end: Millis) -> Self {
        let usable = (limit.count.get() - 1).max(1);
        match &limit.window {
            Window::Sliding(length) => {
                // Several short windows in a row hold no more than each of them.
                let window = millis(*length);
                let times = u32::try_from(end / window / MOST_WINDOWS + 1).unwrap_or(u32::MAX);
                let (window, usable) = (window * u64::from(times), usable.saturating_mul(times));
                let fine = |parts: &u32| is_manageable(window, *parts, usable, end);
                let parts = (1..=MOST_PARTS).take_while(fine).last().unwrap_or(1);
                Self::sliding(window, parts, usable, end)
            }
            window @ Window::Calendar { .. } => Self::calendar(window, usable, end),
        }
    }

    pub(super) fn sliding(window: Millis, parts: u32, usable: u32, end: Millis) -> Self {
        let edges = (0..).map(|number| number * window / u64::from(parts));
        let mut edges: Vec<Millis> = edges.take_while(|edge| *edge < end).collect();
        edges.push(end);
        Self { edges, parts, usable }
    }

    /// The periods of a calendar are stages as they are.
    fn calendar(window: &Window, usable: u32, end: Millis) -> Self {
        let next = |edge: &Millis| {
            let made = stamp(*edge);
            Some(edge + millis(window.holds(&made, &made)).max(1))
        };
        let edges = std::iter::successors(Some(0), next);
        let mut edges: Vec<Millis> = edges.take_while(|edge| *edge < end).collect();
        edges.push(end);
        Self { edges, parts: 1, usable }
    }

    /// One stage in which anything is allowed.
    pub(super) fn unlimited(end: Millis) -> Self {
        Self { edges: vec![0, end], parts: 1, usable: u32::MAX }
    }

    /// Returns from when to when each stage lasts.
    pub(super) fn iter(&self) -> impl Iterator<Item = Range<Millis>> {
        self.edges.windows(2).map(|edges| edges[0]..edges[1])
    }

    /// Returns what was made lately after one more issuance in the current stage,
    /// if it is allowed.
    pub(super) fn spend(&self, recent: Recent) -> Option<Recent> {
        let spent = Recent { all: recent.all + 1, each: recent.each + 1 };
        (recent.all < self.usable).then_some(spent)
    }

    /// Returns what was made lately when the current stage ends: the first stage of
    /// the window doesn't count any more.
    pub(super) fn pass(&self, recent: Recent) -> Recent {
        let first = bits(self.usable) * (self.parts - 1);
        let oldest = recent.each >> first;
        let all = recent.all - u32::try_from(oldest).expect("a part of all, which is as small");
        Recent { all, each: (recent.each - (oldest << first)) << bits(self.usable) }
    }
}

/// Returns how many bits the issuances of a stage need.
fn bits(usable: u32) -> u32 {
    u32::BITS - usable.leading_zeros()
}

/// Tells whether there aren't too many stages and states to look at.
fn is_manageable(window: Millis, parts: u32, usable: u32, end: Millis) -> bool {
    let stages = (end / window + 1).saturating_mul(u64::from(parts));
    let fits = bits(usable) * parts <= u64::BITS;
    fits && stages.saturating_mul(states(parts, usable)) <= MOST_STATES
}

/// Returns in how many ways issuances can be spread over the parts of a window: the
/// binomial coefficient of all and the parts.
fn states(parts: u32, usable: u32) -> u64 {
    let grow = |states: u64, part| {
        states.saturating_mul(u64::from(usable) + u64::from(part)) / u64::from(part)
    };
    (1..=parts).fold(1, grow)
}

#[cfg(test)]
mod tests {
    use std::{num::NonZeroU32, time::Duration};

    use jiff::tz::TimeZone;
    use tokend_core::Period;

    use super::*;

    const DAY: Millis = 86_400_000;

    fn stages(count: u32, window: Window, days: u64) -> Stages {
        let count = NonZeroU32::new(count).unwrap();
        Stages::of(&Limit { count, window }, days * DAY)
    }

    #[test]
    fn periods_of_a_calendar_are_stages_as_they_are() {
        let window = Window::Calendar { period: Period::Month, zone: TimeZone::UTC };
        let months = stages(9, window, 70);
        let days: Vec<_> = months.iter().map(|stage| stage.start / DAY..stage.end / DAY).collect();
        assert_eq!(days, [0..31, 31..59, 59..70]);
        assert_eq!((months.parts, months.usable), (1, 8));
    }

    #[test]
    fn the_parts_of_a_window_make_up_the_window() {
        let stages = stages(4, Window::Sliding(Duration::from_millis(3_600_001)), 2);
        assert!(stages.parts > 8, "{}", stages.parts);
        let parts = usize::try_from(stages.parts).unwrap();
        for window in stages.edges.windows(parts + 1).rev().skip(1) {
            assert_eq!(window[parts] - window[0], 3_600_001);
        }
    }

    #[test]
    fn no_limit_takes_too_many_stages() {
        let most = |count, secs| {
            let stages = stages(count, Window::Sliding(Duration::from_secs(secs)), 3_650);
            stages.edges.len()
        };
        for (count, secs) in [(1, 1), (2, 1), (1_000, 1), (u32::MAX, 60), (3, 86_400)] {
            assert!(most(count, secs) < 200_000, "{count} in {secs} s");
        }
    }

    #[test]
    fn what_was_made_in_a_window_is_forgotten_part_by_part() {
        let stages = Stages::sliding(30, 3, 4, 90);
        let spend = |recent| stages.spend(recent).unwrap();
        let twice = spend(spend(Recent::default()));
        let next = spend(stages.pass(twice));
        let full = spend(stages.pass(next));
        assert_eq!(full.all, 4);
        assert_eq!(stages.spend(full), None);
        assert_eq!(stages.pass(full).all, 2);
        assert_eq!(stages.pass(stages.pass(full)).all, 1);
    }
}
