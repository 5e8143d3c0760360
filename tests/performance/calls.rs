//! A hit: one call after the other on one processor, and many at once.

use std::{
    future::Future,
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    time::Duration,
};

use tokend_client::Client;
use tokend_proto::v1::token_service_client::TokenServiceClient;
use tokio::{runtime::Runtime, task::JoinSet};
use tonic::transport::Channel;

use crate::{
    bare::{self, Bare},
    stage::{self, NAME, add, client, provider, question, runtime, stock},
    support::{Daemon, Place},
    table::Table,
    timing::{median, micros, now, pinned},
};

/// The rounds take turns, so that whatever else the machine does strikes all alike.
const ROUNDS: usize = 9;
/// One call after the other, of each kind in each round.
const CALLS: usize = 1_500;
/// Calls of a round with many at once, which share so many connections.
const MANY: usize = 30_000;
const AT_ONCE: usize = 64;
const CONNECTIONS: usize = 4;

pub(crate) fn measure(table: &mut Table) {
    let (place, provider) = (Place::new(), provider());
    let daemon = pinned(0, || stage::start(&place));
    add(&place, NAME, &provider);
    let answer = runtime().block_on(async {
        stock(&place.socket()).acquire_token(question()).await.unwrap().into_inner()
    });
    let [tonic, h2, echo] =
        [bare::TONIC, bare::H2, bare::ECHO].map(|role| pinned(0, || Bare::start(role, &answer)));
    pinned(0, || one_by_one(table, &place, [&tonic, &h2, &echo]));
    pinned(1, || many_at_once(table, &place, &tonic));
    drop::<Daemon>(daemon);
}

fn one_by_one(table: &mut Table, place: &Place, [tonic, h2, echo]: [&Bare; 3]) {
    let runtime = runtime();
    let (ours, ours_by_stock, theirs, by_h2) = runtime.block_on(async {
        (
            client(&place.socket()),
            stock(&place.socket()),
            stock(&tonic.socket()),
            client(&h2.socket()),
        )
    });
    let mut line = UnixStream::connect(echo.socket()).unwrap();
    let mut rounds = [const { Vec::new() }; 5];
    for round in 0..=ROUNDS {
        let figures = [
            p50(&runtime, || hit(&ours)),
            p50(&runtime, || call(&ours_by_stock)),
            p50(&runtime, || call(&theirs)),
            p50(&runtime, || hit(&by_h2)),
            echoes(&mut line),
        ];
        // The first one warms up.
        for (all, figure) in rounds.iter_mut().zip(figures).filter(|_| round > 0) {
            all.push(figure);
        }
    }
    let [ours, by_stock, tonic, h2, echo] = rounds.map(|mut all| median(&mut all));
    println!(
        "      | the floor: {echo:.1} us for an echo, {h2:.1} us for h2 with tokend-client, {tonic:.1} \
         us for tonic"
    );
    let how = format!("{ours:.1} us beside {tonic:.1} us, medians of {ROUNDS} rounds");
    table.at_most("a hit, tokend-client, p50", ours / tonic, 0.75, "x tonic", &how);
    let how = format!("{by_stock:.1} us beside {tonic:.1} us");
    table.at_most("a hit, tonic's client, p50", by_stock / tonic, 1.0, "x tonic", &how);
}

fn echoes(line: &mut UnixStream) -> f64 {
    let mut answer = [0; 4_096];
    let mut times: Vec<f64> = (0..CALLS)
        .map(|_| {
            let start = now();
            line.write_all(&[1; 100]).unwrap();
            assert_ne!(line.read(&mut answer).unwrap(), 0);
            micros(start.elapsed())
        })
        .collect();
    median(&mut times)
}

async fn hit(client: &Client) {
    client.token(NAME).await.unwrap();
}

async fn call(service: &TokenServiceClient<Channel>) {
    service.clone().acquire_token(question()).await.unwrap();
}

fn p50<F: Future<Output = ()>>(runtime: &Runtime, call: impl Fn() -> F) -> f64 {
    let mut times = runtime.block_on(async {
        let mut times = Vec::with_capacity(CALLS);
        for _ in 0..CALLS {
            let start = now();
            call().await;
            times.push(micros(start.elapsed()));
        }
        times
    });
    median(&mut times)
}

fn many_at_once(table: &mut Table, place: &Place, bare: &Bare) {
    let runtime = runtime();
    let (ours, others): (Vec<_>, Vec<_>) = runtime.block_on(async {
        (0..CONNECTIONS).map(|_| (client(&place.socket()), stock(&bare.socket()))).unzip()
    });
    let mut rounds = [const { Vec::new() }; 2];
    for round in 0..=ROUNDS {
        let figures = [
            throughput(&runtime, &ours, |client| async move { hit(&client).await }),
            throughput(&runtime, &others, |service| async move { call(&service).await }),
        ];
        for (all, figure) in rounds.iter_mut().zip(figures).filter(|_| round > 0) {
            all.push(figure);
        }
    }
    let [ours, bare] = rounds.map(|mut all| median(&mut all));
    let how = format!(
        "{ours:.0} a second beside {bare:.0}, {AT_ONCE} in flight on {CONNECTIONS} connections"
    );
    table.at_least("hits a second", ours / bare, 1.4, "x tonic", &how);
}

/// Returns how many calls are answered in a second.
fn throughput<C, F>(
    runtime: &Runtime,
    clients: &[C],
    call: impl Fn(C) -> F + Copy + Send + 'static,
) -> f64
where
    C: Clone + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let start = now();
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for number in 0..AT_ONCE {
            let client = clients[number % clients.len()].clone();
            tasks.spawn(async move {
                for _ in 0..MANY / AT_ONCE {
                    call(client.clone()).await;
                }
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
    });
    let calls = u32::try_from(MANY / AT_ONCE * AT_ONCE).unwrap();
    f64::from(calls) / Duration::as_secs_f64(&start.elapsed())
}
