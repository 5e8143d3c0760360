//! A thousand callers of a token that nobody has asked for yet.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use crate::{
    stage::{self, client, create, operators, runtime, token},
    support::{Place, provider::Provider},
    table::Table,
    timing::{median, millis, now, pass, pinned},
};

const ROUNDS: usize = 7;
const CALLERS: usize = 1_000;
/// How long the provider takes: all who come meanwhile wait for the same answer.
const ANSWER: Duration = Duration::from_millis(1_500);

pub(crate) fn measure(table: &mut Table) {
    let answered = Arc::new(Mutex::new(None::<Instant>));
    let noted = Arc::clone(&answered);
    let provider = Provider::scripted(move |number, _| {
        pass(ANSWER);
        *noted.lock().unwrap() = Some(now());
        token(number)
    });
    let place = Place::new();
    let _daemon = pinned(0, || stage::start(&place));
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|round| {
            let name = format!("herd-{round}");
            let last = pinned(1, || herd(&place, &provider, &name));
            let answered = answered.lock().unwrap().expect("it has answered");
            millis(last.duration_since(answered))
        })
        .collect();
    let requests = u32::try_from(provider.requests().len() / ROUNDS).unwrap();
    let how = format!("for {CALLERS} callers with a connection each");
    table.at_most("a cold herd: requests to the provider", requests.into(), 1.0, "", &how);
    let how = "from the provider's answer to the last caller's";
    table.at_most(
        "a cold herd: the last of 1,000 has it after",
        median(&mut times),
        10.0,
        "ms",
        how,
    );
}

/// Returns when the last of all callers had the token.
fn herd(place: &Place, provider: &Provider, name: &str) -> Instant {
    let url = provider.url().to_owned();
    runtime().block_on(async {
        create(&operators(place), name, &url).await.unwrap();
        let mut callers = JoinSet::new();
        for _ in 0..CALLERS {
            let (client, name) = (client(&place.socket()), name.to_owned());
            callers.spawn(async move {
                client.token(&name).await.unwrap();
                // The connection ends when all have been answered.
                (now(), client)
            });
        }
        let mut all = Vec::new();
        while let Some(ended) = callers.join_next().await {
            all.push(ended.unwrap());
        }
        all.iter().map(|(at, _)| *at).max().expect("there are callers")
    })
}
