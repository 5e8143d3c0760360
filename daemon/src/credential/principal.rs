//! Users, groups and units as people write them, looked up on this machine.

use nix::unistd::{Group, User};

use super::{NoUnits, Reader};

/// The number that the kernel shows for users and groups that have none in this
/// user namespace: it can be anyone, so it is no one.
pub const OVERFLOW: u32 = 65_534;

/// Why a text is no user, group or unit.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PrincipalError {
    /// It isn't written like one.
    #[error(
        "{0:?} is no reader; write user:NAME, group:NAME, uid:NUMBER, gid:NUMBER or \
         unit:NAME.service"
    )]
    Malformed(String),
    /// It names no services.
    #[error("{0:?} is no unit that can be a reader: {1}")]
    Unit(String, NoUnits),
    /// There is no such user.
    #[error("there is no user {0:?} on this machine")]
    NoUser(String),
    /// There is no such group.
    #[error("there is no group {0:?} on this machine")]
    NoGroup(String),
    /// Its number stands for everyone who isn't known.
    #[error(
        "{0} has the number {OVERFLOW}, which the kernel shows for everyone whom a namespace \
         doesn't know: it can't be given access"
    )]
    Overflow(String),
    /// It can't be looked up.
    #[error("can't look up {0:?}: {1}")]
    Lookup(String, nix::Error),
}

/// Parses `user:NAME`, `group:NAME`, `uid:NUMBER`, `gid:NUMBER` or `unit:NAME.service`. Names of
/// users and groups are looked up, which can wait for the network; a unit needn't be there yet.
///
/// # Errors
/// Says why it is none.
pub fn reader(text: &str) -> Result<Reader, PrincipalError> {
    let malformed = || PrincipalError::Malformed(text.to_owned());
    let (kind, rest) = text.split_once(':').ok_or_else(malformed)?;
    let number = || rest.parse::<u32>().map_err(|_| malformed());
    let lookup = |error| PrincipalError::Lookup(rest.to_owned(), error);
    let name = Some(rest.to_owned());
    let reader = match kind {
        "user" => {
            let user = User::from_name(rest).map_err(lookup)?;
            let user = user.ok_or_else(|| PrincipalError::NoUser(rest.to_owned()))?;
            Reader::User { id: user.uid.as_raw(), name }
        }
        "group" => {
            let group = Group::from_name(rest).map_err(lookup)?;
            let group = group.ok_or_else(|| PrincipalError::NoGroup(rest.to_owned()))?;
            Reader::Group { id: group.gid.as_raw(), name }
        }
        "uid" => Reader::User { id: number()?, name: None },
        "gid" => Reader::Group { id: number()?, name: None },
        "unit" => {
            let units = rest.parse();
            Reader::Unit(units.map_err(|error| PrincipalError::Unit(rest.to_owned(), error))?)
        }
        _ => return Err(malformed()),
    };
    match reader {
        Reader::User { id: OVERFLOW, .. } | Reader::Group { id: OVERFLOW, .. } => {
            Err(PrincipalError::Overflow(text.to_owned()))
        }
        reader => Ok(reader),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_are_looked_up() {
        let root = reader("user:root").unwrap();
        assert_eq!(root, Reader::User { id: 0, name: Some("root".to_owned()) });
        assert_eq!(reader("uid:4711").unwrap().to_string(), "uid:4711");
        assert_eq!(reader("gid:4711").unwrap(), Reader::Group { id: 4_711, name: None });
        assert_eq!(reader("unit:a@*.service").unwrap().to_string(), "unit:a@*.service");
    }

    #[test]
    fn what_is_no_reader_is_said_to_be_none() {
        for text in ["", "root", "user", "uid:", "uid:x", "uid:-1", "gid:4294967296", "host:a"] {
            assert_eq!(reader(text), Err(PrincipalError::Malformed(text.to_owned())));
        }
        let template = "a@.service".to_owned();
        let error = PrincipalError::Unit(template.clone(), NoUnits::Template);
        assert_eq!(reader(&format!("unit:{template}")), Err(error));
        let missing = "no-such-one-here".to_owned();
        assert_eq!(
            reader(&format!("user:{missing}")),
            Err(PrincipalError::NoUser(missing.clone()))
        );
        assert_eq!(reader(&format!("group:{missing}")), Err(PrincipalError::NoGroup(missing)));
    }

    #[test]
    fn no_access_can_be_given_to_the_overflow_number() {
        let error = reader("uid:65534").unwrap_err();
        assert_eq!(error, PrincipalError::Overflow("uid:65534".to_owned()));
    }
}
