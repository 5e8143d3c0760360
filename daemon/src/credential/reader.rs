//! Who may do something with a credential's tokens.

use std::fmt::{Display, Formatter};

use super::Units;

/// Users, groups or units that may do something with a credential's tokens.
///
/// Of users and groups the number decides: it was looked up when access was granted. A name that
/// is given to someone else later doesn't take the access along. A unit is what it is called.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reader {
    /// A user.
    User {
        /// Its number.
        id: u32,
        /// The name that the number was looked up by, if it was.
        name: Option<String>,
    },
    /// A group, as primary or supplementary group of a process.
    Group {
        /// Its number.
        id: u32,
        /// The name that the number was looked up by, if it was.
        name: Option<String>,
    },
    /// Services of systemd, whatever user they run as.
    Unit(Units),
}

impl Reader {
    /// Tells whether both are the same user, group or units, whatever name they were
    /// looked up by.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::User { id, .. }, Self::User { id: other, .. })
            | (Self::Group { id, .. }, Self::Group { id: other, .. }) => id == other,
            (Self::Unit(units), Self::Unit(others)) => units == others,
            (Self::User { .. } | Self::Group { .. } | Self::Unit(_), _) => false,
        }
    }
}

impl Display for Reader {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::User { name: Some(name), .. } => write!(f, "user:{name}"),
            Self::User { id, name: None } => write!(f, "uid:{id}"),
            Self::Group { name: Some(name), .. } => write!(f, "group:{name}"),
            Self::Group { id, name: None } => write!(f, "gid:{id}"),
            Self::Unit(units) => write!(f, "unit:{units}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_is_shown_as_it_was_granted() {
        let name = || Some("ann".to_owned());
        assert_eq!(Reader::User { id: 7, name: name() }.to_string(), "user:ann");
        assert_eq!(Reader::User { id: 7, name: None }.to_string(), "uid:7");
        assert_eq!(Reader::Group { id: 7, name: name() }.to_string(), "group:ann");
        assert_eq!(Reader::Group { id: 7, name: None }.to_string(), "gid:7");
        assert_eq!(Reader::Unit("a.service".parse().unwrap()).to_string(), "unit:a.service");
    }
}
