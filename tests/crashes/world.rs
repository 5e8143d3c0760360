//! A daemon's place, the provider far away, and what callers do and know.

#![allow(dead_code, reason = "the tests and the suite use a part each")]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use tokend_proto::v1::{
    AcquireTokenRequest, BackupStoreRequest, CreateCredentialRequest, Credential,
    DeleteCredentialRequest, GetStatusRequest, GrantAccessRequest, ListCredentialsRequest,
    RefreshCredentialRequest, ReplaceSecretsRequest, RotateDataKeyRequest, SubmitRotationRequest,
    admin_service_client::AdminServiceClient, credential::RefreshPolicy,
    credential_service_client::CredentialServiceClient, submit_rotation_request::PreviousToken,
    token_service_client::TokenServiceClient,
};
use tonic::{Status, transport::Channel};

use super::{
    far::Far,
    known::{Known, Made, Value},
    support::{Place, canary},
};

/// The credentials that are always there, each with an account of its own at the provider.
pub(crate) const ROTATING: &str = "rotating";
pub(crate) const LIMITED: &str = "limited";
pub(crate) const KEYED: &str = "keyed";
/// Its tokens come from callers.
pub(crate) const SLIDING: &str = "sliding";

/// What the provider gives `LIMITED`.
pub(crate) const LIMIT: usize = 4;
pub(crate) const WINDOW: Duration = Duration::from_secs(10);

/// How long a call may take before it counts as unanswered.
const CALL: Duration = Duration::from_secs(20);

const SLIDING_DEFINITION: &str = "title = 'x'\n[secrets]\ntoken = { description = 'x' }\n\
    [issue]\nlocal = true\n[output]\ntoken = 'secret.token'\n[[rotated]]\nbody = 'session.next'\n\
    [lifetime]\ndefault = 'never'\n";

/// All of it.
pub(crate) struct World {
    pub(crate) place: Place,
    pub(crate) far: Far,
    pub(crate) known: Arc<Mutex<Known>>,
}

/// One who calls the daemon.
#[derive(Clone)]
pub(crate) struct Near {
    tokens: TokenServiceClient<Channel>,
    credentials: CredentialServiceClient<Channel>,
    admin: AdminServiceClient<Channel>,
    known: Arc<Mutex<Known>>,
}

/// What callers say, and how it ended.
pub(crate) type Said = Result<(), Status>;

impl World {
    /// Makes a place whose daemon hasn't started.
    pub(crate) fn new() -> Self {
        let place = Place::new();
        place.define("handed-in", SLIDING_DEFINITION);
        Self { place, far: Far::new(), known: Arc::default() }
    }

    /// Starts the daemon for the first time and adds what is always there.
    pub(crate) fn furnish(&self) {
        let daemon = self.place.start();
        block_on(async {
            let near = self.near();
            let client = "oauth2-client-credentials";
            let limit = vec![format!("{LIMIT}/{}s", WINDOW.as_secs())];
            near.add(self.basic(ROTATING, "oauth2-password"), "password", "p").await;
            near.add(Credential { limits: limit, ..self.basic(LIMITED, client) }, SECRET, "s")
                .await;
            near.add(self.basic(KEYED, client), SECRET, &secret(0)).await;
            near.add(self.basic(SLIDING, "handed-in"), "token", &handed_in(0)).await;
            for name in [ROTATING, LIMITED, KEYED, SLIDING] {
                near.read(name).await.unwrap();
            }
        });
        assert_eq!(daemon.end().code, Some(0));
    }

