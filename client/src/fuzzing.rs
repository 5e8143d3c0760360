//! A daemon that answers with bytes that nobody has thought of, for fuzzers and for tests.

use std::{
    io::{Read as _, Write as _},
    mem,
    net::Shutdown,
    os::unix::net::UnixStream,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use secrecy::ExposeSecret as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    runtime::{Builder, Handle},
    task::yield_now,
    time::timeout,
};

use crate::{
    Error, Token, Watch,
    channel::Dial,
    clock::Clock,
    line::{Asked, Line},
    wire::{
        HEAD, Wire,
        alone::{self, Ended},
    },
};

/// How long whoever isn't silent may take: longer is a hang. No time passes but where all wait, but
/// for a thread that is alone.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a caller would wait.
const LIMIT: Duration = Duration::from_secs(60);

/// How much is under way in memory at once.
const BUFFER: usize = 64 * 1_024;

/// How much a daemon may be told for nothing, and for each byte that it says.
const GREETING: usize = 1_024;
const REPLY: usize = 4;

/// What the second byte says: the daemon stays connected once it has said all, ..
const SILENT: u8 = 1;
/// it is asked to tell of changes, ..
const WATCHED: u8 = 2;
/// .. and it answers before it is asked.
const EARLY: u8 = 4;

/// What is asked for.
const NAME: &str = "api";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

/// `200` and `application/grpc` (RFC 7541 appendix A).
const ANSWER: &[u8] = b"\x88\x0f\x10\x10application/grpc";
/// How the call went; a digit is to follow.
const STATUS: &[u8] = b"\0\x0bgrpc-status\x01";

/// Asks a daemon that answers with what these bytes tell: how long the pieces are in which it
/// says it, how it ends, and frames.
///
/// # Panics
///
/// It does if a call doesn't end, or takes more memory than what was said accounts for.
pub fn ask(bytes: &[u8]) {
    let Some(daemon) = Daemon::read(bytes) else { return };
    let tended = tended(&daemon);
    // A thread that waits for a silent daemon does it in true time.
    if !daemon.is_watched && !daemon.is_silent {
        let alone = alone(&daemon);
        // Who hears an answer to nothing may have asked by then, or not.
        assert!(daemon.is_early || tended == alone, "{tended:?} and {alone:?} are the same");
    }
}

/// A daemon, and what it says to whoever connects.
#[derive(Debug)]
struct Daemon {
    said: Vec<u8>,
    piece: usize,
    is_silent: bool,
    is_watched: bool,
    is_early: bool,
}

impl Daemon {
    fn read(bytes: &[u8]) -> Option<Arc<Self>> {
        let (&[piece, manner], bytes) = bytes.split_first_chunk()?;
        Some(Arc::new(Self {
            said: frames(bytes),
            piece: usize::from(piece).max(1),
            is_silent: manner & SILENT != 0,
            is_watched: manner & WATCHED != 0,
            is_early: manner & EARLY != 0,
        }))
    }

    /// Tells whether it has heard what it is to answer.
    fn is_asked(&self, heard: &[u8]) -> bool {
        self.is_early || heard.windows(NAME.len()).any(|part| part == NAME.as_bytes())
    }

    async fn answer(self: Arc<Self>, mut stream: DuplexStream) {
        let mut heard = Vec::new();
        while !self.is_asked(&heard) && stream.read_buf(&mut heard).await.is_ok_and(|it| it > 0) {}
        for piece in self.said.chunks(self.piece) {
            // Whoever has heard enough hangs up.
            if stream.write_all(piece).await.is_err() {
                break;
            }
            yield_now().await;
        }
        if !self.is_silent {
            let _ = stream.shutdown().await;
        }
        let _ = stream.read_to_end(&mut heard).await;
        assert!(heard.len() <= GREETING + REPLY * self.said.len(), "{} bytes", heard.len());
    }

    /// Hears what it is asked, and answers without pieces.
    fn answer_at_once(&self, mut stream: &UnixStream) {
        let (mut heard, mut room) = (Vec::new(), [0; GREETING]);
        while !self.is_asked(&heard) {
            match stream.read(&mut room) {
                Ok(length @ 1..) => heard.extend_from_slice(&room[..length]),
                _ => break,
            }
        }
        stream.set_nonblocking(true).expect("a socket can be");
        stream.write_all(&self.said).expect("there is room for it");
        stream.shutdown(Shutdown::Write).expect("it is connected");
    }
}

