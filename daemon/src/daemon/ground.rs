//! What a daemon stands on before it has a store.

use std::{path::PathBuf, sync::Arc};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokend_provider::Library;
use tracing::{error, warn};

use super::{StartError, sockets};
use crate::{
    audit::Audit,
    clock::SystemClock,
    config::{CLIENTS_GROUP, Config},
    credential::OVERFLOW,
    crowds::Crowds,
    definitions::Definitions,
    ports::Clock as _,
    rpc::{About, Doorkeeper, Grant, Standing},
};

/// What a daemon stands on, store or none.
pub(super) struct Ground {
    pub(super) uid: u32,
    pub(super) clock: SystemClock,
    started_at: Timestamp,
    pub(super) definitions: Arc<Library>,
    pub(super) problems: Vec<String>,
    pub(super) audit: Arc<Audit>,
    pub(super) crowds: Arc<Crowds>,
}

impl Ground {
    /// Finds it, or why there can be no daemon.
    pub(super) fn find(config: &Config) -> Result<Self, StartError> {
        let uid = rustix::process::geteuid().as_raw();
        if uid == OVERFLOW {
            return Err(StartError::Nobody(uid));
        }
        let clock = SystemClock::new()?;
        let Definitions { usable, problems } = Definitions::read(&config.provider_dirs)?;
        for problem in &problems {
            error!("{problem}");
        }
        let mut problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        if let Some(problem) = sockets::missing_group(config)? {
            warn!("{problem}");
            // The usual one is there if a package has made it, and isn't missed where nobody
            // else is to connect.
            if config.socket_group.as_deref() != Some(CLIENTS_GROUP) {
                problems.push(problem);
            }
        }
        let (definitions, started_at) = (Arc::new(usable), clock.now().wall);
        let (audit, crowds) = (Arc::default(), Arc::default());
        Ok(Self { uid, clock, started_at, definitions, problems, audit, crowds })
    }

    /// Returns who turns people away at the daemon's doors.
    pub(super) fn doorkeeper(&self) -> Doorkeeper {
        let (audit, clock) = (Arc::clone(&self.audit), Arc::new(self.clock));
        Doorkeeper { own_uid: self.uid, audit, clock, crowds: Arc::clone(&self.crowds) }
    }

    /// Returns what the daemon tells of itself.
    pub(super) fn about(
        &self,
        config: &Config,
        socket: PathBuf,
        listeners: Vec<Arc<Grant>>,
    ) -> About {
        let problems = self.problems.clone();
        let standing = Standing { listeners, problems, ..Standing::default() };
        About {
            uid: self.uid,
            started_at: self.started_at,
            state_dir: config.state_dir.clone(),
            key_source: config.key.to_string(),
            socket,
            standing: ArcSwap::from_pointee(standing),
        }
    }
}