    pub(crate) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap()
    }

    /// Returns a caller with connections of its own, which belong to this runtime.
    pub(crate) fn near(&self) -> Near {
        let admin = tokend_client::channel(self.place.runtime().join("admin.sock"));
        Near {
            tokens: TokenServiceClient::new(tokend_client::channel(self.place.socket())),
            credentials: CredentialServiceClient::new(admin.clone()),
            admin: AdminServiceClient::new(admin),
            known: Arc::clone(&self.known),
        }
    }

    /// A credential of a provider's definition, whose name is its account as well.
    pub(crate) fn basic(&self, name: &str, provider: &str) -> Credential {
        let variables = match provider {
            "oauth2-client-credentials" => {
                vec![("client_id", name.to_owned()), ("client_auth", "post".to_owned())]
            }
            "oauth2-password" => vec![("username", name.to_owned())],
            _ => Vec::new(),
        };
        let url = ("token_url", self.far.token_url(name));
        let url = (provider != "handed-in").then_some(url);
        let variables = variables.into_iter().chain(url);
        Credential {
            name: name.to_owned(),
            provider: provider.to_owned(),
            variables: variables.map(|(key, value)| (key.to_owned(), value)).collect(),
            ..Credential::default()
        }
    }

    /// A credential that comes and goes.
    pub(crate) fn passing(&self, name: &str) -> Credential {
        let refresh_policy = RefreshPolicy::OnDemand.into();
        Credential { refresh_policy, ..self.basic(name, "oauth2-client-credentials") }
    }

    /// Holds a daemon that has started against what was acknowledged to callers before, and
    /// against the provider's books.
    pub(crate) fn judge(&self) {
        block_on(async {
            let near = self.near();
            let asked = |name: &str| self.far.books().count(name);
            let before = [ROTATING, LIMITED, KEYED].map(asked);
            for name in [ROTATING, LIMITED, KEYED, SLIDING] {
                near.read(name).await.unwrap_or_else(|status| panic!("{name}: {status}"));
            }
            let after = [ROTATING, LIMITED, KEYED].map(asked);
            assert_eq!(before, after, "a token is held, but the provider was asked");
            near.compare().await;
            near.refresh(KEYED).await.unwrap();
            self.see_secret();
        });
        self.audit();
    }

    /// Looks which secret the provider was shown last.
    fn see_secret(&self) {
        let shown = self.far.books().shown[KEYED].clone();
        let number = shown.split('-').nth(1).and_then(|number| number.parse().ok());
        let number = number.unwrap_or_else(|| panic!("no secret of ours: {shown}"));
        let known = &mut self.known().secret;
        assert!(known.may_be(&number), "secret {number} was shown; {known:?}");
        known.acknowledge(number);
    }

    /// Returns what the daemon says is wrong.
    pub(crate) fn problems(&self) -> Vec<String> {
        block_on(async { self.near().problems().await })
    }

    /// Looks at the provider's books.
    pub(crate) fn audit(&self) {
        let books = self.far.books();
        assert_eq!(books.reused, [""; 0], "refresh tokens that had been replaced were sent");
        let most = books.most_within(LIMITED, WINDOW);
        assert!(most <= LIMIT, "{most} requests within {WINDOW:?}");
    }

    /// Has SQLite look at what a crash has left, as it is.
    pub(crate) fn examine(&self) {
        examine(&self.place.state());
    }
}

/// Has SQLite look at a copy of a store that no one writes.
pub(crate) fn examine(state: &Path) {
    let copy = tempfile::tempdir().unwrap();
    for name in ["tokend.db", "tokend.db-wal"] {
        let from = state.join(name);
        if from.exists() {
            std::fs::copy(from, copy.path().join(name)).unwrap();
        }
    }
    let database = rusqlite::Connection::open(copy.path().join("tokend.db")).unwrap();
    let verdict: String =
        database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
    let stray: i64 = database
        .query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(stray, 0, "rows of nothing");
}

const SECRET: &str = "client_secret";

fn secret(number: u64) -> String {
    format!("secret-{number}-Horse_Battery")
}

fn handed_in(number: u64) -> String {
    format!("{SLIDING}-{number}-c0ffee")
}

/// Returns the number in a token's value.
fn number(value: &str) -> u64 {
    let value = canary::told(value);
    let number = value.split('-').nth(1).and_then(|number| number.parse().ok());
    number.unwrap_or_else(|| panic!("no token of ours: {value}"))
}

