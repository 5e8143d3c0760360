//! A token that this process holds.

use std::hint::black_box;

use tokend_client::Client;
use tokio::runtime::Builder;

use crate::{
    stage::{self, NAME, add, provider},
    support::Place,
    table::Table,
    timing::{median, now, pinned},
};

const ROUNDS: usize = 9;
const TIMES: u32 = 300_000;

pub(crate) fn measure(table: &mut Table) {
    let (place, provider) = (Place::new(), provider());
    let _daemon = stage::start(&place);
    add(&place, NAME, &provider);
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let client = Client::at(place.socket());
    let handle = runtime.block_on(async {
        let mut handle = client.subscribe(NAME).unwrap();
        handle.changed().await.unwrap();
        client.token(NAME).await.unwrap();
        handle
    });
    pinned(0, || {
        let by_handle = nanoseconds(|| drop(black_box(handle.current())));
        let by_name = nanoseconds(|| drop(black_box(client.cached(black_box(NAME)))));
        table.at_most(
            "a held token, by its handle",
            by_handle,
            30.0,
            "ns",
            "Subscription::current",
        );
        table.at_most("a held token, by its name", by_name, 60.0, "ns", "Client::cached");
    });
}

fn nanoseconds(read: impl Fn()) -> f64 {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = now();
            for _ in 0..TIMES {
                read();
            }
            start.elapsed().as_secs_f64() * 1e9 / f64::from(TIMES)
        })
        .collect();
    median(&mut rounds)
}
