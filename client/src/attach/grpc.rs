//! Tokens in requests of gRPC clients made with tonic.

use std::{
    error::Error as StdError,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response, Uri};
use tonic::{
    Code, Status,
    body::Body,
    transport::{Channel, Endpoint},
};
use tower::{Layer as _, Service, ServiceExt as _, util::MapRequest};

use super::{Attach, AttachError, TokenBody, TokenService};
use crate::Error;

/// A channel whose calls have tokens in them, made by [`Attach::channel`].
#[derive(Clone, Debug)]
pub struct TokenChannel {
    to: Uri,
    inner: TokenService<Boxed>,
}

/// The plain channel, which takes one kind of body.
type Boxed = MapRequest<Channel, fn(Request<TokenBody<Body>>) -> Request<Body>>;

impl Attach {
    /// Returns a channel whose calls have tokens in their metadata. It connects when it is
    /// first used, so this needs a tokio runtime.
    ///
    /// ```no_run
    /// use tokend_client::{Attach, Client, TokenChannel};
    /// use tonic::transport::Endpoint;
    ///
    /// # struct Reports(TokenChannel);
    /// # impl Reports { fn new(channel: TokenChannel) -> Self { Self(channel) } }
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// // For https, give it a `tls_config`, of tonic's feature for TLS.
    /// let endpoint = Endpoint::from_static("https://api.example.com");
    /// let channel = Attach::new(&Client::new()?, "reports").channel(&endpoint);
    /// let client = Reports::new(channel); // any client that tonic has generated
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Where the endpoint is decides whether the token may go there. A call counts as refused
    /// if the server answers `UNAUTHENTICATED` before anything else and 401 is among the
    /// token's rules; it is repeated if all that the program sends was sent by then, as in a
    /// unary call. Without an answer, a call ends with the status `UNAVAILABLE` if it may
    /// succeed later, `UNAUTHENTICATED` if there is no token, and `FAILED_PRECONDITION` if it
    /// mustn't go there; the [`AttachError`] is its source.
    pub fn channel(&self, endpoint: &Endpoint) -> TokenChannel {
        let boxed: fn(Request<TokenBody<Body>>) -> Request<Body> = |request| request.map(Body::new);
        let plain = endpoint.connect_lazy().map_request(boxed);
        TokenChannel { to: endpoint.uri().clone(), inner: self.layer().layer(plain) }
    }
}

impl Service<Request<Body>> for TokenChannel {
    type Response = Response<TokenBody<Body>>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Status>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Status>> {
        self.inner.poll_ready(context).map_err(status)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        // Generated clients say the path only; the channel below adds where it leads, too.
        let mut parts = std::mem::take(request.uri_mut()).into_parts();
        parts.scheme = self.to.scheme().cloned();
        parts.authority = self.to.authority().cloned();
        match Uri::from_parts(parts) {
            Ok(uri) => *request.uri_mut() = uri,
            Err(error) => {
                let status = status(AttachError::Uri(error.into()));
                return Box::pin(std::future::ready(Err(status)));
            }
        }
        let answer = self.inner.call(request);
        Box::pin(async move { answer.await.map_err(status) })
    }
}

fn status(error: AttachError) -> Status {
    let code = match error {
        AttachError::Service(error) => return Status::from_error(error),
        AttachError::Token(ref error) if error.is_transient() => Code::Unavailable,
        AttachError::Token(Error::NotPermitted { .. }) => Code::PermissionDenied,
        AttachError::Token(_) => Code::Unauthenticated,
        _ => Code::FailedPrecondition,
    };
    let message = match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    let mut status = Status::new(code, message);
    status.set_source(Arc::new(error));
    status
}
