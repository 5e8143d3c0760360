//! Who may read a credential's tokens, submit newer ones, or have them replaced.

use std::fmt::{Display, Formatter};

use super::{Door, Peer};
use crate::credential::{Access, OVERFLOW, Reader, Role};

/// The rule that lets someone in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rule<'a> {
    /// Root reads everything.
    Root,
    /// So does the user that tokend runs as.
    Own,
    /// The credential's readers, submitters or refreshers say so.
    Reader(&'a Reader),
    /// Whoever can connect to the listener's socket may.
    Anyone,
}

/// Returns the rule that lets `peer` read the tokens of a credential, if one does.
pub(super) fn decide<'a>(peer: &Peer, own_uid: u32, access: &'a Access) -> Option<Rule<'a>> {
    if let Door::Listener(grant) = &peer.door
        && grant.anyone()
    {
        return Some(Rule::Anyone);
    }
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
    if let Door::Listener(grant) = &peer.door
        && grant.submit()
        && role == Role::Submitter
    {
        return decide(peer, own_uid, access);
    }
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
    // In a container, anyone may have the number of root or of tokend's user.
    if !is_listener(peer) {
        if peer.uid == 0 {
            return Some(Rule::Root);
        }
        if peer.uid == own_uid && peer.uid != OVERFLOW {
            return Some(Rule::Own);
        }
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

/// Tells whether `peer` may do what operators do. By a listener's socket nobody may.
pub(super) fn is_operator(peer: &Peer, own_uid: u32) -> bool {
    !is_listener(peer) && decide(peer, own_uid, &Access::default()).is_some()
}

fn is_listener(peer: &Peer) -> bool {
    matches!(peer.door, Door::Listener(_))
}

impl Display for Rule<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Root => f.write_str("root"),
            Self::Own => f.write_str("the daemon's own user"),
            Self::Reader(reader) => reader.fmt(f),
            Self::Anyone => f.write_str("anyone who can connect"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::rpc::{Grant, Granted};

    const OWN: u32 = 990;

    fn peer(uid: u32, gid: u32, groups: &[u32]) -> Peer {
        Peer { uid, gid, groups: groups.to_vec(), unit: None, pid: Some(1), door: Door::Callers }
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
    fn a_listener_makes_no_difference_between_users_or_none_between_root_and_others() {
        let (ann, eve, bob) = (user(1_000), user(1_001), user(1_003));
        let access = Access {
            readers: vec![ann.clone()],
            submitters: vec![eve.clone()],
            refreshers: vec![bob.clone()],
        };
        let any = Rule::Anyone;
        let [ann, eve, bob] = [&ann, &eve, &bob].map(Rule::Reader);
        // Who, and what they may by the four kinds: read, submit.
        let table: [(_, [[Option<&Rule<'_>>; 2]; 4]); 8] = [
            // neither | submit | anyone | both
            (0, [[None, None], [None, None], [Some(&any), None], [Some(&any), Some(&any)]]),
            (OWN, [[None, None], [None, None], [Some(&any), None], [Some(&any), Some(&any)]]),
            (
                1_000,
                [
                    [Some(&ann), None],
                    [Some(&ann), Some(&ann)],
                    [Some(&any), None],
                    [Some(&any), Some(&any)],
                ],
            ),
            (
                1_001,
                [
                    [Some(&eve), Some(&eve)],
                    [Some(&eve), Some(&eve)],
                    [Some(&any), Some(&eve)],
                    [Some(&any), Some(&any)],
                ],
            ),
            (1_002, [[None, None], [None, None], [Some(&any), None], [Some(&any), Some(&any)]]),
            (
                1_003,
                [
                    [Some(&bob), None],
                    [Some(&bob), Some(&bob)],
                    [Some(&any), None],
                    [Some(&any), Some(&any)],
                ],
            ),
            (OVERFLOW, [[None, None], [None, None], [Some(&any), None], [Some(&any), Some(&any)]]),
            (100_000, [[None, None], [None, None], [Some(&any), None], [Some(&any), Some(&any)]]),
        ];
        for (uid, kinds) in table {
            for (kind, expected) in kinds.into_iter().enumerate() {
                for pid in [Some(1), None] {
                    let door = listener(kind & 2 != 0, kind & 1 != 0);
                    let peer = Peer { pid, door, ..peer(uid, uid, &[]) };
                    let got = [Role::Reader, Role::Submitter]
                        .map(|role| decide_as(role, &peer, OWN, &access));
                    assert_eq!(got.each_ref().map(Option::as_ref), expected, "{peer:?}");
                    // Whatever the kind, only the credential's refreshers have it replaced.
                    let refreshes = decide_as(Role::Refresher, &peer, OWN, &access);
                    assert_eq!(refreshes.as_ref(), (uid == 1_003).then_some(&bob), "{peer:?}");
                    assert!(!is_operator(&peer, OWN), "{peer:?}");
                }
            }
        }
    }

    fn listener(anyone: bool, submit: bool) -> Door {
        let granted = Granted { anyone, submit, ..Granted::default() };
        Door::Listener(Arc::new(Grant::new("ci".to_owned(), "/s".into(), 0, granted)))
    }

    #[test]
    fn readers_are_no_operators() {
        assert!(is_operator(&peer(0, 0, &[]), OWN));
        assert!(is_operator(&peer(OWN, OWN, &[]), OWN));
        assert!(!is_operator(&peer(1_000, 0, &[0]), OWN));
    }
}
