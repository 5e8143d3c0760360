//! `show`: all about a credential but its secrets.

use std::io::{self, Write};

use prost_types::Timestamp;
use tokend_proto::v1::{Credential, GetCredentialRequest};

use crate::{
    arguments::Form,
    clock,
    daemon::{Daemon, answer},
    failure::Failure,
    json,
    output::Output,
    span, state,
    table::{self, Cell, Tone},
};

pub(super) async fn run(
    daemon: &Daemon,
    name: String,
    form: &Form,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let request = GetCredentialRequest { name: name.clone() };
    let call = answer(daemon.credentials().get_credential(request)).await;
    let credential = call.map_err(Failure::about(&name))?;
    if form.json {
        return Ok(json::write(output, &json::credential(&credential))?);
    }
    Ok(write(output, &credential, &clock::now())?)
}

fn write(
    output: &mut Output<impl Write>,
    credential: &Credential,
    now: &Timestamp,
) -> io::Result<()> {
    let mut rows: Vec<[Cell; 2]> = Vec::new();
    let mut row = |label: &str, value: Cell| rows.push([Cell::new(label, Tone::Heading), value]);
    row("name", (&credential.name).into());
    row("provider", (&credential.provider).into());
    row("state", state::cell(credential));
    if let Some(token) = &credential.token {
        row("token", (&token.token_id).into());
        row("issued", time(token.issue_time.as_ref(), now));
        row("expires", token.expire_time.as_ref().map_or("never".into(), |at| time(Some(at), now)));
        row("refresh", time(token.refresh_time.as_ref(), now));
    }
    for (name, value) in &credential.variables {
        row("variable", format!("{name} = {value}").into());
    }
    row("secrets", credential.secret_names.join(", ").into());
    row("readers", credential.readers.join(", ").into());
    row("created", time(credential.create_time.as_ref(), now));
    row("changed", time(credential.update_time.as_ref(), now));
    row("last read", time(credential.last_use_time.as_ref(), now));
    if let Some(failure) = &credential.last_failure {
        row("failure", Cell::new(&state::failure(failure, now), Tone::Bad));
        if let Some(retry) = &failure.retry_time {
            row("retry", time(Some(retry), now));
        }
        row("what to do", (&failure.remedy).into());
    }
    table::align(output, &rows)
}

fn time(time: Option<&Timestamp>, now: &Timestamp) -> Cell {
    match time {
        None => "".into(),
        Some(time) if time.seconds > now.seconds => {
            format!("in {} ({time})", span::between(now, time)).into()
        }
        Some(time) => format!("{} ago ({time})", span::between(time, now)).into(),
    }
}

#[cfg(test)]
mod tests {
    use tokend_proto::v1::{IssuanceFailure as Reason, TokenInfo, credential::State};

    use super::*;

    #[test]
    fn shows_all_but_secrets() {
        let at = |seconds| Some(Timestamp { seconds, nanos: 0 });
        let credential = Credential {
            name: "a".to_owned(),
            provider: "acme".to_owned(),
            state: State::Refused.into(),
            variables: [("client_id".to_owned(), "c1".to_owned())].into(),
            secret_names: vec!["client_secret".to_owned()],
            token: Some(TokenInfo {
                token_id: "t1".to_owned(),
                issue_time: at(0),
                expire_time: at(7200),
                ..TokenInfo::default()
            }),
            last_failure: Some(Reason {
                message: "the provider said no".to_owned(),
                time: at(3590),
                consecutive: 1,
                remedy: "store the right secret".to_owned(),
                ..Reason::default()
            }),
            ..Credential::default()
        };
        let mut output = Output::of_a_test(Vec::new(), false);
        write(&mut output, &credential, &at(3600).unwrap()).unwrap();
        assert_eq!(
            String::from_utf8(output.into_writer()).unwrap(),
            "name        a\n\
             provider    acme\n\
             state       refused\n\
             token       t1\n\
             issued      1h ago (1970-01-01T00:00:00Z)\n\
             expires     in 1h (1970-01-01T02:00:00Z)\n\
             refresh     -\n\
             variable    client_id = c1\n\
             secrets     client_secret\n\
             readers     -\n\
             created     -\n\
             changed     -\n\
             last read   -\n\
             failure     the provider said no (10s ago)\n\
             what to do  store the right secret\n"
        );
    }
}
