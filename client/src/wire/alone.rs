//! One call by a thread that has nothing else to do: no runtime, no other thread, and one write
//! that holds the greeting and the call.

use std::{
    cell::RefCell,
    io::{self, ErrorKind, Read as _, Write as _},
    os::{fd::AsFd as _, unix::net::UnixStream},
    pin::{Pin, pin},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use bytes::{Buf as _, Bytes, BytesMut};
use h2::client::SendRequest;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Failure, begin};
use crate::clock::Clock;

/// Has `call` ask the daemon at the other end of `stream`, and waits for its end on this thread,
/// at most until `limit` has passed.
///
/// # Errors
/// The time is over, or the connection can't be used.
pub(crate) fn wait<T, F>(
    stream: UnixStream,
    limit: Duration,
    call: impl FnOnce(SendRequest<Bytes>) -> F,
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
    let line = Line::new(stream);
    // Nothing is written yet, so there is nothing to wait for.
    let Poll::Ready(begun) = pin!(begin(line.share())).poll(&mut context) else {
        return Err(io::Error::from(ErrorKind::WouldBlock).into());
    };
    let (sender, mut connection) = begun?;
    let mut call = pin!(call(sender));
    let mut is_open = true;
    loop {
        // What is still to be written once it is answered, the daemon can do without.
        if let Poll::Ready(answer) = call.as_mut().poll(&mut context) {
            return Ok(answer);
        }
        // What ended it, the call is told.
        is_open = is_open && Pin::new(&mut connection).poll(&mut context).is_pending();
        if turn.0.swap(false, Relaxed) {
            continue;
        }
        let left = end.saturating_sub(clock.now().boot);
        if left.is_zero() {
            return Err(Ended::TimedOut);
        }
        line.wait(left)?;
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

/// Whether something can go on without waiting.
#[derive(Debug, Default)]
struct Turn(AtomicBool);

impl Wake for Turn {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Relaxed);
    }
}

/// A socket that is written to when there is nothing else to do, and read once the kernel says that
/// there is something.
#[derive(Debug)]
struct Line(Rc<RefCell<Ends>>);

#[derive(Debug)]
struct Ends {
    stream: UnixStream,
    is_readable: bool,
    gathered: BytesMut,
}

impl Line {
    fn new(stream: UnixStream) -> Self {
        let (is_readable, gathered) = (false, BytesMut::new());
        Self(Rc::new(RefCell::new(Ends { stream, is_readable, gathered })))
    }

    fn share(&self) -> Self {
        Self(Rc::clone(&self.0))
    }

    /// Writes what was gathered, and waits until the daemon says something, or takes more if it
    /// hasn't taken all.
    fn wait(&self, most: Duration) -> io::Result<()> {
        let mut ends = self.0.borrow_mut();
        let wanted =
            if ends.write()? { PollFlags::POLLIN } else { PollFlags::POLLIN | PollFlags::POLLOUT };
        // Rounded up, so that it isn't asked for nothing at the end.
        let most = i32::try_from(most.as_millis()).unwrap_or(i32::MAX - 1) + 1;
        let most = PollTimeout::try_from(most).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(ends.stream.as_fd(), wanted)], most) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => ends.is_readable = true,
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

impl Ends {
    /// Writes what was gathered, and tells whether all of it was taken.
    fn write(&mut self) -> io::Result<bool> {
        while !self.gathered.is_empty() {
            match retried(|| (&self.stream).write(&self.gathered)) {
                Ok(written) => self.gathered.advance(written),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

impl AsyncRead for Line {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut ends = self.0.borrow_mut();
        if !ends.is_readable {
            return Poll::Pending;
        }
        let room = buffer.initialize_unfilled();
        match retried(|| (&ends.stream).read(room)) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                ends.is_readable = false;
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(error)),
            Ok(read) => {
                // Less than there is room for is all that there is; its end is asked for again.
                ends.is_readable = read == 0 || read == room.len();
                buffer.advance(read);
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().gathered.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Its end is told by its being closed.
        Poll::Ready(Ok(()))
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
