//! Answers without end in frames of HTTP/2.

use std::{io, sync::Arc};

use rustls::server::NoClientAuth;

use crate::{
    raw::{Raw, Wire, repeat},
    tls::Authority,
};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

/// `:status` 200, and 103, in HPACK.
const OK: &[u8] = &[0x88];
const EARLY_HINTS: &[u8] = b"\x08\x03103";

/// A frame (RFC 9113 §4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [head, payload.to_vec()].concat()
}

/// Reads until a request has come.
fn hear(wire: &mut dyn Wire) -> io::Result<()> {
    wire.read_exact(&mut [0; 24])?;
    loop {
        let mut head = [0; 9];
        wire.read_exact(&mut head)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        wire.read_exact(&mut vec![0; usize::try_from(length).unwrap()])?;
        if head[3] == HEADERS {
            return Ok(());
        }
    }
}

/// Starts a provider that says this first, and then the other without end.
fn provider(authority: &Authority, first: Vec<u8>, then: &[u8]) -> Raw {
    let mut config = authority.server(Arc::new(NoClientAuth));
    config.alpn_protocols = vec![b"h2".to_vec()];
    // Enough at once that the other end is kept busy.
    let then = then.repeat((16 << 10) / then.len() + 1);
    Raw::encrypted(config, move |wire| {
        wire.write_all(&frame(SETTINGS, 0, 0, &[]))?;
        hear(wire)?;
        wire.write_all(&first)?;
        repeat(wire, &then)
    })
}

/// Starts a provider for each way of not ending.
pub(crate) fn floods(authority: &Authority) -> Vec<(&'static str, Raw)> {
    let headers = frame(HEADERS, END_HEADERS, 1, OK);
    // A field of no name that anyone knows, again and again.
    let fields = b"\0\x01x\x01y".repeat(3_000);
    // One large field that the table keeps, and then nothing but its number.
    let large = [b"\x40\x01x\x7f\x81\x1e".to_vec(), vec![b'y'; 4_000]].concat();
    let packed = [OK, &large, &[0xbe; 10_000]].concat();
    let cases = [
        ("a body", headers.clone(), frame(DATA, 0, 1, &[b' '; 16_000])),
        ("empty data", headers.clone(), frame(DATA, 0, 1, &[])),
        ("headers", frame(HEADERS, 0, 1, OK), frame(CONTINUATION, 0, 1, &fields)),
        ("empty headers", frame(HEADERS, 0, 1, OK), frame(CONTINUATION, 0, 1, &[])),
        ("packed headers", Vec::new(), frame(HEADERS, END_HEADERS, 1, &packed)),
        ("early hints", Vec::new(), frame(HEADERS, END_HEADERS, 1, EARLY_HINTS)),
        ("pings", Vec::new(), frame(PING, 0, 0, &[0; 8])),
        ("settings", Vec::new(), frame(SETTINGS, 0, 0, &[])),
        ("windows", Vec::new(), frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        ("promises", Vec::new(), frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2, 0x82])),
        ("resets", Vec::new(), frame(RESET, 0, 1, &[0, 0, 0, 8])),
        ("what nobody knows", Vec::new(), frame(0xfa, 0, 0, &[0; 16])),
    ];
    let start = |(case, first, then): (_, _, Vec<u8>)| (case, provider(authority, first, &then));
    cases.into_iter().map(start).collect()
}
