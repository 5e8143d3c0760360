//! The standard health service. It asks access first: what a caller may not read
//! is as unknown to it as what isn't there.

use std::{sync::Arc, time::Duration};

use futures_util::stream::{self, BoxStream};
use tokend_proto::reason;
use tokio::{sync::watch, time::sleep};
use tonic::{Code, Request, Response, Status};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus,
    health_server::Health as HealthService,
};

use super::{Connection, Context, Peer, access, status, token::peer};
use crate::published::Slot;

/// How long a watcher of something unknown waits before it looks again: a
/// credential of that name may have come.
const UNKNOWN_PAUSE: Duration = Duration::from_secs(30);

/// `grpc.health.v1.Health`. A service's name is `""` for the daemon as a whole,
/// a gRPC service's full name, or a credential's name.
#[derive(Clone)]
pub(super) struct Health {
    context: Context,
    services: Arc<[&'static str]>,
}

impl Health {
    /// Makes the service for a socket that serves `services`.
    pub(super) fn new(context: Context, services: &[&'static str]) -> Self {
        Self { context, services: services.into() }
    }

    fn status(&self, peer: &Peer, service: &str) -> (Subject, ServingStatus) {
        if service.is_empty() || self.services.contains(&service) {
            return (Subject::Daemon, ServingStatus::Serving);
        }
        let context = &self.context;
        let readable =
            |slot: &Arc<Slot>| access::decide(peer, context.about.uid, &slot.access()).is_some();
        // A credential's name has no dot, a service's has one.
        match context.slots.get(service).filter(readable) {
            Some(slot) if slot.is_healthy(context.clock.now()) => {
                (Subject::Credential(slot), ServingStatus::Serving)
            }
            Some(slot) => (Subject::Credential(slot), ServingStatus::NotServing),
            None => (Subject::Unknown, ServingStatus::ServiceUnknown),
        }
    }
}

impl Health {
    /// Writes down that someone isn't let see how a credential is, if that can be one's name.
    fn deny(&self, connection: &Connection, service: &str) {
        if let Ok(name) = service.parse() {
            self.context.deny("check health", connection, &name);
        }
    }
}

/// What is asked about.
enum Subject {
    Daemon,
    Credential(Arc<Slot>),
    Unknown,
}

#[tonic::async_trait]
impl HealthService for Health {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let peer = peer(&request)?;
        match self.status(&peer, &request.get_ref().service).1 {
            ServingStatus::ServiceUnknown => {
                self.deny(&peer, &request.get_ref().service);
                let message = "there is no such service or credential, or you may not read it";
                Err(status::new(Code::NotFound, reason::SERVICE_UNKNOWN, message))
            }
            status => Ok(Response::new(answer(status))),
        }
    }

    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let peer = peer(&request)?;
        let watch = Watch {
            health: self.clone(),
            peer,
            service: request.into_inner().service,
            changes: None,
            told: None,
        };
        Ok(Response::new(Box::pin(stream::unfold(watch, |mut watch| async move {
            let status = watch.next().await;
            Some((Ok(answer(status)), watch))
        }))))
    }
}

/// One watcher. Its right to watch is asked anew at each change.
struct Watch {
    health: Health,
    peer: Arc<Connection>,
    service: String,
    changes: Option<watch::Receiver<()>>,
    told: Option<ServingStatus>,
}

impl Watch {
    /// Waits for a status other than the one that was told last.
    async fn next(&mut self) -> ServingStatus {
        loop {
            let (subject, status) = self.health.status(&self.peer, &self.service);
            let pause = match subject {
                Subject::Credential(slot) => {
                    self.changes.get_or_insert_with(|| slot.changes());
                    // Expiry is no event: the status changes by itself then.
                    slot.remaining(self.health.context.clock.now()).filter(|left| !left.is_zero())
                }
                Subject::Daemon => None,
                Subject::Unknown => {
                    self.changes = None;
                    Some(UNKNOWN_PAUSE)
                }
            };
            if self.told.replace(status) != Some(status) {
                if status == ServingStatus::ServiceUnknown {
                    self.health.deny(&self.peer, &self.service);
                }
                return status;
            }
            let changed = async {
                match &mut self.changes {
                    Some(changes) => changes.changed().await.is_ok(),
                    None => std::future::pending().await,
                }
            };
            let lost = tokio::select! {
                known = changed => !known,
                () = sleep(pause.unwrap_or(UNKNOWN_PAUSE)) => false,
            };
            if lost {
                self.changes = None;
            }
        }
    }
}

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

#[cfg(test)]
mod tests;
