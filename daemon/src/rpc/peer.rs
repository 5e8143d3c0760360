//! Who is at the other end of a connection, as the kernel says.

use std::{
    fmt::{Display, Formatter},
    fs,
    sync::Arc,
};

use super::Grant;
use crate::{connections::Process, engine::Author};

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
/// process id when it connected; supplementary groups are read when the
/// connection is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its user.
    pub uid: u32,
    /// Its primary group.
    pub gid: u32,
    /// Its supplementary groups, as far as the kernel shows them to tokend.
    pub groups: Vec<u32>,
    /// Its process id; `None` if it is in a PID namespace that tokend can't see.
    pub pid: Option<i32>,
    /// The socket that it connected to.
    pub door: Door,
}

/// As the log names it.
impl Display for Door {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Callers => "tokend",
            Self::Operators => "admin",
            Self::Listener(grant) => &grant.name,
        })
    }
}

impl Peer {
    /// Returns who the log is to name.
    pub(super) fn author(&self) -> Author {
        Author { uid: self.uid, pid: self.pid }
    }

    /// Finds out more about who is at the other end.
    pub(super) fn of(process: Process, door: Door) -> Self {
        let Process { uid, gid, pid } = process;
        let groups = pid.and_then(|pid| groups(pid, uid)).unwrap_or_default();
        Self { uid, gid, groups, pid, door }
    }
}

/// Reads a process' supplementary groups, unless it has become another user's
/// or gone.
fn groups(pid: i32, uid: u32) -> Option<Vec<u32>> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    parse_groups(&status, uid)
}

/// Takes the groups from `/proc/PID/status` if the process is `uid`'s.
///
/// The number of a process can be given to another one when the first ends:
/// groups of someone else's process mustn't count.
fn parse_groups(status: &str, uid: u32) -> Option<Vec<u32>> {
    let line = |key: &str| status.lines().find_map(|line| line.strip_prefix(key));
    let numbers = |text: &str| -> Option<Vec<u32>> {
        text.split_whitespace().map(|number| number.parse().ok()).collect()
    };
    let uids = numbers(line("Uid:")?)?;
    if uids.iter().all(|id| *id == uid) { numbers(line("Groups:")?) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Name:\tcat\nUid:\t1000\t1000\t1000\t1000\n\
                          Gid:\t1000\t1000\t1000\t1000\nGroups:\t4 27 1000 \nVmPeak:\t1 kB\n";

    #[test]
    fn groups_are_read_from_the_process_status() {
        assert_eq!(parse_groups(STATUS, 1000), Some(vec![4, 27, 1000]));
    }

    #[test]
    fn groups_of_another_users_process_do_not_count() {
        assert_eq!(parse_groups(STATUS, 1001), None);
        let setuid = STATUS.replace("Uid:\t1000\t1000", "Uid:\t1000\t0");
        assert_eq!(parse_groups(&setuid, 1000), None);
    }

    #[test]
    fn garbage_gives_no_groups() {
        for garbage in ["", "Uid:", "Uid:\t1000", "Uid:\tx\nGroups:\t1", "Groups:\t1"] {
            assert_eq!(parse_groups(garbage, 1000), None, "{garbage:?}");
        }
    }

    #[tokio::test]
    async fn the_kernel_reports_this_process_for_a_pair_of_its_own() {
        let (near, _far) = tokio::net::UnixStream::pair().unwrap();
        let peer = Peer::of(Process::of(&near).unwrap(), Door::Callers);
        assert_eq!(peer.uid, rustix::process::geteuid().as_raw());
        assert_eq!(peer.pid, Some(rustix::process::getpid().as_raw_nonzero().get()));
    }
}
