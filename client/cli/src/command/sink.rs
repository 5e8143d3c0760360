//! `sink`: keeps a file that holds the current token.

use std::{future::pending, time::Duration};

use sd_notify::NotifyState;
use tokend_client::{Client, Token};
use tokio::time::sleep;

use crate::{
    arguments::{Content, Sink},
    command::{part::Part, unwritten::Unwritten},
    ending::{self, Ending},
    exit::Exit,
    failure::{self, Failure},
    follow::{Follow, News},
    replace::Place,
};

/// Timers stop while the machine sleeps, and the wall clock can be set: how much is left of a
/// token is asked at least this often.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

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
    let mut basin = Basin { name: sink.name, part, place, written: None };
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
    /// The token that is there.
    written: Option<Token>,
}

impl Basin {
    async fn keep(
        &mut self,
        mut follow: Follow,
        ending: &mut Ending,
        remove: bool,
    ) -> Result<Exit, Failure> {
        let (mut was_written, mut unwritten) = (false, Unwritten::default());
        loop {
            let token = tokio::select! {
                asked = ending.next() => return Ok(ending::status(asked)),
                () = end(self.written.as_ref()), if remove => {
                    self.remove();
                    continue;
                }
                (_, token) = unwritten.next() => Some(token),
                news = follow.next() => match news {
                    Some(News::Token(_, token)) => Some(*token),
                    Some(News::Absent(_, error)) => {
                        let lasts = !error.is_transient();
                        let failure = Failure::about(&self.name)(error);
                        if !was_written && lasts {
                            return Err(failure);
                        }
                        failure::tell(&failure);
                        unwritten.forget(&self.name);
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
                Ok(()) => {
                    unwritten.forget(&self.name);
                    if !was_written {
                        notify(NotifyState::Ready);
                    }
                    was_written = true;
                }
                Err(failure) if was_written => {
                    unwritten.put(self.name.clone(), token, &failure);
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    fn write(&mut self, token: &Token) -> Result<(), Failure> {
        self.place.write(&self.part.bytes(&self.name, token)?)?;
        self.written = Some(token.clone());
        Ok(())
    }

    fn remove(&mut self) {
        self.written = None;
        if let Err(problem) = self.place.remove() {
            failure::tell(&problem.into());
        }
    }
}

/// Waits for the end of a token, for ever if there is none. It can be given up on at any time.
async fn end(token: Option<&Token>) {
    loop {
        match token.and_then(pause) {
            Some(pause) if pause.is_zero() => return,
            Some(pause) => sleep(pause).await,
            None => pending().await,
        }
    }
}

/// Returns how long a token can be left alone; nothing after its end.
fn pause(token: &Token) -> Option<Duration> {
    token.remaining().map(|left| left.min(LONGEST_PAUSE))
}

/// Tells systemd how it is, if systemd wants to know.
fn notify(state: NotifyState<'_>) {
    if let Err(source) = sd_notify::notify(&[state]) {
        failure::tell(&Failure::Notify(source));
    }
}

#[cfg(test)]
mod tests {
    use tokend_proto::v1::{self, AcquireTokenResponse};

    use super::*;

    #[test]
    fn the_end_of_a_token_is_looked_for_often() {
        let pause = |seconds: Option<i64>| {
            let remaining = seconds.map(|seconds| prost_types::Duration { seconds, nanos: 0 });
            let token = Some(v1::Token::default());
            let answer = AcquireTokenResponse { token, remaining, unchanged: false };
            pause(&Token::try_from(answer).unwrap())
        };
        assert_eq!([None, Some(0)].map(pause), [None, Some(Duration::ZERO)]);
        assert_eq!(pause(Some(3_600)), Some(LONGEST_PAUSE));
        assert!(pause(Some(10)) <= Some(Duration::from_secs(10)));
    }
}
