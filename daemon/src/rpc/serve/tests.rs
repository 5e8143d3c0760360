use prost::Message as _;
use tokend_proto::v1::WatchTokensRequest;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
    task::JoinHandle,
};

use super::*;
use crate::rpc::{
    LARGEST_REQUEST,
    bench::{ANN, Bench, token},
    quiet::GREETING,
};

const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;

const ACK: u8 = 0x1;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

/// A client that writes its frames itself.
struct Client {
    stream: DuplexStream,
    serving: JoinHandle<()>,
    // Dropping it would be the daemon's end.
    _stop: watch::Sender<bool>,
}

/// A frame: its type, its flags, its stream and its payload.
type Frame = (u8, u8, u32, Vec<u8>);

impl Client {
    fn silent(bench: &Bench) -> Self {
        let (stream, served) = tokio::io::duplex(64 * 1_024);
        let (stop, shutdown) = watch::channel(false);
        let peer =
            Peer { uid: ANN, gid: ANN, groups: vec![], unit: None, pid: None, door: Door::Callers };
        let connection = Connection::new(peer);
        let services = Services::new(&bench.context, &Door::Callers);
        let serving = tokio::spawn(serve_one(served, connection, services, shutdown));
        Self { stream, serving, _stop: stop }
    }

    async fn new(bench: &Bench) -> Self {
        let mut client = Self::silent(bench);
        client.stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        client.send(SETTINGS, 0, 0, &[]).await;
        client
    }

    async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.stream.write_all(&frame).await.unwrap();
    }

    /// Makes a call.
    async fn call(&mut self, stream: u32, method: &str, message: &[u8]) {
        self.begin(stream, method, u32::try_from(message.len()).unwrap()).await;
        self.send(0, END_STREAM, stream, message).await;
    }

    /// Begins a call whose request is to have so many bytes.
    async fn begin(&mut self, stream: u32, method: &str, length: u32) {
        // :method POST and :scheme http are in the static table (RFC 7541 appendix A).
        let mut fields = vec![0x83, 0x86];
        let path = format!("/tokend.v1.TokenService/{method}");
        for (index, value) in [(0x04, path.as_str()), (0x01, "localhost")] {
            fields.extend([index, u8::try_from(value.len()).unwrap()]);
            fields.extend(value.bytes());
        }
        self.send(HEADERS, END_HEADERS, stream, &fields).await;
        self.send(0, 0, stream, &[&[0][..], &length.to_be_bytes()].concat()).await;
    }

    /// Reads a frame; `None` at the end.
    async fn read(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).await.ok()?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]).try_into().unwrap()];
        self.stream.read_exact(&mut payload).await.ok()?;
        Some((kind, flags, u32::from_be_bytes(stream), payload))
    }

    /// Reads frames up to one of this kind, of a call or of the connection.
    async fn wait_for(&mut self, kind: u8, stream: u32) -> Frame {
        loop {
            let frame = self.read().await.expect("the connection is open");
            assert_ne!((frame.0, frame.2), (RESET, stream));
            if (frame.0, frame.2) == (kind, stream) && (kind, frame.1) != (SETTINGS, ACK) {
                return frame;
            }
        }
    }

    /// Asks for a sign of life, and gets it or the end.
    async fn lives(&mut self) -> bool {
        self.send(PING, 0, 0, b"do you? ").await;
        self.wait_for(PING, 0).await.3 == b"do you? "
    }
}

