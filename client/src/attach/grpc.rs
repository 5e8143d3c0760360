//! Tokens in requests of gRPC clients made with tonic.

use std::{
    error::Error as StdError,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{HeaderMap, Method, Request, Response, Uri};
use tonic::{
    Code, Status,
    body::Body,
    metadata::MetadataMap,
    service::Interceptor,
    transport::{Channel, Endpoint},
};
use tower::{Layer as _, Service, ServiceExt as _, util::MapRequest};

use super::{Attach, AttachError, TokenBody, TokenService, place, target};
use crate::{Error, Placement, Target, Token};

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

/// Puts tokens that are held into the metadata of calls, made by [`Attach::interceptor`].
#[derive(Clone, Debug)]
pub struct TokenInterceptor {
    to: Uri,
    pub(super) attach: Attach,
}

impl Attach {
    /// Returns an interceptor for calls to this endpoint, for where a
    /// [`channel`](Self::channel) doesn't fit. It gets a token first.
    ///
    /// An interceptor can't wait, so each call has the token that the client holds at the
    /// time ([`Client::cached`](crate::Client::cached), which is kept current), and ends with
    /// `UNAVAILABLE` if it holds none, or none that lives as long as [`min_ttl`](Self::min_ttl)
    /// says. A client that [keeps no tokens](crate::Builder::cache) never does. It sees no
    /// answers: refusals are for the program to report.
    ///
    /// # Errors
    /// [`AttachError`]: tokend has no token, or it mustn't go there.
    pub async fn interceptor(&self, endpoint: &Endpoint) -> Result<TokenInterceptor, AttachError> {
        let interceptor = TokenInterceptor { to: endpoint.uri().clone(), attach: self.clone() };
        interceptor.put(&self.token().await?, HeaderMap::new())?;
        Ok(interceptor)
    }
}

impl TokenInterceptor {
    fn put(&self, token: &Token, headers: HeaderMap) -> Result<HeaderMap, AttachError> {
        target::check(&self.to, self.attach.hosts.as_deref(), token)?;
        let mut head = Request::new(()).into_parts().0;
        (head.method, head.headers) = (Method::POST, headers);
        let is_metadata =
            |place: &Placement| matches!(place.target(), Target::Header(_) | Target::Cookie(_));
        if !place::placements(token, &head.method).all(is_metadata) {
            return Err(AttachError::NotMetadata);
        }
        place::put(&mut head, token)?;
        Ok(head.headers)
    }
}

impl Interceptor for TokenInterceptor {
    fn call(&mut self, mut request: tonic::Request<()>) -> Result<tonic::Request<()>, Status> {
        let name = &self.attach.name;
        let Attach { client, options, .. } = &self.attach;
        let min_ttl = options.and_then(|options| options.min_ttl);
        let Some(token) = client.held(name, min_ttl) else {
            // No one waits for it, but a later call has it.
            let _ = client.subscribe(name);
            return Err(Status::unavailable(format!("no token of {name} is held that will do")));
        };
        let metadata = std::mem::take(request.metadata_mut());
        let headers = self.put(&token, metadata.into_headers()).map_err(status)?;
        *request.metadata_mut() = MetadataMap::from_headers(headers);
        Ok(request)
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
