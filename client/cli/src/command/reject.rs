//! `reject`: reports that an API refused a token.

use std::io::{self, Read, Write};

use jiff::tz::TimeZone;
use prost_types::Timestamp;
use secrecy::ExposeSecret as _;
use tokend_client::{Client, Rejection, Ruling};

use crate::{
    arguments::Reject,
    clock,
    command::held::{held, was_held},
    exit::Exit,
    failure::Failure,
    json,
    output::{Output, printable},
    ruling,
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
        let token = held(client, name).await?;
        was_held(&token, started).then(|| Rejection::of(&token))
    };
    let ruling = match refused {
        Some(refused) => {
            let report = client.report_rejection(name, told(refused, reject)).await;
            report.map_err(Failure::about(name))?
        }
        None => Ruling::Superseded,
    };
    let exit = write(output, reject, &ruling, &clock::now(), &clock::zone())?;
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
    reject: &Reject,
    ruling: &Ruling,
    now: &Timestamp,
    zone: &TimeZone,
) -> io::Result<Exit> {
    let told = ruling::told(&reject.name, ruling, now, zone);
    if reject.form.json {
        json::write(output, &json::ruling(&reject.name, ruling))?;
    } else {
        writeln!(output, "{}: {}", printable(&reject.name), told.came_to)?;
        writeln!(output, "{}", told.to_do)?;
    }
    Ok(told.exit)
}

#[cfg(test)]
mod tests;
