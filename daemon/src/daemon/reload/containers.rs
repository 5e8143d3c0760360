//! The listeners while the daemon serves: new ones are opened, those that are gone are closed,
//! and whoever is connected to the others stays connected.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    sync::Arc,
};

use tokio::{sync::watch, task::JoinSet};
use tracing::warn;

use crate::{
    config::{self, Config},
    connections::descriptors,
    daemon::{
        GRACE, StartError,
        listeners::{self, Container, Opened},
        serving::join,
        sockets::asynchronous,
    },
    ports::Mistake,
    rpc::{Context, Door, Doorkeeper, Grant, Granted, Listener, Services, serve},
    socket::{self, Made, Reach},
};

/// The listeners that are served.
pub(in super::super) struct Containers {
    all: BTreeMap<String, (Container, watch::Sender<bool>)>,
    /// Those that came with a reload.
    tasks: JoinSet<()>,
    next_place: u32,
    by_systemd: bool,
}

/// What a reload makes of them. Until it is carried out, it can be undone.
pub(super) struct Plan {
    new: Vec<Opened>,
    /// Who may connect to a socket was changed already; it was this before.
    reached: Vec<(String, Reach)>,
}

/// Whatever keeps it from being carried out, the daemon's end, say: no file is left behind.
impl Drop for Plan {
    fn drop(&mut self) {
        let new = mem::take(&mut self.new).into_iter();
        new.filter_map(|opened| opened.container.made).for_each(Made::remove);
    }
}

impl Containers {
    pub(in super::super) fn new(
        containers: Vec<Container>,
        mut stops: BTreeMap<String, watch::Sender<bool>>,
        by_systemd: bool,
    ) -> Self {
        let next_place = u32::try_from(containers.len()).unwrap_or(u32::MAX);
        let all = containers.into_iter().map(|container| {
            let name = container.grant.name.clone();
            let stop = stops.remove(&name).unwrap_or_else(|| watch::channel(false).0);
            (name, (container, stop))
        });
        Self { all: all.collect(), tasks: JoinSet::new(), next_place, by_systemd }
    }

    /// Opens what is new.
    pub(super) fn plan(
        &mut self,
        config: &Config,
        reaches: &BTreeMap<String, Reach>,
    ) -> Result<Plan, Vec<Mistake>> {
        let mut plan = Plan { new: Vec::new(), reached: Vec::new() };
        let mut mistakes = Vec::new();
        let (kept, mut new): (Vec<_>, Vec<_>) =
            config.listeners.iter().partition(|listener| self.is_kept(listener));
        // Those that take the place of another's socket come last: that can't be undone.
        new.sort_by_key(|listener| self.replaces(listener));
        for listener in kept {
            let reach = reach_of(listener, reaches);
            if let Err(problem) = self.regroup(config, listener, reach, &mut plan) {
                mistakes.push(mistake(&problem));
            }
        }
        for listener in new {
            let is_replacing = self.replaces(listener);
            if is_replacing && !mistakes.is_empty() {
                continue;
            }
            let (placed, reach) = ((self.next_place, listener), reach_of(listener, reaches));
            let directory = &config.runtime_dir;
            match listeners::made(directory, placed, reach, self.by_systemd, is_replacing) {
                Ok(opened) => plan.new.push(opened),
                Err(problem) => mistakes.push(mistake(&problem)),
            }
            self.next_place = self.next_place.saturating_add(1);
        }
        if mistakes.is_empty() {
            return Ok(plan);
        }
        self.undo(config, plan);
        Err(mistakes)
    }

    /// Makes it as if nothing had been planned.
    pub(super) fn undo(&mut self, config: &Config, mut plan: Plan) {
        for (name, reach) in mem::take(&mut plan.reached) {
            if let Err(problem) = self.set_reach(config, &name, reach) {
                warn!(listener = name, "who may connect can't be put back as it was: {problem}");
            }
        }
    }

