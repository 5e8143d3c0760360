//! Tokens as they change.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use tokend_proto::v1::{WatchTokensResponse, watch_tokens_response::State};
use tonic::{Code, Streaming};

use crate::{Error, Token, clock::Clock, status};

/// How things are with some credentials, from [`Client::watch`](crate::Client::watch) on.
///
/// It is a [`Stream`] and never ends by itself. When the connection is lost or the daemon
/// ends, its last item is an error that [is transient](Error::is_transient), and it
/// doesn't connect again: the tokens that were told stay what they are, until their end,
/// and a new [`Client::watch`](crate::Client::watch) tells first how all is by then.
#[derive(Debug)]
pub struct Watch {
    updates: Streaming<WatchTokensResponse>,
    clock: Clock,
}

/// How things are with one credential: whatever was told of it before is outdated.
#[derive(Debug)]
pub struct Update {
    name: String,
    token: Result<Token, Error>,
}

impl Watch {
    pub(crate) fn new(updates: Streaming<WatchTokensResponse>, clock: Clock) -> Self {
        Self { updates, clock }
    }

    /// Waits for the next update. It can be given up on at any time; nothing is lost.
    pub async fn next(&mut self) -> Option<Result<Update, Error>> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }
}

impl Stream for Watch {
    type Item = Result<Update, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let answer = ready!(Pin::new(&mut self.updates).poll_next(context));
        Poll::Ready(answer.map(|answer| Ok(Update::read(answer?, &self.clock))))
    }
}

impl Update {
    /// Returns the credential's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the token, or why there is none.
    pub fn token(&self) -> Result<&Token, &Error> {
        self.token.as_ref()
    }

    /// Returns the token, or why there is none.
    ///
    /// # Errors
    /// What [`Client::token`](crate::Client::token) would fail with if it couldn't get
    /// one; see [`Error`].
    pub fn into_token(self) -> Result<Token, Error> {
        self.token
    }
}

impl Update {
    fn read(answer: WatchTokensResponse, clock: &Clock) -> Self {
        let WatchTokensResponse { name, state, remaining } = answer;
        let token = match state {
            Some(State::Token(token)) => Token::told(token, remaining, clock, clock.now()),
            Some(State::Absence(absence)) => {
                let code = Code::from_i32(absence.code);
                Err(status::told(code, absence.reason, absence.message, None))
            }
            None => Err(Error::BadAnswer("it says neither a token nor why there is none")),
        };
        Self { name, token }
    }
}
