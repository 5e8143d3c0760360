//! One call by a thread that has nothing else to do: no runtime, no other thread, and one write
//! that holds the greeting and the call.

use std::{
    io::{self, ErrorKind, Read as _, Write as _},
    os::{fd::AsFd as _, unix::net::UnixStream},
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use bytes::{Buf as _, BytesMut};
use h2::client::SendRequest;
use http::{Request, Response};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::body::Body;
use tower::Service;

use super::{Answer, Failure, begin, send};
use crate::clock::Clock;

/// The daemon, as one thread asks it.
#[derive(Clone, Debug)]
pub(crate) struct Alone(SendRequest<bytes::Bytes>);

/// Has `call` ask the daemon at the other end of `stream`, and waits for its end on this thread,
/// at most until `limit` has passed.
///
/// # Errors
/// The time is over, or the connection can't be used.
pub(crate) fn wait<T, F>(
    stream: UnixStream,
    limit: Duration,
    call: impl FnOnce(Alone) -> F,
) -> Result<T, Ended>
where
    F: Future<Output = T>,
{
    let clock = Clock::default();
    let end = clock.now().boot.saturating_add(limit);
    let turn = Arc::new(Turn::default());
    let waker = Waker::from(Arc::clone(&turn));
    let mut context = Context::from_waker(&waker);
    stream.set_nonblocking(true)?;
    let stream = Arc::new(stream);
    let gathered =
        Gathered { stream: Arc::clone(&stream), turn: Arc::clone(&turn), out: BytesMut::new() };
    // Nothing is written before it is flushed, so there is nothing to wait for.
    let Poll::Ready(begun) = pin!(begin(gathered)).poll(&mut context) else {
        return Err(io::Error::from(ErrorKind::WouldBlock).into());
    };
    let (sender, mut connection) = begun?;
    let mut call = pin!(call(Alone(sender)));
    let mut is_open = true;
    loop {
        if let Poll::Ready(answer) = call.as_mut().poll(&mut context) {
            return Ok(answer);
        }
        // What ended it, the call is told.
        is_open = is_open && Pin::new(&mut connection).poll(&mut context).is_pending();
        if turn.is_called.swap(false, Relaxed) {
            continue;
        }
        let left = end.saturating_sub(clock.now().boot);
        if left.is_zero() {
            return Err(Ended::TimedOut);
        }
        turn.wait(&stream, left)?;
    }
}

/// Why a call was given up.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The time is over.
    TimedOut,
    /// The connection can't be used.
    Broken(Failure),
}

impl<E: Into<Failure>> From<E> for Ended {
    fn from(error: E) -> Self {
        Self::Broken(error.into())
    }
}

impl Service<Request<Body>> for Alone {
    type Response = Response<Answer>;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Failure>>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.0.poll_ready(context).map_err(Failure::from)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(send(self.0.clone(), request))
    }
}

/// Who is to go on.
#[derive(Debug, Default)]
struct Turn {
    /// Something can go on without waiting.
    is_called: AtomicBool,
    /// The socket took less than it was to.
    is_blocked: AtomicBool,
}

impl Wake for Turn {
    fn wake(self: Arc<Self>) {
        self.is_called.store(true, Relaxed);
    }
}

impl Turn {
    /// Waits until the daemon says something, or takes more if it didn't.
    fn wait(&self, stream: &UnixStream, most: Duration) -> io::Result<()> {
        let blocked = self.is_blocked.swap(false, Relaxed);
        let wanted =
            if blocked { PollFlags::POLLIN | PollFlags::POLLOUT } else { PollFlags::POLLIN };
        // Rounded up, so that it isn't asked for nothing at the end.
        let most = i32::try_from(most.as_millis()).unwrap_or(i32::MAX - 1) + 1;
        let most = PollTimeout::try_from(most).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(stream.as_fd(), wanted)], most) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// A socket that is written to once all is there that is to be written.
#[derive(Debug)]
struct Gathered {
    stream: Arc<UnixStream>,
    turn: Arc<Turn>,
    out: BytesMut,
}

impl AsyncRead for Gathered {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let room = buffer.initialize_unfilled();
        match retried(|| (&*self.stream).read(room)) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
            Ok(read) => {
                buffer.advance(read);
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl AsyncWrite for Gathered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.out.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.out.is_empty() {
            match retried(|| (&*self.stream).write(&self.out)) {
                Ok(written) => self.out.advance(written),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.turn.is_blocked.store(true, Relaxed);
                    return Poll::Pending;
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(context)
    }
}

fn retried(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
