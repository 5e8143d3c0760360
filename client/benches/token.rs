//! What a token costs a program: one that is held, in nanoseconds and allocations, and one
//! that is asked for, beside a bare call of tonic's over the same kind of socket.

mod server;

use std::{
    future::Future,
    pin::pin,
    sync::LazyLock,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use divan::{AllocProfiler, Bencher};
use hyper_util::rt::TokioIo;
use tokend_client::{Client, Token};
use tokend_proto::v1::{AcquireTokenRequest, token_service_client::TokenServiceClient};
use tokio::{
    net::UnixStream,
    runtime::{Builder, Runtime},
};
use tonic::transport::{Channel, Endpoint, Uri};

use crate::server::{NAME, Server, TOLD};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

/// How many calls of each kind are compared.
const CALLS: usize = 4_000;

fn main() {
    // `cargo test` asks for no measurements.
    if !std::env::args().any(|argument| argument == "--test" || argument == "--list") {
        compare();
    }
    divan::main();
}

/// A program that holds a token, kept current by a stream.
struct Program {
    client: Client,
    _runtime: Runtime,
    _server: Server,
}

static PROGRAM: LazyLock<Program> = LazyLock::new(|| {
    let server = Server::start();
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime can be made");
    let client = Client::at(server.path());
    runtime.block_on(async {
        client.token(NAME).await.expect("the server answers");
        let mut subscription = client.subscribe(NAME).expect("it is a name");
        while !subscription.changed().await.is_ok_and(|token| token.id() == TOLD) {}
    });
    Program { client, _runtime: runtime, _server: server }
});

/// Polls once: a token that is held is there at once.
fn ready(asking: impl Future<Output = Result<Token, tokend_client::Error>>) -> Token {
    match pin!(asking).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(token)) => token,
        other => panic!("it isn't held: {other:?}"),
    }
}

#[divan::bench(threads = [1, 2], sample_size = 1_000)]
fn held(bencher: Bencher<'_, '_>) {
    let client = &PROGRAM.client;
    bencher.bench(|| ready(client.token(NAME)));
}

#[divan::bench(threads = [1, 2], sample_size = 1_000)]
fn held_and_none_of_async(bencher: Bencher<'_, '_>) {
    let client = &PROGRAM.client;
    bencher.bench(|| client.cached(NAME));
}

/// Prints what a token that isn't held takes, as a ratio to a bare call with the same answer.
/// The calls take turns, so that whatever else the machine does is the same for both.
fn compare() {
    let server = Server::start();
    let runtime = Builder::new_current_thread().enable_all().build();
    let (mut ours, mut bare) = runtime.expect("a runtime can be made").block_on(async {
        let client = Client::builder().socket(server.path()).cache(false).build();
        let client = client.expect("the environment is sound");
        let mut service = TokenServiceClient::new(channel(&server));
        let (mut ours, mut bare) = (Vec::new(), Vec::new());
        for call in 0..CALLS + CALLS / 10 {
            let start = now();
            divan::black_box(client.token(NAME).await.expect("the server answers"));
            let middle = now();
            let request = AcquireTokenRequest { name: NAME.to_owned(), ..Default::default() };
            divan::black_box(service.acquire_token(request).await.expect("the server answers"));
            let end = now();
            // The first tenth warms up.
            if call >= CALLS / 10 {
                ours.push(middle - start);
                bare.push(end - middle);
            }
        }
        (ours, bare)
    });
    let (ours, bare) = (median(&mut ours), median(&mut bare));
    let ratio = ours.as_secs_f64() / bare.as_secs_f64();
    println!("asked for: {ours:.1?}, a bare call: {bare:.1?}, ratio {ratio:.2}");
}

/// Returns a channel to the server that verifies nothing.
fn channel(server: &Server) -> Channel {
    let path = server.path();
    Endpoint::from_static("http://localhost").connect_with_connector_lazy(tower::service_fn(
        move |_: Uri| {
            let path = path.clone();
            async move { UnixStream::connect(path).await.map(TokioIo::new) }
        },
    ))
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures how long things take")]
fn now() -> Instant {
    Instant::now()
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
