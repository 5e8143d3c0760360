//! Reads the configuration again while the daemon serves, and goes by it wholly or not at all.

mod containers;
mod difference;

use std::{
    collections::BTreeMap, error::Error, fmt::Debug, iter, panic, sync::Arc, time::Duration,
};

use sd_notify::NotifyState;
use tokend_provider::Library;
use tokio::{
    signal::unix::Signal,
    sync::{mpsc, oneshot, watch},
    task::spawn_blocking,
};
use tracing::{error, info, warn};

pub(super) use self::containers::Containers;
use super::{StartError, anew::Restoring, listeners, sockets};
use crate::{
    config::{CLIENTS_GROUP, Config},
    connections::told,
    declared::{self, Declaration},
    definitions::Definitions,
    engine::Command,
    hook::{self, Hook},
    ports::{FailedReload, Happening, Mistake, Redefinition, Reload, Reloaded},
    rpc::{Context, Doorkeeper, Standing},
    socket::{self, Made, Reach},
    systemd,
};

/// Reads tokend.toml.
type Read = Arc<dyn Fn() -> Result<Config, Vec<Mistake>> + Send + Sync>;

/// Has the log go by another filter.
type SetLog = Box<dyn Fn(&str) -> Result<(), String> + Send + Sync>;

/// What it takes to read the configuration again.
pub struct Reloading {
    read: Read,
    set_log: Option<SetLog>,
    hangups: Option<Signal>,
}

/// Does it, one reload after the other.
pub(super) struct Reloader {
    pub(super) reloading: Reloading,
    pub(super) wanted: mpsc::Receiver<Reload>,
    /// What the daemon goes by.
    pub(super) running: Config,
    pub(super) context: Context,
    pub(super) doorkeeper: Doorkeeper,
    pub(super) hook: Option<Hook>,
    pub(super) unit_wait: watch::Sender<Duration>,
    /// The sockets that are there whatever is configured.
    pub(super) made: Vec<Made>,
    /// Who may connect to the callers'.
    pub(super) reach: Reach,
    pub(super) containers: Containers,
    /// Whether the daemon ends to start anew.
    pub(super) restoring: Arc<Restoring>,
}

/// What is left of it at the end.
pub(super) struct Left {
    pub(super) reloading: Reloading,
    pub(super) running: Config,
    pub(super) hook: Option<Hook>,
    /// Socket files that weren't removed: the daemon starts anew.
    pub(super) made: Vec<Made>,
    pub(super) reach: Reach,
}

/// What a reload has read, without a mistake.
struct Loaded {
    config: Config,
    definitions: Arc<Library>,
    declared: Vec<Declaration>,
    /// Who may connect to the callers' socket, and to those of listeners by their names.
    reach: Reach,
    reaches: BTreeMap<String, Reach>,
    /// What isn't right and was so before.
    problems: Vec<String>,
}

impl Reloading {
    /// Reads tokend.toml by `read`.
    pub fn new(read: impl Fn() -> Result<Config, Vec<Mistake>> + Send + Sync + 'static) -> Self {
        Self { read: Arc::new(read), set_log: None, hangups: None }
    }

    /// Reads tokend.toml.
    pub(super) fn read(&self) -> Result<Config, Vec<Mistake>> {
        (self.read)()
    }

    /// Keeps to a configuration, and reads again what it names.
    pub fn of(config: &Config) -> Self {
        let config = config.clone();
        Self::new(move || Ok(config.clone()))
    }

    /// Changes the log's filter by `set`, which says why it can't.
    #[must_use]
    pub fn with_log(
        self,
        set: impl Fn(&str) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        Self { set_log: Some(Box::new(set)), ..self }
    }

    /// Reloads at each of these signals, too.
    #[must_use]
    pub fn at(self, hangups: Signal) -> Self {
        Self { hangups: Some(hangups), ..self }
    }
}

impl Debug for Reloading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reloading").finish_non_exhaustive()
    }
}

impl Reloader {
    /// Reloads whenever someone wants it, until `stopping` changes; then ends the listeners and
    /// returns what is left.
    pub(super) async fn run(mut self, mut stopping: watch::Receiver<bool>) -> Left {
        let mut ending = stopping.clone();
        loop {
            let hangup = async {
                match &mut self.reloading.hangups {
                    Some(hangups) => hangups.recv().await,
                    None => std::future::pending().await,
                }
            };
            let reply = tokio::select! {
                Some(Reload { reply }) = self.wanted.recv() => Some(reply),
                Some(()) = hangup => {
                    info!("the configuration is to be read again: SIGHUP");
                    None
                }
                () = told(&mut stopping) => break,
            };
            let reloaded = tokio::select! {
                reloaded = self.reload() => reloaded,
                () = told(&mut ending) => break,
            };
            if let Some(reply) = reply {
                // Whoever asked may have gone; it is done all the same.
                let _ = reply.send(reloaded);
            }
        }
        self.containers.end().await;
        if !self.restoring.is_anew() {
            self.made.drain(..).for_each(Made::remove);
        }
        let Self { reloading, running, hook, made, reach, .. } = self;
        Left { reloading, running, hook, made, reach }
    }

