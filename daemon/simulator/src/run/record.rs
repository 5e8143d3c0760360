//! What came of a run.

use crate::{Millis, Span};

/// What came of a run.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// How many tokens came.
    pub(crate) tokens: u32,
    /// When there was no valid token, in order.
    pub(crate) gaps: Vec<Span>,
    /// The issuances that count, failed ones included, from when they were sent until
    /// they ended, in order.
    pub(crate) counted: Vec<Span>,
    held_until: Millis,
}

impl Record {
    /// Notes that a token came that can be used until `good_until`.
    pub(super) fn arrived(&mut self, now: Millis, good_until: Millis) {
        self.tokens += 1;
        if good_until > now {
            self.gap_until(now);
            self.held_until = self.held_until.max(good_until);
        }
    }

    pub(super) fn end(&mut self, end: Millis, counted: Vec<Span>) {
        self.gap_until(end);
        self.counted = counted;
    }

    fn gap_until(&mut self, now: Millis) {
        if self.held_until < now {
            self.gaps.push(Span { start: self.held_until, end: now });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_what_no_token_covers() {
        let mut record = Record::default();
        record.arrived(2, 12);
        record.arrived(10, 20);
        record.arrived(25, 24);
        record.arrived(30, 35);
        record.end(50, Vec::new());
        let span = |start, end| Span { start, end };
        assert_eq!(record.gaps, [span(0, 2), span(20, 30), span(35, 50)]);
        assert_eq!(record.tokens, 4);
    }
}
