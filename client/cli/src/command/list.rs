//! `list`: the credentials; to callers who are no operators, those that they may read.

use std::io::{self, Write};

use serde_json::Value;
use tokend_client::{Client, Error, Listed};
use tokend_proto::v1::{Credential, ListCredentialsRequest};

use crate::{
    arguments::Form,
    command::readers,
    daemon::{Daemon, answer},
    failure::Failure,
    json,
    output::Output,
    span, state,
    table::{self, Cell, Tone},
};

pub(super) async fn run(
    daemon: &Daemon,
    form: &Form,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let credentials = match all(daemon).await {
        Ok(credentials) => credentials,
        Err(error) if is_closed(&error) => {
            let listed = Client::builder().cache(false).build()?.list().await;
            // Of two sockets that can't be used the callers' is the one to speak of.
            return Ok(readable(form, output, &listed?)?);
        }
        Err(error) => return Err(error.into()),
    };
    if form.json {
        let values = credentials.iter().map(json::credential).collect();
        return Ok(json::write(output, &Value::Array(values))?);
    }
    if credentials.is_empty() {
        writeln!(output, "no credentials yet; `tokend-cli add` stores one")?;
        return Ok(());
    }
    let row = |credential: &Credential| {
        [
            (&credential.name).into(),
            (&credential.provider).into(),
            state::cell(credential),
            readers::all(credential).join(", ").into(),
        ]
    };
    let rows = credentials.iter().map(row).collect();
    Ok(table::write(output, ["NAME", "PROVIDER", "STATE", "READERS"], rows)?)
}

/// Tells whether the operators' socket isn't for this user, or not here.
fn is_closed(error: &Error) -> bool {
    matches!(error, Error::SocketNotPermitted { .. } | Error::DaemonNotRunning { .. })
}

fn readable(form: &Form, output: &mut Output<impl Write>, listed: &[Listed]) -> io::Result<()> {
    if form.json {
        return json::write(output, &Value::Array(listed.iter().map(json::listed).collect()));
    }
    if listed.is_empty() {
        return writeln!(
            output,
            "no credential's tokens are yours to read; an operator lets you in by `tokend-cli grant`"
        );
    }
    let row = |credential: &Listed| {
        let left = credential.remaining().map(span::show_duration);
        let (word, tone, left) = match credential.absence() {
            None => ("held", Tone::Good, left.unwrap_or_else(|| "never".to_owned())),
            Some(_) => ("none", Tone::Waiting, String::new()),
        };
        let why = credential.absence().map(ToString::to_string).unwrap_or_default();
        [credential.name().into(), Cell::new(word, tone), left.into(), why.into()]
    };
    table::write(
        output,
        ["NAME", "TOKEN", "EXPIRES IN", "WHY NONE"],
        listed.iter().map(row).collect(),
    )
}

async fn all(daemon: &Daemon) -> Result<Vec<Credential>, Error> {
    let mut credentials = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListCredentialsRequest { page_size: 0, page_token };
        let page = answer(daemon.credentials().list_credentials(request)).await?;
        credentials.extend(page.credentials);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(credentials);
        }
    }
}