    async fn reload(&mut self) -> Result<Reloaded, Vec<Mistake>> {
        if let Ok(now) = NotifyState::monotonic_usec_now() {
            systemd::notify(&[NotifyState::Reloading, now]);
        }
        let reloaded = self.take_over().await;
        let happened = match &reloaded {
            Ok(reloaded @ Reloaded { changes, needs_restart }) => {
                info!(changes = changes.len(), "the configuration was read again");
                for change in changes {
                    info!("{change}");
                }
                for it in needs_restart {
                    warn!("needs a restart: {it}");
                }
                Happening::Reloaded { message: reloaded.summary() }
            }
            Err(mistakes) => {
                error!(
                    mistakes = mistakes.len(),
                    "the configuration was read again and isn't used"
                );
                for mistake in mistakes {
                    error!("{mistake}");
                }
                let at = self.context.clock.now().wall;
                let failed = FailedReload { at, mistakes: mistakes.clone() };
                let message = failed.summary();
                let standing = Standing::clone(&self.context.about.standing.load());
                let standing = Standing { failed: Some(failed), ..standing };
                self.context.about.standing.store(Arc::new(standing));
                Happening::ReloadFailed { message }
            }
        };
        // An engine that ends tells nobody anything any more.
        let _ = self.context.engine.send(Command::Tell(happened)).await;
        systemd::notify(&[NotifyState::Ready]);
        reloaded
    }

    /// Reads all, and goes by it if nothing is wrong with it.
    async fn take_over(&mut self) -> Result<Reloaded, Vec<Mistake>> {
        let loaded = self.read().await?;
        let mut needs_restart = self.needs_restart(&loaded.config).await?;
        let key_source = loaded.config.key.to_string();
        let Loaded { config, definitions, declared, reach, reaches, problems } = loaded;
        let config = Config {
            state_dir: self.running.state_dir.clone(),
            runtime_dir: self.running.runtime_dir.clone(),
            key: self.running.key.clone(),
            mark_file: self.running.mark_file.clone(),
            ..config
        };
        let plan = self.containers.plan(&config, &reaches)?;
        let hook = match self.new_hook(&config) {
            Ok(hook) => hook,
            Err(mistake) => {
                self.containers.undo(&config, plan);
                return Err(vec![mistake]);
            }
        };
        let before = self.context.definitions.now();
        let redefinition = Redefinition {
            definitions: Arc::clone(&definitions),
            revoke_at_the_end: config.revoke_on_shutdown,
            notices: hook.as_ref().map(Hook::notices),
            key_source,
        };
        // From here on it is done.
        let redefined = match self.ask(|reply| Command::Redefine { redefinition, reply }).await {
            Ok(redefined) => redefined,
            Err(mistakes) => {
                self.containers.undo(&config, plan);
                return Err(mistakes);
            }
        };
        let mut changes = difference::of_settings(&self.running, &config);
        changes.extend(difference::of_definitions(&before, &definitions, &redefined));
        let carried_out = self.containers.carry_out(&config, plan, &self.context, &self.doorkeeper);
        match carried_out {
            Ok((sockets, left)) => {
                changes.extend(sockets);
                needs_restart.extend(left);
            }
            Err(problem) => error!("a listener isn't served: {}", chain(&problem)),
        }
        self.settle(&config, hook, reach);
        let (engine, sources) = (&self.context.engine, &self.context.sources);
        let taken_up = super::declared::take_up(engine, sources, Ok(declared)).await;
        // Whoever has just mended a file hears of what isn't as it says.
        changes.extend(taken_up.changes.into_iter().chain(taken_up.problems));
        let standing = Standing {
            listeners: self.containers.grants(&config),
            problems,
            needs_restart: needs_restart.clone(),
            failed: None,
        };
        self.context.about.standing.store(Arc::new(standing));
        self.running = config;
        Ok(Reloaded { changes, needs_restart })
    }

    /// Reads all that there is to read, on a thread that nobody waits for.
    async fn read(&self) -> Result<Loaded, Vec<Mistake>> {
        let read = Arc::clone(&self.reloading.read);
        let (running, before) = (self.running.clone(), self.context.definitions.now());
        let loaded = spawn_blocking(move || Loaded::read(&*read, Some(&running), &before)).await;
        loaded.unwrap_or_else(|problem| panic::resume_unwind(problem.into_panic()))
    }

    /// Returns what can't change while the daemon runs, and should.
    async fn needs_restart(&self, config: &Config) -> Result<Vec<String>, Vec<Mistake>> {
        let moved = self.ask(|reply| Command::KeySource { reply }).await?;
        Ok(difference::for_the_next_start(&self.running, config, moved.as_deref()))
    }

    /// Starts the hook, if there was none.
    fn new_hook(&self, config: &Config) -> Result<Option<Hook>, Mistake> {
        let command = config.on_login_needed.clone().filter(|_| self.hook.is_none());
        let started = command.map(Hook::spawn).transpose();
        started.map_err(|problem| {
            Mistake::of(None, format!("the hook's thread can't be started: {problem}"))
        })
    }

