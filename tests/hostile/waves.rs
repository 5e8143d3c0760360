//! What floods the daemon.

#![allow(dead_code, reason = "tests and the measurement use a part each")]

use std::{
    io::{self, ErrorKind, Write as _},
    net::Shutdown,
    path::Path,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};

use crate::wire::{
    CONTINUATION, DATA, END_HEADERS, GREATEST_FRAME, HEADERS, PING, PRIORITY, RESET, SETTINGS,
    WINDOW_UPDATE, Wire, call, fields, frame, name,
};

/// A flood: the next of its frames to a connection of its own.
pub(crate) type Wave = fn(&mut Wire) -> Vec<u8>;

/// Calls as fast as can be.
pub(crate) fn calls(wire: &mut Wire) -> Vec<u8> {
    let stream = wire.number();
    call(stream, "AcquireToken", &name("api"))
}

/// Calls that are given up at once (CVE-2023-44487).
pub(crate) fn resets(wire: &mut Wire) -> Vec<u8> {
    let stream = wire.number();
    let call = call(stream, "AcquireToken", &name("api"));
    [call, frame(RESET, 0, stream, &8_u32.to_be_bytes())].concat()
}

/// Fields that go on and on (CVE-2024-27316).
pub(crate) fn continuations(wire: &mut Wire) -> Vec<u8> {
    // A field that isn't remembered, `x: x`, over and over.
    let more = [0x00, 1, b'x', 1, b'x'].repeat(3_000);
    match wire.number() {
        1 => frame(HEADERS, 0, 1, &fields("AcquireToken")),
        _ => frame(CONTINUATION, 0, 1, &more),
    }
}

/// More fields than a call may have, and the next call.
pub(crate) fn large_fields(wire: &mut Wire) -> Vec<u8> {
    let stream = wire.number();
    let more = [0x00, 1, b'x', 1, b'x'].repeat(1_000);
    frame(HEADERS, END_HEADERS, stream, &[fields("AcquireToken"), more].concat())
}

/// Signs of life that are to be answered (CVE-2019-9512).
pub(crate) fn pings(_: &mut Wire) -> Vec<u8> {
    frame(PING, 0, 0, b"and now?")
}

/// Settings that are to be answered (CVE-2019-9515).
pub(crate) fn settings(_: &mut Wire) -> Vec<u8> {
    frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 255, 255])
}

/// Parts of a request with nothing in them (CVE-2019-9518).
pub(crate) fn empty_data(wire: &mut Wire) -> Vec<u8> {
    match wire.number() {
        1 => frame(HEADERS, END_HEADERS, 1, &fields("AcquireToken")),
        _ => frame(DATA, 0, 1, &[]),
    }
}

/// Calls whose answers have nowhere to go, as no window is opened (CVE-2019-9511).
pub(crate) fn zero_window(wire: &mut Wire) -> Vec<u8> {
    match wire.number() {
        1 => frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]),
        stream => call(stream, "AcquireToken", &name("api")),
    }
}

/// Streams of tokens, more than anyone may have.
pub(crate) fn streams(wire: &mut Wire) -> Vec<u8> {
    let stream = wire.number();
    call(stream, "WatchTokens", &name("api"))
}

/// Requests of the greatest length that never come to their end.
pub(crate) fn unfinished(wire: &mut Wire) -> Vec<u8> {
    let stream = wire.number();
    let headers = frame(HEADERS, END_HEADERS, stream, &fields("AcquireToken"));
    [headers, frame(DATA, 0, stream, &[0, 0, 2, 0, 0, 1, 1, 1, 1])].concat()
}

/// Requests that state a length of 4 GiB or 5 MiB, and go on as if it were true.
pub(crate) fn large_requests(wire: &mut Wire) -> Vec<u8> {
    let stream = wire.number();
    let headers = frame(HEADERS, END_HEADERS, stream, &fields("AcquireToken"));
    let length: u32 = if stream % 4 == 1 { u32::MAX } else { 5 * 1_024 * 1_024 };
    let prefix = [&[0][..], &length.to_be_bytes()].concat();
    [headers, frame(DATA, 0, stream, &prefix), frame(DATA, 0, stream, &[0; 512])].concat()
}

/// What need not be heeded: priorities, room for more, and frames that no one knows.
pub(crate) fn odds(wire: &mut Wire) -> Vec<u8> {
    let stream = wire.number();
    let priority = frame(PRIORITY, 0, stream, &[0, 0, 0, 0, 1]);
    let update = frame(WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes());
    [priority, update, frame(0x77, 0xff, stream, &[0x55; 100])].concat()
}

/// Frames that are larger than any may be.
pub(crate) fn large_frames(_: &mut Wire) -> Vec<u8> {
    frame(0x77, 0, 0, &[0].repeat(GREATEST_FRAME + 1))
}

/// How a flood went.
#[derive(Debug, Default)]
pub(crate) struct Went {
    /// Connections that the daemon ended.
    pub(crate) ended: usize,
    /// How often the daemon read no more for a while.
    pub(crate) held_back: usize,
}

/// Floods the daemon with so many waves, until told to stop, by a new connection whenever one is
/// lost. Answers are read, or not.
pub(crate) fn flood(
    socket: &Path,
    wave: Wave,
    waves: usize,
    reads: bool,
    stop: &AtomicBool,
) -> Went {
    let (mut went, mut left) = (Went::default(), waves);
    while left > 0 && !stop.load(Relaxed) {
        let Ok(mut wire) = Wire::new(socket) else { continue };
        thread::scope(|scope| {
            let mut answers = wire.stream.try_clone().expect("descriptors are left");
            if reads {
                scope.spawn(move || io::copy(&mut answers, &mut io::sink()));
            } else {
                wire.stream.set_nonblocking(true).expect("it is a socket");
            }
            while left > 0 && !stop.load(Relaxed) {
                let at_once = left.min(AT_ONCE);
                let frames: Vec<_> = (0..at_once).flat_map(|_| wave(&mut wire)).collect();
                left -= at_once;
                if let Err(error) = wire.stream.write_all(&frames) {
                    let held_back = error.kind() == ErrorKind::WouldBlock;
                    went.held_back += usize::from(held_back);
                    went.ended += usize::from(!held_back);
                    break;
                }
            }
            // It may have ended by itself.
            let _ = wire.stream.shutdown(Shutdown::Both);
        });
    }
    went
}

/// How many frames are written at once.
const AT_ONCE: usize = 64;
