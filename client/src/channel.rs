//! A gRPC channel over a Unix socket.

use std::{
    error::Error as StdError,
    io,
    os::{fd::AsRawFd as _, unix::net},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use h2::client::SendRequest;
use hyper_util::rt::TokioIo;
use nix::sys::{
    socket::{
        AddressFamily, SockFlag, SockType, UnixAddr, getsockopt, setsockopt, socket, sockopt,
    },
    time::{TimeVal, TimeValLike as _},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::UnixStream,
};
use tonic::transport::{Channel, Endpoint, Uri};
use tower::service_fn;

use crate::{
    backoff::Backoff,
    socket,
    trust::Trust,
    wire::{self, ORIGIN},
};

/// Returns a channel to the socket at `path`, for the generated clients of
/// `tokend-proto`.
///
/// It connects when it is first used, and again whenever the connection is lost; who
/// listens is verified each time, as [`socket`](mod@socket) says. An error of a call over it is told
/// apart by [`Error::from`](crate::Error).
///
/// # Panics
/// Panics outside a tokio runtime.
pub fn channel(path: impl Into<PathBuf>) -> Channel {
    Dial::Socket { path: path.into().into(), trust: Trust::of(&socket::Process) }.channel()
}

/// How a connection is made.
#[derive(Clone)]
pub(crate) enum Dial {
    /// To a socket, whose server must be one of these.
    Socket { path: Arc<Path>, trust: Trust },
    /// To a daemon in this process.
    #[cfg(any(test, feature = "testing"))]
    Within(Arc<dyn Fn() -> io::Result<tokio::io::DuplexStream> + Send + Sync>),
}

impl Dial {
    /// Returns the path of the socket; of a daemon in this process there is none.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Socket { path, .. } => path,
            #[cfg(any(test, feature = "testing"))]
            Self::Within(_) => Path::new(""),
        }
    }

    /// Connects, and returns what sends over that connection.
    pub(crate) async fn sender(&self) -> Result<SendRequest<Bytes>, Refusal> {
        match self {
            Self::Socket { path, trust } => attended(connect(path, trust).await?).await,
            #[cfg(any(test, feature = "testing"))]
            Self::Within(open) => match open() {
                Ok(stream) => attended(stream).await,
                Err(source) => Err(Unreachable { path: PathBuf::new(), source }.into()),
            },
        }
    }

    /// Returns a channel, which belongs to the runtime that this is called in.
    pub(crate) fn channel(&self) -> Channel {
        let endpoint = Endpoint::from_static(ORIGIN);
        match self {
            Self::Socket { path, trust } => {
                let (path, trust) = (Arc::clone(path), trust.clone());
                endpoint.connect_with_connector_lazy(service_fn(move |_: Uri| {
                    let (path, trust) = (Arc::clone(&path), trust.clone());
                    async move { connect(&path, &trust).await.map(TokioIo::new) }
                }))
            }
            #[cfg(any(test, feature = "testing"))]
            Self::Within(open) => {
                let open = Arc::clone(open);
                endpoint.connect_with_connector_lazy(service_fn(move |_: Uri| {
                    let stream = open().map(TokioIo::new);
                    let path = PathBuf::new();
                    async move { stream.map_err(|source| Unreachable { path, source }) }
                }))
            }
        }
    }
}

type Refusal = Box<dyn StdError + Send + Sync>;

/// Begins to speak with the daemon; a task of this runtime reads and writes.
async fn attended<S>(stream: S) -> Result<SendRequest<Bytes>, Refusal>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = wire::begin(stream).await?;
    // Whoever waits for an answer is told why there is none.
    tokio::spawn(async { drop(connection.await) });
    Ok(sender)
}

/// How often a connection is tried while others fill the socket's queue: some 20 s.
const TURNS: usize = 12;

/// As long, where that is what the socket is told.
const LONGEST_QUEUE: Duration = Duration::from_secs(20);

/// The longest path of a socket in bytes (`unix(7)`).
const LONGEST_PATH: usize = 107;

async fn connect(path: &Path, trust: &Trust) -> Result<UnixStream, Refusal> {
    let unreachable = |source| Unreachable { path: path.to_path_buf(), source };
    measure(path).map_err(unreachable)?;
    let stream = queue(path).await.map_err(unreachable)?;
    let server = stream.peer_cred().map_err(unreachable)?;
    trust.verify(path, server.uid()).map_err(unreachable)??;
    Ok(stream)
}

/// Connects without a runtime, and waits for room in the socket's queue at most for so long.
pub(crate) fn connect_within(
    path: &Path,
    trust: &Trust,
    limit: Duration,
) -> Result<net::UnixStream, Refusal> {
    let unreachable = |source| Unreachable { path: path.to_path_buf(), source };
    measure(path).map_err(unreachable)?;
    let (stream, server) = queue_within(path, limit).map_err(|errno| unreachable(errno.into()))?;
    trust.verify(path, server).map_err(unreachable)??;
    Ok(stream)
}

fn queue_within(path: &Path, limit: Duration) -> nix::Result<(net::UnixStream, u32)> {
    let stream = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    // It holds for connecting, too (unix(7)); none at all would be no limit.
    let limit = limit.min(LONGEST_QUEUE).as_millis().try_into().unwrap_or(i64::MAX).max(1);
    setsockopt(&stream, sockopt::SendTimeout, &TimeVal::milliseconds(limit))?;
    nix::sys::socket::connect(stream.as_raw_fd(), &UnixAddr::new(path)?)?;
    let server = getsockopt(&stream, sockopt::PeerCredentials)?;
    Ok((stream.into(), server.uid()))
}

/// Says what is wrong with a path that is too long for a socket.
fn measure(path: &Path) -> io::Result<()> {
    let length = path.as_os_str().len();
    if length > LONGEST_PATH {
        // What the standard library says of it, people don't know.
        let message = format!("it has {length} bytes, and a socket's path at most {LONGEST_PATH}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    Ok(())
}

/// Connects as soon as there is room in the socket's queue. `connect(2)` waits for that by
/// itself, but says `EAGAIN` of a socket that must not block (`unix(7)`): many have connected
/// that the daemon, which may be starting, hasn't taken up yet.
async fn queue(path: &Path) -> io::Result<UnixStream> {
    let mut backoff = Backoff::new(fastrand::Rng::new());
    for _ in 1..TURNS {
        match UnixStream::connect(path).await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                tokio::time::sleep(backoff.lost()).await;
            }
            ended => return ended,
        }
    }
    UnixStream::connect(path).await
}

/// A connection that couldn't be made; found again in the source chain of a
/// call's status.
#[derive(Debug, thiserror::Error)]
#[error("can't connect to {}", path.display())]
pub(crate) struct Unreachable {
    pub(crate) path: PathBuf,
    pub(crate) source: io::Error,
}