async fn pass(span: Duration) {
    tokio::time::sleep(span).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_speaks_is_left_after_a_while() {
    for said in ["", "PRI * HTTP/2.0\r\n"] {
        let mut client = Client::silent(&Bench::new());
        client.stream.write_all(said.as_bytes()).await.unwrap();
        pass(GREETING * 9 / 10).await;
        assert!(!client.serving.is_finished());
        pass(GREETING / 5).await;
        assert!(client.serving.is_finished(), "after {said:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_spoken_has_time_to_call() {
    let bench = Bench::new();
    let mut client = Client::new(&bench).await;
    pass(GREETING * 2).await;
    assert!(client.lives().await);
    client.call(1, "None", &[]).await;
    assert_eq!(client.wait_for(HEADERS, 1).await.1 & END_STREAM, END_STREAM);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_nobody_uses_is_closed_in_a_way_that_loses_no_call() {
    let bench = Bench::new();
    let mut client = Client::new(&bench).await;
    client.call(1, "None", &[]).await;
    client.wait_for(HEADERS, 1).await;
    // Whoever reads this calls no more; who hasn't yet may have called: RFC 9113 §6.8.
    let (_, _, _, first) = client.wait_for(GOAWAY, 0).await;
    assert_eq!(first, [0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0], "any call, and no error");
    let (_, _, _, heard) = client.wait_for(PING, 0).await;
    client.call(3, "None", &[]).await;
    client.wait_for(HEADERS, 3).await;
    client.send(PING, ACK, 0, &heard).await;
    let (_, _, _, last) = client.wait_for(GOAWAY, 0).await;
    assert_eq!(last, [0, 0, 0, 3, 0, 0, 0, 0], "the one that came meanwhile, and no error");
    assert_eq!(client.read().await, None);
}

#[tokio::test(start_paused = true)]
async fn calls_keep_a_connection_and_signs_of_life_do_not() {
    let bench = Bench::new();
    let mut client = Client::new(&bench).await;
    for call in 0..10 {
        client.call(call * 2 + 1, "None", &[]).await;
        client.wait_for(HEADERS, call * 2 + 1).await;
        pass(IDLE * 9 / 10).await;
        assert!(!client.serving.is_finished());
    }
    for _ in 0..9 {
        client.send(PING, 0, 0, b"do you? ").await;
        pass(IDLE / 10).await;
    }
    // It is asked to leave, and doesn't.
    pass(IDLE + PARTING * 2).await;
    assert!(client.serving.is_finished());
}

#[tokio::test(start_paused = true)]
async fn an_open_stream_keeps_its_connection_until_it_ends() {
    let bench = Bench::new();
    bench.make("api").publish(token("a"));
    let mut client = Client::new(&bench).await;
    let names = WatchTokensRequest { names: vec!["api".into()] };
    client.call(1, "WatchTokens", &names.encode_to_vec()).await;
    client.wait_for(0, 1).await;
    pass(IDLE * 10).await;
    assert!(client.lives().await);
    client.send(RESET, 0, 1, &8_u32.to_be_bytes()).await;
    client.wait_for(GOAWAY, 0).await;
    pass(PARTING * 2).await;
    assert!(client.serving.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_request_that_states_too_great_a_length_is_refused_before_it_comes() {
    let bench = Bench::new();
    let largest = u32::try_from(LARGEST_REQUEST).unwrap();
    for method in ["AcquireToken", "ListTokens", "WatchTokens", "ReportRejection", "SubmitRotation"]
    {
        for length in [u32::MAX, 5 * 1_024 * 1_024] {
            let mut client = Client::new(&bench).await;
            client.begin(1, method, length).await;
            assert_eq!(client.wait_for(HEADERS, 1).await.1 & END_STREAM, END_STREAM, "{method}");
        }
    }
    let mut client = Client::new(&bench).await;
    client.begin(1, "AcquireToken", largest + 1).await;
    client.wait_for(HEADERS, 1).await;
    client.begin(3, "AcquireToken", largest).await;
    client.begin(5, "AcquireToken", largest + 1).await;
    // The one between is waited for.
    loop {
        let (kind, _, stream, _) = client.read().await.unwrap();
        assert_ne!(stream, 3);
        if (kind, stream) == (HEADERS, 5) {
            break;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_has_a_thousand_calls_open_and_is_told_so() {
    let bench = Bench::new();
    let mut client = Client::new(&bench).await;
    let (_, _, _, settings) = client.wait_for(SETTINGS, 0).await;
    let most = [&[0, 3][..], &MOST_CALLS.to_be_bytes()].concat();
    assert!(settings.chunks(6).any(|setting| setting == most), "{settings:?}");
    // They ask for nothing yet.
    for call in 0..MOST_CALLS {
        client.begin(call * 2 + 1, "AcquireToken", 100).await;
    }
    assert!(client.lives().await);
    client.begin(MOST_CALLS * 2 + 1, "AcquireToken", 100).await;
    loop {
        let (kind, _, stream, payload) = client.read().await.unwrap();
        if kind == RESET {
            // REFUSED_STREAM: it can be sent again (RFC 9113 §8.7).
            assert_eq!((stream, payload), (MOST_CALLS * 2 + 1, vec![0, 0, 0, 7]));
            break;
        }
    }
}
