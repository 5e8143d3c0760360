//! When which provider fails, and for how long its failure may be felt.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::{sync::watch, time::sleep};

use crate::{
    Stage,
    credentials::{SITES, TIMEOUT},
};

/// How a provider is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Well,
    /// It takes its time.
    Slow,
    /// It issues and doesn't answer, until it is well again.
    Hang,
    /// It answers 500 and 503.
    Broken,
    /// It answers 429 with a `Retry-After`.
    Limiting,
    /// Nothing listens, and what was connected is cut off.
    Closed,
}

/// Those ways in which it fails, in the order in which they come.
const FAILURES: [Mode; 5] = [Mode::Closed, Mode::Hang, Mode::Broken, Mode::Limiting, Mode::Slow];

/// How long it keeps its listener closed when it starts anew.
const RESTART: Duration = Duration::from_millis(300);

/// A time in which a provider fails.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outage {
    from: Duration,
    to: Duration,
    mode: Mode,
    /// Of which provider; `None` of all.
    site: Option<usize>,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Plan {
    outages: Vec<Outage>,
    begin: OnceLock<Duration>,
}

impl Plan {
    /// Plans outages for so long: each provider in turn, and every fourth time all at once.
    pub(crate) fn new(length: Duration) -> Self {
        let period = (length / 8).clamp(Duration::from_secs(8), Duration::from_secs(100));
        let lasting = (period / 4).min(Duration::from_secs(20));
        let mut outages = Vec::new();
        let mut from = period / 2;
        // Whatever was felt of the last one is over at the end.
        for number in 0.. {
            let mode = FAILURES[number % FAILURES.len()];
            let site = (number % 4 != 3).then_some(number % SITES);
            let outage = Outage { from, to: from + lasting, mode, site };
            if outage.to + felt(lasting) > length {
                break;
            }
            outages.push(outage);
            // It starts anew in between.
            let again = from + period / 2;
            let site = Some((number + 3) % SITES);
            outages.push(Outage { from: again, to: again + RESTART, mode: Mode::Closed, site });
            from += period;
        }
        Self { outages, begin: OnceLock::new() }
    }

    /// Starts it.
    pub(crate) fn begin(&self, now: Duration) {
        self.begin.set(now).expect("it begins once");
    }

    /// Tells whether a call between these times may have failed because the provider did.
    pub(crate) fn excuses(&self, site: usize, since: Duration, until: Duration) -> bool {
        let begin = *self.begin.get().expect("it has begun");
        // Who takes its time hasn't failed.
        self.outages.iter().filter(|outage| outage.mode != Mode::Slow).any(|outage| {
            let is_it = outage.site.is_none_or(|failing| failing == site);
            is_it && until >= begin + outage.from && since <= begin + outage.forgotten()
        })
    }

    /// Returns how many requests of a credential may be answered without a token, and how many
    /// tokens may never arrive.
    pub(crate) fn losses(&self, site: usize) -> (u64, u64) {
        let failing = self.outages.iter().filter(|outage| outage.site.is_none_or(|it| it == site));
        failing.map(Outage::losses).fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
    }
}

/// Returns for how long a failure that lasted so long can be felt: the range that waits are drawn
/// from doubles, and where the first are drawn short, the last can be a minute. It begins with the
/// end of an attempt, and another follows it, each of which a busy machine can stretch.
fn felt(lasted: Duration) -> Duration {
    (lasted * 4 + Duration::from_secs(4)).min(Duration::from_secs(64) + 4 * TIMEOUT)
}

impl Outage {
    fn losses(&self) -> (u64, u64) {
        let lasted = self.to.saturating_sub(self.from);
        match self.mode {
            Mode::Well | Mode::Slow => (0, 0),
            // What was under way.
            Mode::Closed => (0, 1),
            // The range that waits are drawn from doubles, from two seconds on. Four more, since
            // each may be drawn short.
            Mode::Broken | Mode::Limiting => (4 + u64::from((lasted.as_secs() / 2 + 1).ilog2()), 0),
            Mode::Hang => (0, 2 + lasted.as_secs() / TIMEOUT.as_secs()),
        }
    }

    /// Returns until when it can be felt: the longest wait that a daemon chooses is a minute for
    /// who has no token. Who is told to make fewer requests waits for up to a minute at once, and up to five.
    fn forgotten(&self) -> Duration {
        let lasted = self.to.saturating_sub(self.from);
        let wait = match self.mode {
            Mode::Limiting => Duration::from_secs(306),
            _ => felt(lasted),
        };
        self.to + wait
    }
}

/// Has the providers fail as planned.
pub(crate) async fn follow(stage: Arc<Stage>, mut stopped: watch::Receiver<bool>) {
    let begin = *stage.plan.begin.get().expect("it has begun");
    for outage in &stage.plan.outages {
        for (at, mode) in [(outage.from, outage.mode), (outage.to, Mode::Well)] {
            let wait = (begin + at).saturating_sub(stage.clock.now());
            tokio::select! {
                () = sleep(wait) => {}
                _ = stopped.wait_for(|stopped| *stopped) => {}
            }
            let mode = if *stopped.borrow() { Mode::Well } else { mode };
            for (number, site) in stage.sites.iter().enumerate() {
                if outage.site.is_none_or(|failing| failing == number) {
                    site.turn(mode);
                }
            }
        }
    }
}
