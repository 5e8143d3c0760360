//! Tells monitoring how things are, in the formats of OpenMetrics and Prometheus, on a thread of
//! its own: whoever asks too much of it holds up nobody else.

mod counters;
mod family;
mod file;
mod page;
mod process;
mod scene;
#[cfg(test)]
mod tests;

use std::{
    fmt::{Debug, Formatter},
    fs, io,
    net::TcpListener,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use jiff::Timestamp;
use prometheus_client::{
    encoding::{prometheus_text, text},
    registry::Registry,
};
use tokend_core::{BootTime, Name};
use tokio::sync::{Mutex, mpsc, oneshot};
use tracing::{error, info};

pub use self::counters::Counters;
use self::{
    family::Moment,
    process::Process,
    scene::{Credential, Limit, Scene},
};
use crate::{
    apart,
    calls::Calls,
    config::Metrics,
    crowds::Crowds,
    engine::{Command, Error, Reply},
    ports::Clock,
    published::Slots,
};

/// How many credentials it tells of: monitoring keeps a dozen series of each.
const MOST_CREDENTIALS: usize = 5_000;

/// How many the engine is asked for at once, so that callers have their turn in between.
const PAGE: usize = 100;

/// Whoever asks more often is told the same again.
const FRESH: Duration = Duration::from_secs(1);

/// How many times as long as a look takes there is none: the store answers callers meanwhile.
const REST: u32 = 20;

/// What it takes to see how things are.
pub struct View {
    /// Where commands for the engine go.
    pub engine: mpsc::Sender<Command>,
    /// Tokens, and who watches them.
    pub slots: Arc<Slots>,
    /// The clock.
    pub clock: Arc<dyn Clock + Send + Sync>,
    /// What callers asked for.
    pub calls: Arc<Calls>,
    /// Who is at which socket.
    pub crowds: Arc<Crowds>,
    /// What happened.
    pub counters: Arc<Counters>,
    /// The directory that holds the store.
    pub state_dir: PathBuf,
    /// When the daemon started.
    pub started_at: Timestamp,
    /// Returns how much is wrong with the configuration.
    pub problems: Box<dyn Fn() -> usize + Send + Sync>,
}

/// Tells monitoring, until it is finished.
#[derive(Debug)]
pub struct Exporter {
    end: oneshot::Sender<()>,
    thread: thread::JoinHandle<()>,
}

/// In which form it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// OpenMetrics 1.0.
    Open,
    /// What Prometheus had before, which `node_exporter` and older agents read.
    Classic,
}

/// How things were a moment ago.
struct Looks {
    view: View,
    last: Arc<Mutex<Option<Last>>>,
}

/// How things were, and until when that is told.
type Last = (BootTime, Arc<Scene>);

impl Exporter {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// Fails if the address is taken, or the system starts no thread.
    pub fn spawn(target: Metrics, view: View) -> io::Result<Self> {
        let (end, ended) = oneshot::channel();
        let looks = Arc::new(Looks::new(view));
        let listener = match &target {
            Metrics::Address(address) => {
                let listener = TcpListener::bind(address)?;
                listener.set_nonblocking(true)?;
                info!(address = %listener.local_addr()?, "metrics are served");
                Some(listener)
            }
            Metrics::File(path) => {
                info!(path = %path.display(), "metrics are written");
                None
            }
        };
        let thread = apart::spawn("metrics", move || async move {
            match (target, listener) {
                (Metrics::File(path), _) => file::write(&path, &looks, ended).await,
                (Metrics::Address(_), Some(listener)) => tokio::select! {
                    () = page::serve(listener, looks) => {}
                    _ = ended => {}
                },
                (Metrics::Address(_), None) => {}
            }
        })?;
        Ok(Self { end, thread })
    }

    /// Ends the thread.
    pub fn finish(self) {
        drop(self.end);
        if self.thread.join().is_err() {
            error!("the metrics' thread has panicked");
        }
    }
}