    /// Carries it out. Returns what has changed, and what takes a restart.
    pub(super) fn carry_out(
        &mut self,
        config: &Config,
        mut plan: Plan,
        context: &Context,
        doorkeeper: &Doorkeeper,
    ) -> Result<(Vec<String>, Vec<String>), StartError> {
        let (mut changes, mut needs_restart) = (Vec::new(), Vec::new());
        let mut seen = BTreeSet::new();
        for (name, _) in mem::take(&mut plan.reached) {
            changes.push(format!("listener {name}: another group may connect"));
        }
        let replaced: Vec<_> =
            plan.new.iter().map(|opened| opened.container.grant.socket.clone()).collect();
        let goes = |name: &String, container: &Container| {
            !config.listeners.iter().any(|it| it.name == *name && is_same(container, it))
        };
        let gone = self.all.iter().filter(|(name, (container, _))| goes(name, container));
        let gone: Vec<String> = gone.map(|(name, _)| name.clone()).collect();
        for name in gone {
            let Some((container, stop)) = self.all.remove(&name) else { continue };
            seen.extend(container.grant.granted().credentials);
            // Who is still connected finds nothing there any more.
            container.grant.change(Granted::default());
            let socket = container.grant.socket.display();
            if let Some(made) = container.made {
                changes.push(format!("listener {name}: gone from {socket}"));
                stop.send_replace(true);
                if !replaced.contains(&container.grant.socket) {
                    made.remove();
                }
            } else {
                needs_restart.push(format!(
                    "the listener {name} is gone from tokend.toml, and systemd listens for it: \
                     stop tokend-listener@{name}.socket; until then nothing is there"
                ));
                self.all.insert(name, (container, stop));
            }
        }
        for listener in &config.listeners {
            let Some((container, _)) = self.all.get(&listener.name) else { continue };
            let (before, after) = (container.grant.granted(), listeners::granted(listener));
            if before != after {
                changes.push(difference(&listener.name, &before, &after));
                seen.extend(before.credentials);
                seen.extend(after.credentials.iter().cloned());
                container.grant.change(after);
            }
        }
        let most = most(config);
        for Opened { container, socket } in mem::take(&mut plan.new) {
            let grant = Arc::clone(&container.grant);
            changes.push(format!("listener {}: new, at {}", grant.name, grant.socket.display()));
            let door = Door::Listener(Arc::clone(&grant));
            let listener = Listener { socket: asynchronous(socket)?, door, most };
            let services = Services::new(context, &listener.door);
            let (stop, stopping) = watch::channel(false);
            self.tasks.spawn(serve(listener, services, doorkeeper.clone(), stopping, GRACE));
            self.all.insert(grant.name.clone(), (container, stop));
        }
        context.slots.announce(seen.iter());
        Ok((changes, needs_restart))
    }

    /// Returns what they grant, in the order of the configuration.
    pub(super) fn grants(&self, config: &Config) -> Vec<Arc<Grant>> {
        let found = config.listeners.iter().filter_map(|listener| self.all.get(&listener.name));
        found.map(|(container, _)| Arc::clone(&container.grant)).collect()
    }

    /// Ends them, and removes their files.
    pub(super) async fn end(mut self) {
        for (_, stop) in self.all.values() {
            stop.send_replace(true);
        }
        join(&mut self.tasks).await;
        self.all.into_values().filter_map(|(container, _)| container.made).for_each(Made::remove);
    }

    fn is_kept(&self, listener: &config::Listener) -> bool {
        let running = self.all.get(&listener.name);
        running.is_some_and(|(container, _)| is_same(container, listener))
    }

    /// Tells whether its socket comes where another one of the daemon's is.
    fn replaces(&self, listener: &config::Listener) -> bool {
        let path = listener.directory.join(socket::CALLERS);
        self.all.values().any(|(container, _)| container.grant.socket == path)
    }

    /// Lets whoever may connect by the configuration connect to a socket that is there.
    fn regroup(
        &mut self,
        config: &Config,
        listener: &config::Listener,
        reach: Reach,
        plan: &mut Plan,
    ) -> Result<(), StartError> {
        let Some((container, _)) = self.all.get(&listener.name) else { return Ok(()) };
        let path = container.grant.socket.clone();
        if container.made.is_some() {
            let before = container.reach;
            if reach != before {
                self.set_reach(config, &listener.name, reach)?;
                plan.reached.push((listener.name.clone(), before));
            }
        }
        Ok(listeners::check_open(listener, &path)?)
    }

    fn set_reach(&mut self, config: &Config, name: &str, reach: Reach) -> Result<(), StartError> {
        let Some((container, _)) = self.all.get_mut(name) else { return Ok(()) };
        let Some(made) = &container.made else { return Ok(()) };
        made.set_reach(reach)?;
        if container.directory.starts_with(&config.runtime_dir) {
            socket::change_reach(&container.directory, true, container.reach, reach)?;
        }
        container.reach = reach;
        Ok(())
    }
}

/// Returns how many connections a new one has at once: its part of a quarter of all.
fn most(config: &Config) -> usize {
    (descriptors() / 4 / config.listeners.len().max(1)).max(4)
}

/// Tells whether a listener that is served is the one that is configured. Where systemd listens,
/// its unit says where.
fn is_same(container: &Container, listener: &config::Listener) -> bool {
    container.grant.name == listener.name
        && (container.made.is_none() || container.directory == listener.directory)
}

/// Returns who may connect, as it was found out beforehand.
fn reach_of(listener: &config::Listener, reaches: &BTreeMap<String, Reach>) -> Reach {
    reaches.get(&listener.name).copied().unwrap_or(Reach::Own)
}

fn mistake(problem: &StartError) -> Mistake {
    Mistake::of(None, super::chain(problem))
}

fn difference(name: &str, before: &Granted, after: &Granted) -> String {
    let credentials = |sign: &'static str, these: &Granted, those: &Granted| -> String {
        let all = these.credentials.difference(&those.credentials);
        all.flat_map(|credential| [" ", sign, credential.as_str()]).collect()
    };
    let flag = |key: &str, before: bool, after: bool| {
        if before == after { String::new() } else { format!(" {key}={after}") }
    };
    format!(
        "listener {name}:{}{}{}{}",
        credentials("+", after, before),
        credentials("-", before, after),
        flag("anyone", before.anyone, after.anyone),
        flag("submit", before.submit, after.submit),
    )
}
