//! Serves the connections of callers and operators.

#[cfg(test)]
mod tests;

use std::{
    fmt::{Debug, Formatter},
    future::{Future as _, poll_fn, ready},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use h2::{RecvStream, server::SendResponse};
use http::Request;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{UnixListener, UnixStream},
    sync::{Notify, watch},
};
use tracing::debug;

use super::{
    Connection, Door, Peer, Services, access,
    exchange::Exchange,
    line::Line,
    pace::Paced,
    patience::Asked,
    quiet::{IDLE, PARTING, Usage},
    status,
    tally::Tally,
    token::ACQUIRE,
    turns::Turns,
};
use crate::{
    audit::Audit,
    connections::{self, Process, Socket, told},
    crowds::Crowds,
    ports::Clock,
};

/// A socket that callers connect to.
#[derive(Debug)]
pub struct Listener {
    /// The socket itself.
    pub socket: UnixListener,
    /// Which one it is.
    pub door: Door,
    /// How many connections there are at once.
    pub most: usize,
}

/// Headers of a call: a path, a deadline, a little metadata.
const LARGEST_HEADER_LIST: u32 = 16 * 1_024;

/// How many calls may be open on one connection. Clients keep those beyond it to themselves until
/// others end, without a sign of it, and streams of `WatchTokens` don't end: so there may be as
/// many as there may be names in one of them, which is how hundreds are to be watched.
const MOST_CALLS: u32 = 1_000;

/// How much of a call's request is sent ahead, in bytes: HTTP/2's own default. Few have more ..
const CALL_WINDOW: u32 = 64 * 1_024 - 1;

/// .. and of all requests of a connection together, which is what may wait to be read.
const WINDOW: u32 = 256 * 1_024;

/// How much of a call's answers waits for a client that reads slowly, in bytes, before no more is
/// made: a frame. What changes meanwhile costs nothing (`published/watchers.rs`).
const SEND_BUFFER: usize = 16 * 1_024;

/// How many calls a client may give up before they are looked at: beyond that it is a flood
/// (CVE-2023-44487), and its connection ends. Programs that give up a hundred calls at once do
/// no harm, which h2's 20 wouldn't let them.
const MOST_GIVEN_UP: usize = 100;

/// How many calls may be refused on one connection for what is wrong with them (RUSTSEC-2024-0003).
/// Clients that open too many before they are told of [`MOST_CALLS`] are no flood yet.
const MOST_REFUSED: usize = 1_024;

/// How many calls of a connection are answered together at most, before it is written and others
/// have their turn.
const TOGETHER: usize = 16;

/// What it takes to turn someone away.
#[derive(Clone)]
pub struct Doorkeeper {
    /// The user that tokend runs as.
    pub own_uid: u32,
    /// Where it is written down.
    pub audit: Arc<Audit>,
    /// When that is.
    pub clock: Arc<dyn Clock + Send + Sync>,
    /// Who is at which door.
    pub crowds: Arc<Crowds>,
}

impl Debug for Doorkeeper {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Doorkeeper").field("own_uid", &self.own_uid).finish_non_exhaustive()
    }
}

/// Serves one socket until `shutdown` changes, then lets its connections finish
/// what they are at, at most for `grace`.
pub async fn serve(
    listener: Listener,
    services: Services,
    keeper: Doorkeeper,
    shutdown: watch::Receiver<bool>,
    grace: Duration,
) {
    let Listener { socket, door, most } = listener;
    let name = door.to_string();
    // Root and the daemon's own user could end the daemon; they need no keeping out, unless
    // they are in a container, where anyone may have their numbers.
    let apart =
        if matches!(door, Door::Listener(_)) { Vec::new() } else { vec![0, keeper.own_uid] };
    let tally = Tally::new(name.clone(), apart.clone(), keeper.crowds.at(&name));
    let fair = Fair { tally, ..Fair::default() };
    let socket = Socket { listener: socket, name, most, apart };
    let stopping = shutdown.clone();
    let rounds = tokio::spawn(fair.clone().go_on());
    let admit = |stream: UnixStream, process: Process| {
        let peer = admit(&stream, process, &door, &keeper)?;
        let connection = Connection::shared(peer, process.sharer);
        Some(serve_one(stream, connection, services.clone(), fair.clone(), stopping.clone()))
    };
    connections::serve(socket, Vec::new(), admit, shutdown, grace).await;
    rounds.abort();
}

/// What the connections of a socket share, so that no user has all of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Fair {
    turns: Turns,
    tally: Tally,
}

impl Fair {
    /// Gives turns for as long as anyone is served.
    pub(super) async fn go_on(self) {
        tokio::join!(self.turns.go_on(), self.tally.go_on());
    }
}

