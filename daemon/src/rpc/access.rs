//! Who may read a credential's tokens, and who may submit newer ones.

use std::fmt::{Display, Formatter};

use super::{Door, Peer};
use crate::credential::{Access, Reader, ReaderKind};

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
    /// The credential's readers or submitters say so.
    Reader(&'a Reader),
    /// Whoever can connect to the listener's socket may.
    Anyone,
}

/// Returns the rule that lets `peer` read the tokens of a credential, if one does.
pub(super) fn decide<'a>(peer: &Peer, own_uid: u32, access: &'a Access) -> Option<Rule<'a>> {
    if let Door::Listener(grant) = &peer.door
        && grant.anyone
    {
        return Some(Rule::Anyone);
    }
    let Access { readers, submitters } = access;
    admit(peer, own_uid, readers.iter().chain(submitters))
}

/// Returns the rule that lets `peer` submit newer tokens, if one does.
pub(super) fn decide_submission<'a>(
    peer: &Peer,
    own_uid: u32,
    access: &'a Access,
) -> Option<Rule<'a>> {
    if let Door::Listener(grant) = &peer.door
        && grant.submit
    {
        return decide(peer, own_uid, access);
    }
    admit(peer, own_uid, access.submitters.iter())
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
    let matches = |reader: &&Reader| {
        reader.id != OVERFLOW
            && match reader.kind {
                ReaderKind::User => reader.id == peer.uid,
                ReaderKind::Group => reader.id == peer.gid || peer.groups.contains(&reader.id),
            }
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
    use crate::rpc::Grant;

    const OWN: u32 = 990;

    fn peer(uid: u32, gid: u32, groups: &[u32]) -> Peer {
        Peer { uid, gid, groups: groups.to_vec(), pid: Some(1), door: Door::Callers }
    }

    fn reader(kind: ReaderKind, id: u32) -> Reader {
        Reader { kind, id, name: None }
    }

    #[test]
    fn decisions() {
        let ann = reader(ReaderKind::User, 1_000);
        let ci = reader(ReaderKind::Group, 50);
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
            let access = Access { readers: readers.to_vec(), submitters: Vec::new() };
            assert_eq!(decide(&peer, OWN, &access), expected, "{peer:?} {readers:?}");
        }
    }

    #[test]
    fn the_overflow_number_matches_no_one() {
        let readers = vec![reader(ReaderKind::User, OVERFLOW), reader(ReaderKind::Group, OVERFLOW)];
        let readers = Access { submitters: readers.clone(), readers };
        let nobody = peer(OVERFLOW, OVERFLOW, &[OVERFLOW]);
        assert_eq!(decide(&nobody, OWN, &readers), None);
        assert_eq!(decide(&nobody, OVERFLOW, &readers), None, "even where tokend is nobody");
    }

    #[test]
    fn submitters_read_and_readers_do_not_submit() {
        let (ann, ci) = (reader(ReaderKind::User, 1_000), reader(ReaderKind::Group, 50));
        let access = Access { readers: vec![ann.clone()], submitters: vec![ci.clone()] };
        for (peer, reads, submits) in [
            (peer(0, 0, &[]), true, true),
            (peer(OWN, OWN, &[]), true, true),
            (peer(1_000, 1_000, &[]), true, false),
            (peer(1_001, 1_001, &[50]), true, true),
            (peer(1_001, 1_001, &[]), false, false),
        ] {
            assert_eq!(decide(&peer, OWN, &access).is_some(), reads, "{peer:?}");
            assert_eq!(decide_submission(&peer, OWN, &access).is_some(), submits, "{peer:?}");
        }
    }

    #[test]
    fn a_listener_makes_no_difference_between_users_or_none_between_root_and_others() {
        let ann = reader(ReaderKind::User, 1_000);
        let eve = reader(ReaderKind::User, 1_001);
        let access = Access { readers: vec![ann.clone()], submitters: vec![eve.clone()] };
        let (any, ann, eve) = (Rule::Anyone, Rule::Reader(&ann), Rule::Reader(&eve));
        // Who, and what they may by the four kinds: read, submit.
        let table: [(_, [[Option<&Rule<'_>>; 2]; 4]); 7] = [
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
            (OVERFLOW, [[None, None], [None, None], [Some(&any), None], [Some(&any), Some(&any)]]),
            (100_000, [[None, None], [None, None], [Some(&any), None], [Some(&any), Some(&any)]]),
        ];
        for (uid, kinds) in table {
            for (kind, expected) in kinds.into_iter().enumerate() {
                for pid in [Some(1), None] {
                    let door = listener(kind & 2 != 0, kind & 1 != 0);
                    let peer = Peer { pid, door, ..peer(uid, uid, &[]) };
                    let got = [decide(&peer, OWN, &access), decide_submission(&peer, OWN, &access)];
                    assert_eq!(got.each_ref().map(Option::as_ref), expected, "{peer:?}");
                    assert!(!is_operator(&peer, OWN), "{peer:?}");
                }
            }
        }
    }

    fn listener(anyone: bool, submit: bool) -> Door {
        Door::Listener(Arc::new(Grant {
            name: "ci".to_owned(),
            socket: "/s".into(),
            credentials: Arc::default(),
            anyone,
            submit,
        }))
    }

    #[test]
    fn readers_are_no_operators() {
        assert!(is_operator(&peer(0, 0, &[]), OWN));
        assert!(is_operator(&peer(OWN, OWN, &[]), OWN));
        assert!(!is_operator(&peer(1_000, 0, &[0]), OWN));
    }
}
