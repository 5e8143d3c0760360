//! Asks a daemon that runs how it is.

use std::{path::Path, time::Duration};

use hyper_util::rt::TokioIo;
use tokend_proto::v1::{
    CheckReachabilityRequest, GetStatusRequest, GetStatusResponse, Reachability,
    admin_service_client::AdminServiceClient,
};
use tokio::{net::UnixStream, runtime, time::timeout};
use tonic::{
    Code, Status,
    transport::{Channel, Endpoint, Error, Uri},
};
use tower::service_fn;

use super::{Answers, Daemon};

/// How long it may take to say how it is.
const SOON: Duration = Duration::from_secs(5);

/// How long it may take to look at its providers: each takes seconds if it doesn't answer, and
/// many are looked at at a time.
const LONG: Duration = Duration::from_secs(60);

/// Asks by the operators' socket.
pub(super) fn ask(socket: &Path) -> Daemon {
    let runtime = match runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(problem) => return Daemon::Silent(problem.to_string()),
    };
    runtime.block_on(async {
        let told = async {
            let channel = connect(socket).await.map_err(|problem| cause(&problem))?;
            let mut client = AdminServiceClient::new(channel);
            let status = client.get_status(GetStatusRequest {}).await;
            let status = status.map_err(|problem| reason(&problem))?.into_inner();
            Ok::<_, String>((client, status))
        };
        match timeout(SOON, told).await {
            Ok(Ok((client, status))) => Daemon::Told(Box::new(look_on(client, status).await)),
            Ok(Err(problem)) => Daemon::Silent(problem),
            Err(_) => Daemon::Silent(format!("it didn't answer in {} s", SOON.as_secs())),
        }
    })
}

async fn look_on(client: AdminServiceClient<Channel>, status: GetStatusResponse) -> Answers {
    let GetStatusResponse { version, locked: is_locked, problems, .. } = status;
    let providers = if is_locked { Ok(Vec::new()) } else { reach(client).await };
    Answers { version, is_locked, problems, providers }
}

async fn reach(mut client: AdminServiceClient<Channel>) -> Result<Vec<Reachability>, String> {
    match timeout(LONG, client.check_reachability(CheckReachabilityRequest {})).await {
        Ok(Ok(answer)) => Ok(answer.into_inner().credentials),
        Ok(Err(problem)) if problem.code() == Code::Unimplemented => {
            Err("it is too old to look".to_owned())
        }
        Ok(Err(problem)) => Err(reason(&problem)),
        Err(_) => Err(format!("it wasn't done in {} s", LONG.as_secs())),
    }
}

async fn connect(socket: &Path) -> Result<Channel, Error> {
    let socket = socket.to_owned();
    // A socket has no host name, and HTTP/2 wants one.
    let endpoint = Endpoint::from_static("http://localhost");
    let connector = service_fn(move |_: Uri| {
        let socket = socket.clone();
        async move { UnixStream::connect(&socket).await.map(TokioIo::new) }
    });
    endpoint.connect_with_connector(connector).await
}

/// Returns what the layers of the connection only wrap.
fn cause(problem: &dyn std::error::Error) -> String {
    let last = std::iter::successors(problem.source(), |cause| (*cause).source()).last();
    last.map_or_else(|| problem.to_string(), ToString::to_string)
}

fn reason(status: &Status) -> String {
    status.message().to_owned()
}
