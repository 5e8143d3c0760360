//! `revoke`: ends the token that is held, here and at the provider.

use std::{io::Write, time::Duration};

use tokend_proto::v1::{GetCredentialRequest, RevokeTokenRequest, credential};

use crate::{
    ask::{self, Terminal},
    daemon::{Daemon, answer, answer_within},
    failure::Failure,
    json,
    output::Output,
};

/// Outlasts the daemon's own limit on one dance.
const PATIENCE: Duration = Duration::from_secs(60);

/// How it is to be done, and told.
pub(super) struct Wish {
    pub(super) local: bool,
    pub(super) yes: bool,
    pub(super) json: bool,
}

pub(super) async fn run(
    daemon: &Daemon,
    name: String,
    Wish { local, yes, json }: Wish,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    if !yes {
        let Some(mut terminal) = Terminal::open() else {
            let deed = format!("revoking the token of {name}");
            return Err(Failure::Unconfirmed {
                deed,
                command: format!("tokend-cli revoke {name}{}", if local { " --local" } else { "" }),
            });
        };
        // Nobody should be asked about a credential that isn't there.
        let request = GetCredentialRequest { name: name.clone() };
        let call = answer(daemon.credentials().get_credential(request)).await;
        let credential = call.map_err(Failure::about(&name))?;
        let provider = &credential.provider;
        let question = if local {
            format!("drop the token of {name} here? it lives on at {provider}")
        } else {
            format!(
                "revoke the token of {name} ({provider}), so that no program can use it any more?"
            )
        };
        if !ask::confirm(&question, &mut terminal).map_err(Failure::Terminal)? {
            if json {
                return Ok(json::write(output, &json::credential(&credential))?);
            }
            writeln!(output, "the token of {name} is left as it was")?;
            return Ok(());
        }
    }
    let request = RevokeTokenRequest { name: name.clone(), local };
    let call = answer_within(PATIENCE, daemon.credentials().revoke_token(request)).await;
    let credential = call.map_err(Failure::about(&name))?;
    if json {
        return Ok(json::write(output, &json::credential(&credential))?);
    }
    let done = if local { "dropped" } else { "revoked" };
    writeln!(output, "{done} the token of {name}")?;
    if credential.token.is_some() {
        writeln!(output, "another has taken its place meanwhile, and is served")?;
    } else if credential.state() == credential::State::LoginNeeded {
        writeln!(output, "and ended the login; to log in again: tokend-cli login {name}")?;
    } else {
        writeln!(
            output,
            "the next is asked for when someone asks, or by: tokend-cli refresh {name}"
        )?;
    }
    Ok(())
}
