//! A client of HTTP/2 that writes whatever frames it likes.

#![allow(dead_code, reason = "tests and the measurement use a part each")]

use std::{
    io::{self, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::Path,
};

use crate::support::{PATIENCE, canary};

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RESET: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 0x1;
pub(crate) const END_HEADERS: u8 = 0x4;

/// How much a frame may carry before anyone has said otherwise (RFC 9113 §4.2), in bytes.
pub(crate) const GREATEST_FRAME: usize = 16 * 1_024;

/// A connection to the callers' socket.
pub(crate) struct Wire {
    pub(crate) stream: UnixStream,
    next: u32,
}

impl Wire {
    /// Connects and greets.
    pub(crate) fn new(socket: &Path) -> io::Result<Self> {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")?;
        stream.write_all(&frame(SETTINGS, 0, 0, &[]))?;
        Ok(Self { stream, next: 1 })
    }

    /// Returns the number of a stream that is to be opened.
    pub(crate) fn number(&mut self) -> u32 {
        self.next += 2;
        self.next - 2
    }

    /// Acquires the token of `api` and returns the message of the answer, empty if it is an
    /// error.
    pub(crate) fn acquire(&mut self) -> io::Result<Vec<u8>> {
        let stream = self.number();
        self.stream.write_all(&call(stream, "AcquireToken", &name("api")))?;
        let mut message = Vec::new();
        loop {
            let (kind, flags, of, payload) = self.read()?;
            match kind {
                DATA if of == stream => {
                    message.extend(&payload);
                    let read = u32::try_from(payload.len()).expect("a frame is short");
                    self.stream.write_all(&frame(WINDOW_UPDATE, 0, 0, &read.to_be_bytes()))?;
                }
                RESET | GOAWAY => return Err(io::Error::other("the daemon gave up the call")),
                _ => {}
            }
            if of == stream && flags & END_STREAM != 0 && kind <= HEADERS {
                return Ok(canary::told_bytes(&message));
            }
        }
    }

    /// Reads a frame: its type, its flags, its stream and its payload.
    pub(crate) fn read(&mut self) -> io::Result<(u8, u8, u32, Vec<u8>)> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head)?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.stream.read_exact(&mut payload)?;
        Ok((kind, flags, u32::from_be_bytes(stream), payload))
    }
}

/// Writes a frame (RFC 9113 §4.1).
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame is short");
    let mut frame = length.to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Writes the fields of a call.
pub(crate) fn fields(method: &str) -> Vec<u8> {
    // :method POST and :scheme http; :path and :authority (RFC 7541 appendix A).
    let mut fields = vec![0x83, 0x86];
    let path = format!("/tokend.v1.TokenService/{method}");
    for (index, value) in [(0x04, path.as_str()), (0x01, "localhost")] {
        fields.extend([index, u8::try_from(value.len()).expect("a value is short")]);
        fields.extend(value.bytes());
    }
    fields
}

/// Writes a whole call.
pub(crate) fn call(stream: u32, method: &str, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("a message is short");
    let data = [&[0][..], &length.to_be_bytes(), message].concat();
    let headers = frame(HEADERS, END_HEADERS, stream, &fields(method));
    [headers, frame(DATA, END_STREAM, stream, &data)].concat()
}

/// Writes a message with a name in its first field.
pub(crate) fn name(name: &str) -> Vec<u8> {
    let length = u8::try_from(name.len()).expect("a name is short");
    [&[0x0a, length][..], name.as_bytes()].concat()
}
