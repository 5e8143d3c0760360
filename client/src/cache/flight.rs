//! Calls that many wait for.

use std::{
    collections::BTreeMap,
    future::Future,
    process,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    runtime::{self, Handle},
    sync::watch,
    task::AbortHandle,
};

use super::Cache;
use crate::{Error, Token};

/// What is asked: a name, and the life that is needed.
pub(crate) type Question = (String, Option<Duration>);

type Answer = Option<Result<Token, Error>>;

/// The calls that are under way, by what they ask, one in each runtime: another may not be
/// running. Each is a task of its own, so that none ends because one of those who wait gives
/// up, and all who wait share its end.
#[derive(Debug, Default)]
pub(crate) struct Flights(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    calls: BTreeMap<Question, Vec<Flight>>,
    number: u64,
}

#[derive(Debug)]
struct Flight {
    number: u64,
    answer: watch::Receiver<Answer>,
    task: AbortHandle,
    runtime: runtime::Id,
    /// Tasks don't come along when a process forks.
    process: u32,
}

/// How a call ended for one who waited.
pub(crate) enum Landed {
    /// It was this one's own.
    Own(Result<Token, Error>),
    /// It was under way before.
    Joined(Result<Token, Error>),
    /// Its runtime has ended, and with it the call.
    Lost,
}

impl Flights {
    /// Waits for the call that asks the same, which is begun if need be.
    pub(crate) async fn join<F>(
        cache: &Arc<Cache>,
        runtime: &Handle,
        question: Question,
        call: F,
    ) -> Landed
    where
        F: Future<Output = Result<Token, Error>> + Send + 'static,
    {
        let (mut answer, is_own) = Self::board(cache, runtime, question, call);
        let landed = answer.wait_for(Option::is_some).await;
        match landed.as_deref() {
            Ok(Some(result)) if is_own => Landed::Own(result.clone()),
            Ok(Some(result)) => Landed::Joined(result.clone()),
            _ => Landed::Lost,
        }
    }

    /// Begins a call, unless one that asks the same is under way.
    pub(crate) fn board<F>(
        cache: &Arc<Cache>,
        runtime: &Handle,
        question: Question,
        call: F,
    ) -> (watch::Receiver<Answer>, bool)
    where
        F: Future<Output = Result<Token, Error>> + Send + 'static,
    {
        let mut state = cache.flights.state();
        let under_way = state.calls.get(&question);
        if let Some(flight) = under_way.and_then(|all| all.iter().find(|it| it.is_of(runtime))) {
            return (flight.answer.clone(), false);
        }
        state.number += 1;
        let number = state.number;
        let (sender, answer) = watch::channel(None);
        let task = runtime.spawn({
            let (cache, question) = (Arc::clone(cache), question.clone());
            async move {
                let result = call.await;
                cache.flights.land(&question, number);
                sender.send_replace(Some(result));
            }
        });
        let flight = Flight {
            number,
            answer: answer.clone(),
            task: task.abort_handle(),
            runtime: runtime.id(),
            process: process::id(),
        };
        let flights = state.calls.entry(question).or_default();
        flights.retain(|flight| !flight.task.is_finished());
        flights.push(flight);
        (answer, true)
    }

    /// Lets no one else join the calls about a name: there is another token by now.
    pub(crate) fn close(&self, name: &str) {
        self.state().calls.retain(|(asked, _), _| asked != name);
    }

    /// Ends all calls.
    pub(crate) fn abort(&self) {
        let calls = std::mem::take(&mut self.state().calls);
        let own = process::id();
        for flight in calls.into_values().flatten().filter(|flight| flight.process == own) {
            flight.task.abort();
        }
    }

    fn land(&self, question: &Question, number: u64) {
        let mut state = self.state();
        if let Some(flights) = state.calls.get_mut(question) {
            flights.retain(|flight| flight.number != number);
            if flights.is_empty() {
                state.calls.remove(question);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight {
    /// Tells whether it is under way in this runtime.
    fn is_of(&self, runtime: &Handle) -> bool {
        !self.task.is_finished() && self.runtime == runtime.id() && self.process == process::id()
    }
}
