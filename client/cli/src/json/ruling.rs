//! What a report of a refused token came to, as JSON.

use prost_types::Timestamp;
use serde_json::{Value, json};
use tokend_client::Ruling;
use tokend_proto::v1::report_rejection_response::Outcome;

use crate::json::time;

/// Returns what a report about the credential `name` came to.
pub(crate) fn ruling(name: &str, ruling: &Ruling) -> Value {
    let (outcome, retry_at, message) = match ruling {
        Ruling::Superseded => (Outcome::Superseded, None, ""),
        Ruling::Refreshed => (Outcome::Refreshed, None, ""),
        Ruling::InFlight => (Outcome::InFlight, None, ""),
        Ruling::Suppressed { retry_at, message } => {
            (Outcome::Suppressed, *retry_at, message.as_str())
        }
        Ruling::NotATokenProblem { message } => (Outcome::NotATokenProblem, None, message.as_str()),
        Ruling::CredentialDead { message } => (Outcome::CredentialDead, None, message.as_str()),
        _ => (Outcome::Unspecified, None, ""),
    };
    json!({
        "name": name,
        "outcome": outcome.as_str_name(),
        "retry_time": time(retry_at.map(Timestamp::from)),
        "message": Some(message).filter(|message| !message.is_empty()),
    })
}
