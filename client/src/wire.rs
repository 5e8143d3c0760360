//! gRPC over HTTP/2 on a socket of this machine, with one write for each call.
//!
//! It stands in for tonic's channel, which passes each call through queues and writes its
//! head and its message apart, so that the daemon is woken twice. Here both are handed to h2
//! before the connection is looked at, and the answer is read by whoever waits for it.

pub(crate) mod alone;
mod answer;
pub(crate) mod unary;

#[cfg(test)]
mod tests;

use std::{
    error::Error as StdError,
    fmt,
    future::poll_fn,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use h2::client::{Builder, Connection, SendRequest};
use http::{Request, Response};
use http_body::Body as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::body::Body;
use tower::Service;

use self::answer::Answer;
use crate::channel::Dial;

/// The authority of every request. A socket has no host name, and HTTP/2 servers
/// refuse the path that some clients send in its place.
pub(crate) const ORIGIN: &str = "http://localhost";

/// How much of an answer may come before it is read, in bytes: more than any token has ..
const CALL_WINDOW: u32 = 1024 * 1024;

/// .. and how much of all answers together.
const WINDOW: u32 = 4 * 1024 * 1024;

/// How long the fields of a head may be, in bytes, once they are unfolded: more than any reason
/// for a refusal takes.
pub(crate) const HEAD: u32 = 64 * 1024;

/// Why a call has no answer.
pub(crate) type Failure = Box<dyn StdError + Send + Sync>;

/// Calls over one connection, which is made when it is first needed, and again after it is
/// lost. Clones share it.
#[derive(Clone)]
pub(crate) struct Wire(Arc<Shared>);

struct Shared {
    dial: Dial,
    /// The connection, if there is one.
    sender: Mutex<Option<SendRequest<Bytes>>>,
    /// Held by who makes one, so that others wait for it.
    dialling: tokio::sync::Mutex<()>,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("socket", &self.0.dial.path()).finish_non_exhaustive()
    }
}

impl Wire {
    /// Returns one that isn't connected yet. It belongs to the runtime of its first call.
    pub(crate) fn new(dial: Dial) -> Self {
        Self(Arc::new(Shared {
            dial,
            sender: Mutex::default(),
            dialling: tokio::sync::Mutex::default(),
        }))
    }

    /// Returns what sends over a connection that takes another call.
    pub(crate) async fn sender(&self) -> Result<SendRequest<Bytes>, Failure> {
        if let Some(sender) = self.connected().await {
            return Ok(sender);
        }
        let _dialling = self.0.dialling.lock().await;
        // Another may have made one meanwhile.
        if let Some(sender) = self.connected().await {
            return Ok(sender);
        }
        let sender = self.0.dial.sender().await?;
        *self.current() = Some(sender.clone());
        Ok(sender.ready().await?)
    }

    /// Returns the connection that there is, unless it has ended.
    async fn connected(&self) -> Option<SendRequest<Bytes>> {
        let sender = self.current().clone()?;
        sender.ready().await.ok()
    }

    fn current(&self) -> MutexGuard<'_, Option<SendRequest<Bytes>>> {
        self.0.sender.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service<Request<Body>> for Wire {
    type Response = Response<Answer>;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Failure>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let wire = self.clone();
        Box::pin(async move {
            let sender = wire.sender().await?;
            send(sender, request).await
        })
    }
}

/// Begins to speak HTTP/2.
///
/// # Errors
/// The stream can't be written.
pub(crate) async fn begin<S>(
    stream: S,
) -> Result<(SendRequest<Bytes>, Connection<S, Bytes>), h2::Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut builder = Builder::new();
    builder
        .initial_window_size(CALL_WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_header_list_size(HEAD)
        .enable_push(false);
    builder.handshake(stream).await
}

/// Sends a call with one message, and waits for its answer to begin.
async fn send(
    mut sender: SendRequest<Bytes>,
    request: Request<Body>,
) -> Result<Response<Answer>, Failure> {
    let (head, body) = request.into_parts();
    // It is in memory, and comes whole.
    let mut body = pin!(body);
    let message = match poll_fn(|context| body.as_mut().poll_frame(context)).await {
        Some(frame) => frame?.into_data().unwrap_or_default(),
        None => Bytes::new(),
    };
    let (answer, mut stream) = sender.send_request(Request::from_parts(head, ()), false)?;
    stream.send_data(message, true)?;
    Ok(Answer::of(answer.await?))
}
