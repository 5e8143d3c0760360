//! Calls for tokens over one channel.

use std::{future::Future, path::Path, time::Duration};

use bytes::Bytes;
use h2::client::SendRequest;
use http::Uri;
use tokend_proto::{
    reason,
    v1::{
        AcquireTokenRequest, AcquireTokenResponse, ListTokensRequest, ListTokensResponse,
        RefreshTokenRequest, ReportRejectionRequest, ReportRejectionResponse,
        SubmitRotationRequest, SubmitRotationResponse, WatchTokensRequest,
        token_service_client::TokenServiceClient,
    },
};
use tokio::runtime::Handle;
use tonic::{Request, Status};

use crate::{
    Error, Token, Watch,
    backoff::Backoff,
    channel::connect_within,
    clock::Clock,
    trust::Trust,
    wire::{
        ORIGIN, Wire,
        alone::{self, Ended},
        unary,
    },
};

/// A list is given and a stream is opened at once, or not at all.
const OPENING_TIMEOUT: Duration = Duration::from_secs(20);

/// Outlasts the ten seconds that a report waits for an issuance.
const REPORT_TIMEOUT: Duration = Duration::from_secs(20);

/// Outlasts the daemon's own limit on one issuance.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(60);

/// A newer token is written to the disk at once, or not at all for now.
const SUBMISSION_TIMEOUT: Duration = Duration::from_secs(20);

/// How often a newer token is offered to a daemon that is ending: for some five seconds.
const SUBMISSIONS: usize = 8;

/// How often a connection is made for one call if it is lost each time: whoever asks just then
/// outlives a daemon that is killed more than once. What waits in its socket's queue isn't lost.
pub(crate) const ATTEMPTS: usize = 4;

/// The longest timeout that the daemon is told of.
const LONGEST_TOLD: Duration = Duration::from_secs(24 * 3_600);

/// A connection, and the clock that measures what comes over it.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) wire: Wire,
    pub(crate) clock: Clock,
    /// Where the connection lives, and tasks that use it.
    pub(crate) runtime: Handle,
}

/// What is asked of `AcquireToken`.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) name: String,
    pub(crate) min_ttl: Option<Duration>,
    pub(crate) if_none_match: String,
    pub(crate) timeout: Duration,
}

impl Asked {
    /// Asks over a connection.
    pub(crate) async fn ask(
        &self,
        sender: SendRequest<Bytes>,
        clock: &Clock,
    ) -> Result<Option<Token>, Error> {
        let question = AcquireTokenRequest {
            name: self.name.clone(),
            min_ttl: self.min_ttl.map(|life| {
                // Longer than any token lives, for the daemon to refuse.
                life.try_into().unwrap_or(prost_types::Duration { seconds: i64::MAX, nanos: 0 })
            }),
            if_none_match: self.if_none_match.clone(),
        };
        let sent = clock.now();
        // The call ends by our own timer; what the daemon is told only has to be
        // something that gRPC can say.
        let answer = unary::acquire(sender, &question, self.timeout.min(LONGEST_TOLD)).await?;
        if answer.unchanged {
            return Ok(None);
        }
        Token::answered(answer, clock, sent).map(Some)
    }

    /// Asks over a connection that is made for this call, on this thread alone.
    pub(crate) fn ask_alone(&self, path: &Path, trust: &Trust) -> Result<Option<Token>, Error> {
        let clock = Clock::default();
        let end = clock.now().boot.saturating_add(self.timeout);
        let attempt = || {
            let left = end.saturating_sub(clock.now().boot);
            let stream = connect_within(path, trust, left).map_err(Status::from_error)?;
            let asking = |sender| self.ask(sender, &clock);
            alone::wait(stream, left, asking).map_err(|ended| match ended {
                Ended::TimedOut => Error::TimedOut,
                Ended::Broken(failure) => Error::Disconnected(Status::from_error(failure)),
            })?
        };
        for _ in 1..ATTEMPTS {
            match attempt() {
                Err(Error::Disconnected(_)) => {}
                ended => return ended,
            }
        }
        attempt()
    }
}

