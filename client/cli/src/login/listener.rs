//! Receives the browser on a port of this machine (RFC 8252 §7.3).

use std::{
    convert::Infallible,
    io::{self, ErrorKind},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::select_all;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode, Version, body::Incoming, header::HOST,
    server::conn::http1, service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use secrecy::SecretString;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot, watch},
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};
use url::{Host, Url};

use crate::login::{Problem, page::Verdict};

/// A browser opens a few connections ahead; more are no browser.
const MOST_CONNECTIONS: usize = 16;

/// The longest request. Codes of a few KiB are in use.
const LARGEST_REQUEST: usize = 64 * 1_024;

/// How long a browser may take to say what it wants.
const REQUEST: Duration = Duration::from_secs(10);

/// How long a browser is kept waiting for what came of its redirect.
const VERDICT: Duration = Duration::from_secs(60);

/// How long the last page may take to reach the browser.
const GOODBYE: Duration = Duration::from_secs(2);

/// How often a port is drawn that has to be free at two addresses.
const DRAWS: u32 = 8;

/// The pause when no connection can be accepted, for lack of descriptors, say.
const PAUSE: Duration = Duration::from_millis(100);

/// A redirect that has come in.
pub(crate) struct Arrival {
    /// The whole URL.
    pub(crate) url: SecretString,
    /// Tells the browser what came of it.
    pub(crate) reply: oneshot::Sender<Verdict>,
}

/// Listens for the browser.
pub(crate) struct Listener {
    arrivals: mpsc::Receiver<Arrival>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    uri: Url,
}

/// What redirects are held against.
struct Door {
    uri: Url,
    authority: String,
    arrivals: mpsc::Sender<Arrival>,
}

impl Listener {
    /// Listens where `uri` leads, at any port if that will do.
    pub(crate) async fn bind(mut uri: Url, any_port: bool) -> Result<Self, Problem> {
        let addresses = addresses(&uri)?;
        let fixed = uri.port_or_known_default().filter(|_| !any_port).unwrap_or(0);
        let sockets = listen(&addresses, fixed)
            .await
            .map_err(|source| Problem::Port { port: fixed, source })?;
        let port = sockets[0].local_addr().map_err(Problem::Listen)?.port();
        uri.set_port(Some(port)).map_err(|()| Problem::NotOurs)?;
        let (sender, arrivals) = mpsc::channel(1);
        let (stop, stopped) = watch::channel(false);
        let door =
            Arc::new(Door { authority: authority(&uri), uri: uri.clone(), arrivals: sender });
        let task = tokio::spawn(accept(sockets, door, stopped));
        Ok(Self { arrivals, stop, task, uri })
    }

    /// Returns the URI that the browser can be sent to.
    pub(crate) fn uri(&self) -> &Url {
        &self.uri
    }

    /// Waits for a redirect.
    pub(crate) async fn next(&mut self) -> Option<Arrival> {
        self.arrivals.recv().await
    }

    /// Ends, once the browser has its last page.
    pub(crate) async fn finish(self) {
        let Self { arrivals, stop, task, .. } = self;
        drop(arrivals);
        stop.send_replace(true);
        // What is under way for longer is no browser that reads.
        let abort = task.abort_handle();
        if timeout(GOODBYE, task).await.is_err() {
            abort.abort();
        }
    }
}

/// Returns a URI with a port that is free now, for a login whose redirect nobody receives.
pub(crate) async fn with_free_port(mut uri: Url) -> Result<Url, Problem> {
    let sockets = listen(&addresses(&uri)?, 0).await.map_err(Problem::Listen)?;
    let port = sockets[0].local_addr().map_err(Problem::Listen)?.port();
    uri.set_port(Some(port)).map_err(|()| Problem::NotOurs)?;
    Ok(uri)
}

/// Returns the addresses that a URI of this machine stands for. A browser may try either of
/// `localhost`, and must not find someone else at one of them.
fn addresses(uri: &Url) -> Result<Vec<SocketAddr>, Problem> {
    let (four, six) = (Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST);
    if uri.scheme() != "http" {
        return Err(Problem::NotOurs);
    }
    match uri.host() {
        Some(Host::Ipv4(address)) if address.is_loopback() => Ok(vec![(address, 0).into()]),
        Some(Host::Ipv6(address)) if address == six => Ok(vec![(six, 0).into()]),
        Some(Host::Domain("localhost")) => Ok(vec![(four, 0).into(), (six, 0).into()]),
        _ => Err(Problem::NotOurs),
    }
}

