//! The only reader of the clocks: how much of a token's life is left is asked of two.

use std::time::{Duration, SystemTime};

use nix::time::{ClockId, clock_gettime};

#[cfg(any(test, feature = "testing"))]
pub(crate) use self::manual::Hands;

/// What both clocks say at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// The wall clock, which can be set.
    pub(crate) wall: SystemTime,
    /// The time since boot, which goes on while the machine sleeps.
    pub(crate) boot: Duration,
}

/// Where the time comes from.
#[derive(Clone, Debug, Default)]
pub(crate) enum Clock {
    /// The machine's clocks.
    #[default]
    System,
    /// Clocks that a test sets.
    #[cfg(any(test, feature = "testing"))]
    Manual(Hands),
}

impl Clock {
    /// Tells whether this is the time by which timers go, too.
    pub(crate) fn is_machines(&self) -> bool {
        matches!(self, Self::System)
    }

    /// Reads both clocks. It enters no kernel where the machine's clock source allows that.
    pub(crate) fn now(&self) -> Moment {
        match self {
            Self::System => system(),
            #[cfg(any(test, feature = "testing"))]
            Self::Manual(hands) => hands.now(),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
fn system() -> Moment {
    let boot = clock_gettime(ClockId::CLOCK_BOOTTIME).map(Duration::from);
    Moment { wall: SystemTime::now(), boot: boot.expect("every Linux since 2.6.39 has this clock") }
}

/// When a token ends, by both clocks; whichever leaves less counts. A clock that is set
/// back can't prolong a token so, and one that is set forward can only have it asked for
/// again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadline {
    wall: Option<SystemTime>,
    boot: Option<Duration>,
}

impl Deadline {
    /// Returns the end of a life of which `remaining` was left at `since`; `None` stands for
    /// no end, as does one beyond what the clocks can say.
    pub(crate) fn after(remaining: Option<Duration>, since: Moment) -> Self {
        Self {
            wall: remaining.and_then(|life| since.wall.checked_add(life)),
            boot: remaining.and_then(|life| since.boot.checked_add(life)),
        }
    }

    /// Returns this end, or `wall` if the wall clock gets there first.
    pub(crate) fn or_at(self, wall: Option<SystemTime>) -> Self {
        let wall = [self.wall, wall].into_iter().flatten().min();
        Self { wall, ..self }
    }

    /// Returns what is left at `now`, zero after the end; `None` if there is no end.
    pub(crate) fn remaining(&self, now: Moment) -> Option<Duration> {
        let wall = self.wall.map(|end| end.duration_since(now.wall).unwrap_or_default());
        let boot = self.boot.map(|end| end.saturating_sub(now.boot));
        [wall, boot].into_iter().flatten().min()
    }
}

#[cfg(any(test, feature = "testing"))]
mod manual {
    use std::{
        sync::{Arc, Mutex, PoisonError},
        time::Duration,
    };

    use super::{Moment, system};

    /// What a test has set its clocks to.
    #[derive(Clone, Debug)]
    pub(crate) struct Hands(Arc<Mutex<Moment>>);

    impl Hands {
        /// Starts with what the machine's clocks say.
        pub(crate) fn new() -> Self {
            Self(Arc::new(Mutex::new(system())))
        }

        pub(super) fn now(&self) -> Moment {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }

        /// Puts both clocks forward.
        pub(crate) fn advance(&self, by: Duration) {
            let mut moment = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            moment.wall += by;
            moment.boot += by;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn whichever_clock_leaves_less_counts() {
        let since = Clock::default().now();
        let end = Deadline::after(Some(MINUTE), since);
        assert_eq!(end.remaining(since), Some(MINUTE));
        let at = |wall: SystemTime, boot| end.remaining(Moment { wall, boot });
        let seconds = Duration::from_secs;
        // The wall clock was set back, or forward.
        assert_eq!(at(since.wall - MINUTE, since.boot + seconds(1)), Some(seconds(59)));
        assert_eq!(at(since.wall + 2 * MINUTE, since.boot), Some(Duration::ZERO));
        assert_eq!(end.or_at(Some(since.wall + seconds(1))).remaining(since), Some(seconds(1)));
    }

    #[test]
    fn no_end_is_no_end() {
        let since = Clock::default().now();
        assert_eq!(Deadline::after(None, since).remaining(since), None);
        assert_eq!(Deadline::after(Some(Duration::MAX), since).remaining(since), None);
    }

    #[test]
    fn both_clocks_go_forward() {
        let (first, second) = (Clock::System.now(), Clock::System.now());
        assert!(second.boot >= first.boot && first.boot > Duration::ZERO);
        assert!(first.wall > SystemTime::UNIX_EPOCH + 55 * 365 * 24 * 60 * MINUTE);
    }
}
