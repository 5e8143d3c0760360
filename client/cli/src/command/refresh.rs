//! `refresh`: has the provider asked for a new token now.

use std::{io::Write, time::Duration};

use tokend_proto::v1::RefreshCredentialRequest;

use crate::{
    arguments::Form,
    clock,
    daemon::{Daemon, answer_within},
    failure::Failure,
    json,
    output::Output,
    state,
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
    let credential = call.map_err(Failure::about(&name))?;
    if form.json {
        return Ok(json::write(output, &json::credential(&credential))?);
    }
    match state::expires_in(&credential, &clock::now()).as_str() {
        "" | "never" => writeln!(output, "refreshed {name}")?,
        span => writeln!(output, "refreshed {name}, expires in {span}")?,
    }
    Ok(())
}
