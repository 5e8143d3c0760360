//! A trial of a definition as a stream of what happens.

use std::{collections::VecDeque, pin::Pin};

use futures_util::{Stream, stream};
use tokend_proto::v1::{TryDefinitionResponse, try_definition_response::Event};
use tokio::sync::{mpsc, oneshot};
use tonic::Status;

use super::message;
use crate::{
    engine::{Error, Tried},
    ports::Spoken,
    rpc::status,
};

/// What a caller hears of a trial.
pub(super) type Report =
    Pin<Box<dyn Stream<Item = Result<TryDefinitionResponse, Status>> + Send + 'static>>;

/// Where a trial stands.
struct Trial {
    /// What is to be told next.
    ready: VecDeque<Result<TryDefinitionResponse, Status>>,
    spoken: mpsc::UnboundedReceiver<Spoken>,
    /// `None` once it has ended.
    end: Option<oneshot::Receiver<Result<Tried, Error>>>,
}

/// Tells the account, and no more.
pub(super) fn account(account: &str) -> Report {
    Box::pin(stream::iter([Ok(message::event(Event::Account(account.to_owned())))]))
}

/// Tells all that happens in a trial.
pub(super) fn report(
    account: &str,
    spoken: mpsc::UnboundedReceiver<Spoken>,
    end: oneshot::Receiver<Result<Tried, Error>>,
) -> Report {
    let first = Ok(message::event(Event::Account(account.to_owned())));
    let trial = Trial { ready: [first].into(), spoken, end: Some(end) };
    Box::pin(stream::unfold(trial, |mut trial| async { Some((trial.next().await?, trial)) }))
}

impl Trial {
    async fn next(&mut self) -> Option<Result<TryDefinitionResponse, Status>> {
        if let Some(ready) = self.ready.pop_front() {
            return Some(ready);
        }
        let end = self.end.as_mut()?;
        tokio::select! {
            biased;
            // The end comes after all that was spoken.
            Some(spoken) = self.spoken.recv() => Some(Ok(message::spoken(spoken))),
            ended = end => {
                self.end = None;
                while let Ok(spoken) = self.spoken.try_recv() {
                    self.ready.push_back(Ok(message::spoken(spoken)));
                }
                self.finish(ended.unwrap_or(Err(Error::Stopping)));
                self.ready.pop_front()
            }
        }
    }

    fn finish(&mut self, ended: Result<Tried, Error>) {
        let problem = match ended {
            Ok(Tried { findings, problem }) => {
                self.ready.extend(findings.into_iter().map(message::finding).map(Ok));
                problem
            }
            Err(problem) => Some(problem),
        };
        self.ready.extend(problem.map(|problem| Err(status::of(&problem))));
    }
}
