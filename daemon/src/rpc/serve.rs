//! Accepts connections and serves them until the daemon ends.
//!
//! tonic's own loop waits for every connection when it ends: one that never
//! speaks, or a stream that stays open, would hold the daemon for ever. This one
//! asks connections to end and closes those that don't within a grace period.

use std::{sync::Arc, time::Duration};

use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};
use tracing::{debug, info, warn};

use super::{Door, Peer, Services, access, authority::Mended};

/// A socket that callers connect to.
#[derive(Debug)]
pub struct Listener {
    /// The socket itself.
    pub socket: UnixListener,
    /// Which of the two it is.
    pub door: Door,
}

/// How long to wait when no more connections can be accepted, for lack of
/// descriptors, say: they stay in the queue meanwhile.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Headers of a call: a path, a deadline, a little metadata.
const LARGEST_HEADER_LIST: u32 = 16 * 1_024;

/// Serves one socket until `shutdown` changes, then lets its connections finish
/// what they are at, at most for `grace`.
pub async fn serve(
    listener: Listener,
    services: Services,
    own_uid: u32,
    mut shutdown: watch::Receiver<bool>,
    grace: Duration,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.socket.accept() => match accepted {
                Ok((stream, _)) => {
                    if let Some(peer) = admit(&stream, listener.door, own_uid) {
                        let connection =
                            connection(stream, peer, services.clone(), shutdown.clone());
                        connections.spawn(connection);
                    }
                }
                Err(error) => {
                    warn!(door = ?listener.door, "can't accept a connection: {error}");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(ended) = connections.join_next() => report(ended),
            () = told(&mut shutdown) => break,
        }
    }
    drop(listener);
    let drained = timeout(grace, async {
        while let Some(ended) = connections.join_next().await {
            report(ended);
        }
    });
    if drained.await.is_err() {
        info!(connections = connections.len(), "closing connections that don't end");
        connections.shutdown().await;
    }
}

/// Finds out who connects and whether this door is theirs.
fn admit(stream: &UnixStream, door: Door, own_uid: u32) -> Option<Peer> {
    let peer = match Peer::of(stream) {
        Ok(peer) => peer,
        Err(error) => {
            warn!("can't tell who connects: {error}");
            return None;
        }
    };
    // The file's permissions say so too; they can be set wrongly.
    if door == Door::Operators && !access::is_operator(&peer, own_uid) {
        warn!(uid = peer.uid, pid = peer.pid, "no operator: connection refused");
        return None;
    }
    Some(peer)
}

async fn connection(
    stream: UnixStream,
    peer: Peer,
    services: Services,
    mut shutdown: watch::Receiver<bool>,
) {
    let peer = Arc::new(peer);
    let service = service_fn(|mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(Arc::clone(&peer));
        services.answer(request)
    });
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.timer(TokioTimer::new()).max_header_list_size(LARGEST_HEADER_LIST);
    let connection = builder.serve_connection(TokioIo::new(Mended::new(stream)), service);
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = &mut connection => result,
        () = told(&mut shutdown) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        debug!(uid = peer.uid, pid = peer.pid, "connection ended: {error}");
    }
}

/// Resolves when the daemon is to end.
async fn told(shutdown: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, and the daemon with it.
    let _ = shutdown.wait_for(|ending| *ending).await;
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!("serving a connection failed: {error}");
    }
}
