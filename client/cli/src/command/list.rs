//! `list`: the credentials.

use std::io::Write;

use serde_json::Value;
use tokend_proto::v1::{Credential, ListCredentialsRequest};

use crate::{
    arguments::Form,
    command::readers,
    daemon::{Daemon, answer},
    failure::Failure,
    json,
    output::Output,
    state, table,
};

pub(super) async fn run(
    daemon: &Daemon,
    form: &Form,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let credentials = all(daemon).await?;
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

async fn all(daemon: &Daemon) -> Result<Vec<Credential>, Failure> {
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
