//! Why a unit gets no token, and what to do about it.

use std::time::Duration;

use tokend_core::{InvalidName, Name, Refusal};

use super::form::NotThere;
use crate::engine::Error;

/// Why a unit gets no token.
#[derive(Debug, thiserror::Error)]
pub(super) enum Denial {
    /// What is asked for is no name of tokend's.
    #[error(transparent)]
    NoName(#[from] InvalidName),
    /// There is no such credential.
    #[error("there is no credential {0}")]
    Unknown(Name),
    /// There is no token, and waiting won't bring one.
    #[error("{problem}")]
    Refused {
        /// Of which credential.
        name: Name,
        /// Why.
        problem: Error,
    },
    /// None came in time.
    #[error("no token came within {} s{}", .wait.as_secs(), because(.problem.as_ref()))]
    Late {
        /// Of which credential.
        name: Name,
        /// How long the unit was made to wait.
        wait: Duration,
        /// What went wrong last.
        problem: Option<Error>,
    },
    /// The token hasn't got what is asked for.
    #[error("{missing}")]
    NotThere {
        /// Of which credential.
        name: Name,
        /// What it hasn't got.
        missing: NotThere,
    },
}

impl Denial {
    pub(super) fn late(name: Name, wait: Duration, problem: Option<Error>) -> Self {
        Self::Late { name, wait, problem }
    }

    /// Returns what to do about it.
    pub(super) fn remedy(&self) -> String {
        let restart = "then restart the unit";
        match self {
            Self::NoName(_) | Self::Unknown(_) => {
                "left of the colon in LoadCredential= stands the name of one of tokend's \
                 credentials; `tokend-cli list` shows all there are"
                    .to_owned()
            }
            Self::Refused { name, problem } => match problem {
                Error::Refused(Refusal::LoginNeeded { .. }) => {
                    format!("log in with `tokend-cli login {name}`, {restart}")
                }
                Error::Refused(Refusal::Rejected { .. }) => format!(
                    "mend it at the provider or with `tokend-cli set-secret {name}`, {restart}"
                ),
                Error::Stopping => "restart the unit once tokend is back".to_owned(),
                _ => format!("`tokend-cli show {name}` tells more; mend it, {restart}"),
            },
            Self::Late { name, .. } => format!(
                "`tokend-cli show {name}` tells when tokend tries again; restart the unit once it \
                 has a token"
            ),
            Self::NotThere { name, .. } => {
                format!("`tokend-cli get {name} --json` shows all that there is")
            }
        }
    }
}

/// Returns how long to wait before the engine is asked again, if what keeps a token away may
/// pass by itself within `limit`.
///
/// Only a person ends the wait for a login or for other secrets: a machine's start isn't held
/// up for one.
pub(super) fn passes_after(problem: &Error, limit: Duration) -> Option<Duration> {
    match problem {
        // However long tokend means to wait, another token may be submitted meanwhile, and
        // an operator may have tokend try at once.
        Error::Refused(
            Refusal::Unavailable { retry_after, .. }
            | Refusal::Local { retry_after, .. }
            | Refusal::Store { retry_after, .. },
        ) => Some(*retry_after),
        Error::Refused(Refusal::BudgetExhausted { retry_after })
        | Error::BudgetUnknown { retry_after, .. } => {
            Some(*retry_after).filter(|wait| *wait <= limit)
        }
        _ => None,
    }
}

fn because(problem: Option<&Error>) -> String {
    problem.map_or_else(String::new, |problem| format!(": {problem}"))
}
