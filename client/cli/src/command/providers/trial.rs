//! `providers try`: issues a token once, shows how that goes, and throws it away.

use std::{
    io::{self, Write},
    time::Duration,
};

use serde_json::json;
use tokend_client::Error;
use tokend_proto::v1::{
    TryDefinitionRequest, TryDefinitionResponse,
    try_definition_response::{Event, Finding},
};
use tonic::Streaming;

use crate::{
    arguments::Try,
    ask::{self, Terminal},
    command::{
        providers::draft::{self, Draft},
        values::{self, Values},
    },
    daemon::{Daemon, answer},
    exit::Exit,
    failure::Failure,
    json,
    output::{Output, printable},
};

/// Outlasts the daemon's own limit on one dance.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn run(
    daemon: &Daemon,
    candidate: Try,
    output: &mut Output<impl Write>,
) -> Result<Exit, Failure> {
    let Try { definition: word, inputs, yes, form } = candidate;
    let draft = Draft::of(&word)?;
    let provider = match draft.look(daemon).await? {
        Ok(provider) => provider,
        Err(problem) => {
            draft::complain(&problem);
            return Ok(Exit::Failed);
        }
    };
    let mut terminal = Terminal::open();
    if !yes && terminal.is_none() {
        let command = format!("tokend-cli providers try {word}");
        return Err(Failure::Unconfirmed { deed: format!("trying {word}"), command });
    }
    let Values { variables, secrets, .. } = values::gather(&provider, inputs.take_flags())?;
    let Draft { name, definition, path } = draft;
    let mut request =
        TryDefinitionRequest { name, definition, path, variables, secrets, validate_only: true };
    if let Some(terminal) = terminal.as_mut().filter(|_| !yes) {
        let mut stream = answer(daemon.providers().try_definition(request.clone())).await?;
        if let Some(Event::Account(account)) = next(&mut stream).await? {
            let question = format!("{} Go on?", cost(&account));
            if !ask::confirm(&question, terminal).map_err(Failure::Terminal)? {
                if !form.json {
                    writeln!(output, "nothing was sent")?;
                }
                output.flush()?;
                return Ok(Exit::Done);
            }
        }
    }
    request.validate_only = false;
    let mut stream = answer(daemon.providers().try_definition(request)).await?;
    while let Some(event) = next(&mut stream).await? {
        if form.json {
            output.write_all(json::line(&object(&event)).as_bytes())?;
        } else {
            write(output, &event, yes)?;
        }
        output.flush()?;
    }
    if !form.json {
        writeln!(output, "the token was thrown away")?;
    }
    output.flush()?;
    Ok(Exit::Done)
}

async fn next(stream: &mut Streaming<TryDefinitionResponse>) -> Result<Option<Event>, Error> {
    let message = tokio::time::timeout(PATIENCE, stream.message()).await;
    Ok(message.map_err(|_| Error::TimedOut)??.and_then(|message| message.event))
}

fn cost(account: &str) -> String {
    format!("This spends one issuance of {}.", printable(account))
}

/// Returns an event for a line of its own.
fn object(event: &Event) -> serde_json::Value {
    match event {
        Event::Account(account) => json!({ "account": account }),
        Event::Request(text) => json!({ "request": text }),
        Event::Answer(text) => json!({ "answer": text }),
        Event::Finding(Finding { name, value }) => json!({ "finding": name, "value": value }),
    }
}

fn write(output: &mut Output<impl Write>, event: &Event, unasked: bool) -> io::Result<()> {
    match event {
        Event::Account(account) if unasked => writeln!(output, "{}", cost(account)),
        // It was told before.
        Event::Account(_) => Ok(()),
        Event::Request(text) => lines(output, '>', text),
        Event::Answer(text) => lines(output, '<', text),
        Event::Finding(Finding { name, value }) => {
            writeln!(output, "{}: {}", printable(name), printable(value))
        }
    }
}

fn lines(output: &mut Output<impl Write>, mark: char, text: &str) -> io::Result<()> {
    for line in text.lines() {
        writeln!(output, "{}", format!("{mark} {}", printable(line)).trim_end())?;
    }
    writeln!(output)
}
