use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use http_body_util::Empty;
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use proptest::prelude::*;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::mpsc,
};

use super::{
    Mended,
    frames::{Frames, Outlook},
};

const PATH: &str = "/run/tokend/tokend.sock";
const ENCODED_PATH: &str = "%2Frun%2Fuser%2F1000%2Fa%20b%2Ftokend.sock";

/// How fields are written: to be remembered, not to be, and never to be, each with its name's
/// place in the static table or, as the C core does, with the name.
const FORMS: [u8; 6] = [0x41, 0x01, 0x11, 0x40, 0x00, 0x10];

/// How the frames of a block are made.
#[derive(Clone, Copy, Debug)]
struct Framing {
    padding: Option<u8>,
    priority: bool,
    /// How many frames carry the block.
    frames: usize,
}

const PLAIN: Framing = Framing { padding: None, priority: false, frames: 1 };

/// A call, as a client sends it.
#[derive(Clone, Debug)]
struct Call {
    authority: String,
    form: u8,
    huffman: bool,
    framing: Framing,
    note: String,
}

impl Call {
    fn to(authority: &str) -> Self {
        Self {
            authority: authority.to_owned(),
            form: 0x41,
            huffman: false,
            framing: PLAIN,
            note: String::new(),
        }
    }
}

/// What a client sends.
struct Sent {
    bytes: Vec<u8>,
    stream: u32,
    /// What HPACK's dynamic table holds, the oldest first.
    table: Vec<(String, String)>,
}

impl Sent {
    fn new() -> Self {
        let mut sent =
            Self { bytes: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), stream: 1, table: vec![] };
        sent.frame(4, 0, 0, &[]);
        sent.frame(8, 0, 0, &[0, 1, 0, 0]);
        sent
    }

    fn of(calls: &[Call]) -> Vec<u8> {
        let mut sent = Self::new();
        for call in calls {
            sent.call(call);
        }
        sent.bytes
    }

    fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap();
        self.bytes.extend(&length.to_be_bytes()[1..]);
        self.bytes.extend([kind, flags]);
        self.bytes.extend(stream.to_be_bytes());
        self.bytes.extend(payload);
    }

    /// Sends a call with a message and trailers.
    fn call(&mut self, call: &Call) {
        let mut block = vec![0x83, 0x86, 0x04];
        string(&mut block, "/tokend.v1.TokenService/AcquireToken", call.huffman);
        self.authority(&mut block, call);
        self.field(&mut block, "note", &call.note, call.huffman);
        self.block(&block, call.framing, 0);
        self.frame(0, 0, self.stream, b"%/ /%");
        let mut trailers = Vec::new();
        self.field(&mut trailers, "note", "/trailing/%", call.huffman);
        self.block(&trailers, call.framing, 1);
        self.stream += 2;
    }

    fn authority(&mut self, block: &mut Vec<u8>, call: &Call) {
        let sent = (":authority".to_owned(), call.authority.clone());
        if let Some(place) = self.table.iter().rposition(|field| *field == sent) {
            integer(block, 0x80, 0x7f, 61 + self.table.len() - place);
            return;
        }
        block.push(call.form);
        if call.form & 1 == 0 {
            string(block, ":authority", false);
        }
        string(block, &call.authority, call.huffman);
        if call.form & 0x40 != 0 {
            self.table.push(sent);
        }
    }

    /// Sends a field by its place in the table, if it is there, and else to be remembered.
    fn field(&mut self, block: &mut Vec<u8>, name: &str, value: &str, huffman: bool) {
        let field = (name.to_owned(), value.to_owned());
        if let Some(place) = self.table.iter().rposition(|known| *known == field) {
            return integer(block, 0x80, 0x7f, 61 + self.table.len() - place);
        }
        match self.table.iter().rposition(|(known, _)| known == name) {
            Some(place) => integer(block, 0x40, 0x3f, 61 + self.table.len() - place),
            None => {
                block.push(0x40);
                string(block, name, huffman);
            }
        }
        string(block, value, huffman);
        self.table.push(field);
    }

    fn block(&mut self, block: &[u8], framing: Framing, mut flags: u8) {
        let mut pieces = block.chunks(block.len().div_ceil(framing.frames));
        let mut payload = Vec::new();
        if let Some(padding) = framing.padding {
            flags |= 0x8;
            payload.push(padding);
        }
        if framing.priority {
            flags |= 0x20;
            payload.extend([0, 0, 0, 0, 7]);
        }
        payload.extend(pieces.next().unwrap());
        payload.resize(payload.len() + usize::from(framing.padding.unwrap_or(0)), 0);
        if pieces.len() == 0 {
            flags |= 0x4;
        }
        self.frame(1, flags, self.stream, &payload);
        while let Some(piece) = pieces.next() {
            let flags = if pieces.len() == 0 { 0x4 } else { 0 };
            self.frame(9, flags, self.stream, piece);
        }
    }
}

