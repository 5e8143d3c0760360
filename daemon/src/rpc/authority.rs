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

pub(in crate::rpc) use self::frames::{Frames, Outlook};
