//! The service by which operators manage credentials.

mod message;
mod secret;

use tokend_core::Policy;
use tokend_proto::{
    reason,
    v1::{
        ApplyCredentialsRequest, ApplyCredentialsResponse, CreateCredentialRequest, Credential,
        DeleteCredentialRequest, DeleteCredentialResponse, GetCredentialRequest,
        GrantAccessRequest, ListCredentialsRequest, ListCredentialsResponse, ListIssuancesRequest,
        ListIssuancesResponse, LoginCredentialRequest, RefreshCredentialRequest,
        ReplaceSecretsRequest, RevokeAccessRequest, RevokeTokenRequest, RunRemoteOperationRequest,
        RunRemoteOperationResponse, UpdateCredentialRequest, credential,
        credential_service_server::CredentialService,
    },
};
use tokend_provider::{Inputs, Limit};
use tonic::{Code, Request, Response, Status, Streaming};

pub(super) use self::message::message;
use self::secret::Given;
pub(super) use self::secret::try_keys;
use super::{
    Context, apply,
    ledger::{self, Page},
    login, status,
    token::{parse_name, peer},
};
use crate::{
    audit,
    credential::{Reader, Replacement, Role, Supply, reader},
    engine::{Change, Command, NewCredential, Snapshot, Supplier},
};

/// The longest page of a list.
const LONGEST_PAGE: u32 = 1_000;

/// No limit has a longer text: the longest name of a time zone has 32 letters.
const LONGEST_LIMIT: usize = 100;

/// No provider has more limits.
const MOST_LIMITS: usize = 16;

/// `tokend.v1.CredentialService`.
#[derive(Clone)]
pub(super) struct Credentials(Context);

impl Credentials {
    pub(super) fn new(context: Context) -> Self {
        Self(context)
    }
}

#[tonic::async_trait]
impl CredentialService for Credentials {
    type LoginCredentialStream = login::Report;

    async fn login_credential(
        &self,
        request: Request<Streaming<LoginCredentialRequest>>,
    ) -> Result<Response<Self::LoginCredentialStream>, Status> {
        let caller = peer(&request)?;
        audit::asked("log in", caller.who());
        let author = caller.author();
        Ok(Response::new(login::lead(self.0.clone(), request.into_inner(), author)))
    }

    async fn create_credential(
        &self,
        request: Request<CreateCredentialRequest>,
    ) -> Result<Response<Credential>, Status> {
        let caller = peer(&request)?;
        let author = caller.author();
        let CreateCredentialRequest { credential, secrets, expire_times, sources } =
            request.into_inner();
        let credential = credential.unwrap_or_default();
        let policy = policy(credential.refresh_policy)?;
        let Credential {
            name, provider, variables, readers, submitters, refreshers, limits, ..
        } = credential;
        let given = Given { secrets, expire_times, sources };
        let Replacement { secrets, expire_times, sources } = given.take(&self.0.sources).await?;
        let new = NewCredential {
            name: parse_name(&name)?,
            provider,
            variables,
            secrets,
            supply: Supply { expire_times, sources, ..Supply::default() },
            readers: look_up(readers).await?,
            submitters: look_up(submitters).await?,
            refreshers: look_up(refreshers).await?,
            policy,
            limits: parse_limits(&limits)?,
        };
        let inputs = Inputs { variables: new.variables.clone(), secrets: new.secrets.clone() };
        try_keys(self.0.definitions.now(), new.provider.clone(), inputs).await?;
        let subject = new.name.clone();
        let change = |reply| Command::Change(Change::Create { new, reply }, author);
        let snapshot = self.0.change("add", &caller, Some(&subject), change).await?;
        Ok(shown(&snapshot))
    }

    async fn apply_credentials(
        &self,
        request: Request<ApplyCredentialsRequest>,
    ) -> Result<Response<ApplyCredentialsResponse>, Status> {
        let caller = peer(&request)?;
        apply::apply(&self.0, &caller, request.into_inner()).await.map(Response::new)
    }

    async fn get_credential(
        &self,
        request: Request<GetCredentialRequest>,
    ) -> Result<Response<Credential>, Status> {
        let name = parse_name(&request.get_ref().name)?;
        self.0.ask(|reply| Command::Get { name, reply }).await.map(|snapshot| shown(&snapshot))
    }

    async fn list_credentials(
        &self,
        request: Request<ListCredentialsRequest>,
    ) -> Result<Response<ListCredentialsResponse>, Status> {
        let ListCredentialsRequest { page_size, page_token } = request.into_inner();
        let limit = match page_size {
            0 => LONGEST_PAGE,
            size => size.min(LONGEST_PAGE),
        };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let after = match page_token.as_str() {
            "" => None,
            token => Some(token.parse().map_err(|_| {
                let message = "page_token isn't one that ListCredentials gave";
                status::new(Code::InvalidArgument, reason::INVALID_PAGE_TOKEN, message)
            })?),
        };
        // One more than asked for tells whether there is another page.
        let command = |reply| Command::List { after, limit: limit + 1, reply };
        let mut snapshots = self.0.ask(command).await?;
        let more = snapshots.len() > limit;
        snapshots.truncate(limit);
        let last = snapshots.last().map(|s| s.credential.name.to_string());
        Ok(Response::new(ListCredentialsResponse {
            credentials: snapshots.iter().map(message).collect(),
            next_page_token: last.filter(|_| more).unwrap_or_default(),
        }))
    }

