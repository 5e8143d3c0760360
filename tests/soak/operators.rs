//! Operators who look at the daemon, change it, copy its store and rotate its key.

use std::{sync::Arc, time::Duration};

use tokend_proto::v1::{
    BackupStoreRequest, DeleteCredentialRequest, GetStatusRequest, ListBudgetsRequest,
    ListIssuancesRequest, RefreshCredentialRequest, RotateDataKeyRequest, WatchEventsRequest,
    admin_service_client::AdminServiceClient, credential_service_client::CredentialServiceClient,
};
use tokio::{sync::watch, task::JoinSet, time::sleep};
use tonic::{Status, transport::Channel};

use crate::{
    Stage,
    credentials::{self, name, site},
};

/// How long they wait before they do again what they do, at most.
const LOOKING: Duration = Duration::from_secs(8);
const CHANGING: Duration = Duration::from_secs(3);
const REFRESHING: Duration = Duration::from_secs(10);

/// How often in all they copy the store, and draw a new data key, at least: both go through all
/// of the ledger, which a soak makes longer than years make others.
const COPIES: u32 = 10;
const ROTATIONS: u32 = 3;

/// The status of a thousand credentials may be larger than what is usual.
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;

/// What each takes along.
#[derive(Clone)]
pub(crate) struct Operators {
    stage: Arc<Stage>,
    stopped: watch::Receiver<bool>,
    admin: AdminServiceClient<Channel>,
    credentials: CredentialServiceClient<Channel>,
}

impl Operators {
    /// Starts them.
    pub(crate) fn start(
        stage: &Arc<Stage>,
        stopped: &watch::Receiver<bool>,
        tasks: &mut JoinSet<()>,
    ) {
        let channel = credentials::operators(stage);
        let all = Self {
            stage: Arc::clone(stage),
            stopped: stopped.clone(),
            admin: AdminServiceClient::new(channel.clone())
                .max_decoding_message_size(LARGEST_ANSWER),
            credentials: CredentialServiceClient::new(channel)
                .max_decoding_message_size(LARGEST_ANSWER),
        };
        tasks.spawn(all.clone().look());
        tasks.spawn(all.clone().change());
        tasks.spawn(all.clone().refresh());
        tasks.spawn(all.clone().copy());
        tasks.spawn(all.clone().rotate());
        tasks.spawn(all.follow());
    }

    /// Waits; tells whether to go on.
    async fn pause(&mut self, usual: Duration) -> bool {
        tokio::select! {
            () = sleep(usual.mul_f64(0.5 + fastrand::f64() / 2.0)) => true,
            _ = self.stopped.wait_for(|stopped| *stopped) => false,
        }
    }

    async fn look(mut self) {
        while self.pause(LOOKING).await {
            let status = self.admin.get_status(GetStatusRequest {}).await;
            self.stage.operated("status", &status.map(drop));
            let budgets = self.admin.list_budgets(ListBudgetsRequest {}).await;
            self.stage.operated("budgets", &budgets.map(drop));
            let name = name(fastrand::usize(..self.stage.count));
            let request = ListIssuancesRequest { name, page_size: 100, ..Default::default() };
            let issuances = self.credentials.list_issuances(request).await;
            self.stage.operated("issuances", &issuances.map(drop));
        }
    }

    /// Adds a credential and removes it.
    async fn change(mut self) {
        for number in self.stage.count.. {
            if !self.pause(CHANGING).await {
                return;
            }
            let created = credentials::create(&self.stage, &mut self.credentials, number).await;
            self.stage.operated("create", &created);
            self.pause(CHANGING).await;
            let request = DeleteCredentialRequest { name: name(number), ..Default::default() };
            let deleted = self.credentials.delete_credential(request).await;
            self.stage.operated("delete", &deleted.map(drop));
        }
    }

    async fn refresh(mut self) {
        while self.pause(REFRESHING).await {
            let (number, asked) = (fastrand::usize(..self.stage.count), self.stage.clock.now());
            self.stage.wished(number);
            let request = RefreshCredentialRequest { name: name(number) };
            let refreshed = self.credentials.refresh_credential(request).await.map(drop);
            let until = self.stage.clock.now();
            // A provider that fails fails for operators, too.
            if refreshed.is_ok() || !self.stage.plan.excuses(site(number), asked, until) {
                self.stage.operated("refresh", &refreshed);
            }
        }
    }

    async fn copy(mut self) {
        while self.pause(self.stage.length / COPIES).await {
            let copied = self.back_up().await;
            self.stage.operated("backup", &copied);
        }
    }

    async fn back_up(&mut self) -> Result<(), Status> {
        let mut parts = self.admin.backup_store(BackupStoreRequest {}).await?.into_inner();
        while parts.message().await?.is_some() {}
        Ok(())
    }

    async fn rotate(mut self) {
        while self.pause(self.stage.length / ROTATIONS).await {
            let began = self.stage.clock.now();
            let rotated = self.admin.rotate_data_key(RotateDataKeyRequest::default()).await;
            let took = self.stage.clock.now().saturating_sub(began);
            println!("a new data key took {took:.1?}");
            self.stage.operated("rotation", &rotated.map(drop));
        }
    }

    /// Follows events all the time.
    async fn follow(mut self) {
        let request = WatchEventsRequest { follow: true, ..Default::default() };
        let mut events = match self.admin.watch_events(request).await {
            Ok(events) => events.into_inner(),
            Err(error) => return self.stage.operated("events", &Err(error)),
        };
        loop {
            tokio::select! {
                event = events.message() => match event {
                    Ok(Some(_)) => self.stage.operated("event", &Ok::<_, Status>(())),
                    Ok(None) => return,
                    Err(error) => return self.stage.operated("events", &Err(error)),
                },
                _ = self.stopped.wait_for(|stopped| *stopped) => return,
            }
        }
    }
}
