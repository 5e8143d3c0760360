//! Serves the connections of callers and operators.

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::UnixListener,
    sync::watch,
};
use tracing::{debug, warn};

use super::{
    Door, Peer, Services, access,
    authority::Mended,
    quiet::{Heard, IDLE, Open, PARTING, Usage},
};
use crate::connections::{self, Process, Socket, descriptors, told};

/// A socket that callers connect to.
#[derive(Debug)]
pub struct Listener {
    /// The socket itself.
    pub socket: UnixListener,
    /// Which of the two it is.
    pub door: Door,
}

/// Headers of a call: a path, a deadline, a little metadata.
const LARGEST_HEADER_LIST: u32 = 16 * 1_024;

/// Serves one socket until `shutdown` changes, then lets its connections finish
/// what they are at, at most for `grace`.
pub async fn serve(
    listener: Listener,
    services: Services,
    own_uid: u32,
    shutdown: watch::Receiver<bool>,
    grace: Duration,
) {
    let Listener { socket, door } = listener;
    let (name, most) = match door {
        Door::Callers => ("tokend", descriptors() / 2),
        Door::Operators => ("admin", descriptors() / 8),
    };
    // Root and the daemon's own user could end the daemon; they need no keeping out.
    let socket = Socket { listener: socket, name, most, apart: vec![0, own_uid] };
    let stopping = shutdown.clone();
    let admit = |stream, process| {
        let peer = admit(process, door, own_uid)?;
        Some(connection(stream, peer, services.clone(), stopping.clone()))
    };
    connections::serve(socket, Vec::new(), admit, shutdown, grace).await;
}

/// Finds out who connects and whether this door is theirs.
fn admit(process: Process, door: Door, own_uid: u32) -> Option<Peer> {
    let peer = Peer::of(process);
    // The file's permissions say so too; they can be set wrongly.
    if door == Door::Operators && !access::is_operator(&peer, own_uid) {
        warn!(uid = peer.uid, pid = peer.pid, "no operator: connection refused");
        return None;
    }
    Some(peer)
}

/// Serves one connection until its client ends it, nobody uses it or `shutdown` changes.
async fn connection<S>(
    stream: S,
    peer: Peer,
    services: Services,
    mut shutdown: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (peer, usage) = (Arc::new(peer), Arc::new(Usage::default()));
    let service = service_fn(|mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(Arc::clone(&peer));
        let call = usage.begin();
        let answer = services.answer(request);
        async move { answer.await.map(|answer| answer.map(|body| Open::new(body, call))) }
    });
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.timer(TokioTimer::new()).max_header_list_size(LARGEST_HEADER_LIST);
    let stream = Heard::new(Mended::new(stream), Arc::clone(&usage));
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    let result = tokio::select! {
        result = &mut connection => result,
        () = told(&mut shutdown) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        () = usage.silent() => {
            debug!(uid = peer.uid, pid = peer.pid, "connection closed: its client said nothing");
            return;
        }
        () = usage.unused(IDLE) => {
            debug!(uid = peer.uid, pid = peer.pid, "closing a connection that nobody uses");
            connection.as_mut().graceful_shutdown();
            // A client that was about to call is still answered; whoever doesn't leave is left.
            tokio::select! {
                result = connection => result,
                () = usage.unused(PARTING) => return,
            }
        }
    };
    if let Err(error) = result {
        debug!(uid = peer.uid, pid = peer.pid, "connection ended: {error}");
    }
}
