//! Who may read a credential's tokens, submit newer ones, or have them replaced.

use std::fmt::{Display, Formatter};

use super::Peer;
use crate::credential::{Access, Reader, Role};

/// The number that the kernel shows for users and groups that have none in this
/// user namespace: it can be anyone, so it is no one.
pub const OVERFLOW: u32 = 65_534;

/// The rule that lets someone in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rule<'a> {
    /// Root reads everything.
    Root,
    /// So does the user that tokend runs as.
    Own,
    /// The credential's readers, submitters or refreshers say so.
    Reader(&'a Reader),
}

/// Returns the rule that lets `peer` read the tokens of a credential, if one does.
pub(super) fn decide<'a>(peer: &Peer, own_uid: u32, access: &'a Access) -> Option<Rule<'a>> {
    let Access { readers, submitters, refreshers } = access;
    admit(peer, own_uid, readers.iter().chain(submitters).chain(refreshers))
}

/// Returns the rule that lets `peer` act as a `role`, if one does.
pub(super) fn decide_as<'a>(
    role: Role,
    peer: &Peer,
    own_uid: u32,
    access: &'a Access,
) -> Option<Rule<'a>> {
    match role {
        Role::Reader => decide(peer, own_uid, access),
        Role::Submitter => admit(peer, own_uid, access.submitters.iter()),
        Role::Refresher => admit(peer, own_uid, access.refreshers.iter()),
    }
}

fn admit<'a>(
    peer: &Peer,
    own_uid: u32,
    mut readers: impl Iterator<Item = &'a Reader>,
) -> Option<Rule<'a>> {
    if peer.uid == 0 {
        return Some(Rule::Root);
    }
    if peer.uid == own_uid && peer.uid != OVERFLOW {
        return Some(Rule::Own);
    }
    let matches = |reader: &&Reader| match reader {
        Reader::User { id, .. } => *id != OVERFLOW && *id == peer.uid,
        Reader::Group { id, .. } => {
            *id != OVERFLOW && (*id == peer.gid || peer.groups.contains(id))
        }
        Reader::Unit(units) => peer.unit.as_ref().is_some_and(|unit| units.include(unit)),
    };
    readers.find(matches).map(Rule::Reader)
}

/// Tells whether `peer` may do what operators do.
pub(super) fn is_operator(peer: &Peer, own_uid: u32) -> bool {
    decide(peer, own_uid, &Access::default()).is_some()
}

impl Display for Rule<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Root => f.write_str("root"),
            Self::Own => f.write_str("the daemon's own user"),
            Self::Reader(reader) => reader.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: u32 = 990;

    fn peer(uid: u32, gid: u32, groups: &[u32]) -> Peer {
        Peer { uid, gid, groups: groups.to_vec(), unit: None, pid: Some(1) }
    }

    fn user(id: u32) -> Reader {
        Reader::User { id, name: None }
    }

    fn group(id: u32) -> Reader {
        Reader::Group { id, name: None }
    }

    #[test]
    fn decisions() {
        let ann = user(1_000);
        let ci = group(50);
        let both = [ann.clone(), ci.clone()];
        for (peer, readers, expected) in [
            (peer(0, 0, &[]), &[][..], Some(Rule::Root)),
            (peer(OWN, OWN, &[]), &[], Some(Rule::Own)),
            (peer(1_000, 1_000, &[]), &[], None),
            (peer(1_000, 1_000, &[]), &both, Some(Rule::Reader(&ann))),
            (peer(1_001, 50, &[]), &both, Some(Rule::Reader(&ci))),
            (peer(1_001, 1_001, &[4, 50]), &both, Some(Rule::Reader(&ci))),
            (peer(1_001, 1_001, &[4]), &both, None),
            // A user's number isn't a group's.
            (peer(50, 1_001, &[]), &both, None),
            (peer(1_001, 1_000, &[]), &both, None),
        ] {
            let access = Access { readers: readers.to_vec(), ..Access::default() };
            assert_eq!(decide(&peer, OWN, &access), expected, "{peer:?} {readers:?}");
        }
    }

    #[test]
    fn the_overflow_number_matches_no_one() {
        let readers = vec![user(OVERFLOW), group(OVERFLOW)];
        let readers = Access { submitters: readers.clone(), refreshers: readers.clone(), readers };
        let nobody = peer(OVERFLOW, OVERFLOW, &[OVERFLOW]);
        assert_eq!(decide(&nobody, OWN, &readers), None);
        assert_eq!(decide(&nobody, OVERFLOW, &readers), None, "even where tokend is nobody");
    }

    #[test]
    fn each_role_reads_and_readers_do_nothing_else() {
        let (ann, ci, eve) = (user(1_000), group(50), user(1_002));
        let access = Access { readers: vec![ann], submitters: vec![ci], refreshers: vec![eve] };
        for (peer, reads, submits, refreshes) in [
            (peer(0, 0, &[]), true, true, true),
            (peer(OWN, OWN, &[]), true, true, true),
            (peer(1_000, 1_000, &[]), true, false, false),
            (peer(1_001, 1_001, &[50]), true, true, false),
            (peer(1_002, 1_002, &[]), true, false, true),
            (peer(1_001, 1_001, &[]), false, false, false),
        ] {
            let may = |role| decide_as(role, &peer, OWN, &access).is_some();
            assert_eq!(decide(&peer, OWN, &access).is_some(), reads, "{peer:?}");
            let roles = [Role::Reader, Role::Submitter, Role::Refresher].map(may);
            assert_eq!(roles, [reads, submits, refreshes], "{peer:?}");
        }
    }

    #[test]
    fn a_unit_is_let_in_by_its_name_and_by_no_other() {
        let access = Access {
            readers: vec![Reader::Unit("reports.service".parse().unwrap())],
            ..Access::default()
        };
        for (unit, reads) in
            [(Some("reports.service"), true), (Some("build.service"), false), (None, false)]
        {
            let peer = Peer { unit: unit.map(Into::into), ..peer(1_000, 1_000, &[]) };
            assert_eq!(decide(&peer, OWN, &access).is_some(), reads, "{unit:?}");
        }
    }

    #[test]
    fn readers_are_no_operators() {
        assert!(is_operator(&peer(0, 0, &[]), OWN));
        assert!(is_operator(&peer(OWN, OWN, &[]), OWN));
        assert!(!is_operator(&peer(1_000, 0, &[0]), OWN));
    }
}