    /// Goes by what can't fail any more.
    fn settle(&mut self, config: &Config, hook: Option<Hook>, reach: Reach) {
        if hook.is_some() {
            self.hook = hook;
        } else if let Some(hook) = &self.hook
            && config.on_login_needed != self.running.on_login_needed
        {
            hook.change(config.on_login_needed.clone().unwrap_or_default());
        }
        self.unit_wait.send_replace(config.unit_wait);
        if let Some(set_log) = &self.reloading.set_log
            && config.log != self.running.log
            && let Err(problem) = set_log(&config.log)
        {
            error!("the log's filter can't be changed: {problem}");
        }
        if reach != self.reach {
            let callers = self.made.iter().find(|made| made.path() == self.context.about.socket);
            let set = callers.map_or(Ok(()), |made| {
                made.set_reach(reach)?;
                socket::change_reach(&config.runtime_dir, false, self.reach, reach)
            });
            match set {
                Ok(()) => self.reach = reach,
                Err(problem) => error!("who may connect can't be changed: {}", chain(&problem)),
            }
        }
    }

    /// Asks the engine. It answers unless the daemon ends.
    async fn ask<T>(
        &self,
        command: impl FnOnce(crate::engine::Reply<T>) -> Command,
    ) -> Result<T, Vec<Mistake>> {
        let (reply, answer) = oneshot::channel();
        let stopping = || vec![Mistake::of(None, "tokend is shutting down")];
        self.context.engine.send(command(reply)).await.map_err(|_| stopping())?;
        answer
            .await
            .map_err(|_| stopping())?
            .map_err(|error| vec![Mistake::of(None, error.to_string())])
    }
}

impl Loaded {
    fn read(
        read: &dyn Fn() -> Result<Config, Vec<Mistake>>,
        running: Option<&Config>,
        before: &Library,
    ) -> Result<Self, Vec<Mistake>> {
        let (config, mut mistakes) = match read() {
            Ok(config) => (Some(config), Vec::new()),
            Err(mistakes) => (None, mistakes),
        };
        // If it can't be told where they are, they may be where they were.
        let known = config.as_ref().or(running);
        let directories = known.map(|config| &config.provider_dirs[..]).unwrap_or_default();
        let definitions = match Definitions::read(directories) {
            Ok(Definitions { mut usable, problems }) => {
                usable.keep(before);
                mistakes.extend(problems);
                Arc::new(usable)
            }
            Err(unreadable) => {
                mistakes.push(unreadable.into());
                Arc::default()
            }
        };
        let Some(config) = config else { return Err(mistakes) };
        let of_start = |problem: &StartError| Mistake::of(None, chain(problem));
        // What is wrong with the group is told below.
        let reach = sockets::reach(&config).unwrap_or(Reach::Own);
        let mut problems = Vec::new();
        let is_usual = config.socket_group.as_deref() == Some(CLIENTS_GROUP);
        match sockets::missing_group(&config) {
            Ok(Some(problem)) if is_usual => warn!("{problem}"),
            // One that was missing before is no reason to leave the rest as it is.
            Ok(Some(problem))
                if running.is_some_and(|it| config.socket_group == it.socket_group) =>
            {
                problems.push(problem);
            }
            Ok(Some(problem)) => mistakes.push(Mistake::of(None, problem)),
            Ok(None) => {}
            Err(problem) => mistakes.push(of_start(&problem)),
        }
        let mut reaches = BTreeMap::new();
        for listener in &config.listeners {
            match listeners::reach(&listener.name, listener.group.as_deref()) {
                Ok(reach) => drop(reaches.insert(listener.name.clone(), reach)),
                Err(problem) => mistakes.push(of_start(&problem)),
            }
        }
        let declared = declared::read(&config.credential_dirs, &definitions);
        let declared = declared.unwrap_or_else(|all| {
            // They name their places, and show no line: a secret may stand there by mistake.
            mistakes.extend(all.iter().map(|it| Mistake::of(None, it.to_string())));
            Vec::new()
        });
        if let Some(problem) = config.on_login_needed.as_deref().and_then(hook::problem) {
            // One that was there before is no reason to leave the rest as it is.
            if running.is_some_and(|it| config.on_login_needed == it.on_login_needed) {
                problems.push(problem);
            } else {
                mistakes.push(Mistake::of(None, problem));
            }
        }
        if mistakes.is_empty() {
            Ok(Self { config, definitions, declared, reach, reaches, problems })
        } else {
            Err(mistakes)
        }
    }
}

/// Reads all that a start would read, with tokend.toml by `read`.
///
/// # Errors
///
/// Says all that is wrong with it.
pub fn check(read: impl Fn() -> Result<Config, Vec<Mistake>>) -> Result<Config, Vec<Mistake>> {
    Loaded::read(&read, None, &Library::default()).map(|loaded| loaded.config)
}

/// Joins a problem and its causes.
pub fn chain(problem: &dyn Error) -> String {
    let causes = iter::successors(problem.source(), |&cause| cause.source());
    causes.fold(problem.to_string(), |text, cause| format!("{text}: {cause}"))
}
