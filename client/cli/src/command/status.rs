//! `status`: how the daemon and all credentials are, and what to do.

use std::io::{self, Write};

use prost_types::Timestamp;
use tokend_proto::v1::{Credential, GetStatusRequest, GetStatusResponse};

use crate::{
    arguments::Form,
    clock,
    daemon::{Daemon, answer},
    failure::Failure,
    json,
    output::{Output, printable},
    span, state, table,
};

pub(super) async fn run(
    daemon: &Daemon,
    form: &Form,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let status = answer(daemon.admin().get_status(GetStatusRequest {})).await?;
    if form.json {
        return Ok(json::write(output, &json::status(&status))?);
    }
    Ok(write(output, &status, &clock::now())?)
}

fn write(
    output: &mut Output<impl Write>,
    status: &GetStatusResponse,
    now: &Timestamp,
) -> io::Result<()> {
    let since = status
        .start_time
        .as_ref()
        .map_or_else(String::new, |start| format!(", running for {}", span::between(start, now)));
    writeln!(
        output,
        "tokend {}, process {}{since}, state in {}",
        printable(&status.version),
        status.pid,
        printable(&status.state_directory)
    )?;
    if status.version != env!("CARGO_PKG_VERSION") {
        writeln!(output, "tokend-cli {}", env!("CARGO_PKG_VERSION"))?;
    }
    for problem in &status.problems {
        writeln!(output, "problem: {}", printable(problem))?;
    }
    writeln!(output)?;
    if status.credentials.is_empty() && status.problems.is_empty() {
        return writeln!(output, "no credentials yet; `tokend-cli add` stores one");
    }
    let row = |credential: &Credential| {
        let failure = credential.last_failure.as_ref();
        [
            (&credential.name).into(),
            state::cell(credential),
            state::expires_in(credential, now).into(),
            state::refresh_in(credential, now).into(),
            failure.map_or_else(String::new, |failure| state::failure(failure, now)).into(),
        ]
    };
    let headings = ["NAME", "STATE", "EXPIRES IN", "REFRESH IN", "LAST FAILURE"];
    table::write(output, headings, status.credentials.iter().map(row).collect())?;

    let remedies = status.credentials.iter().filter_map(|credential| {
        let remedy = &credential.last_failure.as_ref()?.remedy;
        (!remedy.is_empty()).then_some((&credential.name, remedy))
    });
    for (at, (name, remedy)) in remedies.enumerate() {
        if at == 0 {
            writeln!(output, "\nwhat to do:")?;
        }
        writeln!(output, "  {}: {}", printable(name), printable(remedy))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokend_proto::v1::{IssuanceFailure as Reason, TokenInfo, credential::State};

    use super::*;

    fn shown(status: &GetStatusResponse) -> String {
        let mut output = Output::of_a_test(Vec::new(), false);
        write(&mut output, status, &Timestamp { seconds: 3600, nanos: 0 }).unwrap();
        String::from_utf8(output.into_writer()).unwrap()
    }

    #[test]
    fn shows_every_credential_and_what_to_do() {
        let at = |seconds| Some(Timestamp { seconds, nanos: 0 });
        let good = Credential {
            name: "causely".to_owned(),
            state: State::Fresh.into(),
            token: Some(TokenInfo {
                expire_time: at(7190),
                refresh_time: at(5700),
                ..TokenInfo::default()
            }),
            ..Credential::default()
        };
        let bad = Credential {
            name: "acme".to_owned(),
            state: State::Refused.into(),
            last_failure: Some(Reason {
                message: "invalid_client\u{1b}[2J".to_owned(),
                time: at(3595),
                consecutive: 2,
                remedy: "store the right secret".to_owned(),
                ..Reason::default()
            }),
            ..Credential::default()
        };
        let status = GetStatusResponse {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: 7,
            start_time: at(0),
            state_directory: "/var/lib/tokend".to_owned(),
            credentials: vec![bad, good],
            problems: vec!["the disk is full".to_owned()],
        };
        let first = format!(
            "tokend {}, process 7, running for 1h, state in /var/lib/tokend\n",
            env!("CARGO_PKG_VERSION")
        );
        assert_eq!(
            shown(&status),
            first
                + "problem: the disk is full\n\
                   \n\
                   NAME     STATE    EXPIRES IN  REFRESH IN  LAST FAILURE\n\
                   acme     refused  -           -           invalid_client\\u{1b}[2J (5s ago, 2 in a row)\n\
                   causely  fresh    59m         35m         -\n\
                   \n\
                   what to do:\n  \
                     acme: store the right secret\n"
        );
    }

    #[test]
    fn an_empty_store_leads_on() {
        let status =
            GetStatusResponse { version: "9.9.9".to_owned(), ..GetStatusResponse::default() };
        let text = shown(&status);
        assert!(text.contains(concat!("tokend-cli ", env!("CARGO_PKG_VERSION"))), "{text}");
        assert!(text.ends_with("\nno credentials yet; `tokend-cli add` stores one\n"), "{text}");
    }
}
