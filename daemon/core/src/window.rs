//! The stretches of time that limits on issuances hold for.

#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::{
    Timestamp, ToSpan, ZonedDateTime,
    civil::{Date, Time},
    tz::TimeZone,
};

use crate::Stamp;

/// The stretch of time in which a limit counts issuances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Window {
    /// Any stretch of this length.
    Sliding(Duration),
    /// A period of the calendar, such as a day from midnight to midnight.
    Calendar {
        /// Which.
        period: Period,
        /// Whose clocks and calendar it goes by.
        zone: TimeZone,
    },
}

/// A period of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// From one full hour to the next.
    Hour,
    /// From midnight to midnight, which isn't always 24 hours.
    Day,
    /// From the first of a month to the first of the next.
    Month,
}

impl Window {
    /// Returns how long a window is, as a rule.
    pub fn length(&self) -> Duration {
        match self {
            Self::Sliding(length) => *length,
            Self::Calendar { period, .. } => period.length(),
        }
    }

    /// Returns the age from which on no issuance counts any more, whatever a
    /// calendar does.
    pub fn longest(&self) -> Duration {
        const SLACK: Duration = Duration::from_secs(2 * 86_400);
        match self {
            Self::Sliding(length) => *length,
            Self::Calendar { period, .. } => period.length() + SLACK,
        }
    }

    /// Returns how long an issuance made at `then` still counts at `now`; zero if
    /// it doesn't.
    ///
    /// One that lies in the future counts as if it had been made now: a clock that
    /// was set back must not refill a budget. A period of the calendar has ended
    /// when each clock that was there says so: the wall clock as it was then, with
    /// the time that has really passed since, the wall clock as it is now, and the
    /// provider's.
    pub fn holds(&self, then: &Stamp, now: &Stamp) -> Duration {
        let elapsed = then.elapsed(now);
        match self {
            Self::Sliding(length) => length.saturating_sub(elapsed.unwrap_or_default()),
            Self::Calendar { period, zone } => {
                let wall = now.moment.wall;
                let Some(elapsed) = elapsed else {
                    return period.left(wall, zone);
                };
                if elapsed >= self.longest() {
                    return Duration::ZERO;
                }
                let made = wall.checked_sub(elapsed).unwrap_or(Timestamp::MIN);
                let mut said = vec![then.moment.wall, made];
                said.extend(then.date);
                // Most often all clocks agree.
                said.dedup();
                let left = |made: Timestamp| period.left(made, zone).saturating_sub(elapsed);
                said.into_iter().map(left).max().unwrap_or_default()
            }
        }
    }
}

impl Period {
    fn length(self) -> Duration {
        const HOUR: u64 = 3_600;
        Duration::from_secs(match self {
            Self::Hour => HOUR,
            Self::Day => 24 * HOUR,
            Self::Month => 30 * 24 * HOUR,
        })
    }

    /// Returns the time from `at` to the end of its period.
    fn left(self, at: Timestamp, zone: &TimeZone) -> Duration {
        let zoned = at.to_zoned_datetime(zone.clone());
        // At the end of time, which no clock shows, the usual length has to do.
        self.end(&zoned).map_or(self.length(), |end| {
            Duration::try_from(end.timestamp().duration_since(at)).unwrap_or_default()
        })
    }

    fn end(self, at: &ZonedDateTime) -> Result<ZonedDateTime, jiff::Error> {
        match self {
            // Hours are counted in elapsed time: when clocks are set back, each of
            // the two hours that bear the same number is one.
            Self::Hour => {
                let (minute, second) = (i64::from(at.minute()), i64::from(at.second()));
                let into = minute.minutes().seconds(second);
                let into = into.nanoseconds(i64::from(at.subsec_nanosecond()));
                let end = at.checked_sub(into)?.checked_add(1.hour())?;
                // Clocks that are set back by less than an hour show the rest of it again.
                let is_over =
                    end.minute() == 0 || (end.date(), end.hour()) != (at.date(), at.hour());
                let rest = if is_over { 0 } else { 60 - i64::from(end.minute()) };
                end.checked_add(rest.minutes())
            }
            Self::Day => begin(at.date().tomorrow()?, at.time_zone()),
            Self::Month => {
                let next = at.date().first_of_month().checked_add(1.month())?;
                begin(next, at.time_zone())
            }
        }
    }
}

/// Returns when a day begins. Where clocks are set back over midnight, the day before goes on
/// until midnight comes again.
fn begin(date: Date, zone: &TimeZone) -> Result<ZonedDateTime, jiff::Error> {
    let midnight = date.to_datetime(Time::midnight());
    let again = zone.to_ambiguous_zoned_datetime(midnight).later()?;
    if again.checked_sub(1.nanosecond())?.date() < date {
        return Ok(again);
    }
    date.to_zoned_datetime(zone.clone())?.start_of_day()
}
