use prost::Message as _;
use tokend_proto::{
    reason,
    v1::{AcquireTokenRequest, WatchTokensRequest},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
    task::JoinHandle,
};
use tonic_types::StatusExt as _;

use super::*;
use crate::rpc::{
    LARGEST_REQUEST,
    bench::{ANN, Bench, listener, token},
    exchange::LONGEST_UNTAKEN,
    patience::LONGEST_REQUEST,
    quiet::GREETING,
    tally::MOST_OF_A_USER,
};

const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

const EVE: u32 = 1_001;

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
        Self::of(bench, ANN, &fair())
    }

    /// Connects as a user.
    fn of(bench: &Bench, uid: u32, fair: &Fair) -> Self {
        Self::by(Door::Callers, bench, uid, fair)
    }

    /// Connects to a socket as a user.
    fn by(door: Door, bench: &Bench, uid: u32, fair: &Fair) -> Self {
        let (stream, served) = tokio::io::duplex(64 * 1_024);
        let (stop, shutdown) = watch::channel(false);
        let services = Services::new(&bench.context, &door);
        let peer = Peer { uid, gid: uid, groups: vec![], unit: None, pid: None, door };
        let connection = Connection::new(peer);
        let serving = tokio::spawn(serve_one(served, connection, services, fair.clone(), shutdown));
        Self { stream, serving, _stop: stop }
    }

    async fn new(bench: &Bench) -> Self {
        Self::silent(bench).greet().await
    }

    async fn greet(mut self) -> Self {
        self.stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        self.send(SETTINGS, 0, 0, &[]).await;
        self
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

    /// Makes a call whose message comes in one frame, as it does from most clients.
    async fn call_at_once(&mut self, stream: u32, method: &str, message: &[u8]) {
        self.open(stream, method).await;
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        self.send(0, END_STREAM, stream, &[&[0][..], &length, message].concat()).await;
    }

    /// Begins a call whose request is to have so many bytes.
    async fn begin(&mut self, stream: u32, method: &str, length: u32) {
        self.open(stream, method).await;
        self.send(0, 0, stream, &[&[0][..], &length.to_be_bytes()].concat()).await;
    }

    /// Begins a call.
    async fn open(&mut self, stream: u32, method: &str) {
        // :method POST and :scheme http are in the static table (RFC 7541 appendix A).
        let mut fields = vec![0x83, 0x86];
        let path = format!("/tokend.v1.TokenService/{method}");
        for (index, value) in [(0x04, path.as_str()), (0x01, "localhost")] {
            fields.extend([index, u8::try_from(value.len()).unwrap()]);
            fields.extend(value.bytes());
        }
        self.send(HEADERS, END_HEADERS, stream, &fields).await;
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

#[tokio::test(start_paused = true)]
async fn until_the_engine_is_there_calls_for_tokens_are_answered_and_all_others_wait() {
    let bench = Bench::new();
    bench.make("api").publish(token("1"));
    let (ready, is_ready) = watch::channel(false);
    let door = Door::Callers;
    let services = Services::new(&bench.context, &door).early(&is_ready);
    let (stream, served) = tokio::io::duplex(64 * 1_024);
    let (stop, shutdown) = watch::channel(false);
    let peer = Peer { uid: ANN, gid: ANN, groups: vec![], unit: None, pid: None, door };
    let serving =
        tokio::spawn(serve_one(served, Connection::new(peer), services, fair(), shutdown));
    let mut client = Client { stream, serving, _stop: stop }.greet().await;
    client.call(1, "ListTokens", &[]).await;
    client.call(3, "AcquireToken", &[&[0x0a, 3][..], b"api"].concat()).await;
    assert_eq!(client.wait_for(0, 3).await.2, 3);
    ready.send_replace(true);
    assert_eq!(client.wait_for(0, 1).await.2, 1);
}

/// What connections share that have nothing to do with those of other tests.
fn fair() -> Fair {
    let fair = Fair::default();
    tokio::spawn(fair.clone().go_on());
    fair
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
async fn who_is_connected_and_what_they_have_open_is_counted() {
    let (bench, crowds) = (Bench::new(), Crowds::default());
    let tally = Tally::new(String::new(), vec![0], crowds.at("tokend.sock"));
    let fair = Fair { tally, ..Fair::default() };
    tokio::spawn(fair.clone().go_on());
    let size = || {
        let size = crowds.sizes()[0].1;
        (size.connections, size.users, size.calls)
    };
    bench.make("api").publish(token("a"));
    let mut root = Client::of(&bench, 0, &fair).greet().await;
    let mut ann = Client::of(&bench, ANN, &fair).greet().await;
    let name = WatchTokensRequest { names: vec!["api".into()] }.encode_to_vec();
    ann.call(1, "WatchTokens", &name).await;
    ann.wait_for(0, 1).await;
    assert!(root.lives().await);
    assert_eq!(size(), (2, 2, 1));
    drop(ann.stream);
    ann.serving.await.unwrap();
    assert_eq!(size(), (1, 1, 0));
    drop(root.stream);
    root.serving.await.unwrap();
    assert_eq!(size(), (0, 0, 0));
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

#[tokio::test(start_paused = true)]
async fn a_request_that_does_not_come_to_its_end_is_refused_after_a_while() {
    let bench = Bench::new();
    for method in ["AcquireToken", "ListTokens", "WatchTokens", "ReportRejection", "SubmitRotation"]
    {
        let mut client = Client::new(&bench).await;
        client.begin(1, method, 2).await;
        pass(LONGEST_REQUEST / 2).await;
        client.send(0, 0, 1, b"a").await;
        pass(LONGEST_REQUEST * 9 / 20).await;
        assert!(client.lives().await, "it could still come");
        let (_, flags, ..) = client.wait_for(HEADERS, 1).await;
        assert_eq!(flags & END_STREAM, END_STREAM, "{method}");
        client.call(3, "None", &[]).await;
        client.wait_for(HEADERS, 3).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_in_one_piece_is_answered_as_one_in_several() {
    let bench = Bench::new();
    bench.make("api").publish(token("a"));
    let mut client = Client::new(&bench).await;
    let question = |name: &str| AcquireTokenRequest { name: name.into(), ..Default::default() };
    for (number, name) in [(0, "api"), (1, "b"), (2, "No Name")] {
        let (question, first) = (question(name).encode_to_vec(), 1 + 4 * number);
        client.call(first, "AcquireToken", &question).await;
        client.call_at_once(first + 2, "AcquireToken", &question).await;
        let mut answers = [(); 2].map(|()| Vec::new());
        let mut ended = 0;
        while ended < 2 {
            let (kind, flags, stream, payload) = client.read().await.unwrap();
            if [first, first + 2].contains(&stream) && [0, HEADERS].contains(&kind) {
                // Fields that were sent before are referred to, so heads are not the same.
                let shown = if kind == HEADERS { Vec::new() } else { payload };
                answers[usize::from(stream != first)].push((kind, flags & END_STREAM, shown));
                ended += u32::from(flags & END_STREAM != 0);
            }
        }
        assert_eq!(answers[0], answers[1], "{name}");
        assert_eq!(answers[0].len(), if number == 0 { 3 } else { 1 });
    }
    // What is no question at all is refused in either way.
    client.call_at_once(21, "AcquireToken", b"\xff\xff").await;
    let (_, flags, ..) = client.wait_for(HEADERS, 21).await;
    assert_eq!(flags & END_STREAM, END_STREAM);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_no_one_takes_is_given_up_after_a_while_and_nothing_else() {
    let bench = Bench::new();
    bench.make("api").publish(token("a"));
    let mut client = Client::new(&bench).await;
    // No room for any answer, and then for that of one call.
    client.send(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]).await;
    let name = WatchTokensRequest { names: vec!["api".into()] }.encode_to_vec();
    for (stream, method) in [(1, "WatchTokens"), (3, "AcquireToken"), (5, "WatchTokens")] {
        client.call(stream, method, &name).await;
        client.wait_for(HEADERS, stream).await;
    }
    client.send(WINDOW_UPDATE, 0, 5, &10_000_u32.to_be_bytes()).await;
    client.wait_for(0, 5).await;
    pass(LONGEST_UNTAKEN * 9 / 10).await;
    assert!(client.lives().await);
    pass(LONGEST_UNTAKEN * 2).await;
    let mut reset = Vec::new();
    client.send(PING, 0, 0, b"are you?").await;
    loop {
        match client.read().await.expect("the connection is open") {
            (RESET, _, stream, _) => reset.push(stream),
            (PING, ..) => break,
            _ => {}
        }
    }
    reset.sort_unstable();
    assert_eq!(reset, [1, 3], "the one that took what there was goes on");
}

#[tokio::test(start_paused = true)]
async fn a_user_has_so_many_calls_open_over_all_its_connections_and_another_is_answered() {
    let (bench, fair) = (Bench::new(), fair());
    bench.make("api").publish(token("a"));
    let connections = MOST_OF_A_USER / MOST_CALLS as usize;
    let mut eves = Vec::new();
    for _ in 0..connections {
        let mut eve = Client::of(&bench, EVE, &fair).greet().await;
        for call in 0..MOST_CALLS {
            eve.begin(call * 2 + 1, "AcquireToken", 100).await;
        }
        assert!(eve.lives().await);
        eves.push(eve);
    }
    let mut more = Client::of(&bench, EVE, &fair).greet().await;
    more.begin(1, "AcquireToken", 100).await;
    assert_eq!(more.wait_for(HEADERS, 1).await.1 & END_STREAM, END_STREAM, "at once");
    let mut ann = Client::of(&bench, ANN, &fair).greet().await;
    let name = WatchTokensRequest { names: vec!["api".into()] }.encode_to_vec();
    ann.call(1, "AcquireToken", &name).await;
    ann.wait_for(0, 1).await;
    // One ends, and there is room for one.
    eves[0].send(RESET, 0, 1, &8_u32.to_be_bytes()).await;
    assert!(eves[0].lives().await);
    more.begin(3, "AcquireToken", 100).await;
    more.begin(5, "AcquireToken", 100).await;
    loop {
        let (kind, _, stream, _) = more.read().await.unwrap();
        assert_ne!(stream, 3, "it is waited for");
        if (kind, stream) == (HEADERS, 5) {
            break;
        }
    }
    let refused = status::too_many_calls();
    assert_eq!(status::reason(&refused), reason::TOO_MANY_CALLS);
    assert!(refused.get_details_retry_info().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_a_byte_now_and_then_is_left_like_one_that_says_nothing() {
    let bench = Bench::new();
    let mut client = Client::new(&bench).await;
    // The beginning of a frame, whose payload takes its time.
    client.stream.write_all(&[0, 16, 0, HEADERS, END_HEADERS, 0, 0, 0, 1, 0x83]).await.unwrap();
    let mut seconds = 0;
    while client.stream.write_all(&[0x84]).await.is_ok() {
        pass(Duration::from_secs(1)).await;
        seconds += 1;
        assert!(seconds < 1_000, "it is still heard");
    }
    assert!(client.serving.is_finished());
}

#[tokio::test(start_paused = true)]
async fn all_who_come_by_a_listener_have_as_many_calls_open_as_one_user() {
    let (bench, fair) = (Bench::new(), fair());
    let door = || listener(&["api"], true);
    let connections = u32::try_from(MOST_OF_A_USER).unwrap() / MOST_CALLS;
    let mut eves = Vec::new();
    for number in 0..connections {
        let mut eve = Client::by(door(), &bench, 100_000 + number, &fair).greet().await;
        for call in 0..MOST_CALLS {
            eve.begin(call * 2 + 1, "AcquireToken", 100).await;
        }
        assert!(eve.lives().await);
        eves.push(eve);
    }
    let mut more = Client::by(door(), &bench, 200_000, &fair).greet().await;
    more.begin(1, "AcquireToken", 100).await;
    assert_eq!(more.wait_for(HEADERS, 1).await.1 & END_STREAM, END_STREAM, "at once");
}

#[test]
fn the_numbers_of_a_container_have_one_turn_among_them() {
    let peer = |uid, door| {
        let peer = Peer { uid, gid: uid, groups: vec![], unit: None, pid: None, door };
        Connection::new(peer).party()
    };
    assert_ne!(peer(ANN, Door::Callers), peer(EVE, Door::Callers));
    let door = || listener(&["api"], false);
    assert_eq!(peer(ANN, door()), peer(EVE, door()));
}
