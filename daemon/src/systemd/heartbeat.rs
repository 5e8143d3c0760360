//! Feeds systemd's watchdog and says in a line how things are, as often as the daemon's loop goes
//! round and no more often than is of use.

use std::{env, time::Duration};

use sd_notify::NotifyState;
use tokend_core::BootTime;

use super::notify;
use crate::ports::{Pulse, Standing};

/// A line isn't told sooner after the one before: `systemctl status` is read by people.
const LINE_PAUSE: Duration = Duration::from_secs(1);

/// How many beats come within `WatchdogSec=`. `sd_watchdog_enabled(3)` asks for two; with three, one
/// that comes late costs nothing.
const BEATS: u32 = 3;

/// What systemd is told again and again. It has no timer of its own: whoever drives it has to
/// come round.
#[derive(Debug)]
pub struct Heartbeat {
    /// Whether anyone reads lines.
    is_read: bool,
    /// `WatchdogSec=`, if the unit has it.
    watchdog: Option<Duration>,
    beaten_at: Option<BootTime>,
    line: String,
    told_at: Option<BootTime>,
}

/// What is to be told now.
#[derive(Debug, Default, PartialEq, Eq)]
struct Due {
    /// Feed the watchdog.
    beat: bool,
    /// And have it look as often as the unit says.
    first: bool,
    /// The line has changed.
    line: bool,
}

impl Heartbeat {
    /// Finds out what systemd wants to hear (`NOTIFY_SOCKET`, `WATCHDOG_USEC`).
    pub fn from_env() -> Self {
        Self::new(env::var_os("NOTIFY_SOCKET").is_some(), sd_notify::watchdog_enabled())
    }

    fn new(is_read: bool, watchdog: Option<Duration>) -> Self {
        let watchdog = watchdog.filter(|watchdog| is_read && !watchdog.is_zero());
        Self { is_read, watchdog, beaten_at: None, line: String::new(), told_at: None }
    }

    /// Tells whether there is a watchdog.
    pub fn is_wanted(&self) -> bool {
        self.watchdog.is_some()
    }

    /// Tells systemd what is due. Returns how long nothing will be.
    pub fn tell(&mut self, now: BootTime, line: impl FnOnce() -> String) -> Duration {
        let (due, rest) = self.due(now, line);
        let mut states = Vec::new();
        if due.first {
            let watchdog = self.watchdog.unwrap_or_default().as_micros();
            states.extend(u32::try_from(watchdog).ok().map(NotifyState::WatchdogUsec));
        }
        if due.beat {
            states.push(NotifyState::Watchdog);
        }
        if due.line {
            states.push(NotifyState::Status(&self.line));
        }
        if !states.is_empty() {
            notify(&states);
        }
        rest
    }

    fn due(&mut self, now: BootTime, line: impl FnOnce() -> String) -> (Due, Duration) {
        let mut due = Due::default();
        let mut rest = Duration::MAX;
        if !self.is_read {
            return (due, rest);
        }
        if let Some(watchdog) = self.watchdog {
            let every = watchdog / BEATS;
            let left = left(self.beaten_at, every, now);
            if left.is_zero() {
                due.first = self.beaten_at.is_none();
                due.beat = true;
                self.beaten_at = Some(now);
            }
            rest = if left.is_zero() { every } else { left };
        }
        // To put the line together costs something, so that isn't done more often, either.
        let left = left(self.told_at, LINE_PAUSE, now);
        if left.is_zero() {
            let line = line();
            due.line = line != self.line;
            if due.line {
                self.line = line;
                self.told_at = Some(now);
            }
        } else {
            rest = rest.min(left);
        }
        (due, rest)
    }
}

impl Pulse for Heartbeat {
    fn beat(&mut self, now: BootTime, standing: &dyn Fn() -> Standing) -> Duration {
        self.tell(now, || standing().to_string())
    }
}

fn left(last: Option<BootTime>, pause: Duration, now: BootTime) -> Duration {
    last.map_or(Duration::ZERO, |last| pause.saturating_sub(last.until(now)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> BootTime {
        BootTime(Duration::from_millis(milliseconds))
    }

    fn line(text: &str) -> impl FnOnce() -> String {
        let text = text.to_owned();
        move || text
    }

    #[test]
    fn the_watchdog_is_fed_three_times_in_its_time_however_often_the_loop_goes_round() {
        let mut heart = Heartbeat::new(true, Some(Duration::from_secs(30)));
        let mut beats = Vec::new();
        let mut now = 0;
        while now < 40_000 {
            let (due, rest) = heart.due(at(now), line("well"));
            if due.beat {
                beats.push(now);
            }
            assert!(!rest.is_zero() && rest <= Duration::from_secs(10), "{rest:?}");
            now += 700;
        }
        assert_eq!(beats, [0, 10_500, 21_000, 31_500]);
        let (_, rest) = heart.due(at(31_600), line("well"));
        assert_eq!(rest, Duration::from_millis(9_900), "the loop comes round in time");
    }

    #[test]
    fn a_line_is_told_at_once_and_when_it_changes_and_not_twice_in_a_second() {
        let mut heart = Heartbeat::new(true, None);
        let mut told = |now, text| {
            let (due, rest) = heart.due(at(now), line(text));
            assert!(!due.beat && !due.first);
            (due.line, rest)
        };
        assert_eq!(told(0, "one"), (true, Duration::MAX));
        assert_eq!(told(400, "two"), (false, Duration::from_millis(600)));
        assert_eq!(told(1_000, "two"), (true, Duration::MAX));
        assert_eq!(told(5_000, "two"), (false, Duration::MAX));
        assert_eq!(told(5_100, "three"), (true, Duration::MAX));
    }

    #[test]
    fn the_first_beat_has_the_watchdog_look_as_often_as_the_unit_says() {
        let mut heart = Heartbeat::new(true, Some(Duration::from_secs(30)));
        let (due, _) = heart.due(at(0), line("well"));
        assert_eq!(due, Due { beat: true, first: true, line: true });
        let (due, _) = heart.due(at(10_000), line("well"));
        assert_eq!(due, Due { beat: true, ..Due::default() });
    }

    #[test]
    fn without_systemd_nothing_is_put_together() {
        for watchdog in [None, Some(Duration::from_secs(30))] {
            let mut heart = Heartbeat::new(false, watchdog);
            let (due, rest) = heart.due(at(0), || panic!("nobody reads it"));
            assert_eq!((due, rest), (Due::default(), Duration::MAX));
        }
    }
}
