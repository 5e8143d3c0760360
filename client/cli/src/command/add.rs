//! `add`: stores a credential and waits for its first token.

use std::{io::Write, os::unix::fs::MetadataExt as _, time::Duration};

use tokend_client::{Error, Token};
use tokend_proto::v1::{
    AcquireTokenRequest, CreateCredentialRequest, Credential, GetProviderRequest,
    credential::RefreshPolicy,
};

use crate::{
    arguments::Add,
    caller::Caller,
    command::{readers, values},
    daemon::{Daemon, answer, answer_within},
    failure::Failure,
    output::Output,
    span,
};

/// Most providers answer within a second; who adds a credential shouldn't be kept
/// much longer to hear that it is stored.
const FIRST_TOKEN: Duration = Duration::from_secs(15);

pub(super) async fn run(
    daemon: &Daemon,
    add: Add,
    caller: &Caller,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    readers::check(&add.readers)?;
    let Add { name, provider, inputs, readers, refresh, limits } = add;
    let flags = inputs.take_flags();
    let request = GetProviderRequest { name: provider };
    let provider = answer(daemon.providers().get_provider(request)).await?;

    let values = values::gather(&provider, flags)?;
    let shared = readers.is_empty() && is_for_others(daemon, caller);
    let credential = Credential {
        name: name.clone(),
        provider: provider.name.clone(),
        variables: values.variables,
        readers,
        refresh_policy: refresh.map_or_else(RefreshPolicy::default, Into::into).into(),
        limits,
        ..Credential::default()
    };
    let request = CreateCredentialRequest { credential: Some(credential), secrets: values.secrets };
    answer(daemon.credentials().create_credential(request)).await.map_err(Failure::about(&name))?;
    writeln!(output, "added {name} ({})", provider.name)?;
    first_token(daemon, &name, output).await?;
    writeln!(output, "print a token: tokend-cli get {name}")?;
    if shared {
        let user = match &caller.sudo {
            Some((user, _)) => user,
            None if caller.uid != 0 => &caller.user,
            None => "NAME",
        };
        writeln!(output, "only root and tokend's own user may read it yet; to let others:")?;
        writeln!(output, "  tokend-cli grant {name} user:{user}")?;
    }
    Ok(())
}

/// Waits for the issuance that creating the credential has started. To refresh
/// would spend another one.
async fn first_token(
    daemon: &Daemon,
    name: &str,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let min_ttl = Some(prost_types::Duration::default());
    let request =
        AcquireTokenRequest { name: name.to_owned(), min_ttl, ..AcquireTokenRequest::default() };
    let token = answer_within(FIRST_TOKEN, daemon.tokens().acquire_token(request))
        .await
        .and_then(Token::try_from);
    match token {
        Ok(token) => match token.remaining() {
            Some(life) => {
                writeln!(output, "first token: ok, expires in {}", span::show_duration(life))?;
            }
            None => writeln!(output, "first token: ok, never expires")?,
        },
        // Nothing has failed yet.
        Err(Error::TimedOut) => {
            writeln!(output, "first token: not there yet; `tokend-cli status` shows how it goes")?;
        }
        Err(error) => {
            return Err(Failure::FirstToken { error, credential: name.to_owned() });
        }
    }
    Ok(())
}

/// Tells whether others than the one who adds a credential are to read it: the
/// daemon isn't the user's own.
fn is_for_others(daemon: &Daemon, caller: &Caller) -> bool {
    let owner = daemon.socket().metadata().map(|socket| socket.uid());
    caller.uid == 0 || owner.is_ok_and(|owner| owner != caller.uid)
}

#[cfg(test)]
pub(super) mod tests;
