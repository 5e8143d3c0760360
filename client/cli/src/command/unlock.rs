//! `unlock`: opens the store of a daemon that waits for its passphrase.

use std::{io::Write, time::Duration};

use secrecy::ExposeSecret as _;
use serde_json::json;
use tokend_client::Error;
use tokend_proto::{
    reason,
    v1::{GetStatusRequest, UnlockRequest},
};

use crate::{
    arguments::Unlock,
    daemon::{Daemon, answer, answer_within},
    failure::Failure,
    json,
    output::Output,
};

/// A slow machine takes seconds to try a passphrase, and then reads its store.
const PATIENCE: Duration = Duration::from_secs(120);

pub(super) async fn run(
    daemon: &Daemon,
    unlock: &Unlock,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    // Nobody is asked for what isn't needed.
    let status = answer(daemon.admin().get_status(GetStatusRequest {})).await?;
    if !status.locked {
        return tell(output, unlock, "tokend isn't locked");
    }
    let passphrase = unlock.input.prompt().present()?;
    let request = UnlockRequest { passphrase: passphrase.expose_secret().to_owned() };
    match answer_within(PATIENCE, daemon.admin().unlock(request)).await {
        Ok(()) => tell(output, unlock, "unlocked"),
        // Someone else was faster.
        Err(Error::Refused { reason: Some(reason), .. }) if reason == reason::STORE_NOT_LOCKED => {
            tell(output, unlock, "tokend isn't locked any more")
        }
        Err(error) => Err(error.into()),
    }
}

/// Says why it isn't locked.
fn tell(output: &mut Output<impl Write>, unlock: &Unlock, why: &str) -> Result<(), Failure> {
    if unlock.form.json {
        return Ok(json::write(output, &json!({ "locked": false }))?);
    }
    Ok(writeln!(output, "{why}")?)
}
