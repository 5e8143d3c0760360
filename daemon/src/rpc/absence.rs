//! The token of a credential, or why callers are told that there is none.

use std::{sync::Arc, time::Duration};

use tokend_core::{Moment, Name, Setback};
use tokend_proto::{reason, v1::watch_tokens_response};
use tonic::{Code, Status};

use super::status;
use crate::{
    engine::Error,
    published::{Published, Slot},
};

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Absence {
    /// There is no such credential, or the caller may not read it.
    Unknown,
    /// Nothing has been issued.
    Empty,
    /// What was issued has ended.
    Expired,
    /// No other could be had.
    Failed(Arc<Setback>),
}

/// Returns the token that is held, if it hasn't expired.
pub(super) fn held(slot: &Slot, now: Moment) -> Result<Arc<Published>, Absence> {
    match slot.published() {
        Some(published) if !published.token().is_expired(now) => Ok(published),
        published => Err(match (slot.setback(), published) {
            (Some(setback), _) => Absence::Failed(setback),
            (None, Some(_)) => Absence::Expired,
            (None, None) => Absence::Empty,
        }),
    }
}

impl Absence {
    /// Returns what `AcquireToken` would fail with if it couldn't get a token.
    pub(super) fn status(&self, name: &Name, operator: bool) -> Status {
        let without = |message| status::new(Code::Unavailable, reason::NO_TOKEN, message);
        match self {
            Self::Unknown if operator => status::of(&Error::NotFound(name.clone())),
            Self::Unknown => status::not_permitted(),
            Self::Empty => without(format!("no token of {name} is held yet")),
            Self::Expired => {
                without(format!("the token of {name} has expired and has no successor yet"))
            }
            Self::Failed(setback) => status::of(&Error::Refused(setback.refusal(Duration::ZERO))),
        }
    }
}

/// Returns an absence as the contract writes it.
pub(super) fn message(status: &Status) -> watch_tokens_response::Absence {
    watch_tokens_response::Absence {
        code: status.code().into(),
        reason: status::reason(status),
        message: status.message().to_owned(),
    }
}