/// Finds out who connects and whether this door is theirs.
fn admit(stream: &UnixStream, process: Process, door: &Door, keeper: &Doorkeeper) -> Option<Peer> {
    let peer = Peer::of(stream, process, door.clone(), keeper.own_uid);
    // The file's permissions say so too; they can be set wrongly.
    if *door == Door::Operators && !access::is_operator(&peer, keeper.own_uid) {
        keeper.audit.denied("connect", peer.who(), None, keeper.clock.now().boot);
        return None;
    }
    Some(peer)
}

/// Serves one connection until its client ends it, nobody uses it or `shutdown` changes.
pub(super) async fn serve_one<S>(
    stream: S,
    peer: Connection,
    services: Services,
    fair: Fair,
    mut shutdown: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (peer, usage) = (Arc::new(peer), Arc::new(Usage::default()));
    let _visit = fair.tally.enter(peer.party());
    let begin = |request: Request<RecvStream>, respond| {
        let (mut parts, body) = request.into_parts();
        parts.extensions.insert(Arc::clone(&peer));
        let is_brief = parts.uri.path() == ACQUIRE;
        let (call, counted) = (usage.begin(), fair.tally.begin(peer.party()));
        let answer = if counted.is_some() {
            let body = Asked::new(body, parts.uri.path());
            services.answer(Request::from_parts(parts, body))
        } else {
            Box::pin(ready(Ok(status::too_many_calls().into_http())))
        };
        (Exchange::new(answer, respond, call, counted), is_brief)
    };
    let stream = Paced::new(stream, fair.turns.place(peer.party()));
    let line = Line::new(stream, Arc::clone(&usage));
    let leave = Notify::new();
    let mut conversation = pin!(converse(line, begin, &leave));
    let result = tokio::select! {
        biased;
        result = &mut conversation => result,
        () = told(&mut shutdown) => {
            leave.notify_one();
            conversation.await
        }
        () = usage.silent() => {
            debug!(uid = peer.uid, pid = peer.pid, "connection closed: its client said nothing");
            return;
        }
        () = usage.unused(IDLE) => {
            debug!(uid = peer.uid, pid = peer.pid, "closing a connection that nobody uses");
            leave.notify_one();
            // A client that was about to call is still answered; whoever doesn't leave is left.
            tokio::select! {
                result = conversation => result,
                () = usage.unused(PARTING) => return,
            }
        }
    };
    if let Err(error) = result {
        debug!(uid = peer.uid, pid = peer.pid, "connection ended: {error}");
    }
}

/// Speaks HTTP/2 with a client until it ends the connection, or until all its calls have ended
/// after it is to leave.
async fn converse<S>(
    line: Line<S>,
    begin: impl Fn(Request<RecvStream>, SendResponse<Bytes>) -> (Exchange, bool),
    leave: &Notify,
) -> Result<(), h2::Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut builder = h2::server::Builder::new();
    // No pings are sent: a client's end closes its socket, and one that is stopped isn't gone.
    builder
        .max_header_list_size(LARGEST_HEADER_LIST)
        .max_concurrent_streams(MOST_CALLS)
        .initial_window_size(CALL_WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_send_buffer_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(MOST_GIVEN_UP)
        .max_local_error_reset_streams(Some(MOST_REFUSED));
    let mut leaving = pin!(leave.notified());
    let mut connection = tokio::select! {
        connection = builder.handshake(line.share()) => connection?,
        () = &mut leaving => return Ok(()),
    };
    let mut is_leaving = false;
    let (mut calls, mut came_together) = (Vec::new(), false);
    loop {
        let mut looks = 0;
        let next = poll_fn(|context| {
            looks += 1;
            let next = connection.poll_accept(context);
            if next.is_pending() && matches!(line.poll_written(context), Poll::Ready(Err(_))) {
                // The client has gone.
                return Poll::Ready(None);
            }
            next
        });
        let (request, respond) = tokio::select! {
            biased;
            call = next => match call {
                Some(call) => call?,
                None => return Ok(()),
            },
            () = &mut leaving, if !is_leaving => {
                is_leaving = true;
                connection.graceful_shutdown();
                continue;
            }
        };
        calls.push(begin(request, respond));
        // Most calls come alone, and to look for others takes its time.
        came_together |= looks == 1;
        while came_together && calls.len() < TOGETHER {
            let next = poll_fn(|context| Poll::Ready(connection.poll_accept(context)));
            let Poll::Ready(Some(call)) = next.await else { break };
            let (request, respond) = call?;
            calls.push(begin(request, respond));
        }
        came_together = calls.len() > 1;
        for (mut call, is_brief) in calls.drain(..) {
            // Nearly all that ask for a token are answered from memory. What takes longer mustn't hold
            // up others.
            let look = poll_fn(|context| Poll::Ready(pin!(&mut call).poll(context)));
            if !is_brief || look.await.is_pending() {
                tokio::spawn(call);
            }
        }
    }
}
