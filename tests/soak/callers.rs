//! Two hundred callers of several kinds.

use std::{sync::Arc, time::Duration};

use tokend_client::{Client, Rejection};
use tokio::{sync::watch, task::JoinSet, time::sleep};

use crate::{
    Stage,
    credentials::{name, number, site},
    tally,
};

/// How many callers there are of each kind, and how long they wait between calls at most.
const HOLDING: (usize, Duration) = (60, Duration::from_millis(400));
const ASKING: (usize, Duration) = (70, Duration::from_millis(800));
const CONNECTING: (usize, Duration) = (35, Duration::from_secs(2));
const WATCHING: (usize, Duration) = (20, Duration::from_secs(30));
const REJECTING: (usize, Duration) = (10, Duration::from_secs(20));
const RUNNING: (usize, Duration) = (5, Duration::from_secs(6));

/// How many of those who hold tokens share a client.
const SHARING: usize = 10;

/// How many names most watchers name; the others watch all.
const NAMED: usize = 20;

/// How long to wait before a credential that is to have a token at the end is asked for again.
const AGAIN: Duration = Duration::from_secs(1);

/// What each caller takes along.
#[derive(Clone)]
pub(crate) struct Callers {
    stage: Arc<Stage>,
    stopped: watch::Receiver<bool>,
}

impl Callers {
    /// Starts them.
    pub(crate) fn start(
        stage: &Arc<Stage>,
        stopped: &watch::Receiver<bool>,
        tasks: &mut JoinSet<()>,
    ) {
        let all = Self { stage: Arc::clone(stage), stopped: stopped.clone() };
        let mut client = all.client(true);
        for caller in 0..HOLDING.0 {
            if caller.is_multiple_of(SHARING) {
                client = all.client(true);
            }
            tasks.spawn(all.clone().ask(tally::HOLDING, client.clone(), HOLDING.1));
        }
        for _ in 0..ASKING.0 {
            tasks.spawn(all.clone().ask("asking", all.client(false), ASKING.1));
        }
        for _ in 0..CONNECTING.0 {
            tasks.spawn(all.clone().connect());
        }
        for caller in 0..WATCHING.0 {
            tasks.spawn(all.clone().watch(caller.is_multiple_of(10)));
        }
        for _ in 0..REJECTING.0 {
            tasks.spawn(all.clone().reject());
        }
        for _ in 0..RUNNING.0 {
            tasks.spawn(all.clone().run());
        }
    }

    fn client(&self, is_cached: bool) -> Client {
        let client = Client::builder().socket(self.stage.place.socket()).cache(is_cached).build();
        client.expect("nothing in the environment speaks against it")
    }

    /// Waits up to so long; tells whether to go on.
    async fn pause(&mut self, longest: Duration) -> bool {
        tokio::select! {
            () = sleep(longest.mul_f64(fastrand::f64())) => true,
            _ = self.stopped.wait_for(|stopped| *stopped) => false,
        }
    }

    async fn ask(mut self, kind: &'static str, client: Client, pause: Duration) {
        while self.pause(pause).await {
            let (number, asked) = (fastrand::usize(..self.stage.count), self.stage.clock.now());
            let answer = client.token(&name(number)).await;
            self.stage.asked(kind, number, asked, answer.as_ref());
        }
    }

    async fn connect(mut self) {
        while self.pause(CONNECTING.1).await {
            let (number, asked) = (fastrand::usize(..self.stage.count), self.stage.clock.now());
            let answer = self.client(false).token(&name(number)).await;
            self.stage.asked("connecting", number, asked, answer.as_ref());
        }
    }

    async fn watch(mut self, has_all: bool) {
        let client = self.client(false);
        while self.pause(WATCHING.1 / 6).await {
            let names = (0..NAMED).map(|_| name(fastrand::usize(..self.stage.count)));
            let names: Vec<_> = if has_all { Vec::new() } else { names.collect() };
            let asked = self.stage.clock.now();
            let mut watch = match client.watch(names).await {
                Ok(watch) => watch,
                Err(error) => {
                    self.stage.failed("watching", 0, asked, "watch".into(), error);
                    continue;
                }
            };
            let until = sleep(WATCHING.1.mul_f64(fastrand::f64()));
            tokio::pin!(until);
            loop {
                // What is told now may have been sent before this is asked.
                let update = tokio::select! {
                    update = watch.next() => update,
                    () = &mut until => break,
                    _ = self.stopped.wait_for(|stopped| *stopped) => break,
                };
                match update {
                    Some(Ok(update)) => self.told(&update, asked),
                    Some(Err(error)) => {
                        self.stage.failed("watching", 0, asked, "watch".into(), error);
                        break;
                    }
                    None => break,
                }
            }
        }
    }

    fn told(&self, update: &tokend_client::Update, asked: Duration) {
        use tokend_client::ExposeSecret as _;
        // Operators' credentials come and go; why there is none is told to those who ask.
        if let (Some(number), Ok(token)) = (self.known(update.name()), update.token()) {
            self.stage.served("watching", number, token.value().expose_secret(), asked);
        }
    }

    fn known(&self, name: &str) -> Option<usize> {
        Some(number(name)).filter(|number| *number < self.stage.count)
    }

    async fn reject(mut self) {
        let client = self.client(false);
        while self.pause(REJECTING.1).await {
            let (number, asked) = (fastrand::usize(..self.stage.count), self.stage.clock.now());
            let answer = client.token(&name(number)).await;
            self.stage.asked("rejecting", number, asked, answer.as_ref());
            let Ok(token) = answer else { continue };
            let rejection = Rejection::of(&token).status(401);
            // An issuance of whoever has reported before may be under way as well.
            self.stage.wished(number);
            match client.report_rejection(&name(number), rejection).await {
                Ok(_) => {}
                Err(error) => {
                    self.stage.failed("rejecting", number, asked, "rejection".into(), error);
                }
            }
        }
    }

    async fn run(mut self) {
        while self.pause(RUNNING.1).await {
            let (number, asked) = (fastrand::usize(..self.stage.count), self.stage.clock.now());
            let stage = Arc::clone(&self.stage);
            let ran = tokio::task::spawn_blocking(move || stage.place.run(["get", &name(number)]));
            let output = ran.await.expect("the command runs");
            if output.status.success() {
                let printed = String::from_utf8_lossy(&output.stdout);
                self.stage.served("running", number, &printed, asked);
            } else {
                let said = String::from_utf8_lossy(&output.stderr);
                let reason = format!("tokend-cli ended with {:?}", output.status.code());
                self.stage.failed("running", number, asked, reason, said.trim_end());
            }
        }
    }
}

/// Asks for each credential's token, again if its provider may still be felt to have failed;
/// returns those for which there is none.
pub(crate) async fn ask_for_all(stage: &Stage) -> Vec<String> {
    let client = Client::builder().socket(stage.place.socket()).cache(false).build();
    let client = client.expect("nothing in the environment speaks against it");
    let mut unserved = Vec::new();
    for number in 0..stage.count {
        loop {
            let asked = stage.clock.now();
            let Err(error) = client.token(&name(number)).await else { break };
            if !stage.plan.excuses(site(number), asked, stage.clock.now()) {
                unserved.push(format!("{}: {error}", name(number)));
                break;
            }
            sleep(AGAIN).await;
        }
    }
    unserved
}