    async fn delete_credential(
        &self,
        request: Request<DeleteCredentialRequest>,
    ) -> Result<Response<DeleteCredentialResponse>, Status> {
        let caller = peer(&request)?;
        let author = caller.author();
        let DeleteCredentialRequest { name, etag, keep_token } = request.into_inner();
        let (name, etag, revoke) = (parse_name(&name)?, given(etag), !keep_token);
        let subject = name.clone();
        let change = |reply| Command::Change(Change::Remove { name, etag, revoke, reply }, author);
        let revoking = self.0.change("remove", &caller, Some(&subject), change).await?;
        Ok(Response::new(DeleteCredentialResponse { revoking }))
    }

    async fn update_credential(
        &self,
        request: Request<UpdateCredentialRequest>,
    ) -> Result<Response<Credential>, Status> {
        let caller = peer(&request)?;
        let author = caller.author();
        let UpdateCredentialRequest { credential, update_mask } = request.into_inner();
        let credential = credential.unwrap_or_default();
        let name = parse_name(&credential.name)?;
        let (mut policy, mut limits) = (None, None);
        for path in update_mask.unwrap_or_default().paths {
            match path.as_str() {
                "refresh_policy" => policy = Some(self::policy(credential.refresh_policy)?),
                "limits" => limits = Some(parse_limits(&credential.limits)?),
                other => {
                    return Err(invalid(format!(
                        "{other:?} can't be changed; refresh_policy and limits can"
                    )));
                }
            }
        }
        if policy.is_none() && limits.is_none() {
            return Err(invalid("update_mask names nothing that is to change".to_owned()));
        }
        let etag = given(credential.etag);
        let subject = name.clone();
        let change =
            |reply| Command::Change(Change::Keep { name, etag, policy, limits, reply }, author);
        let snapshot = self.0.change("set", &caller, Some(&subject), change).await?;
        Ok(shown(&snapshot))
    }

    async fn replace_secrets(
        &self,
        request: Request<ReplaceSecretsRequest>,
    ) -> Result<Response<Credential>, Status> {
        let caller = peer(&request)?;
        let author = caller.author();
        let ReplaceSecretsRequest { name, secrets, expire_times, sources, etag } =
            request.into_inner();
        let name = parse_name(&name)?;
        if secrets.is_empty() && expire_times.is_empty() && sources.is_empty() {
            return Err(invalid("nothing is given that is to be replaced".to_owned()));
        }
        let get = |reply| Command::Get { name: name.clone(), reply };
        let stored = self.0.ask(get).await?.credential;
        let given = Given { secrets, expire_times, sources };
        let replacement = given.take(&self.0.sources).await?;
        let mut secrets = stored.secrets.clone();
        secrets.extend(replacement.secrets.clone());
        let inputs = Inputs { variables: stored.variables.clone(), secrets };
        try_keys(self.0.definitions.now(), stored.provider.clone(), inputs).await?;
        let (etag, from) = (self::given(etag), Supplier::Operator);
        let subject = name.clone();
        let change = |reply| {
            let name = name.clone();
            Command::Change(Change::Replace { name, etag, replacement, from, reply }, author)
        };
        let mut snapshot = self.0.change("set-secret", &caller, Some(&subject), change).await?;
        if snapshot.is_static {
            // Callers are to get the new one when this returns. What can go wrong is told by
            // the credential.
            let _ = self.0.ask(|reply| Command::Refresh { name: name.clone(), reply }).await;
            snapshot = self.0.ask(|reply| Command::Get { name, reply }).await?;
        }
        Ok(shown(&snapshot))
    }

    async fn list_issuances(
        &self,
        request: Request<ListIssuancesRequest>,
    ) -> Result<Response<ListIssuancesResponse>, Status> {
        let Page { name, before, limit } = Page::read(request.get_ref())?;
        // One more than asked for tells whether there is another page.
        let command = |reply| Command::Issuances { name, before, limit: limit + 1, reply };
        let mut found = self.0.ask(command).await?;
        let more = found.len() > limit;
        found.truncate(limit);
        let last = found.last().map(|issuance| issuance.entry.number.0.to_string());
        Ok(Response::new(ListIssuancesResponse {
            issuances: found.iter().map(ledger::issuance).collect(),
            next_page_token: last.filter(|_| more).unwrap_or_default(),
        }))
    }

    async fn grant_access(
        &self,
        request: Request<GrantAccessRequest>,
    ) -> Result<Response<Credential>, Status> {
        let caller = peer(&request)?;
        let author = caller.author();
        let GrantAccessRequest { name, readers, etag, role } = request.into_inner();
        let (name, role) = (parse_name(&name)?, self::role(role)?);
        let (etag, readers) = (given(etag), look_up(readers).await?);
        let subject = name.clone();
        let change =
            |reply| Command::Change(Change::Grant { name, etag, readers, role, reply }, author);
        let snapshot = self.0.change("grant", &caller, Some(&subject), change).await?;
        Ok(shown(&snapshot))
    }

