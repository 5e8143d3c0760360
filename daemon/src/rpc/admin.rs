//! The service by which operators look after the daemon.

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process,
    sync::Arc,
};

use tokend_proto::{
    reason,
    v1::{
        AcceptBudgetRequest, AcceptBudgetResponse, BackupStoreRequest, ChangeKeySourceRequest,
        ChangeKeySourceResponse, CheckReachabilityRequest, CheckReachabilityResponse,
        DropRevocationRequest, ExplainAccessRequest, ExplainAccessResponse, GetStatusRequest,
        GetStatusResponse, ListBudgetsRequest, ListBudgetsResponse, ListRevocationsRequest,
        ListRevocationsResponse, Listener, ListenerAccess, ReloadRequest, ReloadResponse,
        RestoreStoreRequest, RestoreStoreResponse, RotateDataKeyRequest, RotateDataKeyResponse,
        UnlockRequest, WatchEventsRequest, admin_service_server::AdminService,
    },
};
use tonic::{Code, Request, Response, Status, Streaming};
use zeroize::Zeroizing;

use super::{
    About, Context, Door, Grant, Granted, Peer, access, backup, credential, event, key, ledger,
    principal, reachability, reload, restore, revocation, status,
    token::{parse_name, peer},
};
use crate::{
    audit::Change,
    credential::{Access, OVERFLOW, PrincipalError, Reader, Role},
    engine::Command,
    published::timestamp,
};

/// `tokend.v1.AdminService`.
#[derive(Clone)]
pub(super) struct Admin(Context);

impl Admin {
    pub(super) fn new(context: Context) -> Self {
        Self(context)
    }
}

#[tonic::async_trait]
impl AdminService for Admin {
    async fn get_status(
        &self,
        _: Request<GetStatusRequest>,
    ) -> Result<Response<GetStatusResponse>, Status> {
        let list = |reply| Command::List { after: None, limit: usize::MAX, reply };
        let snapshots = self.0.ask(list).await?;
        let about = &self.0.about;
        let standing = about.standing.load_full();
        let mut problems = about.problems();
        problems.extend(self.0.ask(|reply| Command::Problems { reply }).await?);
        let revocations = self.0.ask(|reply| Command::Revocations { reply }).await?;
        let moved = self.0.ask(|reply| Command::KeySource { reply }).await?;
        Ok(Response::new(GetStatusResponse {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: process::id(),
            start_time: Some(timestamp(about.started_at)),
            state_directory: about.state_dir.display().to_string(),
            credentials: snapshots.iter().map(credential::message).collect(),
            problems,
            pending_revocations: revocations.iter().map(revocation::message).collect(),
            listeners: standing.listeners.iter().map(|grant| listener(grant)).collect(),
            locked: false,
            needs_restart: standing.needs_restart.clone(),
            failed_reload: standing.failed.as_ref().map(reload::failed),
            key_source: moved.unwrap_or_else(|| about.key_source.clone()),
        }))
    }

    type WatchEventsStream = event::Told;

    async fn watch_events(
        &self,
        request: Request<WatchEventsRequest>,
    ) -> Result<Response<event::Told>, Status> {
        event::watch(&self.0.events, request.into_inner()).map(Response::new)
    }

    async fn list_revocations(
        &self,
        _: Request<ListRevocationsRequest>,
    ) -> Result<Response<ListRevocationsResponse>, Status> {
        let pending = self.0.ask(|reply| Command::Revocations { reply }).await?;
        let revocations = pending.iter().map(revocation::message).collect();
        Ok(Response::new(ListRevocationsResponse { revocations }))
    }

    async fn drop_revocation(
        &self,
        request: Request<DropRevocationRequest>,
    ) -> Result<Response<()>, Status> {
        let caller = peer(&request)?;
        let (id, author) = (revocation::parse_id(&request.get_ref().id)?, caller.author());
        let drop = |reply| Command::DropRevocation { id, author, reply };
        self.0.change("drop revocation", &caller, None, drop).await.map(Response::new)
    }

    async fn unlock(&self, request: Request<UnlockRequest>) -> Result<Response<()>, Status> {
        // Wiped all the same: it may be the one.
        drop(Zeroizing::new(request.into_inner().passphrase));
        Err(status::not_locked())
    }

    type BackupStoreStream = backup::Parts;