/// Asks as a client does whose connection a task tends, and returns the token's value.
fn tended(daemon: &Arc<Daemon>) -> Option<String> {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime without I/O needs nothing").block_on(async {
        let serving = Arc::new(Mutex::new(Vec::new()));
        let (answering, open) = (Arc::clone(&serving), Arc::clone(daemon));
        let dial = Dial::Within(Arc::new(move || {
            let (ours, theirs) = duplex(BUFFER);
            let answer = tokio::spawn(Arc::clone(&open).answer(theirs));
            answering.lock().unwrap_or_else(PoisonError::into_inner).push(answer);
            Ok(ours)
        }));
        let line =
            Line { wire: Wire::new(dial), clock: Clock::default(), runtime: Handle::current() };
        let call = async {
            if !daemon.is_watched {
                return value(daemon, line.acquire(asked()).await);
            }
            if let Ok(watch) = line.watch(vec![NAME.to_owned()]).await {
                watched(daemon, watch).await;
            }
            None
        };
        let value = timeout(PATIENCE, call).await.unwrap_or_else(|_| {
            assert!(daemon.is_silent, "a call ends with the connection");
            None
        });
        drop(line);
        let serving = mem::take(&mut *serving.lock().unwrap_or_else(PoisonError::into_inner));
        for serving in serving {
            let ended = timeout(PATIENCE, serving).await.expect("the connection ends");
            ended.expect("the daemon isn't told too much");
        }
        value
    })
}

/// Hears of changes until there are no more.
async fn watched(daemon: &Daemon, mut watch: Watch) {
    let mut updates = 0;
    while let Some(Ok(_)) = watch.next().await {
        updates += 1;
    }
    assert!(updates <= daemon.said.len(), "{updates} updates");
}

/// Asks by a thread that has nothing else to do, and returns the token's value.
fn alone(daemon: &Daemon) -> Option<String> {
    let (ours, theirs) = UnixStream::pair().expect("there are descriptors");
    // So that each may go on when the other doesn't listen any more.
    let open = ours.try_clone().expect("there are descriptors");
    let (asked, clock) = (asked(), Clock::default());
    let ended = thread::scope(|scope| {
        scope.spawn(|| daemon.answer_at_once(&theirs));
        let ended = alone::wait(ours, PATIENCE, |sender| asked.ask(sender, &clock));
        // It may never have asked.
        let _ = open.shutdown(Shutdown::Write);
        ended
    });
    match ended {
        Ok(answer) => value(daemon, answer),
        Err(Ended::TimedOut) => panic!("the call ends with the connection"),
        Err(Ended::Broken(_)) => None,
    }
}

fn asked() -> Asked {
    let (name, if_none_match) = (NAME.to_owned(), String::new());
    Asked { name, min_ttl: None, if_none_match, timeout: LIMIT }
}

fn value(daemon: &Daemon, answer: Result<Option<Token>, Error>) -> Option<String> {
    match answer {
        Ok(token) => {
            let value = token?.value().expose_secret().to_owned();
            assert!(value.len() <= daemon.said.len(), "a value of {} bytes", value.len());
            Some(value)
        }
        Err(error) => {
            // A byte is told in four at most.
            let length = format!("{error:?}").len();
            assert!(length < 8 * HEAD as usize, "an error of {length} bytes");
            None
        }
    }
}

/// Makes frames of any bytes: what kind, which flags, which stream, how long, and so many bytes.
fn frames(mut bytes: &[u8]) -> Vec<u8> {
    let mut frames = Vec::new();
    while let [kind, flags, stream, length, rest @ ..] = bytes {
        let (payload, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        let stream = *stream;
        match kind % 16 {
            kind @ 0..=CONTINUATION => frame(&mut frames, kind, *flags, stream, payload),
            10 => frame(&mut frames, *kind, *flags, stream, payload),
            11 => frames.extend(payload),
            12 => frame(&mut frames, HEADERS, END_HEADERS, stream, &[ANSWER, payload].concat()),
            13 => {
                let message = [&[0, 0, 0, 0, *length][..], payload].concat();
                frame(&mut frames, DATA, *flags & !END_STREAM, stream, &message);
            }
            number => {
                let status = [STATUS, &[b'0' + flags % 10], payload].concat();
                let head = if number == 14 { &[] } else { ANSWER };
                let fields = [head, &status].concat();
                frame(&mut frames, HEADERS, END_HEADERS | END_STREAM, stream, &fields);
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

#[cfg(test)]
mod tests;
