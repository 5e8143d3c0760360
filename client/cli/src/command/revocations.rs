//! `revocations`: the tokens that their providers haven't ended yet.

use std::io::{self, Write};

use prost_types::Timestamp;
use serde_json::{Value, json};
use tokend_proto::v1::{DropRevocationRequest, ListRevocationsRequest, PendingRevocation};

use crate::{
    arguments::{Form, Revocations, RevocationsCommand},
    ask::{self, Terminal},
    clock,
    daemon::{Daemon, answer},
    failure::Failure,
    json,
    output::Output,
    span,
    table::{self, Cell, Tone},
};

pub(super) async fn run(
    daemon: &Daemon,
    Revocations { command, form }: Revocations,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    if let Some(RevocationsCommand::Drop { id, yes, form }) = command {
        return give_up(daemon, id, yes, &form, output).await;
    }
    let request = ListRevocationsRequest {};
    let revocations = answer(daemon.admin().list_revocations(request)).await?.revocations;
    if form.json {
        let values = revocations.iter().map(json::revocation).collect();
        return Ok(json::write(output, &Value::Array(values))?);
    }
    if revocations.is_empty() {
        return Ok(writeln!(output, "no token is still to be revoked")?);
    }
    Ok(write(output, &revocations, &clock::now())?)
}

async fn give_up(
    daemon: &Daemon,
    id: String,
    yes: bool,
    form: &Form,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    if !yes {
        let Some(mut terminal) = Terminal::open() else {
            let deed = format!("giving up revocation {id}");
            let command = format!("tokend-cli revocations drop {id}");
            return Err(Failure::Unconfirmed { deed, command });
        };
        let question = "give it up? the token may live on at its provider, and tokend forgets it";
        if !ask::confirm(question, &mut terminal).map_err(Failure::Terminal)? {
            if form.json {
                return Ok(json::write(output, &json!({ "id": id, "dropped": false }))?);
            }
            return Ok(writeln!(output, "it goes on")?);
        }
    }
    let request = DropRevocationRequest { id: id.clone() };
    answer(daemon.admin().drop_revocation(request)).await?;
    if form.json {
        return Ok(json::write(output, &json!({ "id": id, "dropped": true }))?);
    }
    Ok(writeln!(output, "given up: the token may live on at its provider")?)
}

/// Writes the tokens that are to be ended still.
pub(super) fn write(
    output: &mut Output<impl Write>,
    revocations: &[PendingRevocation],
    now: &Timestamp,
) -> io::Result<()> {
    let headings = ["TOKEN OF", "PROVIDER", "SINCE", "ATTEMPTS", "NEXT IN", "LAST FAILURE", "ID"];
    table::write_fitting(output, headings, revocations.iter().map(|one| row(one, now)).collect())
}

fn row(revocation: &PendingRevocation, now: &Timestamp) -> [Cell; 7] {
    let since = revocation.since.as_ref().map(|since| format!("{} ago", span::between(since, now)));
    let next = match &revocation.retry_time {
        Some(at) => Cell::new(&span::between(now, at), Tone::Waiting),
        None => Cell::new("under way", Tone::Plain),
    };
    [
        (&revocation.credential).into(),
        (&revocation.provider).into(),
        since.unwrap_or_default().into(),
        revocation.attempts.to_string().into(),
        next,
        (&revocation.last_failure).into(),
        (&revocation.id).into(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_shown_with_what_went_wrong_and_when_it_is_tried_again() {
        let at = |seconds| Some(Timestamp { seconds, nanos: 0 });
        let waiting = PendingRevocation {
            id: "0a".to_owned(),
            credential: "causely".to_owned(),
            provider: "acme".to_owned(),
            since: at(3_000),
            attempts: 2,
            last_failure: "503\u{1b}[2J".to_owned(),
            retry_time: at(3_720),
            ..PendingRevocation::default()
        };
        let begun = PendingRevocation { id: "0b".to_owned(), ..PendingRevocation::default() };
        let mut output = Output::of_a_test(Vec::new(), false);
        let now = Timestamp { seconds: 3_600, nanos: 0 };
        write(&mut output, &[waiting, begun], &now).unwrap();
        assert_eq!(
            String::from_utf8(output.into_writer()).unwrap(),
            "TOKEN OF  PROVIDER  SINCE    ATTEMPTS  NEXT IN    LAST FAILURE  ID\n\
             causely   acme      10m ago  2         2m         503\\u{1b}[2J  0a\n\
             -         -         -        0         under way  -             0b\n"
        );
    }
}