async fn listen(addresses: &[SocketAddr], fixed: u16) -> io::Result<Vec<TcpListener>> {
    let mut draws = 0;
    loop {
        draws += 1;
        let mut sockets = Vec::<TcpListener>::new();
        let mut taken = None;
        for address in addresses {
            let port = match sockets.first() {
                Some(first) => first.local_addr()?.port(),
                None => fixed,
            };
            match TcpListener::bind((address.ip(), port)).await {
                Ok(socket) => sockets.push(socket),
                // A machine without IPv6.
                Err(error)
                    if !sockets.is_empty()
                        && !matches!(
                            error.kind(),
                            ErrorKind::AddrInUse | ErrorKind::PermissionDenied
                        ) => {}
                Err(error) => {
                    taken = Some(error);
                    break;
                }
            }
        }
        match taken {
            None => return Ok(sockets),
            Some(_) if fixed == 0 && !sockets.is_empty() && draws < DRAWS => {}
            Some(error) => return Err(error),
        }
    }
}

/// Returns the `Host` that a browser sends which means this URI. Any other is a page of
/// someone else's that has had its name resolved to this machine (DNS rebinding).
fn authority(uri: &Url) -> String {
    let host = uri.host_str().unwrap_or_default();
    match uri.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

async fn accept(sockets: Vec<TcpListener>, door: Arc<Door>, mut stopped: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = select_all(sockets.iter().map(|socket| Box::pin(socket.accept())));
        tokio::select! {
            _ = stopped.changed() => break,
            (accepted, ..) = accepted, if connections.len() < MOST_CONNECTIONS => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Arc::clone(&door), stopped.clone()));
                }
                Err(_) => sleep(PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop((sockets, door));
    while connections.join_next().await.is_some() {}
}

async fn connection(stream: TcpStream, door: Arc<Door>, mut stopped: watch::Receiver<bool>) {
    let service = service_fn(async |request| Ok::<_, Infallible>(answer(&request, &door).await));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST)
        .max_buf_size(LARGEST_REQUEST)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(served);
    let mut open = true;
    loop {
        tokio::select! {
            // A browser that went away needs no page.
            _ = &mut served => return,
            _ = stopped.changed(), if open => {
                open = false;
                served.as_mut().graceful_shutdown();
            }
        }
    }
}

async fn answer(request: &Request<Incoming>, door: &Door) -> Response<Full<Bytes>> {
    let verdict = match door.misplaced(request) {
        Some(status) => Verdict::Misplaced(status),
        None => door.pass(request.uri().query().unwrap_or_default()).await,
    };
    verdict.page()
}

impl Door {
    /// Says why a request is no redirect of a login, if it isn't.
    fn misplaced(&self, request: &Request<Incoming>) -> Option<StatusCode> {
        let mut hosts = request.headers().get_all(HOST).into_iter();
        let host = hosts.next().filter(|_| hosts.next().is_none());
        let is_ours = host
            .is_some_and(|host| host.as_bytes().eq_ignore_ascii_case(self.authority.as_bytes()));
        if !is_ours || request.version() != Version::HTTP_11 || request.uri().host().is_some() {
            return Some(StatusCode::MISDIRECTED_REQUEST);
        }
        if request.uri().path() != self.uri.path() {
            return Some(StatusCode::NOT_FOUND);
        }
        if request.method() != Method::GET {
            return Some(StatusCode::METHOD_NOT_ALLOWED);
        }
        let is_empty = request.uri().query().is_none_or(str::is_empty);
        is_empty.then_some(StatusCode::BAD_REQUEST)
    }

    /// Passes a redirect on and waits for what comes of it.
    async fn pass(&self, query: &str) -> Verdict {
        let mut base = self.uri.clone();
        base.set_query(None);
        base.set_fragment(None);
        let (reply, verdict) = oneshot::channel();
        let arrival = Arrival { url: format!("{base}?{query}").into(), reply };
        let answered = timeout(VERDICT, async {
            self.arrivals.send(arrival).await.ok()?;
            verdict.await.ok()
        });
        answered.await.ok().flatten().unwrap_or(Verdict::Unknown)
    }
}

#[cfg(test)]
mod tests;
