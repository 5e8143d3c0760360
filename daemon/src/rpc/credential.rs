//! The service by which operators manage credentials.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use tokend_core::{Policy, Refusal, Setback, State};
use tokend_proto::{
    reason,
    v1::{
        CreateCredentialRequest, Credential, DeleteCredentialRequest, GetCredentialRequest,
        GrantAccessRequest, IssuanceFailure, ListCredentialsRequest, ListCredentialsResponse,
        ListIssuancesRequest, ListIssuancesResponse, RefreshCredentialRequest, RejectionReports,
        RevokeAccessRequest, TokenInfo, UpdateCredentialRequest, credential,
        credential_service_server::CredentialService,
    },
};
use tokend_provider::Limit;
use tonic::{Code, Request, Response, Status};

use super::{
    Context,
    ledger::{self, Page},
    principal, status,
    token::{parse_name, peer},
};
use crate::{
    credential::Reader,
    engine::{Author, Change, Command, NewCredential, Reported, Snapshot},
    published::timestamp,
};

/// The longest page of a list.
const LONGEST_PAGE: u32 = 1_000;

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
    async fn create_credential(
        &self,
        request: Request<CreateCredentialRequest>,
    ) -> Result<Response<Credential>, Status> {
        let author = peer(&request)?.author();
        let CreateCredentialRequest { credential, secrets } = request.into_inner();
        let credential = credential.unwrap_or_default();
        let policy = policy(credential.refresh_policy)?;
        let Credential { name, provider, variables, readers, limits, .. } = credential;
        let new = NewCredential {
            name: parse_name(&name)?,
            provider,
            variables,
            secrets: secrets.into_iter().map(|(k, v)| (k, SecretString::from(v))).collect(),
            readers: look_up(readers).await?,
            policy,
            limits: parse_limits(&limits)?,
        };
        let change = |reply| Command::Change(Change::Create { new, reply }, author);
        let snapshot = self.0.ask(change).await?;
        Ok(shown(&snapshot))
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
    ) -> Result<Response<()>, Status> {
        let author = peer(&request)?.author();
        let DeleteCredentialRequest { name, etag } = request.into_inner();
        let parsed = parse_name(&name)?;
        let change = |reply| {
            Command::Change(Change::Remove { name: parsed, etag: given(etag), reply }, author)
        };
        self.0.ask(change).await?;
        Ok(Response::new(()))
    }

    async fn update_credential(
        &self,
        request: Request<UpdateCredentialRequest>,
    ) -> Result<Response<Credential>, Status> {
        let author = peer(&request)?.author();
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
        let change =
            |reply| Command::Change(Change::Keep { name, etag, policy, limits, reply }, author);
        let snapshot = self.0.ask(change).await?;
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
        let author = peer(&request)?.author();
        let GrantAccessRequest { name, readers, etag } = request.into_inner();
        let parsed = parse_name(&name)?;
        let (etag, readers) = (given(etag), look_up(readers).await?);
        let change =
            |reply| Command::Change(Change::Grant { name: parsed, etag, readers, reply }, author);
        let snapshot = self.0.ask(change).await?;
        Ok(shown(&snapshot))
    }

    async fn revoke_access(
        &self,
        request: Request<RevokeAccessRequest>,
    ) -> Result<Response<Credential>, Status> {
        let author = peer(&request)?.author();
        let RevokeAccessRequest { name, readers, etag } = request.into_inner();
        let parsed = parse_name(&name)?;
        let (etag, readers) = (given(etag), look_up(readers).await?);
        let change =
            |reply| Command::Change(Change::Revoke { name: parsed, etag, readers, reply }, author);
        let snapshot = self.0.ask(change).await?;
        Ok(shown(&snapshot))
    }

    async fn refresh_credential(
        &self,
        request: Request<RefreshCredentialRequest>,
    ) -> Result<Response<Credential>, Status> {
        let Author { uid, pid } = peer(&request)?.author();
        let name = parse_name(&request.get_ref().name)?;
        tracing::info!(credential = %name, uid, pid, "new token wanted");
        let refreshed = name.clone();
        self.0.ask(|reply| Command::Refresh { name: refreshed, reply }).await?;
        self.0.ask(|reply| Command::Get { name, reply }).await.map(|snapshot| shown(&snapshot))
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

fn parse_limits(limits: &[String]) -> Result<Vec<Limit>, Status> {
    let parse = |text: &String| {
        text.parse().map_err(|error| invalid(format!("the limit {text:?}: {error}")))
    };
    limits.iter().map(parse).collect()
}

fn invalid(message: String) -> Status {
    status::new(Code::InvalidArgument, reason::INVALID_INPUT, message)
}

fn given(etag: String) -> Option<String> {
    Some(etag).filter(|etag| !etag.is_empty())
}

/// Looks readers up, away from the serving thread: it can wait for the network.
async fn look_up(readers: Vec<String>) -> Result<Vec<Reader>, Status> {
    let all = move || readers.iter().map(|text| principal::reader(text)).collect();
    let looked_up: Result<Vec<Reader>, _> =
        tokio::task::spawn_blocking(all).await.map_err(|_| status::internal("lookup failed"))?;
    looked_up.map_err(|error| {
        status::new(Code::InvalidArgument, reason::INVALID_PRINCIPAL, error.to_string())
    })
}

fn shown(snapshot: &Snapshot) -> Response<Credential> {
    Response::new(message(snapshot))
}

/// Returns a credential as the contract shows it, without secrets.
pub(super) fn message(snapshot: &Snapshot) -> Credential {
    let stored = &snapshot.credential;
    Credential {
        name: stored.name.to_string(),
        provider: stored.provider.clone(),
        etag: stored.etag(),
        variables: stored.variables.clone(),
        secret_names: stored.secrets.keys().cloned().collect(),
        readers: stored.readers.iter().map(ToString::to_string).collect(),
        create_time: Some(timestamp(stored.created_at)),
        update_time: Some(timestamp(stored.updated_at)),
        state: state(snapshot.state).into(),
        token: snapshot.token.as_ref().map(|token| TokenInfo {
            token_id: token.id.to_string(),
            issue_time: Some(timestamp(token.issued_at)),
            expire_time: token.expires_at.map(timestamp),
            refresh_time: token.refresh_at.map(timestamp),
            expired: snapshot.expired,
        }),
        last_failure: snapshot
            .setback
            .as_ref()
            .map(|(setback, at)| failure(snapshot, setback, *at)),
        last_use_time: snapshot.last_use.map(timestamp),
        refresh_policy: match stored.policy {
            Policy::Always => credential::RefreshPolicy::Always,
            Policy::Used => credential::RefreshPolicy::Used,
            Policy::OnDemand => credential::RefreshPolicy::OnDemand,
        }
        .into(),
        limits: stored.limits.iter().map(ToString::to_string).collect(),
        rejection_reports: snapshot.reports.iter().map(reports).collect(),
    }
}

fn reports(reported: &Reported) -> RejectionReports {
    RejectionReports {
        uid: reported.caller.0,
        count: reported.reports.count,
        heard: reported.reports.heard,
        last_time: Some(timestamp(reported.last_at)),
    }
}

fn state(state: State) -> credential::State {
    match state {
        State::Empty => credential::State::Empty,
        State::Issuing => credential::State::Issuing,
        State::Fresh => credential::State::Fresh,
        State::Refreshing => credential::State::Refreshing,
        State::BackingOff => credential::State::BackingOff,
        State::Limited => credential::State::Limited,
        State::Refused => credential::State::Refused,
    }
}

fn failure(snapshot: &Snapshot, setback: &Setback, at: Timestamp) -> IssuanceFailure {
    let refusal = setback.refusal(Duration::ZERO);
    let name = &snapshot.credential.name;
    let remedy = match &refusal {
        Refusal::Rejected { .. } => format!(
            "check the secrets and the account at the provider; then run `tokend-cli refresh {name}`, \
             or remove the credential and add it again"
        ),
        Refusal::LoginNeeded { .. } => format!(
            "log in at the provider again; then remove {name} and add it with the new refresh token"
        ),
        Refusal::Impossible { .. } => format!(
            "mend the definition of {} and restart tokend, or remove the credential and add it \
             again",
            snapshot.credential.provider
        ),
        Refusal::BudgetExhausted { .. } => {
            "wait: the limits on issued tokens allow the next one then".to_owned()
        }
        Refusal::Store { failure, .. } if failure.full => {
            "free space on the disk that holds the store".to_owned()
        }
        Refusal::Store { .. } => "see tokend's log for what is wrong with the store".to_owned(),
        _ => format!("wait, or run `tokend-cli refresh {name}` once the cause is mended"),
    };
    IssuanceFailure {
        reason: status::refusal_reason(&refusal).to_owned(),
        message: setback.to_string(),
        time: Some(timestamp(at)),
        retry_time: snapshot.retry_at.map(timestamp),
        consecutive: snapshot.consecutive_failures,
        remedy,
    }
}
