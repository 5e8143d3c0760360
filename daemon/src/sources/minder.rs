//! What is looked at, and when.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use tokend_core::{BootTime, Name};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep},
};
use tracing::error;

use super::{
    Task,
    reading::read,
    watch::{Watch, directories},
};
use crate::{
    credential::Source,
    ports::{Clock, Look, Reading, Supplied},
};

/// Files are looked at this often, seen to change or not: not all file systems tell.
const NET: Duration = Duration::from_secs(30);

/// What is written in several steps is looked at this long after the first.
const SETTLE: Duration = Duration::from_millis(100);

/// Why a credential's sources are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// They are new: all are read.
    New,
    /// Files may have changed.
    Files,
    /// Someone asks.
    Asked(Look),
}

/// Minds the sources of all credentials.
pub(super) struct Minder<C, F> {
    clock: C,
    deliver: F,
    minded: BTreeMap<Name, BTreeMap<String, Source>>,
    watch: Watch,
    /// Which credentials are being looked at, and what else is to be done for each then.
    looking: BTreeMap<Name, Vec<Why>>,
    looks: JoinSet<Supplied>,
    /// When commands were run last, and when after a refusal.
    runs: BTreeMap<(Name, String), Run>,
    /// Sources that were read before they were minded.
    early: Vec<(Source, BootTime)>,
    readings: JoinSet<()>,
    /// Refusals that wait until commands may be run once more.
    refusals: JoinSet<Name>,
    refused: BTreeSet<Name>,
}

/// When a command was run.
#[derive(Debug, Clone, Copy, Default)]
struct Run {
    last: Option<BootTime>,
    after_refusal: Option<BootTime>,
}

impl<C: Clock, F: Fn(Supplied)> Minder<C, F> {
    pub(super) fn new(clock: C, deliver: F) -> Self {
        Self {
            clock,
            deliver,
            minded: BTreeMap::new(),
            watch: Watch::new(),
            looking: BTreeMap::new(),
            looks: JoinSet::new(),
            runs: BTreeMap::new(),
            early: Vec::new(),
            readings: JoinSet::new(),
            refusals: JoinSet::new(),
            refused: BTreeSet::new(),
        }
    }

    /// Does what it is told until it is to end.
    pub(super) async fn run(mut self, mut tasks: mpsc::UnboundedReceiver<Task>) {
        let mut net = interval(NET);
        net.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut settling = JoinSet::new();
        let mut changed = BTreeSet::new();
        loop {
            tokio::select! {
                task = tasks.recv() => match task {
                    Some(Task::Mind(name, sources)) => self.mind(&name, &sources),
                    Some(Task::Look(name, look)) => self.look(name, Why::Asked(look)),
                    Some(Task::Read(source, reply)) => self.read(source, reply),
                    Some(Task::End) | None => return,
                },
                some = self.watch.changed() => {
                    changed.extend(some);
                    if settling.is_empty() {
                        settling.spawn(sleep(SETTLE));
                    }
                }
                Some(_) = settling.join_next() => {
                    self.look_into(&std::mem::take(&mut changed));
                }
                // Where there is nothing to look at, nothing wakes it.
                _ = net.tick(), if self.has_sources() => {
                    self.watch_files();
                    let names: Vec<Name> = self.minded.keys().cloned().collect();
                    for name in names {
                        self.look(name, Why::Files);
                    }
                }
                Some(looked) = self.looks.join_next() => match looked {
                    Ok(supplied) => self.looked(supplied),
                    Err(problem) => error!("a look at sources failed: {problem}"),
                },
                Some(_) = self.readings.join_next() => {}
                Some(name) = self.refusals.join_next() => if let Ok(name) = name {
                    self.refused.remove(&name);
                    self.look(name, Why::Asked(Look::Refusal));
                },
            }
        }
    }

    fn has_sources(&self) -> bool {
        self.minded.values().any(|sources| !sources.is_empty())
    }

    fn mind(&mut self, name: &Name, sources: &BTreeMap<String, Source>) {
        if self.minded.get(name).unwrap_or(&BTreeMap::new()) == sources {
            return;
        }
        let before = self.minded.insert(name.clone(), sources.clone()).unwrap_or_default();
        self.runs.retain(|(other, input), _| {
            other != name || sources.get(input).is_some_and(|it| before.get(input) == Some(it))
        });
        for (input, source) in sources {
            if let Some(at) = self.early.iter().find(|(early, _)| early == source) {
                let run = Run { last: Some(at.1), after_refusal: None };
                self.runs.insert((name.clone(), input.clone()), run);
            }
        }
        if sources.is_empty() {
            self.minded.remove(name);
        }
        self.watch_files();
        self.look(name.clone(), Why::New);
    }

