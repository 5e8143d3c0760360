//! Users with all their groups, looked up on this machine.

use nix::unistd::{Gid, Group, Uid, User, getgrouplist};

use super::{Door, Peer};
use crate::credential::PrincipalError;

/// A user of this machine with all groups, as a new login would have them.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) peer: Peer,
}

/// Looks up a user by name or number.
pub(super) fn account(text: &str) -> Result<Account, PrincipalError> {
    let lookup = |error| PrincipalError::Lookup(text.to_owned(), error);
    let by_number = text.parse().ok().map(|uid| User::from_uid(Uid::from_raw(uid)));
    let user = by_number.unwrap_or_else(|| User::from_name(text)).map_err(lookup)?;
    let user = user.ok_or_else(|| PrincipalError::NoUser(text.to_owned()))?;
    let name = std::ffi::CString::new(user.name.as_str())
        .map_err(|_| PrincipalError::NoUser(text.to_owned()))?;
    let groups = getgrouplist(&name, user.gid).map_err(lookup)?;
    Ok(Account {
        name: user.name,
        peer: Peer {
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
            groups: groups.into_iter().map(Gid::as_raw).collect(),
            unit: None,
            pid: None,
            door: Door::Callers,
        },
    })
}

/// Returns a group's name, or its number if it has none.
pub(super) fn group_name(gid: u32) -> String {
    let group = Group::from_gid(Gid::from_raw(gid)).ok().flatten();
    group.map_or_else(|| gid.to_string(), |group| group.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_name_and_number() {
        assert_eq!(account("root").unwrap().peer, account("0").unwrap().peer);
        assert!(account("no-such-one-here").is_err());
    }
}
