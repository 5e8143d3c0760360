//! Calls for tokens over one channel.

use std::{future::Future, time::Duration};

use tokend_proto::v1::{
    AcquireTokenRequest, AcquireTokenResponse, WatchTokensRequest,
    token_service_client::TokenServiceClient,
};
use tokio::runtime::Handle;
use tonic::{Request, Response, Status, transport::Channel};

use crate::{
    Error, Token, Watch,
    clock::{Clock, Moment},
};

/// A stream is opened at once, or not at all.
const OPENING_TIMEOUT: Duration = Duration::from_secs(20);

/// The longest timeout that the daemon is told of.
const LONGEST_TOLD: Duration = Duration::from_secs(24 * 3_600);

/// A channel, and the clock that measures what comes over it.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) channel: Channel,
    pub(crate) clock: Clock,
    /// Where the channel lives, and tasks that use it.
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

impl Line {
    pub(crate) fn service(&self) -> TokenServiceClient<Channel> {
        TokenServiceClient::new(self.channel.clone())
    }

    /// Asks for a token; `None` if it is the one that the caller has already.
    ///
    /// To ask costs nothing that the daemon wouldn't remember, so if the connection is
    /// lost it is asked once more over another.
    pub(crate) async fn acquire(&self, asked: Asked) -> Result<Option<Token>, Error> {
        let timeout = asked.timeout;
        let attempts = async {
            match self.attempt(&asked).await {
                Err(Error::Disconnected(_)) => self.attempt(&asked).await,
                ended => ended,
            }
        };
        let (answer, sent) = limited(timeout, attempts).await?;
        if answer.unchanged {
            return Ok(None);
        }
        Token::answered(answer, &self.clock, sent).map(Some)
    }

    async fn attempt(&self, asked: &Asked) -> Result<(AcquireTokenResponse, Moment), Error> {
        let mut request = Request::new(AcquireTokenRequest {
            name: asked.name.clone(),
            min_ttl: asked.min_ttl.map(|life| {
                // Longer than any token lives, for the daemon to refuse.
                life.try_into().unwrap_or(prost_types::Duration { seconds: i64::MAX, nanos: 0 })
            }),
            if_none_match: asked.if_none_match.clone(),
        });
        // The call ends by our own timer; what the daemon is told only has to be
        // something that gRPC can say.
        request.set_timeout(asked.timeout.min(LONGEST_TOLD));
        let sent = self.clock.now();
        let answer = self.service().acquire_token(request).await?;
        Ok((answer.into_inner(), sent))
    }

    /// Opens a stream.
    pub(crate) async fn watch(&self, names: Vec<String>) -> Result<Watch, Error> {
        let mut service = self.service();
        let call = service.watch_tokens(WatchTokensRequest { names });
        within(OPENING_TIMEOUT, call).await.map(|updates| Watch::new(updates, self.clock.clone()))
    }
}

/// Waits for the answer to a call, but no longer than so long.
pub(crate) async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, Error> {
    limited(limit, async { Ok(call.await?.into_inner()) }).await
}

async fn limited<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    tokio::time::timeout(limit, work).await.map_err(|_| Error::TimedOut)?
}
