//! The only reader of the clocks: how much of a token's life is left is asked of two.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

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

/// What both clocks say at one time, in nanoseconds since 1970 and since boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Glance {
    wall: u64,
    boot: u64,
}

impl Glance {
    /// Returns the time since boot.
    pub(crate) fn boot(self) -> Duration {
        Duration::from_nanos(self.boot)
    }
}

impl From<Moment> for Glance {
    fn from(moment: Moment) -> Self {
        let wall = moment.wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { wall: nanoseconds(wall), boot: nanoseconds(moment.boot) }
    }
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

    /// Reads both clocks in a fraction of the time, as of the kernel's next tick: ahead by a
    /// hundredth of a second at most, and not behind if the kernel ticks when it should. After the
    /// machine has slept, the one that goes on meanwhile is behind for a twentieth of a second; the
    /// other isn't.
    pub(crate) fn glance(&self) -> Glance {
        match self {
            Self::System => coarse(),
            #[cfg(any(test, feature = "testing"))]
            Self::Manual(hands) => hands.now().into(),
        }
    }
}

/// The longest tick of Linux (`CONFIG_HZ=100`), in nanoseconds, by which the coarse clocks are
/// behind at most.
const TICK: u64 = 10_000_000;

/// How long it is taken for granted that the machine hasn't slept, in nanoseconds.
const AWAKE: u64 = 50_000_000;

/// How long the machine has slept since it was booted, as far as was looked.
static SLEPT: Slept = Slept { looked_at: AtomicU64::new(0), nanoseconds: AtomicU64::new(0) };

/// There is no coarse clock that goes on while the machine sleeps: what it is ahead of the one
/// that doesn't is looked at now and then.
struct Slept {
    /// When that was by the clock that stops, in nanoseconds; 0 if it wasn't.
    looked_at: AtomicU64,
    nanoseconds: AtomicU64,
}

impl Slept {
    fn by(&self, now: u64) -> u64 {
        let looked_at = self.looked_at.load(Ordering::Acquire);
        if looked_at == 0 || now.wrapping_sub(looked_at) > AWAKE {
            self.look(now);
        }
        self.nanoseconds.load(Ordering::Relaxed)
    }

    #[cold]
    fn look(&self, now: u64) {
        let awake = read(ClockId::CLOCK_MONOTONIC);
        let slept = read(ClockId::CLOCK_BOOTTIME).saturating_sub(awake);
        self.nanoseconds.store(nanoseconds(slept), Ordering::Relaxed);
        self.looked_at.store(now, Ordering::Release);
    }
}

fn coarse() -> Glance {
    let awake = ticks(ClockId::CLOCK_MONOTONIC_COARSE);
    let wall = ticks(ClockId::CLOCK_REALTIME_COARSE) + TICK;
    Glance { wall, boot: awake + SLEPT.by(awake) + TICK }
}

/// Returns what a clock says, in nanoseconds, which last until 2554.
fn ticks(clock: ClockId) -> u64 {
    let time = clock_gettime(clock).expect("every Linux since 2.6.32 has this clock");
    time.tv_sec().cast_unsigned().wrapping_mul(1_000_000_000) + time.tv_nsec().cast_unsigned()
}

fn read(clock: ClockId) -> Duration {
    clock_gettime(clock).map(Duration::from).expect("every Linux since 2.6.39 has this clock")
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
fn system() -> Moment {
    Moment { wall: SystemTime::now(), boot: read(ClockId::CLOCK_BOOTTIME) }
}

/// When a token ends, by both clocks; whichever leaves less counts. A clock that is set
/// back can't prolong a token so, and one that is set forward can only have it asked for
/// again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadline {
    wall: Option<SystemTime>,
    boot: Option<Duration>,
    /// The same, for who is in a hurry; the greatest number where there is none.
    glance: Glance,
}

impl Deadline {
    fn new(wall: Option<SystemTime>, boot: Option<Duration>) -> Self {
        let since = |wall: SystemTime| wall.duration_since(SystemTime::UNIX_EPOCH);
        let glance = Glance {
            wall: wall.map_or(u64::MAX, |wall| nanoseconds(since(wall).unwrap_or_default())),
            boot: boot.map_or(u64::MAX, nanoseconds),
        };
        Self { wall, boot, glance }
    }

    /// Returns the end of a life of which `remaining` was left at `since`; `None` stands for
    /// no end, as does one beyond what the clocks can say.
    pub(crate) fn after(remaining: Option<Duration>, since: Moment) -> Self {
        Self::new(
            remaining.and_then(|life| since.wall.checked_add(life)),
            remaining.and_then(|life| since.boot.checked_add(life)),
        )
    }

    /// Returns this end, or `wall` if the wall clock gets there first.
    pub(crate) fn or_at(self, wall: Option<SystemTime>) -> Self {
        let wall = [self.wall, wall].into_iter().flatten().min();
        Self::new(wall, self.boot)
    }

    /// Tells whether there is something left at `now`, and so much at least.
    pub(crate) fn leaves(&self, least: Duration, now: Glance) -> bool {
        let least = nanoseconds(least);
        let leaves = |end: u64, now: u64| now < end && end - now >= least;
        leaves(self.glance.wall, now.wall) && leaves(self.glance.boot, now.boot)
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
    fn a_glance_is_hardly_ahead() {
        for _ in 0..1_000 {
            let before = Glance::from(Clock::System.now());
            let glance = Clock::System.glance();
            let after = Glance::from(Clock::System.now());
            assert!(glance.boot <= after.boot + TICK && glance.wall <= after.wall + TICK);
            // A machine that stands still for so long stands still for everyone.
            let minute = nanoseconds(MINUTE);
            assert!(before.boot <= glance.boot + minute && before.wall <= glance.wall + minute);
        }
    }

    #[test]
    fn at_a_glance_the_same_is_left() {
        let since = Clock::default().now();
        for life in [Some(MINUTE), Some(Duration::ZERO), Some(Duration::MAX), None] {
            let end = Deadline::after(life, since);
            for passed in [0, 59, 60, 61] {
                let passed = Duration::from_secs(passed);
                let now = Moment { wall: since.wall + passed, boot: since.boot + passed };
                for least in [Duration::ZERO, Duration::from_secs(1), MINUTE] {
                    let left = end.remaining(now);
                    let leaves = left.is_none_or(|left| !left.is_zero() && left >= least);
                    assert_eq!(
                        end.leaves(least, now.into()),
                        leaves,
                        "{life:?} {passed:?} {least:?}"
                    );
                }
            }
        }
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