fn integer(to: &mut Vec<u8>, first: u8, mask: u8, value: usize) {
    let Some(mut rest) = value.checked_sub(mask.into()) else {
        to.push(first | u8::try_from(value).unwrap());
        return;
    };
    to.push(first | mask);
    while rest > 0x7f {
        to.push(0x80 | u8::try_from(rest & 0x7f).unwrap());
        rest >>= 7;
    }
    to.push(u8::try_from(rest).unwrap());
}

fn string(to: &mut Vec<u8>, text: &str, huffman: bool) {
    if huffman {
        let coded = coded(text);
        integer(to, 0x80, 0x7f, coded.len());
        to.extend(coded);
    } else {
        integer(to, 0, 0x7f, text.len());
        to.extend(text.bytes());
    }
}

/// Writes text by the code of RFC 7541, appendix B, as far as paths need it.
fn coded(text: &str) -> Vec<u8> {
    let codes = [
        (5, 0, "012aceiost"),
        (6, 0x14, " %-./3456789=A_bdfghlmnpru"),
        (7, 0x5c, ":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz"),
        (8, 0xf8, "&*,;XZ"),
        (13, 0x1ffd, "~"),
    ];
    let mut bits = Vec::new();
    for character in text.chars() {
        let (length, code) = codes
            .iter()
            .find_map(|(length, first, characters)| {
                Some((*length, *first + characters.find(character)?))
            })
            .unwrap();
        bits.extend((0..length).rev().map(|bit| code >> bit & 1 == 1));
    }
    bits.resize(bits.len().next_multiple_of(8), true);
    bits.chunks(8).map(|byte| byte.iter().fold(0, |sum, bit| sum << 1 | u8::from(*bit))).collect()
}

/// A connection that brings bytes in pieces, and then stays silent.
struct Pieces {
    bytes: Vec<u8>,
    /// The lengths of the pieces, over and over.
    lengths: Vec<usize>,
    read: usize,
}

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.bytes.is_empty() {
            return Poll::Pending;
        }
        let length = self.lengths[self.read % self.lengths.len()];
        self.read += 1;
        let length = length.min(buffer.remaining()).min(self.bytes.len());
        buffer.put_slice(&self.bytes[..length]);
        self.bytes.drain(..length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pieces {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Serves a client and returns the authority and the note of so many calls.
fn served(bytes: Vec<u8>, lengths: Vec<usize>, calls: usize) -> Vec<(String, String)> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (seen, mut calls_seen) = mpsc::unbounded_channel();
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let authority = request.uri().authority().unwrap().to_string();
            let note = request.headers()["note"].to_str().unwrap().to_owned();
            seen.send((authority, note)).unwrap();
            async { Ok::<_, std::convert::Infallible>(hyper::Response::new(Empty::<&[u8]>::new())) }
        });
        let stream = Mended::new(Pieces { bytes, lengths, read: 0 });
        let connection = http2::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(stream), service);
        let all = async {
            let mut all = Vec::new();
            while all.len() < calls {
                all.push(calls_seen.recv().await.unwrap());
            }
            all
        };
        tokio::select! {
            ended = connection => panic!("the connection ended: {ended:?}"),
            all = all => all,
        }
    })
}

/// Mends bytes that come in pieces.
fn mended(bytes: &[u8], lengths: &[usize]) -> (Vec<u8>, Outlook) {
    let mut frames = Frames::default();
    let mut bytes = bytes.to_vec();
    let mut rest = bytes.as_mut_slice();
    for length in lengths.iter().cycle() {
        let (piece, later) = rest.split_at_mut((*length).min(rest.len()));
        if frames.mend(piece) == Outlook::Fine {
            return (bytes, Outlook::Fine);
        }
        if later.is_empty() {
            break;
        }
        rest = later;
    }
    (bytes, Outlook::Open)
}

#[test]
fn a_path_is_an_authority_however_it_is_written() {
    for form in FORMS {
        for huffman in [false, true] {
            for path in [PATH, ENCODED_PATH] {
                let call = Call { form, huffman, note: PATH.to_owned(), ..Call::to(path) };
                let seen = served(Sent::of(&[call.clone(), call]), vec![4_096], 2);
                let (authority, note) = &seen[0];
                assert_eq!(seen[0], seen[1], "{form:#x}");
                assert_eq!(authority.len(), path.len(), "{authority}");
                assert!(!authority.contains(['/', '%', ' ']), "{authority}");
                assert_eq!(note, PATH, "other fields stay as they are");
            }
        }
    }
}

