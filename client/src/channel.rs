//! A gRPC channel over a Unix socket.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint, Uri};
use tower::service_fn;

/// The authority of every request. A socket has no host name, and HTTP/2 servers
/// refuse the path that some clients send in its place.
const ORIGIN: &str = "http://localhost";

/// Returns a channel to the socket at `path`, for the generated clients of
/// `tokend-proto`.
///
/// It connects when it is first used, and again whenever the connection is lost.
/// An error of a call over it is told apart by [`Error::from`](crate::Error).
///
/// # Panics
/// Panics outside a tokio runtime.
pub fn channel(path: impl Into<PathBuf>) -> Channel {
    let path: Arc<Path> = path.into().into();
    Endpoint::from_static(ORIGIN).connect_with_connector_lazy(service_fn(move |_: Uri| {
        let path = Arc::clone(&path);
        async move {
            match UnixStream::connect(&path).await {
                Ok(stream) => Ok(TokioIo::new(stream)),
                Err(source) => Err(Unreachable { path: path.to_path_buf(), source }),
            }
        }
    }))
}

/// A connection that couldn't be made; found again in the source chain of a
/// call's status.
#[derive(Debug, thiserror::Error)]
#[error("can't connect to {}", path.display())]
pub(crate) struct Unreachable {
    pub(crate) path: PathBuf,
    pub(crate) source: io::Error,
}