    async fn backup_store(
        &self,
        request: Request<BackupStoreRequest>,
    ) -> Result<Response<backup::Parts>, Status> {
        let caller = peer(&request)?;
        let change = Change::begin("backup", caller.who(), None);
        let parts = backup::parts(&self.0).await;
        change.end(parts.is_ok());
        parts.map(Response::new)
    }

    async fn restore_store(
        &self,
        request: Request<Streaming<RestoreStoreRequest>>,
    ) -> Result<Response<RestoreStoreResponse>, Status> {
        let caller = peer(&request)?;
        restore::restore(&self.0, &caller, request.into_inner()).await.map(Response::new)
    }

    async fn list_budgets(
        &self,
        _: Request<ListBudgetsRequest>,
    ) -> Result<Response<ListBudgetsResponse>, Status> {
        let budgets = self.0.ask(|reply| Command::Budgets { reply }).await?;
        let budgets = budgets.iter().flat_map(ledger::budgets).collect();
        Ok(Response::new(ListBudgetsResponse { budgets }))
    }

    async fn accept_budget(
        &self,
        request: Request<AcceptBudgetRequest>,
    ) -> Result<Response<AcceptBudgetResponse>, Status> {
        let caller = peer(&request)?;
        let author = caller.author();
        let AcceptBudgetRequest { accounts, used } = request.into_inner();
        let accounts = ledger::accounts(accounts)?;
        let accept = |reply| Command::AcceptBudget { accounts, used, author, reply };
        let budgets = self.0.change("budget accept", &caller, None, accept).await?;
        let budgets = budgets.iter().flat_map(ledger::budgets).collect();
        Ok(Response::new(AcceptBudgetResponse { budgets }))
    }

    async fn rotate_data_key(
        &self,
        request: Request<RotateDataKeyRequest>,
    ) -> Result<Response<RotateDataKeyResponse>, Status> {
        let caller = peer(&request)?;
        let (author, rekey) = (caller.author(), key::rotate(request.into_inner()));
        let change = |reply| Command::Rekey { rekey, author, reply };
        let rekeyed = self.0.change("key rotate", &caller, None, change).await?;
        key::rotated(&rekeyed, &self.0.about).map(Response::new)
    }

    async fn change_key_source(
        &self,
        request: Request<ChangeKeySourceRequest>,
    ) -> Result<Response<ChangeKeySourceResponse>, Status> {
        let caller = peer(&request)?;
        let (author, rekey) = (caller.author(), key::change(request.into_inner()));
        let change = |reply| Command::Rekey { rekey, author, reply };
        let rekeyed = self.0.change("key change-source", &caller, None, change).await?;
        key::moved(rekeyed, &self.0.about).map(Response::new)
    }

    async fn reload(
        &self,
        request: Request<ReloadRequest>,
    ) -> Result<Response<ReloadResponse>, Status> {
        let caller = peer(&request)?;
        reload::reload(&self.0, &caller).await.map(Response::new)
    }

    async fn check_reachability(
        &self,
        _: Request<CheckReachabilityRequest>,
    ) -> Result<Response<CheckReachabilityResponse>, Status> {
        reachability::check(&self.0).await.map(Response::new)
    }

    async fn explain_access(
        &self,
        request: Request<ExplainAccessRequest>,
    ) -> Result<Response<ExplainAccessResponse>, Status> {
        let ExplainAccessRequest { name, user } = request.into_inner();
        let name = parse_name(&name)?;
        let get = |reply| Command::Get { name: name.clone(), reply };
        let snapshot = self.0.ask(get).await?;
        let about = Arc::clone(&self.0.about);
        let explain = move || explain(&snapshot, &about, &user);
        let explained = tokio::task::spawn_blocking(explain);
        let answer = explained.await.map_err(|_| status::internal("lookup failed"))?;
        answer
            .map(Response::new)
            .map_err(|error| status::new(Code::NotFound, reason::USER_NOT_FOUND, error.to_string()))
    }
}

