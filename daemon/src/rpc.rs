//! Serves the contract to callers and operators.

mod absence;
mod access;
mod admin;
mod apply;
mod authority;
mod backup;
#[cfg(any(test, feature = "fuzzing"))]
#[cfg_attr(not(test), expect(dead_code, reason = "tests use the rest"))]
mod bench;
mod codec;
mod connection;
mod credential;
mod event;
mod exchange;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod grant;
mod guest;
mod health;
mod key;
mod ledger;
mod line;
mod listing;
mod locked;
mod login;
mod membership;
mod pace;
mod patience;
mod peer;
mod prepared;
mod principal;
mod provider;
mod quiet;
mod reachability;
mod rejection;
mod reload;
mod restore;
mod revocation;
mod rotation;
mod serve;
mod status;
mod tally;
mod token;
mod turns;
mod watch;

use std::{
    collections::BTreeMap,
    convert::Infallible,
    fmt::{Debug, Formatter},
    future,
    sync::{Arc, OnceLock},
};

use arc_swap::ArcSwap;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use jiff::Timestamp;
use tokend_proto::v1::{
    admin_service_server::AdminServiceServer, credential_service_server::CredentialServiceServer,
    provider_service_server::ProviderServiceServer,
};
use tokio::sync::{mpsc, oneshot, watch as notice};
use tonic::{Status, body::Body, server::NamedService};
use tonic_health::pb::health_server::HealthServer;
use tonic_reflection::pb;
use tower::Service;

use self::{
    admin::Admin, connection::Connection, credential::Credentials, health::Health, patience::Asked,
    provider::Providers, token::Tokens,
};
pub use self::{
    grant::{Grant, Granted},
    guest::{Guest, News},
    locked::{Attempt, Locked, Phase, Unopened},
    peer::{Door, Peer},
    serve::{Doorkeeper, Listener, serve},
};
use crate::{
    audit::Audit,
    calls::Calls,
    engine::{Command, Error, Reply},
    events::Events,
    ports::{Backups, Clock, FailedReload, Prober, Reload, Restores, Shelf, Sources},
    published::Slots,
};

/// What the services need of the rest of the daemon.
#[derive(Clone)]
pub struct Context {
    /// Tokens to be read.
    pub slots: Arc<Slots>,
    /// Where commands for the engine go.
    pub engine: mpsc::Sender<Command>,
    /// The definitions that there are.
    pub definitions: Arc<Shelf>,
    /// Where wishes go to have the configuration read again.
    pub reloads: mpsc::Sender<Reload>,
    /// Where secrets are read.
    pub sources: Arc<dyn Sources>,
    /// What copies the store.
    pub backups: Arc<dyn Backups>,
    /// What connects to providers, to see whether they can be reached.
    pub prober: Arc<dyn Prober>,
    /// What puts copies in the place of the store.
    pub restores: Arc<dyn Restores>,
    /// The clock.
    pub clock: Arc<dyn Clock + Send + Sync>,
    /// What the daemon tells of itself.
    pub about: Arc<About>,
    /// Where it is written down who does what.
    pub audit: Arc<Audit>,
    /// What happened of late.
    pub events: Arc<Events>,
    /// What callers asked for.
    pub calls: Arc<Calls>,
}

/// What the daemon tells of itself.
#[derive(Debug)]
pub struct About {
    /// The user that it runs as.
    pub uid: u32,
    /// When it started.
    pub started_at: Timestamp,
    /// The directory that holds the store.
    pub state_dir: std::path::PathBuf,
    /// Where the store's key is, as the configuration has it.
    pub key_source: String,
    /// The callers' socket.
    pub socket: std::path::PathBuf,
    /// What a reload can change.
    pub standing: ArcSwap<Standing>,
}

/// What the daemon tells of its configuration.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// The listeners.
    pub listeners: Vec<Arc<Grant>>,
    /// What was found wrong when the configuration was read, a sentence each.
    pub problems: Vec<String>,
    /// What has changed on the disk and takes effect with the next start, a text each.
    pub needs_restart: Vec<String>,
    /// The last reload, if it failed.
    pub failed: Option<FailedReload>,
}

impl About {
    /// Returns what is wrong with the configuration, a sentence each.
    pub fn problems(&self) -> Vec<String> {
        let standing = self.standing.load();
        let mut problems = standing.problems.clone();
        problems.extend(reload::problems(&standing));
        problems
    }
}

impl Context {
    /// Returns it as it shows at `door`: of what isn't listed there, nothing is.
    fn at(&self, door: &Door) -> Self {
        let mut context = self.clone();
        if let Door::Listener(grant) = door {
            context.slots = Arc::new(context.slots.limited_to(grant.credentials()));
        }
        context
    }

    /// Asks the engine something and waits for its answer.
    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, Status> {
        let (reply, answer) = oneshot::channel();
        let stopping = || status::of(&Error::Stopping);
        self.engine.send(command(reply)).await.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())?.map_err(|error| status::of(&error))
    }
}

/// The largest request that callers make, in bytes: a thousand names have half as many. A larger
/// one is refused for the length that it states, before any room is made for it. The services
/// that are offered to operators alone take gRPC's usual 4 MiB.
const LARGEST_REQUEST: usize = 128 * 1_024;

