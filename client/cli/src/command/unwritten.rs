//! Tokens that couldn't be written into their files, until they are tried again.

use std::{collections::BTreeMap, future::pending, pin::Pin, time::Duration};

use tokend_client::Token;
use tokio::time::{Sleep, sleep};

use crate::failure::{self, Failure};

/// How long to wait before a file is tried again: what is full or read-only stays so for a
/// while.
const RETRY: Duration = Duration::from_secs(5);

/// Tokens that couldn't be written, by the names of their credentials.
#[derive(Default)]
pub(super) struct Unwritten {
    tokens: BTreeMap<String, Token>,
    /// What was told of each last.
    told: BTreeMap<String, String>,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Unwritten {
    /// Keeps one until later, and tells why, if that wasn't told just before.
    pub(super) fn put(&mut self, name: String, token: Token, failure: &Failure) {
        let why = failure.message();
        if self.told.get(&name) != Some(&why) {
            failure::tell(failure);
            self.told.insert(name.clone(), why);
        }
        self.tokens.insert(name, token);
        self.pause = Some(Box::pin(sleep(RETRY)));
    }

    /// Lets go of one that needn't be written any more.
    pub(super) fn forget(&mut self, name: &str) {
        self.tokens.remove(name);
        self.told.remove(name);
    }

    /// Waits until one is to be tried again; for ever if there is none. It can be given up on
    /// at any time; nothing is lost.
    pub(super) async fn next(&mut self) -> (String, Token) {
        if !self.tokens.is_empty()
            && let Some(pause) = &mut self.pause
        {
            pause.await;
            self.pause = None;
        }
        match self.tokens.pop_first() {
            Some(next) => next,
            None => pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokend_proto::v1::{self, AcquireTokenResponse};

    use super::*;

    fn token(id: &str) -> Token {
        let token = v1::Token { token_id: id.to_owned(), ..v1::Token::default() };
        let answer = AcquireTokenResponse { token: Some(token), ..AcquireTokenResponse::default() };
        Token::try_from(answer).unwrap()
    }

    #[tokio::test]
    async fn what_could_not_be_written_is_tried_again_later_unless_it_is_forgotten() {
        let mut unwritten = Unwritten::default();
        for name in ["a", "b", "c"] {
            unwritten.put(name.to_owned(), token(name), &Failure::NoMemory);
        }
        unwritten.put("a".to_owned(), token("newer"), &Failure::NoMemory);
        unwritten.forget("b");
        assert!(unwritten.next().now_or_never().is_none());
        // As after the pause.
        unwritten.pause = None;
        for (name, id) in [("a", "newer"), ("c", "c")] {
            let next = unwritten.next().now_or_never().unwrap();
            assert_eq!((next.0.as_str(), next.1.id()), (name, id));
        }
        assert!(unwritten.next().now_or_never().is_none());
    }
}