fn explain(
    snapshot: &crate::engine::Snapshot,
    about: &About,
    user: &str,
) -> Result<ExplainAccessResponse, PrincipalError> {
    let principal::Account { name: user, peer } = principal::account(user)?;
    let (own_uid, socket) = (about.uid, &about.socket);
    let credential = &snapshot.credential;
    let access = credential.access();
    let rule = access::decide(&peer, own_uid, &access);
    let may = |role| access::decide_as(role, &peer, own_uid, &access).is_some();
    let mut remedies = Vec::new();
    if peer.uid == OVERFLOW {
        remedies.push(format!(
            "run it as another user: {user} stands for everyone whom a user namespace doesn't know"
        ));
    } else if rule.is_none() {
        remedies.push(format!("tokend-cli grant {} user:{user}", credential.name));
    }
    let barrier = Barrier::before(socket, &peer);
    if let Some(barrier) = &barrier {
        remedies.push(barrier.remedy(&user));
    }
    let mut identity = vec![format!("uid:{} ({user})", peer.uid)];
    identity.extend(
        peer.groups.iter().map(|gid| format!("gid:{gid} ({})", principal::group_name(*gid))),
    );
    Ok(ExplainAccessResponse {
        allowed: rule.is_some(),
        rule: rule.map_or_else(|| "no rule".to_owned(), |rule| rule.to_string()),
        identity,
        socket_reachable: barrier.is_none(),
        may_submit: may(Role::Submitter),
        may_refresh: may(Role::Refresher),
        remedies,
        listeners: about
            .standing
            .load()
            .listeners
            .iter()
            .filter(|grant| grant.granted().credentials.contains(&credential.name))
            .map(|grant| at_listener(grant, &peer, own_uid, &access))
            .collect(),
        notes: notes(&access),
    })
}

/// Says what it takes besides being a user.
fn notes(access: &Access) -> Vec<String> {
    let Access { readers, submitters, refreshers } = access;
    let all = || readers.iter().chain(submitters).chain(refreshers);
    let mut notes = Vec::new();
    let mut units: Vec<String> =
        all().filter(|r| matches!(r, Reader::Unit(_))).map(ToString::to_string).collect();
    units.sort();
    units.dedup();
    if !units.is_empty() {
        notes.push(format!("processes of {} may read it, whoever they run as", units.join(", ")));
    }
    if all().any(|reader| !matches!(reader, Reader::User { .. })) {
        notes.push(
            "of a process in another pid namespace (pid unknown in the log) only the user and the \
             primary group count"
                .to_owned(),
        );
    }
    notes
}

fn listener(grant: &Grant) -> Listener {
    let Granted { credentials, anyone, submit } = grant.granted();
    Listener {
        name: grant.name.clone(),
        socket: grant.socket.display().to_string(),
        credentials: credentials.iter().map(ToString::to_string).collect(),
        anyone,
        submit,
    }
}

fn at_listener(grant: &Arc<Grant>, peer: &Peer, own_uid: u32, access: &Access) -> ListenerAccess {
    let peer = Peer { door: Door::Listener(Arc::clone(grant)), ..peer.clone() };
    let rule = access::decide(&peer, own_uid, access);
    ListenerAccess {
        listener: grant.name.clone(),
        socket: grant.socket.display().to_string(),
        allowed: rule.is_some(),
        rule: rule.map_or_else(|| "no rule".to_owned(), |rule| rule.to_string()),
        socket_reachable: Barrier::before(&grant.socket, &peer).is_none(),
    }
}

/// A file permission that keeps someone from the socket.
struct Barrier {
    path: PathBuf,
    group: u32,
    group_would_do: bool,
}

impl Barrier {
    /// Connecting takes the right to write the socket and to search each
    /// directory above it (`unix(7)`, `path_resolution(7)`).
    fn before(socket: &Path, peer: &Peer) -> Option<Self> {
        const WRITE: u32 = 0o2;
        const SEARCH: u32 = 0o1;
        let needs = socket.ancestors().skip(1).map(|dir| (dir, SEARCH));
        let needs = std::iter::once((socket, WRITE)).chain(needs);
        needs.filter(|_| peer.uid != 0).find_map(|(path, need)| {
            let metadata = path.metadata().ok()?;
            let mode = metadata.mode();
            let in_group = peer.gid == metadata.gid() || peer.groups.contains(&metadata.gid());
            let class = match (metadata.uid() == peer.uid, in_group) {
                (true, _) => mode >> 6,
                (false, true) => mode >> 3,
                (false, false) => mode,
            };
            (class & need == 0).then(|| Self {
                path: path.to_owned(),
                group: metadata.gid(),
                group_would_do: (mode >> 3) & need != 0,
            })
        })
    }

    fn remedy(&self, user: &str) -> String {
        let path = self.path.display();
        if self.group_would_do {
            let group = principal::group_name(self.group);
            format!(
                "the permissions of {path} let in members of group {group}: run \
                 `sudo usermod -aG {group} {user}`, then let {user} log in again"
            )
        } else {
            format!("the permissions of {path} keep {user} out; use a socket elsewhere")
        }
    }
}
