//! `sink`: keeps a file that holds the current token.

use std::{future::pending, pin::Pin, time::Duration};

use sd_notify::NotifyState;
use tokend_client::{Client, Token};
use tokio::time::{Sleep, sleep};

use crate::{
    arguments::{Content, Sink},
    command::part::Part,
    ending::{self, Ending},
    exit::Exit,
    failure::{self, Failure},
    follow::{Follow, News},
    replace::Place,
};

/// How long to wait before a file is tried again that couldn't be written.
const RETRY: Duration = Duration::from_secs(5);

pub(super) async fn run(sink: Sink) -> Result<Exit, Failure> {
    let part = match (&sink.field, sink.format) {
        (Some(field), _) => Part::Field(field.clone()),
        (None, Content::Token) => Part::Value,
        (None, Content::Header) => Part::Headers,
        (None, Content::Json) => Part::Json,
    };
    let owner = sink.owner.as_ref();
    let place = Place::new(&sink.file)?.mode(sink.mode);
    let place = place.owner(owner.and_then(|it| it.user), owner.and_then(|it| it.group));
    let mut basin = Basin { name: sink.name, part, place, unwritten: None, end: None };
    let client = Client::builder().cache(false).build()?;
    if sink.once {
        let token = client.token(&basin.name).await.map_err(Failure::about(&basin.name))?;
        basin.write(&token)?;
        return Ok(Exit::Done);
    }
    let mut ending = Ending::watch().map_err(Failure::Start)?;
    let follow = Follow::new(client, vec![basin.name.clone()], true);
    let exit = basin.keep(follow, &mut ending, sink.remove).await?;
    notify(NotifyState::Stopping);
    Ok(exit)
}

/// The file, and what belongs into it.
struct Basin {
    name: String,
    part: Part,
    place: Place,
    /// A token that couldn't be written, and when it is tried again.
    unwritten: Option<(Token, Pin<Box<Sleep>>)>,
    /// The end of the token that was written.
    end: Option<Pin<Box<Sleep>>>,
}

impl Basin {
    async fn keep(
        &mut self,
        mut follow: Follow,
        ending: &mut Ending,
        remove: bool,
    ) -> Result<Exit, Failure> {
        let mut was_written = false;
        loop {
            let token = tokio::select! {
                asked = ending.next() => return Ok(ending::status(asked)),
                () = due(self.end.as_mut()), if remove => {
                    self.remove();
                    continue;
                }
                () = due(self.unwritten.as_mut().map(|(_, pause)| pause)) => {
                    self.unwritten.take().map(|(token, _)| token)
                }
                news = follow.next() => match news {
                    Some(News::Token(_, token)) => Some(*token),
                    Some(News::Absent(_, error)) => {
                        let lasts = !error.is_transient();
                        let failure = Failure::about(&self.name)(error);
                        if !was_written && lasts {
                            return Err(failure);
                        }
                        failure::tell(&failure);
                        self.unwritten = None;
                        if remove {
                            self.remove();
                        }
                        None
                    }
                    Some(News::Lost(error)) => {
                        failure::tell(&Failure::Waiting(error));
                        None
                    }
                    Some(News::Ended(error)) => return Err(error.into()),
                    None => return Ok(Exit::Failed),
                },
            };
            let Some(token) = token else { continue };
            match self.write(&token) {
                Ok(()) if was_written => {}
                Ok(()) => {
                    notify(NotifyState::Ready);
                    was_written = true;
                }
                Err(failure) if was_written => {
                    failure::tell(&failure);
                    self.unwritten = Some((token, Box::pin(sleep(RETRY))));
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    fn write(&mut self, token: &Token) -> Result<(), Failure> {
        self.unwritten = None;
        self.place.write(&self.part.bytes(&self.name, token)?)?;
        self.end = token.remaining().map(|life| Box::pin(sleep(life)));
        Ok(())
    }

    fn remove(&mut self) {
        self.end = None;
        if let Err(problem) = self.place.remove() {
            failure::tell(&problem.into());
        }
    }
}

/// Waits for a time, for ever if there is none.
async fn due(time: Option<&mut Pin<Box<Sleep>>>) {
    match time {
        Some(time) => time.await,
        None => pending().await,
    }
}

/// Tells systemd how it is, if systemd wants to know.
fn notify(state: NotifyState<'_>) {
    if let Err(source) = sd_notify::notify(&[state]) {
        failure::tell(&Failure::Notify(source));
    }
}
