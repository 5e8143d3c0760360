//! One course of events: when the provider gives no tokens, and when the API ends
//! those that it gave.

mod draw;

use crate::{Millis, OutageKind, Span};

/// One course of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct World {
    pub(crate) life: Millis,
    pub(crate) latency: Millis,
    pub(crate) end: Millis,
    pub(crate) kind: OutageKind,
    /// One after the other, with time in between.
    pub(crate) outages: Vec<Span>,
    /// In order.
    pub(crate) rejections: Vec<Millis>,
}

impl World {
    /// Returns the outages, in order. None begins at the start.
    pub fn outages(&self) -> &[Span] {
        &self.outages
    }

    /// Returns when the API ends all tokens that were asked for before, in order.
    pub fn rejections(&self) -> &[Millis] {
        &self.rejections
    }

    /// Returns the first time from `from` on at which the provider gives tokens.
    pub(crate) fn first_open(&self, from: Millis) -> Millis {
        self.outage(from).map_or(from, |outage| outage.end)
    }

    /// Returns the last time up to `to` at which the provider gives tokens.
    pub(crate) fn last_open(&self, to: Millis) -> Option<Millis> {
        self.outage(to).map_or(Some(to), |outage| outage.start.checked_sub(1))
    }

    /// Returns until when a token can be used that was asked for at `sent`.
    pub(crate) fn good_until(&self, sent: Millis) -> Millis {
        let end = sent + self.life;
        self.rejections_from(sent + 1).first().map_or(end, |rejection| end.min(*rejection))
    }

    /// Returns the rejections from `from` on.
    pub(crate) fn rejections_from(&self, from: Millis) -> &[Millis] {
        &self.rejections[self.rejections.partition_point(|at| *at < from)..]
    }

    fn outage(&self, at: Millis) -> Option<Span> {
        let next = self.outages.partition_point(|outage| outage.end <= at);
        self.outages.get(next).copied().filter(|outage| outage.start <= at)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A world by hand: a life of 10 and a latency of 2.
    pub(crate) fn world(outages: &[(Millis, Millis)], rejections: &[Millis]) -> World {
        let outages = outages.iter().map(|(start, end)| Span { start: *start, end: *end });
        World {
            life: 10,
            latency: 2,
            end: 100,
            kind: OutageKind::Unreachable,
            outages: outages.collect(),
            rejections: rejections.to_vec(),
        }
    }

    #[test]
    fn an_outage_lasts_until_just_before_its_end() {
        let world = world(&[(5, 8), (9, 12)], &[]);
        let open: Vec<Millis> = (0..14).filter(|at| world.first_open(*at) == *at).collect();
        assert_eq!(open, [0, 1, 2, 3, 4, 8, 12, 13]);
        assert_eq!((world.first_open(6), world.first_open(8)), (8, 8));
        assert_eq!((world.last_open(7), world.last_open(8)), (Some(4), Some(8)));
    }

    #[test]
    fn a_rejection_ends_what_was_asked_for_before_it() {
        let world = world(&[], &[20, 25]);
        assert_eq!([5, 19, 20, 24, 25].map(|at| world.good_until(at)), [15, 20, 25, 25, 35]);
        assert_eq!(world.rejections_from(21), [25]);
    }
}
