//! The credentials: their names, who issues their tokens, and how long these live.

use std::{collections::BTreeMap, time::Duration};

use futures_util::{StreamExt as _, stream};
use tokend_proto::v1::{
    CreateCredentialRequest, Credential, credential_service_client::CredentialServiceClient,
};
use tonic::{Status, transport::Channel};

use crate::{Stage, support::canary};

/// How many providers there are, each with a definition and a listener of its own. A third of
/// them have sessions.
pub(crate) const SITES: usize = 6;

/// How long the daemon waits for a provider's answer.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

/// How many are created at a time.
const AT_ONCE: usize = 8;

const SECRET: &str = "s3cret-Horse_Battery";

/// How short and how long tokens live, in seconds.
const SHORTEST: f64 = 5.0;
const LONGEST: f64 = 60.0;

pub(crate) fn name(number: usize) -> String {
    format!("c{number}")
}

/// Returns the number in a credential's name.
pub(crate) fn number(name: &str) -> usize {
    name[1..].parse().expect("it is one of ours")
}

/// Returns which provider issues a credential's tokens.
pub(crate) fn site(number: usize) -> usize {
    number % SITES
}

/// Tells whether a provider gives refresh tokens, a new one with each token.
pub(crate) fn has_sessions(site: usize) -> bool {
    site.is_multiple_of(3)
}

/// Returns how long a credential's tokens live: most for long, some for a few seconds.
#[expect(clippy::cast_precision_loss, reason = "the numbers are small")]
pub(crate) fn life(number: usize) -> Duration {
    // Lives are spread over all providers.
    let share = ((number / SITES) % 97) as f64 / 96.0;
    Duration::from_secs_f64((LONGEST - (LONGEST - SHORTEST) * share.powi(4)).round())
}

pub(crate) fn provider(site: usize) -> String {
    format!("site-{site}")
}

pub(crate) fn definition(site: usize) -> String {
    let (secret, oauth2) = if has_sessions(site) {
        ("password", "grant = \"password\"\nclient_auth = \"none\"\nrefresh = true\n")
    } else {
        ("client_secret", "grant = \"client_credentials\"\nclient_auth = \"post\"\n")
    };
    let username =
        if has_sessions(site) { "[variables.username]\ndescription = \"A user\"\n" } else { "" };
    let account = if has_sessions(site) { "account = \"{{ var.username }}\"\n" } else { "" };
    format!(
        "title = \"Site {site}\"\n{account}\
         [variables.token_url]\ndescription = \"The endpoint\"\nkind = \"url\"\n\
         [variables.client_id]\ndescription = \"The client\"\n{username}\
         [secrets.{secret}]\ndescription = \"The secret\"\n\
         [oauth2]\ntoken_url = \"{{{{ var.token_url }}}}\"\nclient_id = \"{{{{ var.client_id }}}}\"\n\
         {oauth2}\
         [http]\ntimeout = \"{}s\"\n",
        TIMEOUT.as_secs(),
    )
}

/// Creates all of them.
pub(crate) async fn create_all(stage: &Stage) {
    let service = CredentialServiceClient::new(operators(stage));
    let each = stream::iter(0..stage.count).map(|number| {
        let mut service = service.clone();
        async move { create(stage, &mut service, number).await }
    });
    let mut created = each.buffer_unordered(AT_ONCE);
    while let Some(created) = created.next().await {
        created.expect("a credential can be created");
    }
}

pub(crate) async fn create(
    stage: &Stage,
    service: &mut CredentialServiceClient<Channel>,
    number: usize,
) -> Result<(), Status> {
    let site = site(number);
    let mut variables = BTreeMap::from([
        ("token_url".to_owned(), stage.sites[site].url()),
        ("client_id".to_owned(), name(number)),
    ]);
    let mut secret = "client_secret";
    if has_sessions(site) {
        variables.insert("username".to_owned(), name(number));
        secret = "password";
    }
    let credential = Credential {
        name: name(number),
        provider: provider(site),
        variables: variables.into_iter().collect(),
        ..Default::default()
    };
    let secrets = [(secret.to_owned(), canary::real(SECRET))].into_iter().collect();
    let request =
        CreateCredentialRequest { credential: Some(credential), secrets, ..Default::default() };
    service.create_credential(request).await.map(drop)
}

/// Returns a channel to the operators' socket.
pub(crate) fn operators(stage: &Stage) -> Channel {
    tokend_client::channel(stage.place.runtime().join("admin.sock"))
}
