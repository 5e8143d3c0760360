//! A process group that ends with whoever waits for it.

use std::{convert::Infallible, future, time::Duration};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::{process::Child, time::sleep};

/// How often it is looked whether the leader has ended.
const LOOK: Duration = Duration::from_millis(100);

/// A program that runs, and all that it has started. They are killed if this is
/// dropped.
#[derive(Debug)]
pub(super) struct Group(Option<Pid>);

impl Group {
    /// Takes the group of a child that leads its own and wasn't waited for yet.
    pub(super) fn led_by(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(Pid::from_raw))
    }

    /// Waits until the leader has ended, and kills the others after some time. Nobody
    /// may wait for the leader meanwhile: its number could be another's then.
    pub(super) async fn end_with_its_leader(&self, grace: Duration) -> Infallible {
        if let Some(leader) = self.0 {
            // It stays to be waited for.
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
            while let Ok(None) = waitid(WaitId::Pid(leader), options) {
                sleep(LOOK).await;
            }
            sleep(grace).await;
            self.kill();
        }
        future::pending().await
    }

    /// Kills all in it.
    pub(super) fn kill(&self) {
        if let Some(group) = self.0 {
            // An error means that none of them is left.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }

    /// Lets what is left of it live on. The leader was waited for: its number can be
    /// another's from now on.
    pub(super) fn release(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
