//! What the engine's loop tells of itself: that it goes round, and how things are.

use std::{
    fmt::{Display, Formatter},
    time::Duration,
};

use tokend_core::BootTime;

/// Who is told that the engine's loop goes round.
pub trait Pulse {
    /// The loop has gone round once more. `standing` says how things are, if that is of interest.
    /// Returns how long the loop may rest until the next beat.
    fn beat(&mut self, now: BootTime, standing: &dyn Fn() -> Standing) -> Duration;
}

/// Nobody is.
impl Pulse for () {
    fn beat(&mut self, _: BootTime, _: &dyn Fn() -> Standing) -> Duration {
        Duration::MAX
    }
}

/// How things are, in numbers of credentials.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// All that there are.
    pub credentials: usize,
    /// Those for which a person has to log in.
    pub logins: usize,
    /// Those for which no token can be asked until a person acts.
    pub refused: usize,
    /// Those whose issuance has failed, and which try again by themselves.
    pub failing: usize,
    /// Those that wait until their limits allow an issuance.
    pub limited: usize,
    /// Stored rows that can't be opened.
    pub damaged: usize,
    /// What the end waits for, if it has come.
    pub ending: Option<EndWait>,
    /// Whether the store has owed an answer for long.
    pub is_silent: bool,
}

/// What the daemon's end waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndWait {
    /// Answers of providers.
    pub answers: usize,
    /// Writes to the disk.
    pub writes: usize,
}

impl Display for Standing {
    /// Says it in a line: `serving 12 credentials; 1 needs a login, 1 backs off`.
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        if let Some(ending) = self.ending {
            return ending.fmt(f);
        }
        match self.credentials {
            0 => f.write_str("serving no credentials yet: `tokend-cli add` adds one")?,
            1 => f.write_str("serving 1 credential")?,
            many => write!(f, "serving {many} credentials")?,
        }
        let parts = [
            (self.logins, "needs a login", "need a login"),
            (self.refused, "needs attention", "need attention"),
            (self.damaged, "is damaged", "are damaged"),
            (self.failing, "backs off", "back off"),
            (self.limited, "waits for its limit", "wait for their limits"),
        ];
        let mut separator = ';';
        for (count, one, many) in parts {
            if count > 0 {
                write!(f, "{separator} {count} {}", if count == 1 { one } else { many })?;
                separator = ',';
            }
        }
        if self.is_silent {
            f.write_str("; the store doesn't answer, is the disk in order?")?;
        }
        Ok(())
    }
}

impl Display for EndWait {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self { answers: 0, writes: 0 } => f.write_str("stopping"),
            Self { answers: 0, writes: 1.. } => f.write_str("stopping: waiting for the disk"),
            Self { answers: 1, .. } => f.write_str("stopping: waiting for 1 answer of a provider"),
            Self { answers, .. } => {
                write!(f, "stopping: waiting for {answers} answers of providers")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_in_a_line() {
        let none = Standing::default();
        assert_eq!(none.to_string(), "serving no credentials yet: `tokend-cli add` adds one");
        let well = Standing { credentials: 12, ..none.clone() };
        assert_eq!(well.to_string(), "serving 12 credentials");
        let some = Standing { logins: 1, failing: 2, ..well.clone() };
        assert_eq!(some.to_string(), "serving 12 credentials; 1 needs a login, 2 back off");
        let worst = Standing {
            credentials: 1,
            refused: 1,
            limited: 1,
            damaged: 1,
            is_silent: true,
            ..none
        };
        assert_eq!(
            worst.to_string(),
            "serving 1 credential; 1 needs attention, 1 is damaged, 1 waits for its limit; the store \
             doesn't answer, is the disk in order?"
        );
        let ending = |answers, writes| {
            Standing { ending: Some(EndWait { answers, writes }), ..well.clone() }.to_string()
        };
        assert_eq!(ending(0, 0), "stopping");
        assert_eq!(ending(0, 2), "stopping: waiting for the disk");
        assert_eq!(ending(1, 2), "stopping: waiting for 1 answer of a provider");
    }
}
