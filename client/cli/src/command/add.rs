//! `add`: stores a credential and waits for its first token, unless someone has to log in.

use std::{
    io::{self, Write},
    os::unix::fs::MetadataExt as _,
    path::Path,
    time::Duration,
};

use tokend_client::{Error, Token, accounts};
use tokend_proto::v1::{
    AcquireTokenRequest, CreateCredentialRequest, Credential, GetCredentialRequest,
    GetProviderRequest, Provider, credential::RefreshPolicy,
};

use crate::{
    arguments::{Add, Terms},
    caller::Caller,
    command::{
        readers,
        values::{self, Values},
    },
    daemon::{Daemon, answer, answer_within},
    expiry,
    failure::Failure,
    json,
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
    let Add { name, provider, inputs, mut supply, terms, form } = add;
    readers::check(&terms.readers)?;
    readers::check(&terms.submitters)?;
    readers::check(&terms.refreshers)?;
    let mut flags = inputs.take_flags();
    flags.extend(supply.take_flags());
    let request = GetProviderRequest { name: provider };
    let provider = answer(daemon.providers().get_provider(request)).await?;
    let mut values = values::gather(&provider, flags)?;
    values.expire_times = expiry::all(supply.secret_expires);
    let new = New { name, provider, values, terms };
    let added = Box::pin(store(daemon, new)).await?;
    if form.json {
        added.report(daemon, output).await
    } else {
        added.tell(daemon, caller, output).await
    }
}

/// A credential that isn't stored yet.
pub(super) struct New {
    pub(super) name: String,
    pub(super) provider: Provider,
    pub(super) values: Values,
    pub(super) terms: Terms,
}

/// A credential that is stored.
pub(super) struct Added {
    pub(super) credential: Credential,
    /// Whether a person can log in for it.
    logs_in: bool,
    is_shared: bool,
}

/// Stores a credential.
pub(super) async fn store(daemon: &Daemon, new: New) -> Result<Added, Failure> {
    let New { name, provider, values, terms } = new;
    let Terms { readers, submitters, refreshers, refresh, limits } = terms;
    let is_shared = [&readers, &submitters, &refreshers].iter().any(|list| !list.is_empty());
    let credential = Credential {
        name: name.clone(),
        provider: provider.name,
        variables: values.variables,
        readers,
        submitters,
        refreshers,
        refresh_policy: refresh.map_or_else(RefreshPolicy::default, Into::into).into(),
        limits,
        ..Credential::default()
    };
    let request = CreateCredentialRequest {
        credential: Some(credential),
        secrets: values.secrets,
        expire_times: values.expire_times,
        sources: values.sources,
    };
    let created = answer(daemon.credentials().create_credential(request)).await;
    let credential = created.map_err(Failure::about(&name))?;
    Ok(Added { credential, logs_in: !provider.logins.is_empty(), is_shared })
}

impl Added {
    /// Shows the credential as it is once its first token is there, as JSON.
    async fn report(
        &self,
        daemon: &Daemon,
        output: &mut Output<impl Write>,
    ) -> Result<(), Failure> {
        let name = &self.credential.name;
        let first = first_token(daemon, name).await;
        let request = GetCredentialRequest { name: name.clone() };
        let call = answer(daemon.credentials().get_credential(request)).await;
        let credential = call.map_err(Failure::about(name))?;
        json::write(output, &json::credential(&credential))?;
        match first {
            Err(Failure::FirstToken { error: Error::LoginNeeded { .. }, .. }) if self.logs_in => {
                Ok(())
            }
            other => other.map(drop),
        }
    }

    /// Says that it is stored, how its first token is, and what can be done next.
    pub(super) async fn tell(
        &self,
        daemon: &Daemon,
        caller: &Caller,
        output: &mut Output<impl Write>,
    ) -> Result<(), Failure> {
        let Credential { name, provider, .. } = &self.credential;
        writeln!(output, "added {name} ({provider})")?;
        let first = first_token(daemon, name).await;
        match first.and_then(|token| Ok(show(output, token.as_ref())?)) {
            Err(Failure::FirstToken { error: Error::LoginNeeded { .. }, .. }) if self.logs_in => {
                writeln!(output, "next: tokend-cli login {name}")?;
            }
            other => {
                other?;
                writeln!(output, "print a token: tokend-cli get {name}")?;
            }
        }
        if !self.is_shared && is_for_others(daemon, caller) {
            let user = match &caller.sudo {
                Some((user, _)) => user,
                None if caller.uid != 0 => &caller.user,
                None => "NAME",
            };
            writeln!(output, "only root and tokend's own user may read it yet; to let others:")?;
            writeln!(output, "  tokend-cli grant {name} user:{user}")?;
            if let Some(group) = group_of(&daemon.socket().with_file_name("tokend.sock")) {
                writeln!(output, "or everyone who may connect:")?;
                writeln!(output, "  tokend-cli grant {name} group:{group}")?;
            }
        }
        Ok(())
    }
}

/// Waits for the issuance that creating the credential has started; returns no token if it
/// isn't there yet. To refresh would spend another one.
async fn first_token(daemon: &Daemon, name: &str) -> Result<Option<Token>, Failure> {
    let min_ttl = Some(prost_types::Duration::default());
    let request =
        AcquireTokenRequest { name: name.to_owned(), min_ttl, ..AcquireTokenRequest::default() };
    let token = answer_within(FIRST_TOKEN, daemon.tokens().acquire_token(request))
        .await
        .and_then(Token::try_from);
    match token {
        Ok(token) => Ok(Some(token)),
        // Nothing has failed yet.
        Err(Error::TimedOut) => Ok(None),
        Err(error) => Err(Failure::FirstToken { error, credential: name.to_owned() }),
    }
}

fn show(output: &mut Output<impl Write>, token: Option<&Token>) -> io::Result<()> {
    match token.map(Token::remaining) {
        Some(Some(life)) => {
            writeln!(output, "first token: ok, expires in {}", span::show_duration(life))
        }
        Some(None) => writeln!(output, "first token: ok, never expires"),
        None => {
            writeln!(output, "first token: not there yet; `tokend-cli status` shows how it goes")
        }
    }
}

/// Tells whether others than the one who adds a credential are to read it: the
/// daemon isn't the user's own.
fn is_for_others(daemon: &Daemon, caller: &Caller) -> bool {
    let owner = daemon.socket().metadata().map(|socket| socket.uid());
    caller.uid == 0 || owner.is_ok_and(|owner| owner != caller.uid)
}

/// Returns the group that may use a socket, if it is one beside root's.
fn group_of(socket: &Path) -> Option<String> {
    /// Connecting takes the right to write (unix(7)).
    const GROUP_WRITES: u32 = 0o020;
    let socket = socket.metadata().ok()?;
    let gid = Some(socket.gid()).filter(|gid| *gid != 0 && socket.mode() & GROUP_WRITES != 0)?;
    accounts::group_name(gid)
}

#[cfg(test)]
pub(super) mod tests;
