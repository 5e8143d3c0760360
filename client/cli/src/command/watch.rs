//! `watch`: tells of tokens as they change, or runs a program for each.

mod reaction;

use std::{
    collections::BTreeSet,
    io::{self, Write},
    time::SystemTime,
};

use prost_types::Timestamp;
use serde_json::{Value, json};
use tokend_client::{Client, Error, ExposeSecret as _, Token};

use self::reaction::Reaction;
use crate::{
    arguments::Watch,
    clock,
    ending::{self, Ending},
    exit::Exit,
    failure::{self, Failure},
    follow::{Follow, News},
    json,
    output::{self, Output, printable},
    span,
};

pub(super) async fn run(watch: Watch, output: &mut Output<impl Write>) -> Result<Exit, Failure> {
    let mut firsts = Firsts::new(!watch.changes_only, clock::now());
    let mut ending = Ending::watch().map_err(Failure::Start)?;
    let client = Client::builder().cache(false).build()?;
    let mut follow = Follow::new(client, watch.names, false);
    let mut reaction = Reaction::new(watch.program);
    loop {
        let news = tokio::select! {
            asked = ending.next() => {
                reaction.end(asked, &mut ending).await;
                return Ok(ending::status(asked));
            }
            () = output::unheard(), if !reaction.is_wanted() => {
                return Err(io::Error::from(io::ErrorKind::BrokenPipe).into());
            }
            () = reaction.run() => continue,
            news = follow.next() => news,
        };
        let (name, content) = match news {
            Some(News::Token(name, token)) => (name, Ok(*token)),
            Some(News::Absent(name, error)) => (name, Err(error)),
            Some(News::Lost(error)) => {
                failure::tell(&Failure::Waiting(error));
                continue;
            }
            Some(News::Ended(error)) => return Err(error.into()),
            None => return Ok(Exit::Failed),
        };
        if !firsts.is_due(&name, content.as_ref().ok().and_then(Token::issued_at)) {
            continue;
        }
        match content {
            Ok(token) if reaction.is_wanted() => reaction.want(name, token),
            Err(error) if reaction.is_wanted() => {
                reaction.forget(&name);
                failure::tell(&Failure::about(&name)(error));
            }
            content => {
                let now = clock::now();
                if watch.json {
                    let object = object(&name, &content, &now, watch.show_token);
                    output.write_all(json::line(&object).as_bytes())?;
                } else {
                    line(output, &name, &content, &now)?;
                }
                // Whoever reads it waits for it.
                output.flush()?;
            }
        }
    }
}

/// Whether it is told how things are at first.
struct Firsts {
    are_told: bool,
    begun: Timestamp,
    seen: BTreeSet<String>,
}

impl Firsts {
    fn new(are_told: bool, begun: Timestamp) -> Self {
        Self { are_told, begun, seen: BTreeSet::new() }
    }

    /// Tells whether what is new about a credential is to be told; its token, if it has one, was
    /// issued at this time. A credential may be added meanwhile: what is issued since the watch
    /// began wasn't there at first.
    fn is_due(&mut self, name: &str, issued_at: Option<SystemTime>) -> bool {
        let is_first = self.seen.insert(name.to_owned());
        let since = issued_at.map(Timestamp::from).is_some_and(|issued_at| {
            (issued_at.seconds, issued_at.nanos) >= (self.begun.seconds, self.begun.nanos)
        });
        !is_first || self.are_told || since
    }
}

fn line(
    output: &mut Output<impl Write>,
    name: &str,
    content: &Result<Token, Error>,
    now: &Timestamp,
) -> io::Result<()> {
    let now = Timestamp { nanos: 0, ..*now };
    let what = match content {
        Ok(token) => match token.remaining() {
            Some(life) => format!("token {}, expires in {}", token.id(), span::show_duration(life)),
            None => format!("token {}, never expires", token.id()),
        },
        Err(error) => format!("no token: {error}"),
    };
    writeln!(output, "{now} {}: {}", printable(name), printable(&what))
}

fn object(name: &str, content: &Result<Token, Error>, now: &Timestamp, with_value: bool) -> Value {
    let time = |time: Option<SystemTime>| time.map(|time| Timestamp::from(time).to_string());
    match content {
        Ok(token) => {
            let mut object = json!({
                "name": name,
                "time": now.to_string(),
                "event": "token",
                "token_id": token.id(),
                "issue_time": time(token.issued_at()),
                "expire_time": time(token.expires_at()),
                "remaining_seconds": token.remaining().map(|life| life.as_secs()),
            });
            if with_value {
                object["value"] = token.value().expose_secret().into();
            }
            object
        }
        Err(error) => json!({
            "name": name,
            "time": now.to_string(),
            "event": "no_token",
            "reason": error.reason(),
            "message": error.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests;
