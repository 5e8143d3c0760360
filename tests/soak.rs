//! Has the real daemon keep a thousand short-lived tokens for two hundred callers, while its
//! providers fail by turns, and looks whether anything grows:
//! `cargo bench -p tokend-cli --bench soak -- 3600`, in seconds, a minute if left out; a second
//! number is that of the credentials. Prints a line every ten seconds, one for each rule, and
//! `N passed, N failed`.

#![allow(clippy::unwrap_used, reason = "a measurement ends where it can't go on")]

#[path = "soak/callers.rs"]
mod callers;
#[path = "soak/clock.rs"]
mod clock;
#[path = "soak/credentials.rs"]
mod credentials;
#[path = "soak/operators.rs"]
mod operators;
#[path = "soak/plan.rs"]
mod plan;
#[path = "soak/provider.rs"]
mod provider;
#[path = "soak/sample.rs"]
mod sample;
mod support;
#[path = "soak/tally.rs"]
mod tally;
#[path = "soak/verdict.rs"]
mod verdict;

use std::{process::ExitCode, sync::Arc, time::Duration};

use callers::Callers;
use clock::Clock;
use credentials::SITES;
use operators::Operators;
use plan::Plan;
use provider::Site;
use sample::Sampler;
use support::Place;
use tally::Tally;
use tokio::{sync::watch, task::JoinSet, time::sleep};
use verdict::Measured;

/// How long callers come, in seconds, and how many credentials there are, if no one says.
const LENGTH: u64 = 60;
const COUNT: u64 = 1_000;

/// How far apart the samples are.
const APART: Duration = Duration::from_secs(10);

/// How long the daemon has to itself before callers come, and after they have gone: threads and
/// connections that wait for more to do end meanwhile.
const ALONE: Duration = Duration::from_secs(12);

/// What all who take part know.
struct Stage {
    place: Place,
    clock: Clock,
    /// How long callers come.
    length: Duration,
    /// How many credentials there are all the time.
    count: usize,
    plan: Plan,
    tally: Tally,
    sites: Vec<Arc<Site>>,
}

fn main() -> ExitCode {
    // Cargo adds arguments of its own.
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse().ok());
    let length = Duration::from_secs(numbers.next().unwrap_or(LENGTH));
    let count = usize::try_from(numbers.next().unwrap_or(COUNT)).expect("so many fit in memory");
    let place = Place::new();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
    let measured = runtime.block_on(soak(place, length, count));
    let failed = verdict::print(&measured);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn soak(place: Place, length: Duration, count: usize) -> Measured {
    let clock = Clock::start();
    let mut sites = Vec::new();
    for number in 0..SITES {
        let site = Site::open(number, clock).await;
        place.define(&credentials::provider(number), &credentials::definition(number));
        sites.push(site);
    }
    let daemon = place.start_with(|command| {
        // A line for each frame would fill the disk.
        command.env("TOKEND_LOG", "info");
        // As its units have it.
        command.env("MALLOC_ARENA_MAX", "2");
    });
    let plan = Plan::new(length);
    let stage =
        Arc::new(Stage { place, clock, length, count, plan, tally: Tally::default(), sites });

    credentials::create_all(&stage).await;
    println!("{count} credentials are there after {:.1?}", clock.now());
    sleep(ALONE).await;
    stage.plan.begin(clock.now());
    let mut gauge = Sampler::new(&stage, daemon.pid());
    let before = gauge.take(&stage);

    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    tasks.spawn(plan::follow(Arc::clone(&stage), stopped.clone()));
    Callers::start(&stage, &stopped, &mut tasks);
    Operators::start(&stage, &stopped, &mut tasks);
    let end = clock.now() + length;
    sample::print_head();
    let mut samples = Vec::new();
    while clock.now() < end {
        sleep(APART.min(end.saturating_sub(clock.now()))).await;
        let sample = gauge.take(&stage);
        println!("{sample}");
        samples.push(sample);
    }
    stop.send_replace(true);
    while let Some(ended) = tasks.join_next().await {
        ended.expect("no caller panics");
    }
    sleep(ALONE).await;
    let after = gauge.take(&stage);
    let unserved = callers::ask_for_all(&stage).await;
    let logged = daemon.logged();
    let ended = tokio::task::spawn_blocking(move || daemon.end()).await.unwrap();
    Measured { stage, before, samples, after, unserved, logged, code: ended.code }
}
