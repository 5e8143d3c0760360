//! Ten thousand who watch one credential.

use std::{
    sync::{Arc, Mutex},
    time::Instant,
};

use tokio::{sync::mpsc, task::JoinSet};

use crate::{
    stage::{self, NAME, PATIENCE, add, client, memory, operators, refresh, runtime, token},
    support::{Place, provider::Provider},
    table::Table,
    timing::{median, millis, now, pinned},
};

const ROUNDS: usize = 7;
const WATCHERS: usize = 10_000;
/// Each has a tenth of them: a connection takes a thousand calls.
const CONNECTIONS: usize = 10;

pub(crate) fn measure(table: &mut Table) {
    let answered = Arc::new(Mutex::new(None::<Instant>));
    let noted = Arc::clone(&answered);
    let provider = Provider::scripted(move |number, _| {
        *noted.lock().unwrap() = Some(now());
        token(number)
    });
    let place = Place::new();
    let daemon = pinned(0, || stage::start(&place));
    add(&place, NAME, &provider);
    let pid = daemon.pid();
    let resident = || memory(pid, "VmRSS:");
    let before = resident();
    let (after, mut times) = pinned(1, || {
        runtime().block_on(async {
            let (told, mut hears) = mpsc::unbounded_channel();
            let mut watchers = JoinSet::new();
            for _ in 0..CONNECTIONS {
                let client = client(&place.socket());
                for _ in 0..WATCHERS / CONNECTIONS {
                    let (client, told) = (client.clone(), told.clone());
                    watchers.spawn(async move {
                        let mut watch = client.watch([NAME]).await.unwrap();
                        while let Some(update) = watch.next().await {
                            update.unwrap();
                            told.send(now()).unwrap();
                        }
                    });
                }
            }
            let mut all = async || {
                let mut last = None;
                for _ in 0..WATCHERS {
                    let news = tokio::time::timeout(PATIENCE, hears.recv()).await;
                    last = last.max(news.expect("all are told"));
                }
                last.expect("there are watchers")
            };
            all().await;
            let after = resident();
            let operators = operators(&place);
            let mut times = Vec::new();
            for _ in 0..ROUNDS {
                refresh(&operators, NAME).await.unwrap();
                let last = all().await;
                let answered = answered.lock().unwrap().expect("it has answered");
                times.push(millis(last.duration_since(answered)));
            }
            (after, times)
        })
    });
    #[expect(clippy::cast_precision_loss, reason = "it is a small number")]
    let each = (after - before) / WATCHERS as f64;
    let how = format!(
        "{:.1} MiB for {WATCHERS} streams on {CONNECTIONS} connections",
        (after - before) / 1024.0
    );
    table.at_most("memory of a watcher", each, 5.0, "KiB", &how);
    let how = "from the provider's answer to the last watcher's";
    table.at_most("an update to 10,000 watchers", median(&mut times), 150.0, "ms", how);
}
