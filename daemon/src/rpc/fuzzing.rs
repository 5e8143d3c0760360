//! Serves clients that write frames which nobody has thought of, for fuzzers and for tests.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::watch,
    task::yield_now,
    time::timeout,
};

use super::{
    Connection, Door, Peer, Services,
    authority::{Frames, Outlook},
    bench::{ANN, Bench, token},
    membership,
    serve::{Fair, serve_one},
};

/// How long anything may take that goes on by itself: longer is a hang.
const PATIENCE: Duration = Duration::from_secs(5);

/// How much a connection may be told for nothing, and for each byte that it says.
const GREETING: usize = 64 * 1_024;
const ANSWER: usize = 1_024;

/// What clients of HTTP/2 begin with (RFC 9113 §3.4), and settings that change nothing.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

/// What is called; the last isn't there.
const PATHS: [&str; 7] = [
    "/tokend.v1.TokenService/AcquireToken",
    "/tokend.v1.TokenService/WatchTokens",
    "/tokend.v1.TokenService/ListTokens",
    "/tokend.v1.TokenService/ReportRejection",
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
    "/tokend.v1.TokenService/None",
];

/// Serves a client that writes what these bytes tell, until the connection ends.
///
/// # Panics
///
/// It does if serving the client fails, doesn't end, or tells it too much.
pub fn serve(bytes: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime without I/O needs nothing").block_on(client(bytes));
}

/// Mends what a client writes, in pieces of this length, in bytes, and returns what comes of it.
pub fn mend(bytes: &[u8], length: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let mut frames = Frames::default();
    for piece in bytes.chunks_mut(length.max(1)) {
        if frames.mend(piece) == Outlook::Fine {
            break;
        }
    }
    bytes
}

/// Reads what the kernel tells of a caller: its status, and the control groups that it is in.
pub fn process(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    membership::read(&text, ANN);
}

/// Returns what the client was told.
async fn client(bytes: &[u8]) -> Vec<u8> {
    let bench = Bench::new();
    bench.make("api").publish(token("a"));
    let fair = Fair::default();
    let rounds = tokio::spawn(fair.clone().go_on());
    let said = frames(bytes);
    // So nothing has to be read for all to be written.
    let (mut client, served) = tokio::io::duplex(said.len());
    let door = Door::Callers;
    let services = Services::new(&bench.context, &door);
    let peer = Peer { uid: ANN, gid: ANN, groups: vec![], unit: None, pid: None, door };
    let (_stop, shutdown) = watch::channel(false);
    let connection = Connection::new(peer);
    let serving = tokio::spawn(serve_one(served, connection, services, fair, shutdown));
    client.write_all(&said).await.expect("there is room for it");
    // What is answered meanwhile waits, and then not even that goes on.
    for _ in 0..said.len() {
        yield_now().await;
    }
    let mut told = Vec::new();
    let reading = async {
        // The connection may be gone by now.
        let _ = client.shutdown().await;
        let _ = client.read_to_end(&mut told).await;
    };
    timeout(PATIENCE, reading).await.expect("the connection ends");
    let ended = timeout(PATIENCE, serving).await.expect("so does what serves it");
    ended.expect("serving doesn't fail");
    rounds.abort();
    assert!(told.len() < GREETING + ANSWER * said.len(), "{} bytes", told.len());
    told
}

/// Makes frames of any bytes: what kind, which flags, which stream, how long, and so many bytes.
fn frames(mut bytes: &[u8]) -> Vec<u8> {
    let mut frames = PREFACE.to_vec();
    while let [kind, flags, stream, length, rest @ ..] = bytes {
        let (payload, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        let stream = *stream;
        match kind % 16 {
            kind @ 0..=CONTINUATION => frame(&mut frames, kind, *flags, stream, payload),
            10 => frame(&mut frames, *kind, *flags, stream, payload),
            11 => frames.extend(payload),
            number => {
                let path = PATHS[usize::from(*flags) % PATHS.len()];
                frame(&mut frames, HEADERS, END_HEADERS, stream, &fields(path));
                let message = [&[0, 0, 0, 0, *length][..], payload].concat();
                let end = if number == 12 { 0 } else { END_STREAM };
                frame(&mut frames, 0, end, stream, &message);
            }
        }
        bytes = rest;
    }
    frames
}

fn frame(frames: &mut Vec<u8>, kind: u8, flags: u8, stream: u8, payload: &[u8]) {
    // No payload is longer than a byte says, with a few before it.
    let length = u16::try_from(payload.len()).expect("it is short").to_be_bytes();
    frames.extend([0, length[0], length[1], kind, flags, 0, 0, 0, stream]);
    frames.extend(payload);
}

/// `POST`, `http`, the path and an authority (RFC 7541 appendix A).
fn fields(path: &str) -> Vec<u8> {
    let length = u8::try_from(path.len()).expect("it is short");
    [&[0x83, 0x86, 0x04, length][..], path.as_bytes(), &[0x01, 1, b'x']].concat()
}

#[cfg(test)]
mod tests {
    use proptest::{
        collection::vec,
        prelude::any,
        test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
    };

    use super::*;

    #[test]
    fn whatever_frames_a_client_writes_its_connection_is_served_to_an_end() {
        // The same bytes every time.
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
        let config = Config { cases: 200, failure_persistence: None, ..Config::default() };
        let bytes = vec(any::<u8>(), 0..1_000);
        TestRunner::new_with_rng(config, rng)
            .run(&bytes, |bytes| {
                serve(&bytes);
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn calls_among_them_are_answered() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        // The first is cut off, the second is whole.
        let calls = [[12, 0, 1, 5], [13, 0, 3, 5]];
        let calls = calls.map(|head| [&head[..], &[0x0a, 3], b"api"].concat()).concat();
        let told = runtime.block_on(client(&calls));
        let mut answered = Vec::new();
        let mut rest = &told[..];
        while let [a, b, c, kind, _, stream @ ..] = rest {
            let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
            if *kind == 0 {
                answered.push(stream[3]);
            }
            rest = &rest[9 + length..];
        }
        assert_eq!(answered, [3]);
    }
}
