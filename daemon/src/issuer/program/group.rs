//! A process group that ends with whoever waits for it.

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Child;

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