    async fn revoke_access(
        &self,
        request: Request<RevokeAccessRequest>,
    ) -> Result<Response<Credential>, Status> {
        let caller = peer(&request)?;
        let author = caller.author();
        let RevokeAccessRequest { name, readers, etag, role } = request.into_inner();
        let (name, role) = (parse_name(&name)?, self::role(role)?);
        let (etag, readers) = (given(etag), look_up(readers).await?);
        let subject = name.clone();
        let change =
            |reply| Command::Change(Change::Revoke { name, etag, readers, role, reply }, author);
        let snapshot = self.0.change("revoke-access", &caller, Some(&subject), change).await?;
        Ok(shown(&snapshot))
    }

    async fn refresh_credential(
        &self,
        request: Request<RefreshCredentialRequest>,
    ) -> Result<Response<Credential>, Status> {
        let caller = peer(&request)?;
        let name = parse_name(&request.get_ref().name)?;
        let refresh = |reply| Command::Refresh { name: name.clone(), reply };
        self.0.change("refresh", &caller, Some(&name), refresh).await?;
        self.0.ask(|reply| Command::Get { name, reply }).await.map(|snapshot| shown(&snapshot))
    }

    async fn revoke_token(
        &self,
        request: Request<RevokeTokenRequest>,
    ) -> Result<Response<Credential>, Status> {
        let caller = peer(&request)?;
        let author = caller.author();
        let RevokeTokenRequest { name, local } = request.into_inner();
        let name = parse_name(&name)?;
        let command = |reply| Command::Revoke { name: name.clone(), local, author, reply };
        let revoked = self.0.change("revoke", &caller, Some(&name), command).await;
        revoked.map(|snapshot| shown(&snapshot))
    }

    async fn run_remote_operation(
        &self,
        request: Request<RunRemoteOperationRequest>,
    ) -> Result<Response<RunRemoteOperationResponse>, Status> {
        let caller = peer(&request)?;
        let author = caller.author();
        let RunRemoteOperationRequest { name, operation, arguments } = request.into_inner();
        let name = parse_name(&name)?;
        let arguments = arguments.into_iter().collect();
        let subject = name.clone();
        let command = |reply| Command::Remote { name, operation, arguments, author, reply };
        let result = self.0.change("remote", &caller, Some(&subject), command).await?;
        let result_json = result.to_string();
        Ok(Response::new(RunRemoteOperationResponse { result_json }))
    }
}

fn policy(number: i32) -> Result<Policy, Status> {
    match credential::RefreshPolicy::try_from(number) {
        Ok(credential::RefreshPolicy::Unspecified | credential::RefreshPolicy::Always) => {
            Ok(Policy::Always)
        }
        Ok(credential::RefreshPolicy::Used) => Ok(Policy::Used),
        Ok(credential::RefreshPolicy::OnDemand) => Ok(Policy::OnDemand),
        Err(_) => Err(invalid(format!("{number} is no refresh policy"))),
    }
}

fn role(number: i32) -> Result<Role, Status> {
    match credential::Role::try_from(number) {
        Ok(credential::Role::Unspecified | credential::Role::Reader) => Ok(Role::Reader),
        Ok(credential::Role::Submitter) => Ok(Role::Submitter),
        Ok(credential::Role::Refresher) => Ok(Role::Refresher),
        Err(_) => Err(invalid(format!("{number} is no role"))),
    }
}

fn parse_limits(texts: &[String]) -> Result<Vec<Limit>, Status> {
    let mut limits = Vec::new();
    for text in texts {
        if text.len() > LONGEST_LIMIT {
            return Err(invalid(format!("a limit of {} bytes isn't one", text.len())));
        }
        let limit: Limit =
            text.parse().map_err(|error| invalid(format!("the limit {text:?}: {error}")))?;
        if !limits.contains(&limit) {
            limits.push(limit);
        }
    }
    if limits.len() > MOST_LIMITS {
        return Err(invalid(format!("{} limits are too many: give {MOST_LIMITS}", limits.len())));
    }
    Ok(limits)
}

pub(super) fn invalid(message: String) -> Status {
    status::new(Code::InvalidArgument, reason::INVALID_INPUT, message)
}

fn given(etag: String) -> Option<String> {
    Some(etag).filter(|etag| !etag.is_empty())
}

/// Looks readers up, away from the serving thread: it can wait for the network.
async fn look_up(readers: Vec<String>) -> Result<Vec<Reader>, Status> {
    let all = move || readers.iter().map(|text| reader(text)).collect();
    let looked_up: Result<Vec<Reader>, _> =
        tokio::task::spawn_blocking(all).await.map_err(|_| status::internal("lookup failed"))?;
    looked_up.map_err(|error| {
        status::new(Code::InvalidArgument, reason::INVALID_PRINCIPAL, error.to_string())
    })
}

fn shown(snapshot: &Snapshot) -> Response<Credential> {
    Response::new(message(snapshot))
}
