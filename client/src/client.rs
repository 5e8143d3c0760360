//! The client that programs hold.

mod options;

use std::{
    future::Future,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokend_proto::v1::{
    AcquireTokenRequest, AcquireTokenResponse, WatchTokensRequest,
    token_service_client::TokenServiceClient,
};
use tonic::{Request, Response, Status, transport::Channel};

pub use crate::client::options::TokenOptions;
use crate::{
    Error, Rejection, Rotation, Ruling, Submission, Token, Watch, channel, clock::Clock, socket,
};

/// Outlasts the ten seconds that a report waits for an issuance.
const REPORT_TIMEOUT: Duration = Duration::from_secs(20);

/// A newer token is written to the disk at once, or not at all for now.
const SUBMISSION_TIMEOUT: Duration = Duration::from_secs(20);

/// A stream is opened at once, or not at all.
const OPENING_TIMEOUT: Duration = Duration::from_secs(20);

/// The longest timeout that the daemon is told of.
const LONGEST_TOLD: Duration = Duration::from_secs(24 * 3_600);

/// Gets tokens from tokend. Clones are cheap and share one connection.
///
/// The connection is made by the first call, and again after it is lost. It
/// belongs to the tokio runtime of that first call.
#[derive(Clone, Debug)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    // Made on first use: a channel can only be made inside a runtime, a client
    // anywhere.
    channel: OnceLock<Channel>,
    clock: Clock,
}

impl Client {
    /// Returns a client of the daemon that [`socket`] finds now. It doesn't
    /// connect yet.
    ///
    /// # Errors
    /// [`Error::Address`] if `TOKEND_SOCKET` isn't a socket's address.
    pub fn new() -> Result<Self, Error> {
        Ok(Self::at(socket::callers(&socket::Process)?))
    }

    /// Returns a client of the daemon whose socket is at `path`. It doesn't
    /// connect yet.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self::timed(path.into(), Clock::default())
    }

    fn timed(path: PathBuf, clock: Clock) -> Self {
        Self { inner: Arc::new(Inner { path, channel: OnceLock::new(), clock }) }
    }

    /// Returns the path of the socket.
    pub fn socket(&self) -> &Path {
        &self.inner.path
    }

    /// Returns a token of the credential `name` with enough life left for a
    /// request or two: 30 s, but never more than a tenth of the token's life.
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
        let sent = self.inner.clock.now();
        Token::answered(self.acquire(name, "", options).await?, &self.inner.clock, sent)
    }

    /// Returns a token of the credential `name` that satisfies the options, but
    /// `None` if that is the one that the caller has already, whose
    /// [id](Token::id) is `token_id`.
    ///
    /// It is for programs that keep something for each token, such as a session or
    /// a configuration file, and would have to make it anew for a new one.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn token_if_changed(
        &self,
        name: &str,
        token_id: &str,
        options: TokenOptions,
    ) -> Result<Option<Token>, Error> {
        let sent = self.inner.clock.now();
        let answer = self.acquire(name, token_id, options).await?;
        if answer.unchanged {
            return Ok(None);
        }
        Token::answered(answer, &self.inner.clock, sent).map(Some)
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
        let mut request = Request::new(rejection.about(name));
        request.set_timeout(REPORT_TIMEOUT);
        let mut service = self.service();
        Ruling::try_from(within(REPORT_TIMEOUT, service.report_rejection(request)).await?)
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
        let mut request = Request::new(rotation.about(name));
        request.set_timeout(SUBMISSION_TIMEOUT);
        let mut service = self.service();
        let answer = within(SUBMISSION_TIMEOUT, service.submit_rotation(request)).await;
        Submission::read(answer)
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
        let names = names.into_iter().map(Into::into).collect();
        let mut service = self.service();
        let call = service.watch_tokens(WatchTokensRequest { names });
        within(OPENING_TIMEOUT, call)
            .await
            .map(|updates| Watch::new(updates, self.inner.clock.clone()))
    }

    async fn acquire(
        &self,
        name: &str,
        if_none_match: &str,
        options: TokenOptions,
    ) -> Result<AcquireTokenResponse, Error> {
        let mut request = Request::new(AcquireTokenRequest {
            name: name.to_owned(),
            min_ttl: options.min_ttl.map(|life| {
                // Longer than any token lives, for the daemon to refuse.
                life.try_into().unwrap_or(prost_types::Duration { seconds: i64::MAX, nanos: 0 })
            }),
            if_none_match: if_none_match.to_owned(),
        });
        // The call ends by our own timer; what the daemon is told only has to be
        // something that gRPC can say.
        request.set_timeout(options.timeout.min(LONGEST_TOLD));
        let mut service = self.service();
        within(options.timeout, service.acquire_token(request)).await
    }

    fn service(&self) -> TokenServiceClient<Channel> {
        let channel = self.inner.channel.get_or_init(|| channel(&self.inner.path));
        TokenServiceClient::new(channel.clone())
    }
}

/// Waits for the answer to a call, but no longer than so long.
async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, Error> {
    let answer = tokio::time::timeout(limit, call).await.map_err(|_| Error::TimedOut)??;
    Ok(answer.into_inner())
}

#[cfg(test)]
mod tests;
