//! Hits while tokens are refreshed and a provider hangs, beside hits alone.

use std::{
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use tokio::time::{MissedTickBehavior, interval};

use crate::{
    stage::{self, NAME, add, client, create, operators, provider, refresh, runtime},
    support::Place,
    table::Table,
    timing::{median, micros, now, quantile},
};

const ROUNDS: usize = 7;
/// How many hits are made in each round, one after the other, alone and beside refreshes.
const CALLS: usize = 20_000;
/// So many tokens are refreshed by turns, one each ten milliseconds.
const REFRESHED: usize = 50;
const APART: Duration = Duration::from_millis(10);
/// So many credentials wait for a provider that never answers.
const HANGING: usize = 16;

pub(crate) fn measure(table: &mut Table) {
    let (place, provider) = (Place::new(), provider());
    let _daemon = stage::start(&place);
    add(&place, NAME, &provider);
    for number in 0..REFRESHED {
        add(&place, &format!("r{number}"), &provider);
    }
    // It lets everyone connect, and says nothing.
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", hanging.local_addr().unwrap());
    runtime().block_on(async {
        let operators = operators(&place);
        for number in 0..HANGING {
            create(&operators, &format!("h{number}"), &url).await.unwrap();
        }
    });
    let refreshing = Arc::new(AtomicBool::new(false));
    let ended = Arc::new(AtomicBool::new(false));
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    let refreshes = thread::scope(|scope| {
        let refresher = scope.spawn(|| refresh_by_turns(&place, &refreshing, &ended));
        for round in 0..=ROUNDS {
            refreshing.store(false, Ordering::Relaxed);
            let quiet = p99(&place);
            refreshing.store(true, Ordering::Relaxed);
            let busy = p99(&place);
            if round > 0 {
                alone.push(quiet);
                beside.push(busy);
            }
        }
        ended.store(true, Ordering::Relaxed);
        refresher.join().unwrap()
    });
    let (alone, beside) = (median(&mut alone), median(&mut beside));
    let how = format!(
        "{beside:.0} us beside {alone:.0} us; {refreshes:.0} refreshes a second, {HANGING} hang"
    );
    table.at_most("p99 of hits beside refreshes", beside / alone, 2.0, "x alone", &how);
}

/// Refreshes for as long as it is wanted, and returns how many that were in a second.
fn refresh_by_turns(place: &Place, wanted: &AtomicBool, ended: &AtomicBool) -> f64 {
    let (mut count, mut busy) = (0_u32, Duration::ZERO);
    runtime().block_on(async {
        let operators = operators(place);
        let mut ticks = interval(APART);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut number = 0;
        while !ended.load(Ordering::Relaxed) {
            let start = now();
            ticks.tick().await;
            if !wanted.load(Ordering::Relaxed) {
                continue;
            }
            number = (number + 1) % REFRESHED;
            let (operators, name) = (operators.clone(), format!("r{number}"));
            tokio::spawn(async move { refresh(&operators, &name).await.unwrap() });
            count += 1;
            busy += start.elapsed();
        }
    });
    f64::from(count) / busy.as_secs_f64()
}

fn p99(place: &Place) -> f64 {
    let client = client(&place.socket());
    let mut times = runtime().block_on(async {
        let mut times = Vec::with_capacity(CALLS);
        for _ in 0..CALLS {
            let start = now();
            client.token(NAME).await.unwrap();
            times.push(micros(start.elapsed()));
        }
        times
    });
    quantile(&mut times, 0.99)
}