impl Debug for View {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View").field("state_dir", &self.state_dir).finish_non_exhaustive()
    }
}

impl Looks {
    fn new(view: View) -> Self {
        Self { view, last: Arc::default() }
    }

    /// Returns how things are, or were a moment ago.
    async fn scene(self: &Arc<Self>) -> Result<Arc<Scene>, Error> {
        let mut last = Arc::clone(&self.last).lock_owned().await;
        let begun_at = self.view.clock.now().boot;
        if let Some((end, scene)) = &*last
            && begun_at < *end
        {
            return Ok(Arc::clone(scene));
        }
        let looks = Arc::clone(self);
        // It goes on when whoever asked is gone: else many who ask and leave at once would have
        // the engine begin time and again.
        let look = tokio::spawn(async move {
            let scene = Arc::new(looks.view.look().await?);
            let now = looks.view.clock.now().boot;
            let rest = FRESH.max(begun_at.until(now).saturating_mul(REST));
            *last = Some((now.after(rest), Arc::clone(&scene)));
            Ok(scene)
        });
        look.await.unwrap_or(Err(Error::Stopping))
    }
}

impl View {
    async fn look(&self) -> Result<Scene, Error> {
        let mut credentials = Vec::new();
        let mut after: Option<Name> = None;
        while credentials.len() < MOST_CREDENTIALS {
            let name = after.take();
            let page = self.ask(|reply| Command::List { after: name, limit: PAGE, reply }).await?;
            let now = self.clock.now().wall;
            credentials.extend(page.iter().map(|snapshot| Credential::of(snapshot, now)));
            match page.last() {
                Some(last) if page.len() == PAGE => after = Some(last.credential.name.clone()),
                _ => break,
            }
        }
        let budgets = self.ask(|reply| Command::Budgets { reply }).await?;
        let problems = self.ask(|reply| Command::Problems { reply }).await?;
        let revocations = self.ask(|reply| Command::Revocations { reply }).await?;
        let ledger_rows = self.ask(|reply| Command::LedgerRows { reply }).await?;
        let omitted = self.slots.names().len().saturating_sub(credentials.len());
        Ok(Scene {
            up: true,
            credentials,
            omitted,
            limits: budgets.iter().flat_map(Limit::all_of).collect(),
            last_day: budgets.iter().map(|it| (it.account.clone(), it.last_day)).collect(),
            problems: problems.len() + (self.problems)(),
            revocations: revocations.len(),
            watchers: self.slots.watchers().count(),
            crowds: self.crowds.sizes(),
            ledger_rows: Some(ledger_rows),
            store_bytes: size(&self.state_dir),
            ..self.at_the_end()
        })
    }

    /// Returns what can be told when nothing is served any more.
    fn at_the_end(&self) -> Scene {
        Scene {
            calls: self.calls.counted(),
            counts: self.counters.counts(),
            process: Process::look(self.started_at),
            ..Scene::default()
        }
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        self.engine.send(command(reply)).await.map_err(|_| Error::Stopping)?;
        answer.await.map_err(|_| Error::Stopping)?
    }
}

impl Form {
    /// Chooses by what an agent accepts.
    fn accepted(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") { Self::Open } else { Self::Classic }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Open => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Classic => prometheus_text::CONTENT_TYPE,
        }
    }

    fn write(self, scene: &Scene) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Moment(scene.clone())));
        let mut written = String::new();
        match self {
            Self::Open => text::encode(&mut written, &registry),
            Self::Classic => prometheus_text::encode(&mut written, &registry),
        }
        .expect("a string takes any text");
        written
    }
}

/// Returns how much the files in a directory are together, in bytes.
fn size(directory: &Path) -> Option<u64> {
    let files = fs::read_dir(directory).ok()?.filter_map(Result::ok);
    let sizes = files.filter_map(|file| file.metadata().ok()).filter(fs::Metadata::is_file);
    Some(sizes.map(|file| file.len()).sum())
}
