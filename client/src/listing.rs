//! What this user may read.

use std::time::{Duration, SystemTime};

use tokend_proto::v1::list_tokens_response::Entry;
use tonic::Code;

use crate::{
    Client, Error,
    clock::{Clock, Deadline, Moment},
    status,
    token::time,
};

/// A credential whose tokens this user may read, without the token.
#[derive(Clone, Debug)]
pub struct Listed {
    name: String,
    held: Result<Held, Error>,
}

#[derive(Clone, Debug)]
struct Held {
    token_id: String,
    expires_at: Option<SystemTime>,
    clock: Clock,
    ends: Deadline,
}

impl Client {
    /// Lists the credentials whose tokens this user may read, in the order of their names,
    /// without the tokens. It asks no provider and counts as no use.
    ///
    /// # Errors
    /// See [`Error`]; a daemon that can't do this yet refuses it with the code
    /// [`Unimplemented`](Code::Unimplemented).
    pub async fn list(&self) -> Result<Vec<Listed>, Error> {
        let (line, mut listed, mut page_token) = (self.line(), Vec::new(), String::new());
        loop {
            let asked_at = line.clock.now();
            let page = line.page(page_token).await?;
            for entry in page.tokens {
                listed.push(Listed::read(entry, &line.clock, asked_at)?);
            }
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(listed);
            }
        }
    }
}

impl Listed {
    /// Returns the credential's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the [id](crate::Token::id) of the token that tokend holds, if it holds one.
    pub fn token_id(&self) -> Option<&str> {
        self.held.as_ref().ok().map(|held| held.token_id.as_str())
    }

    /// Returns when that token expires; `None` if it never does, or if there is none.
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.held.as_ref().ok().and_then(|held| held.expires_at)
    }

    /// Returns the life that is left to it now, zero if it is over; `None` if it never
    /// expires, or if there is none.
    pub fn remaining(&self) -> Option<Duration> {
        let held = self.held.as_ref().ok()?;
        held.ends.remaining(held.clock.now())
    }

    /// Returns why no token is held: what [`Client::token`] would fail with if it couldn't
    /// get one.
    pub fn absence(&self) -> Option<&Error> {
        self.held.as_ref().err()
    }

    fn read(entry: Entry, clock: &Clock, asked_at: Moment) -> Result<Self, Error> {
        let Entry { name, token_id, expire_time, remaining, absence } = entry;
        if let Some(absence) = absence {
            let code = Code::from_i32(absence.code);
            let held = Err(status::told(code, absence.reason, absence.message, None));
            return Ok(Self { name, held });
        }
        let expires_at = time(expire_time)?;
        let remaining = remaining.map(Duration::try_from).transpose();
        let remaining = remaining.map_err(|_| Error::BadAnswer("a remaining life is negative"))?;
        // As of a token: what is left was measured, the end is by another's clock.
        let ends = Deadline::after(remaining, asked_at);
        let ends = if remaining.is_none() { ends.or_at(expires_at) } else { ends };
        Ok(Self { name, held: Ok(Held { token_id, expires_at, clock: clock.clone(), ends }) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{FakeDaemon, FakeToken};

    #[tokio::test(start_paused = true)]
    async fn tells_what_is_held_and_what_is_not() {
        let daemon = FakeDaemon::new();
        daemon.set("b", FakeToken::new("two").life(Duration::from_secs(60)));
        daemon.set("c", FakeToken::new("three"));
        daemon.fail("a", Error::LoginNeeded { message: "nobody has logged in".to_owned() });
        let listed = daemon.client().list().await.unwrap();
        let names: Vec<_> = listed.iter().map(Listed::name).collect();
        assert_eq!(names, ["a", "b", "c"]);
        assert!(listed[0].absence().is_some_and(Error::login_needed));
        assert_eq!((listed[0].token_id(), listed[0].remaining()), (None, None));
        daemon.advance(Duration::from_secs(45));
        assert_eq!(listed[1].remaining(), Some(Duration::from_secs(15)));
        assert!(listed[1].token_id().is_some() && listed[1].expires_at().is_some());
        assert!(listed[2].absence().is_none());
        assert_eq!(daemon.requests("b"), 0);
    }
}