impl Near {
    /// Adds a credential that stays.
    pub(crate) async fn add(&self, credential: Credential, secret: &str, value: &str) {
        self.clone()
            .credentials
            .create_credential(creation(credential, secret, value))
            .await
            .unwrap();
    }

    /// Reads a token. It is never older than one that was served before.
    pub(crate) async fn read(&self, name: &'static str) -> Said {
        let request = AcquireTokenRequest { name: name.to_owned(), ..Default::default() };
        let token = within(self.clone().tokens.acquire_token(request)).await?.token.unwrap();
        let number = number(&token.value);
        let mut known = self.known.lock().unwrap();
        if name == SLIDING {
            let known = &known.handed_in;
            assert!(known.may_be(&number), "{name}: token {number} is served; {known:?}");
        }
        let served = known.served.entry(name).or_default();
        assert!(number >= *served, "{name}: token {number} is served, {served} was");
        *served = number;
        Ok(())
    }

    /// Returns how long a token is said to live yet.
    pub(crate) async fn remaining(&self, name: &'static str) -> Result<Duration, Status> {
        let request = AcquireTokenRequest { name: name.to_owned(), ..Default::default() };
        let remaining = within(self.clone().tokens.acquire_token(request)).await?.remaining;
        Ok(remaining.unwrap_or_default().try_into().unwrap_or_default())
    }

    /// Has a token replaced.
    pub(crate) async fn refresh(&self, name: &'static str) -> Said {
        let request = RefreshCredentialRequest { name: name.to_owned() };
        within(self.clone().credentials.refresh_credential(request)).await?;
        self.note();
        Ok(())
    }

    /// Adds a credential that will go again.
    pub(crate) async fn create(&self, credential: Credential) -> Said {
        let name = credential.name.clone();
        if self.made(&name).is_some() {
            return Ok(());
        }
        let wanted = Made { readers: BTreeSet::new(), etag: None };
        self.attempt(&name, Some(wanted));
        let request = creation(credential, SECRET, "s");
        let made = within(self.clone().credentials.create_credential(request)).await?;
        self.acknowledge(&name, Some(made));
        Ok(())
    }

    /// Lets one more user read a credential.
    pub(crate) async fn grant(&self, name: &str, uid: u32) -> Said {
        let reader = format!("uid:{uid}");
        let Some(mut wanted) = self.made(name) else { return Ok(()) };
        wanted.readers.insert(reader.clone());
        wanted.etag = None;
        self.attempt(name, Some(wanted));
        let readers = vec![reader];
        let request = GrantAccessRequest { name: name.to_owned(), readers, ..Default::default() };
        let made = within(self.clone().credentials.grant_access(request)).await?;
        self.acknowledge(name, Some(made));
        Ok(())
    }

    pub(crate) async fn remove(&self, name: &str) -> Said {
        let Some(Made { etag, .. }) = self.made(name) else { return Ok(()) };
        self.attempt(name, None);
        let etag = etag.unwrap_or_default();
        let request = DeleteCredentialRequest { name: name.to_owned(), etag, keep_token: true };
        within(self.clone().credentials.delete_credential(request)).await?;
        self.acknowledge(name, None);
        Ok(())
    }

    pub(crate) async fn replace_secret(&self) -> Said {
        let number = {
            let known = &mut self.known.lock().unwrap().secret;
            let number = known.next();
            known.attempt(number);
            number
        };
        let request = ReplaceSecretsRequest {
            name: KEYED.to_owned(),
            secrets: [(SECRET.to_owned(), canary::real(&secret(number)))].into(),
            ..Default::default()
        };
        within(self.clone().credentials.replace_secrets(request)).await?;
        self.known.lock().unwrap().secret.acknowledge(number);
        self.note();
        Ok(())
    }

