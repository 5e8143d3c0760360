//! Serves the contract to callers and operators.

mod absence;
mod access;
mod admin;
mod authority;
#[cfg(any(test, feature = "fuzzing"))]
#[cfg_attr(not(test), expect(dead_code, reason = "tests use the rest"))]
mod bench;
mod codec;
mod credential;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod health;
mod ledger;
mod listing;
mod login;
mod pace;
mod patience;
mod peer;
mod principal;
mod provider;
mod quiet;
mod rejection;
mod revocation;
mod rotation;
mod serve;
mod status;
mod tally;
mod token;
mod turns;
mod watch;

use std::{collections::BTreeMap, convert::Infallible, future, sync::Arc};

use futures_util::future::BoxFuture;
use http::{Request, Response};
use jiff::Timestamp;
use tokend_proto::v1::{
    admin_service_server::AdminServiceServer, credential_service_server::CredentialServiceServer,
    provider_service_server::ProviderServiceServer,
};
use tokend_provider::Library;
use tokio::sync::{mpsc, oneshot};
use tonic::{Status, body::Body, server::NamedService};
use tonic_health::pb::health_server::HealthServer;
use tonic_reflection::pb;
use tower_service::Service;

pub use self::{
    access::OVERFLOW,
    peer::{Door, Peer},
    serve::{Listener, serve},
};
use self::{
    admin::Admin, credential::Credentials, health::Health, patience::Asked, provider::Providers,
    token::Tokens,
};
use crate::{
    engine::{Command, Error, Reply},
    ports::{Clock, Sources},
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
    pub definitions: Arc<Library>,
    /// Where secrets are read.
    pub sources: Arc<dyn Sources>,
    /// The clock.
    pub clock: Arc<dyn Clock + Send + Sync>,
    /// What the daemon tells of itself.
    pub about: Arc<About>,
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
    /// The callers' socket.
    pub socket: std::path::PathBuf,
    /// What was found wrong at the start, a sentence each.
    pub problems: Vec<String>,
}

impl Context {
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
pub struct Services(Arc<BTreeMap<&'static str, Route>>);

type Route = Box<dyn Fn(Request<Asked>) -> Answer + Send + Sync>;

type Answer = BoxFuture<'static, Result<Response<Body>, Infallible>>;

impl Services {
    /// Makes the services that callers are offered at `door`.
    pub fn new(context: &Context, door: Door) -> Self {
        let mut routes = BTreeMap::from([route(Tokens::new(context.clone()))]);
        if door == Door::Operators {
            routes.extend([
                route(CredentialServiceServer::new(Credentials::new(context.clone()))),
                route(ProviderServiceServer::new(Providers::new(context.clone()))),
                route(AdminServiceServer::new(Admin::new(context.clone()))),
            ]);
        }
        let health = Health::new(context.clone(), &names(&routes));
        let health = HealthServer::new(health).max_decoding_message_size(LARGEST_REQUEST);
        routes.extend([route(health)]);
        // Both versions: many tools speak the older one only.
        let names = names(&routes);
        let v1 = reflection(&names).build_v1();
        let v1 = v1.map(|server| route(server.max_decoding_message_size(LARGEST_REQUEST)));
        let v1alpha = reflection(&names).build_v1alpha();
        let v1alpha =
            v1alpha.map(|server| route(server.max_decoding_message_size(LARGEST_REQUEST)));
        let both = v1.into_iter().chain(v1alpha);
        routes.extend(both);
        Self(Arc::new(routes))
    }

    /// Answers one request.
    fn answer(&self, request: Request<Asked>) -> Answer {
        let path = request.uri().path();
        let name = path.strip_prefix('/').and_then(|path| path.split('/').next()).unwrap_or("");
        if let Some(route) = self.0.get(name) {
            return route(request);
        }
        let answer = status::unknown("this socket has no such service").into_http();
        Box::pin(future::ready(Ok(answer)))
    }
}

fn route<S>(service: S) -> (&'static str, Route)
where
    S: NamedService + Clone + Send + Sync + 'static,
    S: Service<Request<Asked>, Response = Response<Body>, Error = Infallible, Future = Answer>,
{
    (S::NAME, Box::new(move |request| service.clone().call(request)))
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
