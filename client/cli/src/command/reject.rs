//! `reject`: reports that an API refused a token.

use std::{
    io::{self, Read, Write},
    time::Duration,
};

use jiff::tz::TimeZone;
use prost_types::Timestamp;
use secrecy::ExposeSecret as _;
use tokend_client::{Client, Rejection, Ruling, Token, TokenOptions};

use crate::{
    arguments::Reject,
    clock,
    exit::Exit,
    failure::Failure,
    moment,
    output::{Output, printable},
    secret::{self, Place},
};

pub(super) async fn run(
    client: &Client,
    reject: &Reject,
    started: &Timestamp,
    output: &mut Output<impl Write>,
) -> Result<Exit, Failure> {
    let name = &reject.name;
    let refused = if reject.token_stdin || reject.token.is_some() {
        Some(by_value(&mut io::stdin())?)
    } else {
        // Any that hasn't expired: it needs no life, and must cost no issuance.
        let any = TokenOptions::new().min_ttl(Duration::ZERO);
        let token = client.token_with(name, any).await.map_err(Failure::about(name))?;
        by_id(&token, started)
    };
    let ruling = match refused {
        Some(refused) => {
            let report = client.report_rejection(name, told(refused, reject)).await;
            report.map_err(Failure::about(name))?
        }
        None => Ruling::Superseded,
    };
    let exit = write(output, name, &ruling, &clock::now(), &clock::zone())?;
    output.flush()?;
    Ok(exit)
}

/// Returns the report of the token whose value is piped in; the value itself goes
/// no further.
fn by_value(stdin: &mut impl Read) -> Result<Rejection, Failure> {
    let token = secret::read("the token", &Place::Stdin, stdin)?;
    let token = secret::bare(token.expose_secret());
    Ok(Rejection::of_value_sha256(secret::sha256(token)))
}

/// Returns the report of a token, but `None` if it was asked for after the command
/// began: no API can have refused that one yet.
fn by_id(token: &Token, started: &Timestamp) -> Option<Rejection> {
    let issued_at = token.issued_at().map(Timestamp::from);
    let is_newer = issued_at
        .is_some_and(|issued| (issued.seconds, issued.nanos) >= (started.seconds, started.nanos));
    (!is_newer).then(|| Rejection::of(token))
}

/// Adds what the API said.
fn told(rejection: Rejection, reject: &Reject) -> Rejection {
    let rejection = match reject.status {
        Some(status) => rejection.status(status),
        None => rejection,
    };
    match &reject.code {
        Some(code) => rejection.code(code),
        None => rejection,
    }
}

/// Says what a report came to and what to do, and returns what to end with.
fn write(
    output: &mut Output<impl Write>,
    name: &str,
    ruling: &Ruling,
    now: &Timestamp,
    zone: &TimeZone,
) -> io::Result<Exit> {
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
    writeln!(output, "{name}: {came_to}{why}")?;
    writeln!(output, "{to_do}")?;
    Ok(exit)
}

#[cfg(test)]
mod tests;