    /// Reads a source for someone who waits.
    fn read(&mut self, source: Source, reply: oneshot::Sender<Reading>) {
        let now = self.clock.now().boot;
        self.early.retain(|(_, at)| at.until(now) < NET);
        self.early.push((source.clone(), now));
        self.readings.spawn(async move {
            // Whoever asked may have gone.
            let _ = reply.send(read(source).await);
        });
    }

    /// Watches the directories of all files, as they are now.
    fn watch_files(&mut self) {
        let all = self.minded.values().flat_map(BTreeMap::values);
        let all = all.filter_map(path).flat_map(|path| directories(path)).collect();
        self.watch.set(&all);
    }

    /// Looks at the files that these directories lead to.
    fn look_into(&mut self, changed: &BTreeSet<PathBuf>) {
        let leads = |source: &Source| {
            path(source).is_some_and(|path| !directories(path).is_disjoint(changed))
        };
        let names = self.minded.iter().filter(|(_, sources)| sources.values().any(leads));
        let names: Vec<Name> = names.map(|(name, _)| name.clone()).collect();
        for name in names {
            self.look(name, Why::Files);
        }
        // Links may lead elsewhere.
        self.watch_files();
    }

    fn look(&mut self, name: Name, why: Why) {
        if let Some(later) = self.looking.get_mut(&name) {
            if !later.contains(&why) {
                later.push(why);
            }
            return;
        }
        let all = self.minded.get(&name).cloned().unwrap_or_default();
        let rests: BTreeMap<String, Duration> = all
            .iter()
            .filter_map(|(input, source)| {
                Some((input.clone(), self.rest(&name, input, source, why)?))
            })
            .collect();
        if why == Why::Asked(Look::Refusal)
            && let Some(rest) = rests.values().min().filter(|rest| !rest.is_zero())
        {
            self.look_later(name, *rest);
            return;
        }
        let is_due = |(input, _): &(String, Source)| rests.get(input).is_none_or(Duration::is_zero);
        let due: BTreeMap<String, Source> = all.into_iter().filter(is_due).collect();
        for input in due.keys().filter(|input| rests.contains_key(*input)) {
            let now = self.clock.now().boot;
            let run = self.runs.entry((name.clone(), input.clone())).or_default();
            run.last = Some(now);
            if why == Why::Asked(Look::Refusal) {
                run.after_refusal = Some(now);
            }
        }
        let look = match why {
            Why::Asked(look) => Some(look),
            Why::New | Why::Files => None,
        };
        if due.is_empty() && look.is_none() {
            return;
        }
        self.looking.insert(name.clone(), Vec::new());
        self.looks.spawn(async move {
            let mut readings = JoinSet::new();
            for (input, source) in due {
                readings.spawn(async move { (input, (source.clone(), read(source).await)) });
            }
            let readings = readings.join_all().await.into_iter().collect();
            Supplied { name, readings, look }
        });
    }

    /// Returns how long a command isn't to be run yet; `None` for a file.
    fn rest(&self, name: &Name, input: &str, source: &Source, why: Why) -> Option<Duration> {
        let Source::Command { max_age, .. } = source else { return None };
        let now = self.clock.now().boot;
        let run = self.runs.get(&(name.clone(), input.to_owned())).copied().unwrap_or_default();
        let rest = |at: BootTime| max_age.saturating_sub(at.until(now));
        Some(match why {
            Why::New if run.last.is_none() => Duration::ZERO,
            Why::New | Why::Files => Duration::MAX,
            Why::Asked(Look::Issuance) => run.last.map_or(Duration::ZERO, rest),
            Why::Asked(Look::Refusal) => run.after_refusal.map_or(Duration::ZERO, rest),
        })
    }

    /// Runs commands after a refusal when the last one is long enough ago.
    fn look_later(&mut self, name: Name, rest: Duration) {
        if self.refused.insert(name.clone()) {
            self.refusals.spawn(async move {
                sleep(rest).await;
                name
            });
        }
    }

    fn looked(&mut self, supplied: Supplied) {
        let name = supplied.name.clone();
        (self.deliver)(supplied);
        for why in self.looking.remove(&name).unwrap_or_default() {
            self.look(name.clone(), why);
        }
    }
}

fn path(source: &Source) -> Option<&PathBuf> {
    match source {
        Source::File(path) => Some(path),
        Source::Command { .. } => None,
    }
}
