//! The client that programs hold.

mod asking;
mod builder;
mod options;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use tokend_proto::reason;

pub use crate::client::{builder::Builder, options::TokenOptions};
use crate::{
    Error, Rejection, Rotation, Ruling, Submission, Subscription, Token, Watch, cache::Cache,
    channel::Dial, clock::Clock, line::Asked, link::Link, socket, trust::Trust,
};

/// Gets tokens from tokend. Clones are cheap and share one connection and one cache.
///
/// A token that was asked for once is kept, and kept current by one stream for all names that
/// were asked for: from then on [`Self::token`] reads memory, and needs the daemon only when
/// what is held is about to expire. While the daemon is away, what is held is served until
/// its end. What is watched like this counts as used, so tokend keeps it fresh as long as the
/// client lives.
///
/// The connection is made by the first call, and again after it is lost. Each tokio runtime
/// that calls has one of its own, and the first has the task that reads the stream. Another
/// takes the task over by its next call after that one has ended, or hasn't been run for more
/// than a minute, and so does a process that was forked off. The task ends with the last
/// clone.
///
/// # Panics
/// Outside a tokio runtime, methods that are async panic if they have to ask tokend.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    dial: Dial,
    clock: Clock,
    is_cached: bool,
    cache: Arc<Cache>,
    link: Link,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.link.cut();
        self.cache.flights.abort();
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("socket", &self.socket())
            .field("cache", &self.inner.is_cached)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Returns a client of the daemon that [`socket`] finds now. It doesn't
    /// connect yet.
    ///
    /// # Errors
    /// [`Error::Address`] if `TOKEND_SOCKET` isn't a socket's address,
    /// [`Error::ServerUser`] if `TOKEND_SERVER_UID` isn't a user's.
    pub fn new() -> Result<Self, Error> {
        Self::builder().build()
    }

    /// Returns a client of the daemon whose socket is at `path`. It doesn't
    /// connect yet.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        let trust = Trust::of(&socket::Process);
        let dial = Dial::Socket { path: path.into().into(), trust };
        Self::over(dial, Clock::default(), true)
    }

    /// Returns what makes a client that differs from [`Self::new`]'s.
    pub fn builder() -> Builder {
        Builder::new()
    }

    #[cfg(test)]
    pub(crate) fn cache(&self) -> &Cache {
        &self.inner.cache
    }

    pub(crate) fn over(dial: Dial, clock: Clock, is_cached: bool) -> Self {
        let (cache, link) = (Arc::default(), Link::default());
        Self { inner: Arc::new(Inner { dial, clock, is_cached, cache, link }) }
    }

    /// Returns the path of the socket.
    pub fn socket(&self) -> &Path {
        self.inner.dial.path()
    }

    /// Returns a token of the credential `name` with enough life left for a
    /// request or two: 30 s, but never more than a tenth of the token's life.
    ///
    /// If it is held already, that takes no I/O, no lock and no allocation, and never waits.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn token(&self, name: &str) -> Result<Token, Error> {
        self.token_with(name, TokenOptions::new()).await
    }

    /// Returns a token of the credential `name` that satisfies the options.
    ///
    /// Giving up on the call doesn't end an issuance that it started: the next
    /// call finds its token.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn token_with(&self, name: &str, options: TokenOptions) -> Result<Token, Error> {
        match self.held(name, options.min_ttl) {
            Some(token) => Ok(token),
            // Out of the way: a token that is held is there the sooner, the smaller this is.
            None => Box::pin(self.fetch(name, options)).await,
        }
    }

    /// Returns a token of the credential `name` that satisfies the options, but
    /// `None` if that is the one that the caller has already, whose
    /// [id](Token::id) is `token_id`.
    ///
    /// It is for programs that keep something for each token, such as a session or
    /// a configuration file, and would have to make it anew for a new one. It asks the
    /// daemon each time.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn token_if_changed(
        &self,
        name: &str,
        token_id: &str,
        options: TokenOptions,
    ) -> Result<Option<Token>, Error> {
        let TokenOptions { min_ttl, timeout } = options;
        let (name, if_none_match) = (name.to_owned(), token_id.to_owned());
        self.line().acquire(Asked { name, min_ttl, if_none_match, timeout }).await
    }

    /// Reports that an API refused a token of the credential `name`, so that tokend
    /// gets another, and waits for that for ten seconds at most.
    ///
    /// Report a refused request once. If the ruling
    /// [brought another token](Ruling::brought_another), get that and repeat the
    /// request once; else give up. Reports are cheap: only one about the token that
    /// tokend holds can cost an issuance, and all about one token cost at most one.
    ///
    /// ```no_run
    /// use tokend_client::{Client, Error, Rejection, Token};
    ///
    /// # async fn ask_the_api(_: &Token) -> u16 { 401 }
    /// async fn ask(client: &Client) -> Result<u16, Error> {
    ///     let token = client.token("causely").await?;
    ///     let status = ask_the_api(&token).await;
    ///     if status != 401 {
    ///         return Ok(status);
    ///     }
    ///     let rejection = Rejection::of(&token).status(status);
    ///     let ruling = client.report_rejection("causely", rejection).await?;
    ///     if !ruling.brought_another() {
    ///         eprintln!("no other token: {ruling:?}");
    ///         return Ok(status);
    ///     }
    ///     Ok(ask_the_api(&client.token("causely").await?).await)
    /// }
    /// ```
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn report_rejection(
        &self,
        name: &str,
        rejection: Rejection,
    ) -> Result<Ruling, Error> {
        let token_id = rejection.token_id().map(str::to_owned);
        let answer = self.line().report(rejection.about(name)).await?;
        let ruling = Ruling::try_from(answer)?;
        if ruling.brought_another() {
            self.outdate(name, token_id.as_deref());
        }
        Ok(ruling)
    }

    /// Hands over a newer token of the credential `name` that an API's answer has
    /// brought: once this returns, everyone gets it. Do so before the next request to
    /// the API, which may take no other any more.
    ///
    /// ```no_run
    /// use tokend_client::{Client, Error, Rotation, Token};
    ///
    /// # struct Answer { headers: http::HeaderMap, body: Vec<u8> }
    /// async fn ask(
    ///     client: &Client,
    ///     ask_the_api: impl AsyncFn(&Token) -> Answer,
    /// ) -> Result<Vec<u8>, Error> {
    ///     let token = client.token("toggle").await?;
    ///     let answer = ask_the_api(&token).await;
    ///     if let Some(rotation) = Rotation::of(&token, &answer.headers, Some(&answer.body)) {
    ///         client.submit_rotation("toggle", rotation).await?;
    ///     }
    ///     Ok(answer.body)
    /// }
    /// ```
    ///
    /// # Errors
    /// See [`Error`]. If the store can't be written, tokend keeps the token all the same
    /// and writes it later.
    pub async fn submit_rotation(
        &self,
        name: &str,
        rotation: Rotation,
    ) -> Result<Submission, Error> {
        let token_id = rotation.previous_id().map(str::to_owned);
        let answer = self.line().submit(rotation.about(name)).await;
        let submission = Submission::read(answer)?;
        if submission != Submission::Unchanged {
            self.outdate(name, token_id.as_deref());
        }
        Ok(submission)
    }

    /// Has the provider of the credential `name` asked for a new token now, whatever is held,
    /// and returns that. It is for programs that know that the one that is held won't do any
    /// more; what an API refused is better [reported](Self::report_rejection).
    ///
    /// It takes a permission of its own, `tokend-cli grant NAME user:USER --refresh`. A user is
    /// heard four times in a row and then once an hour. The token that is held is served until
    /// there is another.
    ///
    /// # Errors
    /// See [`Error`]. If it is [`Error::Disconnected`] or [`Error::TimedOut`], there may be
    /// another token all the same.
    pub async fn refresh(&self, name: &str) -> Result<Token, Error> {
        let before = self.inner.cache.look(name, |entry| entry.token()).flatten();
        let token = self.line().refresh(name).await?;
        let before = before.as_ref().map(Token::id);
        // A provider may have given the same once more.
        if before != Some(token.id()) {
            self.outdate(name, before);
        }
        Ok(token)
    }

    /// Tells of the tokens of these credentials, first how things are and then whatever
    /// changes; without names, of all that this user may read, also those that come later.
    ///
    /// ```no_run
    /// # async fn run(client: tokend_client::Client) -> Result<(), tokend_client::Error> {
    /// let mut watch = client.watch(["causely", "toggle"]).await?;
    /// while let Some(update) = watch.next().await {
    ///     let update = update?;
    ///     match update.token() {
    ///         Ok(token) => println!("{}: {:?} left", update.name(), token.remaining()),
    ///         Err(error) => println!("{}: {error}", update.name()),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// See [`Error`]. That there is no such credential, or none that this user may read,
    /// is told by the [updates](crate::Update).
    pub async fn watch(
        &self,
        names: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Watch, Error> {
        self.line().watch(names.into_iter().map(Into::into).collect()).await
    }

    /// Returns the token of the credential `name` that this client holds, if it has enough
    /// life left for a request or two; `None` if it would have to be asked for.
    ///
    /// It is what [`Self::token`] looks at first: no I/O, no lock, nothing to wait for.
    pub fn cached(&self, name: &str) -> Option<Token> {
        self.held(name, None)
    }

    /// Tells of the token of the credential `name` as it changes. If none is held here yet,
    /// tokend is asked for one, which no one waits for.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] if there can be no credential of that name. That there is
    /// none, or none that this user may read, is told by the subscription.
    pub fn subscribe(&self, name: &str) -> Result<Subscription, Error> {
        if !is_name(name) {
            return Err(Error::InvalidRequest {
                reason: reason::INVALID_NAME.to_owned(),
                message: format!("{name:?} is no credential's name: [a-z0-9][a-z0-9_-]{{0,62}}"),
            });
        }
        let entry = self.inner.cache.entry(name);
        self.tend(&entry);
        Ok(Subscription::new(self.clone(), entry))
    }
}

/// Tells whether a credential can have this name.
fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    name.len() <= 63
        && name.bytes().next().is_some_and(fits)
        && name.bytes().all(|byte| fits(byte) || byte == b'_' || byte == b'-')
}

#[cfg(test)]
mod tests;
