//! Tokens in requests of any HTTP client that is a tower service.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower::{Layer, Service, ServiceExt as _};

use super::{
    Attach, AttachError, Transport,
    body::{Carried, TokenBody},
    error::{BoxError, Failure},
};

/// A layer around an HTTP client, made by [`Attach::layer`].
#[derive(Clone, Debug)]
pub struct TokenLayer {
    attach: Attach,
}

/// An HTTP client that puts tokens into its requests, made by [`Attach::layer`].
#[derive(Clone, Debug)]
pub struct TokenService<S> {
    attach: Attach,
    inner: S,
}

impl Attach {
    /// Returns a layer around an HTTP client that is a [`tower::Service`], such as
    /// hyper-util's.
    ///
    /// ```no_run
    /// use bytes::Bytes;
    /// use http_body_util::Full;
    /// use hyper_util::{client::legacy::Client as HttpClient, rt::TokioExecutor};
    /// use tokend_client::{Attach, Client};
    /// use tower::{Layer, Service, ServiceExt};
    ///
    /// # async fn run() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// // With TLS, hyper-rustls' connector would stand here.
    /// let http = HttpClient::builder(TokioExecutor::new()).build_http();
    /// let mut api = Attach::new(&Client::new()?, "causely").layer().layer(http);
    ///
    /// let request = http::Request::get("https://api.causely.app/v1/events");
    /// let response = api.ready().await?.call(request.body(Full::<Bytes>::default())?).await?;
    /// println!("{}", response.status());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// What the client below gets is a [`TokenBody`], which reads as the original. A layer
    /// that follows redirections goes *around* this one: then each request on the way is
    /// judged by where it goes. Below this one it would take along what it mustn't. One that
    /// decompresses goes below, if the token has rules about bodies.
    pub fn layer(&self) -> TokenLayer {
        TokenLayer { attach: self.clone() }
    }
}

impl<S> Layer<S> for TokenLayer {
    type Service = TokenService<S>;

    fn layer(&self, inner: S) -> TokenService<S> {
        TokenService { attach: self.attach.clone(), inner }
    }
}

impl<S, B, R> Service<Request<B>> for TokenService<S>
where
    S: Service<Request<TokenBody<B>>, Response = Response<R>> + Clone + Send + 'static,
    S::Error: Into<BoxError> + Send,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError> + Send,
    R: Body<Data = Bytes> + Send + Unpin + 'static,
    R::Error: Send,
{
    type Response = Response<TokenBody<R>>;
    type Error = AttachError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, AttachError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), AttachError>> {
        self.inner.poll_ready(context).map_err(|error| AttachError::Service(error.into()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The one that is ready is used up; its clone has to become so.
        let spare = self.inner.clone();
        let ready = Some(std::mem::replace(&mut self.inner, spare.clone()));
        let (attach, mut services) = (self.attach.clone(), Services { ready, spare });
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = Carried::of(body, attach.body_limit).await?;
            match attach.exchange(&head, body, &mut services).await {
                Ok(exchanged) => Ok(exchanged.response),
                Err(Failure::Attach(error)) => Err(error),
                Err(Failure::Sent(error)) => Err(AttachError::Service(error.into())),
            }
        })
    }
}

/// A service that is ready, and one for another request.
struct Services<S> {
    ready: Option<S>,
    spare: S,
}

impl<S, B, R> Transport<B> for Services<S>
where
    S: Service<Request<TokenBody<B>>, Response = Response<R>> + Clone + Send,
    S::Error: Send,
    S::Future: Send,
    B: Body<Data = Bytes> + Send,
    B::Error: Send,
    R: Body<Data = Bytes> + Unpin,
{
    type Body = R;
    type Error = S::Error;

    async fn send(&mut self, request: Request<TokenBody<B>>) -> Result<Response<R>, S::Error> {
        if let Some(mut ready) = self.ready.take() {
            return ready.call(request).await;
        }
        self.spare.ready().await?.call(request).await
    }
}
