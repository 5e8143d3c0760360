//! Who is at the other end of a connection, as the kernel says.

use std::{
    fmt::{Display, Formatter},
    sync::Arc,
};

use tokio::net::UnixStream;

use super::{Grant, membership::Membership};
use crate::{
    audit::{Way, Who},
    connections::Process,
    engine::Author,
};

/// The socket that a connection came in by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Door {
    /// `tokend.sock`.
    Callers,
    /// `admin.sock`.
    Operators,
    /// A listener's.
    Listener(Arc<Grant>),
}

/// The process at the other end. The kernel recorded user, primary group and
/// process id when it connected; supplementary groups and the unit are read when
/// the connection is accepted, if that process is still there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its user.
    pub uid: u32,
    /// Its primary group.
    pub gid: u32,
    /// Its supplementary groups, as far as the kernel shows them to tokend.
    pub groups: Vec<u32>,
    /// The service of systemd's that it is part of, if it is of one.
    pub unit: Option<Arc<str>>,
    /// Its process id; `None` if it is in a PID namespace that tokend can't see.
    pub pid: Option<i32>,
    /// The socket that it connected to.
    pub door: Door,
}

/// As the log names it.
impl Display for Door {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.way().as_str())
    }
}

impl Door {
    fn way(&self) -> Way {
        match self {
            Self::Callers => Way::Machine("tokend.sock"),
            Self::Operators => Way::Machine("admin.sock"),
            Self::Listener(grant) => Way::Listener(grant.name.as_str().into()),
        }
    }
}

impl Peer {
    /// Returns who the log is to name.
    pub(super) fn author(&self) -> Author {
        Author { uid: self.uid, pid: self.pid }
    }

    /// Returns whom the audit log is to name.
    pub(super) fn who(&self) -> Who {
        Who { uid: self.uid, pid: self.pid, unit: self.unit.clone(), door: self.door.way() }
    }

    /// Finds out more about who is at the other end.
    pub(super) fn of(stream: &UnixStream, process: Process, door: Door, own_uid: u32) -> Self {
        let Process { uid, gid, pid, .. } = process;
        let membership = pid.and_then(|pid| Membership::of(stream, pid, uid, own_uid));
        let Membership { groups, unit } = membership.unwrap_or_default();
        Self { uid, gid, groups, unit: unit.map(Into::into), pid, door }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_kernel_reports_this_process_for_a_pair_of_its_own() {
        let (near, _far) = UnixStream::pair().unwrap();
        let process = Process::of(&near).unwrap();
        let peer = Peer::of(&near, process, Door::Callers, 0);
        assert_eq!(peer.uid, rustix::process::geteuid().as_raw());
        assert_eq!(peer.pid, Some(rustix::process::getpid().as_raw_nonzero().get()));
        let groups = rustix::process::getgroups().unwrap();
        let groups: Vec<u32> = groups.into_iter().map(rustix::fs::Gid::as_raw).collect();
        assert_eq!(peer.groups, groups);
    }

    #[tokio::test]
    async fn of_a_process_that_cannot_be_seen_neither_groups_nor_unit_count() {
        let (near, _far) = UnixStream::pair().unwrap();
        let process = Process { pid: None, ..Process::of(&near).unwrap() };
        let peer = Peer::of(&near, process, Door::Callers, 0);
        assert_eq!((peer.uid, peer.groups, peer.unit), (process.uid, vec![], None));
    }
}
