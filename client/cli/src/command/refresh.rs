//! `refresh`: has the provider asked for a new token now.

use std::{io::Write, time::Duration};

use tokend_client::{Error, socket};
use tokend_proto::v1::{RefreshCredentialRequest, RefreshTokenRequest, RefreshTokenResponse};

use crate::{
    arguments::Form,
    clock,
    daemon::{Daemon, answer_within},
    failure::Failure,
    json,
    output::Output,
    span, state,
};

/// Outlasts the daemon's own limit on one issuance.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn run(
    daemon: &Daemon,
    name: String,
    form: &Form,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let request = RefreshCredentialRequest { name: name.clone() };
    let call = answer_within(PATIENCE, daemon.credentials().refresh_credential(request)).await;
    let credential = match call {
        // Whoever isn't an operator may be a refresher.
        Err(Error::SocketNotPermitted { .. } | Error::DaemonNotRunning { .. }) => {
            return as_caller(name, form, output).await;
        }
        call => call.map_err(Failure::about(&name))?,
    };
    if form.json {
        return Ok(json::write(output, &json::credential(&credential))?);
    }
    match state::expires_in(&credential, &clock::now()).as_str() {
        "" | "never" => writeln!(output, "refreshed {name}")?,
        span => writeln!(output, "refreshed {name}, expires in {span}")?,
    }
    Ok(())
}

/// Has it asked for by the callers' socket.
async fn as_caller(
    name: String,
    form: &Form,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let path = socket::callers(&socket::Process).map_err(Error::from)?;
    let request = RefreshTokenRequest { name: name.clone() };
    let call = answer_within(PATIENCE, Daemon::at(path).tokens().refresh_token(request)).await;
    let RefreshTokenResponse { token, remaining } = call.map_err(Failure::about(&name))?;
    if form.json {
        return Ok(json::write(output, &json::refreshed(&name, &token.unwrap_or_default()))?);
    }
    match remaining.and_then(|remaining| remaining.try_into().ok()) {
        Some(life) => {
            writeln!(output, "refreshed {name}, expires in {}", span::show_duration(life))?;
        }
        None => writeln!(output, "refreshed {name}")?,
    }
    Ok(())
}
