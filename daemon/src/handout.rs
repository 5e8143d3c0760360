//! Hands tokens to units as they start, by `LoadCredential=` of systemd (systemd.exec(5)).
//!
//! systemd connects, says in its address which unit asks for what, and reads to the end. There
//! is no way to tell it that there is nothing to hand out: it would start the unit with an
//! empty credential (systemd/systemd#27373). So whatever may pass by itself is waited for.

mod asker;
mod denial;
mod form;

use std::{io, sync::Arc, time::Duration};

use tokend_core::Name;
use tokio::{
    io::{AsyncWriteExt as _, Interest},
    net::{UnixListener, UnixStream, unix::SocketAddr},
    sync::{mpsc, oneshot, watch},
    time::{sleep, timeout},
};
use tracing::{error, info, warn};

#[cfg(feature = "fuzzing")]
pub use self::asker::read;
use self::{asker::Asker, denial::Denial, form::Wanted};
use crate::{
    audit::{self, Way, Who},
    connections::{self, Process, Socket, descriptors, told},
    engine::{Command, Error},
    ports::Clock,
    published::{Published, Slot, Slots},
};

/// How many connections there are at once. More wait in the socket's queue: a machine that
/// boots starts hundreds of units, and each connection takes a descriptor.
const MOST: usize = 256;

/// How long systemd may take to read what it is handed. It reads at once.
const LONGEST_WRITE: Duration = Duration::from_secs(10);

/// The engine is asked no more often than this.
const LEAST_PAUSE: Duration = Duration::from_secs(1);

/// Keeps a connection for the next daemon, or tells that there is no one to keep it.
pub type Keep = Arc<dyn Fn(&UnixStream) -> bool + Send + Sync>;

/// What it takes to hand out tokens.
#[derive(Clone)]
pub struct Handout {
    /// Tokens to be read.
    pub slots: Arc<Slots>,
    /// Where commands for the engine go.
    pub engine: mpsc::Sender<Command>,
    /// The clock.
    pub clock: Arc<dyn Clock + Send + Sync>,
    /// The user whose own systemd is believed, besides root's.
    pub user: Option<u32>,
    /// How long a unit's start waits for its token, as it is at any time.
    pub wait: watch::Receiver<Duration>,
    /// Where whoever still waits at the end goes.
    pub keep: Keep,
}

impl Handout {
    /// Serves one socket until `shutdown` changes, then lets those who are answered already read
    /// on, at most for `grace`. Whoever waits or isn't accepted by then is served by the next
    /// daemon, if systemd holds the socket; `waiting` are those that the last one has left.
    pub async fn serve(
        self,
        listener: UnixListener,
        waiting: Vec<UnixStream>,
        shutdown: watch::Receiver<bool>,
        grace: Duration,
    ) {
        let most = MOST.min(descriptors() / 4);
        let apart = [0].into_iter().chain(self.user).collect();
        let socket = Socket { listener, name: "credentials".to_owned(), most, apart };
        let stopping = shutdown.clone();
        let admit = |stream: UnixStream, process| {
            let asker = self.admit(&stream, process)?;
            Some(self.clone().answer(stream, process, asker, stopping.clone()))
        };
        connections::serve(socket, waiting, admit, shutdown, grace).await;
    }

    /// Finds out who asks for what. Whoever isn't systemd learns nothing.
    fn admit(&self, stream: &UnixStream, process: Process) -> Option<Asker> {
        let Process { uid, pid, .. } = process;
        // Any process can bind such an address. The file's permissions keep others away, too;
        // they can be set wrongly.
        if !self.believes(uid) {
            warn!(
                uid,
                pid,
                "not systemd, but another user's process: handed nothing by the units' socket; \
                 programs read tokens from tokend.sock"
            );
            return None;
        }
        // Not the address that comes with the connection: mio takes abstract ones for none.
        let address = stream.peer_addr().ok();
        let asker = Asker::parse(address.as_ref().and_then(SocketAddr::as_abstract_name));
        if let Err(problem) = &asker {
            warn!(
                uid,
                pid,
                "handed nothing by the units' socket: {problem}; programs read tokens from \
                 tokend.sock"
            );
        }
        asker.ok()
    }

    /// Tells whether a process of this user is believed to be systemd. Root's is the machine's.
    fn believes(&self, uid: u32) -> bool {
        uid == 0 || self.user == Some(uid)
    }