    /// Hands in a token that an API is said to have given.
    pub(crate) async fn hand_in(&self) -> Said {
        let request = AcquireTokenRequest { name: SLIDING.to_owned(), ..Default::default() };
        let held = within(self.clone().tokens.acquire_token(request)).await?.token.unwrap();
        let number = {
            let known = &mut self.known.lock().unwrap().handed_in;
            let number = known.next();
            known.attempt(number);
            number
        };
        let request = SubmitRotationRequest {
            name: SLIDING.to_owned(),
            value: canary::real(&handed_in(number)),
            previous_token: Some(PreviousToken::TokenId(held.token_id)),
            ..Default::default()
        };
        within(self.clone().tokens.submit_rotation(request)).await?;
        self.known.lock().unwrap().handed_in.acknowledge(number);
        self.note();
        Ok(())
    }

    /// Gives the store another data key.
    pub(crate) async fn rotate_key(&self) -> Said {
        within(self.clone().admin.rotate_data_key(RotateDataKeyRequest::default())).await?;
        self.note();
        Ok(())
    }

    /// Has a backup made, and reads it.
    pub(crate) async fn back_up(&self) -> Said {
        let mut admin = self.clone().admin;
        let mut parts = within(admin.backup_store(BackupStoreRequest {})).await?;
        while parts.message().await?.is_some() {}
        Ok(())
    }

    /// Holds the credentials that are there after a crash against those that may be.
    pub(crate) async fn compare(&self) {
        self.compare_by(Value::may_be).await;
    }

    /// Holds the credentials that are there against what was acknowledged, and nothing else.
    pub(crate) async fn compare_strictly(&self) {
        self.compare_by(|known, there| known.acknowledged() == there).await;
    }

    async fn compare_by(&self, holds: fn(&Value<Option<Made>>, &Option<Made>) -> bool) {
        let request = ListCredentialsRequest { page_size: 1_000, ..Default::default() };
        let listed = within(self.clone().credentials.list_credentials(request)).await.unwrap();
        assert_eq!(listed.next_page_token, "");
        let mut there: BTreeMap<_, _> =
            listed.credentials.into_iter().map(|it| (it.name.clone(), Made::from(it))).collect();
        for name in [ROTATING, LIMITED, KEYED, SLIDING] {
            assert!(there.remove(name).is_some(), "{name} is gone");
        }
        let mut known = self.known.lock().unwrap();
        for (name, known) in &mut known.names {
            let there = there.remove(name);
            assert!(holds(known, &there), "{name} is {there:?}; {known:?}");
            known.acknowledge(there);
        }
        assert!(there.is_empty(), "nobody has added {there:?}");
    }

    async fn problems(&self) -> Vec<String> {
        let status = within(self.clone().admin.get_status(GetStatusRequest {})).await;
        status.unwrap().problems
    }

    fn made(&self, name: &str) -> Option<Made> {
        self.known.lock().unwrap().names.get(name)?.acknowledged().clone()
    }

    fn attempt(&self, name: &str, made: Option<Made>) {
        self.known.lock().unwrap().names.entry(name.to_owned()).or_default().attempt(made);
    }

    fn acknowledge(&self, name: &str, made: Option<Credential>) {
        let made = made.map(Made::from);
        self.known.lock().unwrap().names.entry(name.to_owned()).or_default().acknowledge(made);
        self.note();
    }

    fn note(&self) {
        self.known.lock().unwrap().acknowledgements += 1;
    }
}

impl From<Credential> for Made {
    fn from(credential: Credential) -> Self {
        let readers = credential.readers.into_iter();
        Self { readers: readers.collect(), etag: Some(credential.etag) }
    }
}

fn creation(credential: Credential, secret: &str, value: &str) -> CreateCredentialRequest {
    let secrets = [(secret.to_owned(), canary::real(value))].into();
    CreateCredentialRequest { credential: Some(credential), secrets, ..Default::default() }
}

/// Awaits an answer, but not for ever.
async fn within<T>(
    call: impl Future<Output = Result<tonic::Response<T>, Status>>,
) -> Result<T, Status> {
    let answer = tokio::time::timeout(CALL, call).await;
    let answer = answer.unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer came")));
    Ok(answer?.into_inner())
}

/// Does what callers do.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}
