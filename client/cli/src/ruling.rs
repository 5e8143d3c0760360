//! What a report of a refused token came to, for people.

use jiff::tz::TimeZone;
use prost_types::Timestamp;
use tokend_client::Ruling;

use crate::{exit::Exit, moment, output::printable};

/// What a report came to, and what to do about it. Both can be shown as they are.
pub(crate) struct Told {
    pub(crate) came_to: String,
    pub(crate) to_do: String,
    pub(crate) exit: Exit,
}

/// Tells what a report about the credential `name` came to.
pub(crate) fn told(name: &str, ruling: &Ruling, now: &Timestamp, zone: &TimeZone) -> Told {
    let name = printable(name);
    let repeat = format!("repeat the request with it, once: tokend-cli get {name}");
    let (came_to, message, to_do, exit) = match ruling {
        Ruling::Superseded => {
            ("another token has taken its place already".to_owned(), "", repeat, Exit::Done)
        }
        Ruling::Refreshed => ("a new token has been issued".to_owned(), "", repeat, Exit::Done),
        Ruling::InFlight => (
            "a new token is on its way".to_owned(),
            "",
            "look again in a moment: tokend-cli status".to_owned(),
            Exit::Unavailable,
        ),
        Ruling::Suppressed { retry_at, message } => {
            let again = retry_at.map(|at| moment::ahead(now, &at.into(), zone));
            let again = again.map_or_else(String::new, |at| format!("; a report is heard {at}"));
            (
                format!("no other token for now{again}"),
                message.as_str(),
                format!("wait; see why: tokend-cli show {name}"),
                Exit::Unavailable,
            )
        }
        Ruling::NotATokenProblem { message } => (
            "it isn't the token".to_owned(),
            message.as_str(),
            "see what the API asks for: other rights, another address, another account".to_owned(),
            Exit::Failed,
        ),
        Ruling::CredentialDead { message } => (
            "no issuance can bring another token".to_owned(),
            message.as_str(),
            format!("see what is wrong: tokend-cli show {name}"),
            Exit::PersonNeeded,
        ),
        _ => (
            "the report came to something that this tokend-cli doesn't know".to_owned(),
            "",
            "see how it is: tokend-cli status".to_owned(),
            Exit::Failed,
        ),
    };
    let why = if message.is_empty() { String::new() } else { format!(": {}", printable(message)) };
    Told { came_to: came_to + &why, to_do, exit }
}
