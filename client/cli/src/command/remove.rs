//! `remove`: removes a credential.

use std::io::Write;

use serde_json::json;
use tokend_client::Error;
use tokend_proto::v1::{DeleteCredentialRequest, GetCredentialRequest};

use crate::{
    ask::{self, Terminal},
    daemon::{Daemon, answer},
    failure::Failure,
    json,
    output::{Output, printable},
};

/// How it is to be done, and told.
pub(super) struct Wish {
    pub(super) keep_token: bool,
    pub(super) yes: bool,
    pub(super) json: bool,
}

pub(super) async fn run(
    daemon: &Daemon,
    name: String,
    Wish { keep_token, yes, json }: Wish,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let told =
        |removed, revoking| json!({ "name": name, "removed": removed, "revoking": revoking });
    let mut etag = String::new();
    if !yes {
        let Some(mut terminal) = Terminal::open() else {
            let (deed, command) = (format!("removing {name}"), format!("tokend-cli remove {name}"));
            return Err(Failure::Unconfirmed { deed, command });
        };
        // Nobody should be asked about a credential that isn't there.
        let request = GetCredentialRequest { name: name.clone() };
        let call = answer(daemon.credentials().get_credential(request)).await;
        let question = match call {
            Ok(credential) => {
                // What is removed is what was asked about.
                etag = credential.etag;
                format!("remove {name} ({}) with its secrets and tokens?", credential.provider)
            }
            Err(Error::CredentialDamaged { message }) => {
                format!("{}\nremove {name}?", printable(&message))
            }
            Err(error) => return Err(Failure::about(&name)(error)),
        };
        if !ask::confirm(&question, &mut terminal).map_err(Failure::Terminal)? {
            if json {
                return Ok(json::write(output, &told(false, false))?);
            }
            writeln!(output, "{name} is left as it was")?;
            return Ok(());
        }
    }
    let request = DeleteCredentialRequest { name: name.clone(), etag, keep_token };
    let call = answer(daemon.credentials().delete_credential(request)).await;
    let revoking = call.map_err(Failure::about(&name))?.revoking;
    if json {
        json::write(output, &told(true, revoking))?;
    } else if revoking {
        writeln!(
            output,
            "removed {name}; its token is being revoked: `tokend-cli revocations` shows whether it \
             still is"
        )?;
    } else {
        writeln!(output, "removed {name}")?;
    }
    Ok(())
}
