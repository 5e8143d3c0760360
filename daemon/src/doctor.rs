//! Looks whether a machine is as tokend needs it, and says what to do where it isn't.
//!
//! What the machine is like is gathered first ([`Machine`]); what that means is decided by the
//! checks, which look at nothing else. Nothing is changed, and no provider is asked for a token.

mod ask;
mod checks;
mod gather;
mod machine;
mod provider;

#[cfg(test)]
mod tests;

use std::fmt::{Display, Formatter};

use serde::Serialize;

pub use self::{
    gather::{gather, unreadable},
    machine::{Answers, Daemon, Disk, Holder, Machine, Process, SocketFile, StoreState},
};

/// How a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Not as it should be, and tokend serves all the same.
    Warn,
    /// tokend can't serve by it, or not for long.
    Fail,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How it is.
    pub level: Level,
    /// What it is about, in a word or two.
    pub about: &'static str,
    /// What is so.
    pub what: String,
    /// What to do; `None` if nothing is to be done.
    pub remedy: Option<String>,
}

impl Finding {
    fn ok(about: &'static str, what: impl Into<String>) -> Self {
        Self { level: Level::Ok, about, what: what.into(), remedy: None }
    }

    fn warn(about: &'static str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { level: Level::Warn, about, what: what.into(), remedy: Some(remedy.into()) }
    }

    fn fail(about: &'static str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { level: Level::Fail, ..Self::warn(about, what, remedy) }
    }

    /// Something to know that says itself what to do, if anything is to be done.
    fn note(about: &'static str, what: impl Into<String>) -> Self {
        Self { level: Level::Warn, ..Self::ok(about, what) }
    }

    /// An error that says itself what to do.
    fn error(about: &'static str, what: impl Into<String>) -> Self {
        Self { level: Level::Fail, remedy: None, ..Self::ok(about, what) }
    }
}

impl Display for Finding {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let level = match self.level {
            Level::Ok => "ok  ",
            Level::Warn => "warn",
            Level::Fail => "FAIL",
        };
        write!(f, "{level} {}: {}", self.about, self.what)?;
        match &self.remedy {
            Some(remedy) => write!(f, " — {remedy}"),
            None => Ok(()),
        }
    }
}

/// Looks at all of it.
pub fn examine(machine: &Machine) -> Vec<Finding> {
    checks::ALL.iter().flat_map(|check| check(machine)).collect()
}
