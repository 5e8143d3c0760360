//! A daemon as its unit starts it, with credentials whose tokens are as large as a usual one.

use std::{path::Path, time::Duration};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokend_client::Client;
use tokend_proto::v1::{
    AcquireTokenRequest, CreateCredentialRequest, Credential, RefreshCredentialRequest,
    credential_service_client::CredentialServiceClient, token_service_client::TokenServiceClient,
};
use tokio::runtime::{Builder, Runtime};
use tonic::transport::Channel;

use crate::support::{
    Daemon, Place, canary,
    provider::{Provider, Reply},
};

/// The credential that is asked for.
pub(crate) const NAME: &str = "api";

const SECRET: &str = "s3cret-Horse_Battery";

/// A usual size of a JWT, which comes once more in a header that is prepared for it: the answer is
/// a bit more than a KiB.
const SIZE: usize = 400;

/// Starts a daemon on one processor, or on all.
pub(crate) fn start(place: &Place) -> Daemon {
    place.start_with(|command| {
        command.env("TOKEND_LOG", "info").env("MALLOC_ARENA_MAX", "2");
        command.env_remove("NOTIFY_SOCKET").env_remove("WATCHDOG_USEC");
    })
}

/// A provider whose tokens live for an hour.
pub(crate) fn provider() -> Provider {
    Provider::scripted(|number, _| token(number))
}

/// The answer of such a provider.
pub(crate) fn token(number: usize) -> Reply {
    let body =
        format!(r#"{{"access_token":"{number:0SIZE$}","token_type":"Bearer","expires_in":3600}}"#);
    Reply::json(200, body)
}

/// Adds a credential of such a provider, which is asked at once.
pub(crate) fn add(place: &Place, name: &str, provider: &Provider) {
    let runtime = runtime();
    runtime.block_on(async {
        let created = create(&operators(place), name, provider.url()).await;
        created.expect("a credential can be added");
        client(&place.socket()).token(name).await.expect("it has a token");
    });
}

pub(crate) async fn create(
    operators: &Channel,
    name: &str,
    url: &str,
) -> Result<(), tonic::Status> {
    let variables = [("token_url", format!("{url}/token")), ("client_id", name.to_owned())]
        .map(|(name, value)| (name.to_owned(), value));
    let credential = Credential {
        name: name.to_owned(),
        provider: "oauth2-client-credentials".to_owned(),
        variables: variables.into_iter().collect(),
        ..Default::default()
    };
    let secrets = [("client_secret".to_owned(), canary::real(SECRET))].into_iter().collect();
    let request =
        CreateCredentialRequest { credential: Some(credential), secrets, ..Default::default() };
    CredentialServiceClient::new(operators.clone()).create_credential(request).await.map(drop)
}

/// Has the provider asked for another token.
pub(crate) async fn refresh(operators: &Channel, name: &str) -> Result<(), tonic::Status> {
    let request = RefreshCredentialRequest { name: name.to_owned() };
    CredentialServiceClient::new(operators.clone()).refresh_credential(request).await.map(drop)
}

/// Returns a channel of tonic's to the operators' socket. It belongs to the runtime it is called in.
pub(crate) fn operators(place: &Place) -> Channel {
    tokend_client::channel(place.runtime().join("admin.sock"))
}

/// Returns a client that holds nothing.
pub(crate) fn client(socket: &Path) -> Client {
    let builder = Client::builder().socket(socket).cache(false);
    builder.build().expect("the environment is sound")
}

/// Returns a client as tonic generates it.
pub(crate) fn stock(socket: &Path) -> TokenServiceClient<Channel> {
    TokenServiceClient::new(tokend_client::channel(socket))
}

pub(crate) fn question() -> AcquireTokenRequest {
    AcquireTokenRequest { name: NAME.to_owned(), ..Default::default() }
}

pub(crate) fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime can be made")
}

/// Returns a line of the kernel's about a process, in KiB.
pub(crate) fn memory(pid: u32, line: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let found = status.lines().find_map(|it| it.strip_prefix(line)).expect("the kernel tells it");
    found.trim_end_matches("kB").trim().parse().expect("it is a number")
}

/// How many descriptors this process and the daemons may have, as their units let them.
const DESCRIPTORS: u64 = 16_384;

/// Lets this process and what it starts have as many descriptors as a daemon's unit does.
pub(crate) fn have_descriptors() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let most = maximum.map_or(DESCRIPTORS, |maximum| maximum.min(DESCRIPTORS));
    setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum }).unwrap();
}

/// How long something is given that is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