impl Line {
    pub(crate) fn service(&self) -> TokenServiceClient<Wire> {
        TokenServiceClient::with_origin(self.wire.clone(), Uri::from_static(ORIGIN))
    }

    /// Asks for a token; `None` if it is the one that the caller has already.
    pub(crate) async fn acquire(&self, asked: Asked) -> Result<Option<Token>, Error> {
        let call = || async {
            let sender = self.wire.sender().await.map_err(Status::from_error)?;
            asked.ask(sender, &self.clock).await
        };
        limited(asked.timeout, twice(call)).await
    }

    /// Reports a refused token.
    pub(crate) async fn report(
        &self,
        report: ReportRejectionRequest,
    ) -> Result<ReportRejectionResponse, Error> {
        let call = || async {
            let mut request = Request::new(report.clone());
            request.set_timeout(REPORT_TIMEOUT);
            Ok(self.service().report_rejection(request).await?.into_inner())
        };
        limited(REPORT_TIMEOUT, twice(call)).await
    }

    /// Has a token replaced. If the connection is lost it isn't asked again: that could cost
    /// another issuance.
    pub(crate) async fn refresh(&self, name: &str) -> Result<Token, Error> {
        let mut request = Request::new(RefreshTokenRequest { name: name.to_owned() });
        request.set_timeout(REFRESH_TIMEOUT);
        let sent = self.clock.now();
        let mut service = self.service();
        let call = async { Ok(service.refresh_token(request).await?.into_inner()) };
        let answer = limited(REFRESH_TIMEOUT, call).await?;
        let (token, remaining) = (answer.token, answer.remaining);
        let answer = AcquireTokenResponse { token, remaining, unchanged: false };
        Token::answered(answer, &self.clock, sent)
    }

    /// Hands over a newer token. No one else has it, so the successor of a daemon that is
    /// ending is waited for.
    pub(crate) async fn submit(
        &self,
        rotation: SubmitRotationRequest,
    ) -> Result<SubmitRotationResponse, Error> {
        let call = || async {
            let mut request = Request::new(rotation.clone());
            request.set_timeout(SUBMISSION_TIMEOUT);
            Ok(self.service().submit_rotation(request).await?.into_inner())
        };
        let is_ending = |error: &Error| error.reason() == Some(reason::SHUTTING_DOWN);
        let mut backoff = Backoff::new(fastrand::Rng::new());
        let attempts = async {
            for _ in 1..SUBMISSIONS {
                match twice(call).await {
                    Err(error) if is_ending(&error) => tokio::time::sleep(backoff.lost()).await,
                    ended => return ended,
                }
            }
            twice(call).await
        };
        limited(SUBMISSION_TIMEOUT, attempts).await
    }

    /// Asks for a page of what this user may read.
    pub(crate) async fn page(&self, page_token: String) -> Result<ListTokensResponse, Error> {
        let asked = ListTokensRequest { page_size: 0, page_token };
        let call = || async { Ok(self.service().list_tokens(asked.clone()).await?.into_inner()) };
        limited(OPENING_TIMEOUT, twice(call)).await
    }

    /// Opens a stream.
    pub(crate) async fn watch(&self, names: Vec<String>) -> Result<Watch, Error> {
        let mut service = self.service();
        let call = async { Ok(service.watch_tokens(WatchTokensRequest { names }).await?) };
        let updates = limited(OPENING_TIMEOUT, call).await?.into_inner();
        Ok(Watch::new(updates, self.clock.clone()))
    }
}

/// Makes a call, and once more over another connection if its own is lost. Calls for tokens
/// can be repeated, but for those that have one replaced: an issuance is shared, a report is heard once, and of several
/// submissions about one token the first counts.
async fn twice<T, F>(call: impl Fn() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    match call().await {
        Err(Error::Disconnected(_)) => call().await,
        ended => ended,
    }
}

/// Waits for the end of a call, but no longer than so long.
async fn limited<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    tokio::time::timeout(limit, work).await.map_err(|_| Error::TimedOut)?
}