/// All services of one socket, by name.
#[derive(Clone)]
pub struct Services {
    routes: Arc<BTreeMap<&'static str, Route>>,
    /// What answers from some moment on, on connections that are open already, too.
    successor: Arc<OnceLock<Services>>,
}

type Route = Box<dyn Fn(Request<Asked>) -> Answer + Send + Sync>;

type Answer = BoxFuture<'static, Result<Response<Body>, Infallible>>;

impl Services {
    /// Makes the services that callers are offered at `door`.
    pub fn new(context: &Context, door: &Door) -> Self {
        let context = &context.at(door);
        let mut routes = BTreeMap::from([route(Tokens::new(context.clone()))]);
        if *door == Door::Operators {
            routes.extend([
                route(CredentialServiceServer::new(Credentials::new(context.clone()))),
                route(ProviderServiceServer::new(Providers::new(context.clone()))),
                route(AdminServiceServer::new(Admin::new(context.clone()))),
            ]);
        }
        let health = Health::new(context.clone(), &names(&routes));
        Self::with(routes, health)
    }

    /// Adds what each socket has.
    fn with(
        mut routes: BTreeMap<&'static str, Route>,
        health: impl tonic_health::pb::health_server::Health,
    ) -> Self {
        let health = HealthServer::new(health).max_decoding_message_size(LARGEST_REQUEST);
        routes.extend([route(health)]);
        // Both versions: many tools speak the older one only.
        let names = Arc::new(names(&routes));
        let others = Arc::clone(&names);
        routes.extend([
            later(move || {
                let v1 = reflection(&names).build_v1().ok()?;
                Some(v1.max_decoding_message_size(LARGEST_REQUEST))
            }),
            later(move || {
                let v1alpha = reflection(&others).build_v1alpha().ok()?;
                Some(v1alpha.max_decoding_message_size(LARGEST_REQUEST))
            }),
        ]);
        Self { routes: Arc::new(routes), successor: Arc::default() }
    }

    /// Has other services answer from now on, for good.
    pub fn give_way(&self, successor: Self) {
        // There is one at most.
        let _ = self.successor.set(successor);
    }

    /// Returns what has tokens read already and all else wait until `ready` says so. It gives way
    /// to these services then.
    #[must_use]
    pub fn early(&self, ready: &notice::Receiver<bool>) -> Self {
        let routes = self.routes.keys().map(|name| -> (_, Route) {
            let (services, ready) = (self.clone(), ready.clone());
            let answer = move |request: Request<Asked>| -> Answer {
                if request.uri().path() == token::ACQUIRE {
                    return services.answer(request);
                }
                let (services, mut ready) = (services.clone(), ready.clone());
                Box::pin(async move {
                    // If the sender is gone, the daemon ends, and the engine says so.
                    let _ = ready.wait_for(|ready| *ready).await;
                    services.answer(request).await
                })
            };
            (*name, Box::new(answer))
        });
        Self { routes: Arc::new(routes.collect()), successor: Arc::default() }
    }

    /// Answers one request.
    fn answer(&self, request: Request<Asked>) -> Answer {
        if let Some(successor) = self.successor.get() {
            return successor.answer(request);
        }
        let path = request.uri().path();
        let name = path.strip_prefix('/').and_then(|path| path.split('/').next()).unwrap_or("");
        if let Some(route) = self.routes.get(name) {
            return route(request);
        }
        missing()
    }
}

impl Debug for Services {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.routes.keys()).finish()
    }
}

fn route<S>(service: S) -> (&'static str, Route)
where
    S: NamedService + Clone + Send + Sync + 'static,
    S: Service<Request<Asked>, Response = Response<Body>, Error = Infallible, Future = Answer>,
{
    (S::NAME, Box::new(move |request| service.clone().call(request)))
}

/// Makes a service for the first who calls it: it takes its time.
fn later<S>(make: impl Fn() -> Option<S> + Send + Sync + 'static) -> (&'static str, Route)
where
    S: NamedService + Clone + Send + Sync + 'static,
    S: Service<Request<Asked>, Response = Response<Body>, Error = Infallible, Future = Answer>,
{
    let service = OnceLock::new();
    let answer = move |request: Request<Asked>| -> Answer {
        match service.get_or_init(&make) {
            Some(service) => service.clone().call(request),
            None => missing(),
        }
    };
    (S::NAME, Box::new(answer))
}

fn missing() -> Answer {
    let answer = status::unknown("this socket has no such service").into_http();
    Box::pin(future::ready(Ok(answer)))
}

/// Does what takes its time on a thread where no caller waits for anything else.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Status> + Send + 'static,
) -> Result<T, Status> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| status::internal("tokend failed at this; see its log"))?
}

fn names(routes: &BTreeMap<&'static str, Route>) -> Vec<&'static str> {
    routes.keys().copied().collect()
}

fn reflection(names: &[&str]) -> tonic_reflection::server::Builder<'static> {
    let builder = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(tokend_proto::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(pb::v1::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(pb::v1alpha::FILE_DESCRIPTOR_SET)
        .include_reflection_service(false);
    let own = ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"];
    let names = names.iter().copied().chain(own);
    names.fold(builder, tonic_reflection::server::Builder::with_service_name)
}