    /// Hands out what is asked for, or nothing, and says so.
    async fn answer(
        self,
        mut stream: UnixStream,
        process: Process,
        asker: Asker,
        stopping: watch::Receiver<bool>,
    ) {
        let Asker { unit, id } = &asker;
        let Process { uid, pid, .. } = process;
        // systemd asks; the unit is the one that it asks for.
        let write_down = |is_given| {
            let unit = Some(unit.as_str().into());
            let name = Wanted::parse(id).ok().map(|wanted| wanted.name);
            let who = Who { uid, pid, unit, door: Way::Machine("credentials.sock") };
            audit::handed_out(who, name.as_ref(), is_given);
        };
        let found = tokio::select! {
            found = self.find(&asker, stopping) => found,
            () = closed(&stream) => {
                info!(unit, id, uid, pid, "the unit's start was given up while it waited");
                return;
            }
        };
        let bytes = match found {
            Ok(bytes) => bytes,
            Err(Denial::Refused { problem: Error::Stopping, .. }) if (self.keep)(&stream) => {
                warn!(
                    unit,
                    id,
                    uid,
                    pid,
                    "the unit's start waits for the next tokend; its credential is left empty if \
                     tokend was stopped for good"
                );
                return;
            }
            Err(denial) => {
                let remedy = denial.remedy();
                error!(
                    unit,
                    id, uid, pid, "the unit's credential is left empty: {denial}; {remedy}"
                );
                write_down(false);
                // Not only dropped: systemd has another end of what it has kept.
                let _ = stream.shutdown().await;
                return;
            }
        };
        let write = async {
            // Watched anew: whoever looked for its end has used up that it can be written.
            let mut stream = UnixStream::from_std(stream.into_std()?)?;
            stream.write_all(&bytes).await?;
            stream.shutdown().await
        };
        match timeout(LONGEST_WRITE, write).await {
            Ok(Ok(())) => {
                info!(unit, id, uid, pid, "token handed out");
                write_down(true);
            }
            Ok(Err(problem)) => {
                warn!(unit, id, uid, pid, "the unit's start was given up: {problem}");
            }
            Err(_) => {
                warn!(unit, id, uid, pid, "whoever asked for the unit's token doesn't read it");
            }
        }
    }

    /// Returns what is asked for, once it is there.
    async fn find(
        &self,
        asker: &Asker,
        stopping: watch::Receiver<bool>,
    ) -> Result<zeroize::Zeroizing<Vec<u8>>, Denial> {
        let Wanted { name, form } = Wanted::parse(&asker.id)?;
        let mut setback = None;
        let waiting = self.wait_for(asker, &name, &mut setback, stopping);
        let wait = *self.wait.borrow();
        let waited = timeout(wait, waiting).await;
        let published =
            waited.unwrap_or_else(|_| Err(Denial::late(name.clone(), wait, setback)))?;
        form.of(&published).map_err(|missing| Denial::NotThere { name, missing })
    }

    /// Waits until a token is there, or until waiting is of no use.
    async fn wait_for(
        &self,
        asker: &Asker,
        name: &Name,
        setback: &mut Option<Error>,
        mut stopping: watch::Receiver<bool>,
    ) -> Result<Arc<Published>, Denial> {
        loop {
            let slot = self.slot_for(&asker.unit, name);
            let slot = slot.ok_or_else(|| Denial::Unknown(name.clone()))?;
            let mut changes = slot.changes();
            if let Some(published) = slot.acquire(None, self.clock.now()) {
                return Ok(published);
            }
            let problem = match self.ask(name).await {
                Ok(published) => return Ok(published),
                Err(problem) => problem,
            };
            let Some(pause) = denial::passes_after(&problem, *self.wait.borrow()) else {
                return Err(Denial::Refused { name: name.clone(), problem });
            };
            if setback.is_none() {
                let Asker { unit, id } = asker;
                info!(unit, id, "the unit's start waits for its token: {problem}");
            }
            *setback = Some(problem);
            let settled = changes.wait_for(|()| self.is_settled(&asker.unit, name));
            tokio::select! {
                _ = settled => {}
                () = sleep(pause.max(LEAST_PAUSE)) => {}
                () = told(&mut stopping) => {
                    return Err(Denial::Refused { name: name.clone(), problem: Error::Stopping });
                }
            }
        }
    }

    /// Returns the slot of a credential, if the unit may have its tokens. Whoever writes unit
    /// files is root or the daemon's own user, who read everything: so any unit may.
    fn slot_for(&self, _unit: &str, name: &Name) -> Option<Arc<Slot>> {
        self.slots.get(name.as_str())
    }

    /// Tells whether there is nothing to wait for any more.
    fn is_settled(&self, unit: &str, name: &Name) -> bool {
        let now = self.clock.now();
        let usable =
            |slot: Arc<Slot>| slot.published().is_some_and(|p| p.token().satisfies(None, now));
        self.slot_for(unit, name).is_none_or(usable)
    }

    async fn ask(&self, name: &Name) -> Result<Arc<Published>, Error> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Acquire { name: name.clone(), min_ttl: None, reply };
        self.engine.send(command).await.map_err(|_| Error::Stopping)?;
        answer.await.map_err(|_| Error::Stopping)?
    }
}

/// Resolves when the other end is closed. That it says nothing more, as systemd does from the
/// start, is no such sign: both directions have to be gone (`EPOLLHUP`, `epoll_ctl(2)`).
async fn closed(stream: &UnixStream) {
    loop {
        match stream.ready(Interest::WRITABLE).await {
            Ok(ready) if !ready.is_write_closed() => {
                // It can be written, and stays so: what comes next is the news.
                let _ = stream
                    .try_io(Interest::WRITABLE, || Err::<(), _>(io::ErrorKind::WouldBlock.into()));
            }
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests;
