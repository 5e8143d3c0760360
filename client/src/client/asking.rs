//! What is asked of the daemon, and who waits for it.

use std::{future::Future, sync::Arc, time::Duration};

use super::{Client, Inner, TokenOptions};
use crate::{
    Error, Token,
    cache::{Entry, Flights, Landed},
    line::{Asked, Line},
};

impl Client {
    /// Returns the token that is held, if it is enough.
    pub(crate) fn held(&self, name: &str, min_ttl: Option<Duration>) -> Option<Token> {
        if !self.inner.is_cached {
            return None;
        }
        let Inner { cache, clock, .. } = &*self.inner;
        let (token, is_tended) = cache.look(name, |entry| (entry.token(), entry.is_tended()))?;
        let now = clock.glance();
        let token = token.filter(|token| token.suffices(min_ttl, now) && !cache.is_deaf(now))?;
        if !is_tended {
            cache.look(name, |entry| self.tend(entry));
        }
        Some(token)
    }

    /// Sees to it that someone hears if a token changes: by the stream, else by asking now
    /// and then. No one waits for that.
    #[cold]
    pub(crate) fn tend(&self, entry: &Entry) {
        let Inner { link, dial, cache, clock, .. } = &*self.inner;
        if entry.is_tended() {
            return;
        }
        let Some(line) = link.line(dial, cache, clock) else { return };
        if entry.is_due(clock.now()) {
            let name = entry.name().to_string();
            let runtime = line.runtime.clone();
            let call = self.question(line, &name, TokenOptions::new(), entry.token());
            drop(Flights::board(cache, &runtime, (name, None), call));
        }
    }

    /// Asks the daemon; with a cache, together with whoever asks the same now.
    pub(super) async fn fetch(&self, name: &str, options: TokenOptions) -> Result<Token, Error> {
        if !self.inner.is_cached {
            let token = self.token_if_changed(name, "", options).await?;
            return token.ok_or(Error::BadAnswer("it holds no token"));
        }
        let asking = async {
            loop {
                let line = self.line();
                let runtime = line.runtime.clone();
                let call = self.question(line, name, options, None);
                let question = (name.to_owned(), options.min_ttl);
                match Flights::join(&self.inner.cache, &runtime, question, call).await {
                    // It wasn't told to wait for as long as this caller would.
                    Landed::Joined(Err(Error::TimedOut)) => {}
                    Landed::Lost => tokio::task::yield_now().await,
                    Landed::Own(answer) | Landed::Joined(answer) => return answer,
                }
            }
        };
        let answer = tokio::time::timeout(options.timeout, asking).await;
        let answer = answer.unwrap_or(Err(Error::TimedOut));
        match answer {
            // Where no newer token can be had, any that is alive will do by default, as for
            // the daemon.
            Err(error) if error.is_silence() => {
                let held = self.inner.cache.look(name, |entry| entry.token()).flatten();
                let needed = options.min_ttl.or(Some(Duration::ZERO));
                let now = self.inner.clock.now();
                held.filter(|held| held.suffices(needed, now.into())).ok_or(error)
            }
            answer => answer,
        }
    }

    /// Returns a call that asks for a token, and puts the answer into the cache.
    fn question(
        &self,
        line: Line,
        name: &str,
        options: TokenOptions,
        held: Option<Token>,
    ) -> impl Future<Output = Result<Token, Error>> + Send + 'static {
        let cache = Arc::clone(&self.inner.cache);
        let held = held.filter(Token::is_alive);
        let asked = Asked {
            name: name.to_owned(),
            min_ttl: options.min_ttl,
            if_none_match: held.as_ref().map(|held| held.id().to_owned()).unwrap_or_default(),
            // Others may join and wait for longer.
            timeout: options.timeout.max(TokenOptions::new().timeout),
        };
        let name = asked.name.clone();
        async move {
            let version = cache.look(&name, |entry| entry.version()).unwrap_or_default();
            let takes_any = asked.min_ttl.is_none();
            let token = line.acquire(asked).await.inspect_err(|error| {
                if takes_any && !error.is_silence() {
                    cache.look(&name, |entry| entry.refused(error, version));
                }
            })?;
            let token = token.or(held).ok_or(Error::BadAnswer("it holds no token"))?;
            // Only what there is gets into the cache, so strangers can't fill it.
            cache.entry(&name).answered(&token, version, line.clock.now());
            cache.answered.send_replace(());
            Ok(token)
        }
    }

    /// Drops a token that isn't the latest any more, by the daemon's own word.
    pub(super) fn outdate(&self, name: &str, token_id: Option<&str>) {
        let Inner { cache, .. } = &*self.inner;
        cache.look(name, |entry| entry.outdate(token_id));
        cache.flights.close(name);
    }

    pub(crate) fn line(&self) -> Line {
        let Inner { link, dial, cache, clock, .. } = &*self.inner;
        link.line(dial, cache, clock).expect("a client is used in a tokio runtime")
    }
}
