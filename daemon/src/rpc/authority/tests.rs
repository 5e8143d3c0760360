mod client;

use std::{
    io,
    pin::Pin,
    sync::Arc,
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

use self::client::{Call, FORMS, Framing, Sent};
use super::{
    super::{line::Line, quiet::Usage},
    Frames, Outlook,
};

const PATH: &str = "/run/tokend/tokend.sock";
const ENCODED_PATH: &str = "%2Frun%2Fuser%2F1000%2Fa%20b%2Ftokend.sock";

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
        let stream = Line::new(Pieces { bytes, lengths, read: 0 }, Arc::<Usage>::default());
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
        .prop_map(|path| format!("/{path}"));
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
