//! Lets in clients that name the socket's path as the authority of their calls.
//!
//! gRPC's C core (Python, Ruby, C++) and some tools in Go have no host to name when they
//! call through a Unix socket, and send its path as `:authority`. The h2 crate resets such a
//! call before anyone sees it, since a path is none (RFC 9113 §8.3.1; grpc/grpc#38142,
//! hyperium/h2#487). tokend asks nothing of an authority. So what can't stand in one is
//! replaced while it is read, byte for byte and bit for bit: no frame, no block of fields and
//! no table of HPACK changes its size, nothing is decoded, kept or held back, and what comes
//! of it the client could have sent itself. All that is wrong with it otherwise is still h2's
//! to judge.

mod fields;
mod frames;
mod text;

#[cfg(test)]
mod tests;

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use self::frames::{Frames, Outlook};

/// A connection whose client may name any authority.
#[derive(Debug)]
pub(super) struct Mended<S> {
    stream: S,
    /// None as soon as the client is known to name one that is valid.
    frames: Option<Frames>,
}

impl<S> Mended<S> {
    /// Takes a connection of which nothing has been read.
    pub(super) fn new(stream: S) -> Self {
        Self { stream, frames: Some(Frames::default()) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Mended<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let known = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if let Some(frames) = &mut self.frames
            && frames.mend(&mut buffer.filled_mut()[known..]) == Outlook::Fine
        {
            self.frames = None;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Mended<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