#[test]
fn a_valid_authority_stays_and_ends_the_reading() {
    for form in FORMS {
        for huffman in [false, true] {
            for authority in ["localhost", "localhost:50051", "a-b_c.example", "~"] {
                let call = Call { form, huffman, note: PATH.to_owned(), ..Call::to(authority) };
                let bytes = Sent::of(&[call]);
                assert_eq!(mended(&bytes, &[7]), (bytes, Outlook::Fine), "{form:#x} {authority}");
            }
        }
    }
}

#[test]
fn other_fields_with_a_path_stay_as_they_are() {
    let call = Call { note: "/a%2F".to_owned(), huffman: true, ..Call::to(PATH) };
    let bytes = Sent::of(&[call]);
    let (mended, outlook) = mended(&bytes, &[5]);
    assert_eq!(outlook, Outlook::Open, "later calls may need mending");
    let changed = bytes.iter().zip(&mended).filter(|(before, after)| before != after).count();
    // `/` thrice, each in a byte of its own.
    assert_eq!((changed, mended.len()), (3, bytes.len()));
}

#[test]
fn what_comes_between_the_frames_of_a_block_is_left_to_h2() {
    let mut sent = Sent::new();
    sent.frame(1, 0, 1, &[0x83]);
    sent.frame(6, 0, 0, &[0; 8]);
    assert_eq!(mended(&sent.bytes, &[1]).1, Outlook::Fine);
    let mut sent = Sent::new();
    sent.frame(9, 4, 1, &[0x83]);
    assert_eq!(mended(&sent.bytes, &[1]).1, Outlook::Fine);
}

#[test]
fn padding_beyond_the_frame_is_left_to_h2() {
    let mut sent = Sent::new();
    sent.frame(1, 0x4 | 0x8, 1, &[9, 0x83]);
    assert_eq!(mended(&sent.bytes, &[1]).1, Outlook::Fine);
}

fn framing() -> impl Strategy<Value = Framing> {
    (proptest::option::of(0..40_u8), any::<bool>(), 1..6_usize)
        .prop_map(|(padding, priority, frames)| Framing { padding, priority, frames })
}

fn call() -> impl Strategy<Value = Call> {
    let authority = prop_oneof!["[a-z0-9./%: _~-]{0,20}", Just(ENCODED_PATH.to_owned())]
        .prop_map(|path| format!("/{}", path.replace(':', "/")));
    let form = proptest::sample::select(&FORMS[..]);
    (authority, form, any::<bool>(), framing(), "[a-z%/]{0,300}").prop_map(
        |(authority, form, huffman, framing, note)| Call {
            authority,
            form,
            huffman,
            framing,
            note,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn h2_serves_every_call_to_a_path_whatever_its_frames_and_pieces(
        calls in proptest::collection::vec(call(), 1..6),
        lengths in proptest::collection::vec(1..300_usize, 1..8),
    ) {
        let seen = served(Sent::of(&calls), lengths, calls.len());
        for (call, (authority, note)) in calls.iter().zip(seen) {
            prop_assert_eq!(authority.len(), call.authority.len());
            prop_assert_eq!(&note, &call.note);
        }
    }

    #[test]
    fn pieces_make_no_difference(
        calls in proptest::collection::vec(call(), 1..6),
        lengths in proptest::collection::vec(1..40_usize, 1..8),
    ) {
        let bytes = Sent::of(&calls);
        prop_assert_eq!(mended(&bytes, &lengths), mended(&bytes, &[bytes.len()]));
    }

    #[test]
    fn any_bytes_keep_their_number_and_are_mended_once(
        frames in proptest::collection::vec(
            (0..11_u8, any::<u8>(), proptest::collection::vec(any::<u8>(), 0..60)), 0..12),
        cut in 0..20_usize,
        lengths in proptest::collection::vec(1..40_usize, 1..8),
    ) {
        let mut sent = Sent::new();
        for (kind, flags, payload) in frames {
            sent.frame(kind, flags, 1, &payload);
        }
        let bytes = &sent.bytes[..sent.bytes.len() - cut];
        let (once, _) = mended(bytes, &lengths);
        prop_assert_eq!(once.len(), bytes.len());
        prop_assert_eq!(&once, &mended(bytes, &[1]).0);
        prop_assert_eq!(&once, &mended(&once, &lengths).0);
    }
}
