//! Connects to providers and hangs up, to see whether they can be reached.

use std::{
    collections::BTreeMap,
    error::Error,
    io,
    path::PathBuf,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{
    StreamExt as _,
    future::{BoxFuture, FutureExt as _},
    stream,
};
use tokend_provider::Transport;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::timeout,
};
use tower::{BoxError, Layer, Service};
use tracing::error;
use url::Url;

use super::{client::Clients, dance::permit, transfer::chain};
use crate::{
    apart,
    ports::{Destination, Probed, Prober, Probing},
};

/// How long one host may take, from its name to the end of the handshake.
const LONGEST: Duration = Duration::from_secs(5);

/// How many are connected to at a time: each takes a descriptor, and a thread while its name
/// is looked up.
const AT_ONCE: usize = 64;

/// Connects to providers on a thread of its own, for one who asks at a time.
#[derive(Debug)]
pub struct HttpProber {
    turns: Arc<Semaphore>,
}

impl Default for HttpProber {
    fn default() -> Self {
        // As the issuer does: TLS needs it, and it may have been said before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { turns: Arc::new(Semaphore::new(1)) }
    }
}

impl Prober for HttpProber {
    fn probe(&self, destinations: Vec<Destination>) -> Probing {
        let turns = Arc::clone(&self.turns);
        async move {
            let turn = turns.acquire_owned().await.ok()?;
            let (reply, answer) = oneshot::channel();
            if let Err(problem) = begin(destinations, reply, turn) {
                error!("no thread to look at providers can be started: {problem}");
            }
            answer.await.ok()
        }
        .boxed()
    }
}

/// Looks at them on a thread that ends with whoever waits.
fn begin(
    destinations: Vec<Destination>,
    mut reply: oneshot::Sender<Vec<Probed>>,
    turn: OwnedSemaphorePermit,
) -> io::Result<()> {
    apart::spawn("prober", move || async move {
        let probed = tokio::select! {
            probed = all(destinations) => Some(probed),
            () = reply.closed() => None,
        };
        drop(turn);
        if let Some(probed) = probed {
            // Whoever asked may have gone.
            let _ = reply.send(probed);
        }
    })?;
    Ok(())
}

async fn all(destinations: Vec<Destination>) -> Vec<Probed> {
    let clients = Arc::new(Clients::hanging_up());
    let ways: Vec<Way> = destinations.iter().enumerate().map(Way::of).collect();
    let once: BTreeMap<Way, Destination> = ways.iter().cloned().zip(destinations).collect();
    let probes = once.into_iter().map(|(way, destination)| {
        let clients = Arc::clone(&clients);
        async move { (way, probe(clients, destination).await) }
    });
    let found = stream::iter(probes).buffer_unordered(AT_ONCE);
    let found: BTreeMap<Way, Probed> = found.collect().await;
    ways.iter().filter_map(|way| found.get(way).cloned()).collect()
}

/// What makes one connection differ from another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Way {
    url: Url,
    ca_file: Option<PathBuf>,
    proxy: Option<Url>,
    connect_timeout: Duration,
    allow_link_local: bool,
    /// Who has a certificate or a password of its own shares no connection.
    own: Option<usize>,
}

impl Way {
    fn of((number, destination): (usize, &Destination)) -> Self {
        let Transport { ca_file, identity, proxy, connect_timeout, allow_link_local, .. } =
            destination.inputs.transport();
        Self {
            url: destination.url.clone(),
            ca_file: ca_file.clone(),
            proxy: proxy.as_ref().map(|proxy| proxy.url.clone()),
            connect_timeout: *connect_timeout,
            allow_link_local: *allow_link_local,
            own: identity.is_some().then_some(number),
        }
    }
}

async fn probe(clients: Arc<Clients>, destination: Destination) -> Probed {
    let Destination { url, inputs } = destination;
    let transport = inputs.transport();
    if let Err(refused) = permit(&url, transport) {
        return Probed::Unreachable(refused.to_string());
    }
    let encrypted = url.scheme() != "http";
    let locked = transport.proxy.as_ref().filter(|proxy| encrypted && proxy.login.is_some());
    let (url, transport, reached) = match locked {
        // A password isn't sent for a look.
        Some(proxy) => {
            let transport = Transport { proxy: None, identity: None, ..transport.clone() };
            (proxy.url.clone(), transport, Probed::ProxyReached)
        }
        None => (url, transport.clone(), Probed::Reached),
    };
    match timeout(LONGEST, connect(clients, url, transport)).await {
        Ok(Ok(())) => reached,
        Ok(Err(problem)) => Probed::Unreachable(problem),
        Err(_) => {
            Probed::Unreachable(format!("no connection came about in {} s", LONGEST.as_secs()))
        }
    }
}

async fn connect(clients: Arc<Clients>, url: Url, transport: Transport) -> Result<(), String> {
    let place = url.clone();
    let client = apart::block("issuer-files", move || clients.get(&place, &transport)).await;
    let client = client.map_err(|problem| problem.to_string())?;
    let client = client.map_err(|problem| problem.to_string())?;
    match client.head(url).send().await {
        Err(problem) if is_reached(&problem) => Ok(()),
        Err(problem) => Err(chain(&problem.without_url())),
        // Only what doesn't hang up gets so far.
        Ok(_) => Ok(()),
    }
}

fn is_reached(error: &reqwest::Error) -> bool {
    let mut causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.any(<dyn Error>::is::<Reached>)
}

/// What the client is told in the place of a connection.
#[derive(Debug, thiserror::Error)]
#[error("the connection came about")]
struct Reached;

/// Hangs up as soon as a connection has come about, so that nothing can be sent by it.
#[derive(Debug, Clone, Copy)]
pub(super) struct HangUp;

/// What makes connections, and hangs up.
#[derive(Debug, Clone)]
pub(super) struct HangingUp<S>(S);

impl<S> Layer<S> for HangUp {
    type Service = HangingUp<S>;

    fn layer(&self, connector: S) -> HangingUp<S> {
        HangingUp(connector)
    }
}

impl<S, R> Service<R> for HangingUp<S>
where
    S: Service<R, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<S::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let connecting = self.0.call(request);
        async move {
            drop(connecting.await?);
            Err(Reached.into())
        }
        .boxed()
    }
}
