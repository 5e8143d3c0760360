//! `remove`: removes a credential.

use std::io::Write;

use tokend_proto::v1::{DeleteCredentialRequest, GetCredentialRequest};

use crate::{
    ask::{self, Terminal},
    daemon::{Daemon, answer},
    failure::Failure,
    output::Output,
};

pub(super) async fn run(
    daemon: &Daemon,
    name: String,
    yes: bool,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    if !yes {
        let Some(mut terminal) = Terminal::open() else {
            return Err(Failure::Unconfirmed(name));
        };
        // Nobody should be asked about a credential that isn't there.
        let request = GetCredentialRequest { name: name.clone() };
        let call = answer(daemon.credentials().get_credential(request)).await;
        let credential = call.map_err(Failure::about(&name))?;
        let question =
            format!("remove {name} ({}) with its secrets and tokens?", credential.provider);
        if !ask::confirm(&question, &mut terminal).map_err(Failure::Terminal)? {
            writeln!(output, "{name} is left as it was")?;
            return Ok(());
        }
    }
    let request = DeleteCredentialRequest { name: name.clone(), etag: String::new() };
    let call = answer(daemon.credentials().delete_credential(request)).await;
    call.map_err(Failure::about(&name))?;
    writeln!(output, "removed {name}")?;
    Ok(())
}
