//! Who calls, and whom operators let in.

use tokend::{
    credential::{Access, Reader, Role},
    rpc::{Door, Peer},
};

use crate::dice::Dice;

/// Someone who calls.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Person {
    pub(crate) uid: u32,
    groups: &'static [u32],
    unit: Option<&'static str>,
}

/// Root, and users who share some groups.
pub(crate) const PEOPLE: [Person; 4] = [
    Person { uid: 0, groups: &[], unit: None },
    Person { uid: 2_000, groups: &[60], unit: None },
    Person { uid: 2_001, groups: &[60, 61], unit: None },
    Person { uid: 2_002, groups: &[], unit: Some("reports.service") },
];

impl Person {
    /// Returns what the kernel would say of them.
    pub(crate) fn peer(self) -> Peer {
        let Self { uid, groups, unit } = self;
        let (groups, unit) = (groups.to_vec(), unit.map(Into::into));
        Peer { uid, gid: uid, groups, unit, pid: Some(1), door: Door::Callers }
    }

    /// Tells whether they may read all there is.
    pub(crate) fn is_root(self) -> bool {
        self.uid == 0
    }

    /// Tells whether they may read what these may.
    pub(crate) fn is_among(self, access: &Access) -> bool {
        let Access { readers, submitters, refreshers } = access;
        let mut all = readers.iter().chain(submitters).chain(refreshers);
        self.is_root()
            || all.any(|reader| match reader {
                Reader::User { id, .. } => *id == self.uid,
                Reader::Group { id, .. } => *id == self.uid || self.groups.contains(id),
                Reader::Unit(units) => self.unit.is_some_and(|unit| units.to_string() == unit),
            })
    }
}

/// Draws whom something is about.
pub(crate) fn draw_reader(dice: &mut Dice) -> Reader {
    match dice.below(6) {
        0..3 => Reader::User { id: dice.pick(&[2_000, 2_001, 2_002]), name: None },
        3 => Reader::Unit("reports.service".parse().expect("it is a unit's name")),
        _ => Reader::Group { id: dice.pick(&[60, 61]), name: None },
    }
}

/// Draws what they are let do.
pub(crate) fn draw_role(dice: &mut Dice) -> Role {
    dice.pick(&[Role::Reader, Role::Reader, Role::Submitter, Role::Refresher])
}

/// Returns these, who let in one more as a `role`.
pub(crate) fn with(access: &Access, reader: &Reader, role: Role) -> Access {
    let mut access = access.clone();
    let list = list(&mut access, role);
    if !list.contains(reader) {
        list.push(reader.clone());
        list.sort();
    }
    access
}

/// Returns these without one; who isn't to read does nothing else either.
pub(crate) fn without(access: &Access, reader: &Reader, role: Role) -> Access {
    let mut access = access.clone();
    let all = [Role::Reader, Role::Submitter, Role::Refresher];
    for other in all.into_iter().filter(|other| role == Role::Reader || *other == role) {
        list(&mut access, other).retain(|other| other != reader);
    }
    access
}

fn list(access: &mut Access, role: Role) -> &mut Vec<Reader> {
    match role {
        Role::Reader => &mut access.readers,
        Role::Submitter => &mut access.submitters,
        Role::Refresher => &mut access.refreshers,
    }
}
