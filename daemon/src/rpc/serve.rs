//! Serves the connections of callers and operators.

use std::{sync::Arc, time::Duration};

use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::watch,
};
use tracing::{debug, warn};

use super::{Door, Peer, Services, access, authority::Mended};
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
    let socket = Socket { listener: socket, name, most };
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
