//! Who runs the command and how, as far as advice depends on it.

use std::env;

use nix::unistd::getuid;
use tokend_client::{accounts, socket};

/// The person or program that runs the command.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caller {
    /// The user's number.
    pub(crate) uid: u32,
    /// The user's name, or number where there is no name.
    pub(crate) user: String,
    /// Who called sudo: name and number.
    pub(crate) sudo: Option<(String, String)>,
    /// Whether there is an `XDG_RUNTIME_DIR`; under cron there is none.
    pub(crate) has_runtime_directory: bool,
    /// The variable that names the socket, if one does.
    pub(crate) told_by: Option<&'static str>,
}

impl Caller {
    /// Returns who runs this process.
    pub(crate) fn of_this_process() -> Self {
        let uid = getuid();
        let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            uid: uid.as_raw(),
            user: accounts::user_name(uid.as_raw()).unwrap_or_else(|| uid.to_string()),
            // sudo sets both; without the privileges of another they mean nothing.
            sudo: set("SUDO_USER").zip(set("SUDO_UID")).filter(|_| uid.is_root()),
            has_runtime_directory: set("XDG_RUNTIME_DIR").is_some(),
            told_by: [socket::CALLERS_VARIABLE, socket::OPERATORS_VARIABLE]
                .into_iter()
                .find(|name| set(name).is_some()),
        }
    }
}

/// Returns a user as readers are written: `user:alice`, or `uid:1000` where the
/// number has no name.
pub(crate) fn user(uid: u32) -> String {
    accounts::user_name(uid).map_or_else(|| format!("uid:{uid}"), |name| format!("user:{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_without_a_name_is_told_by_the_number() {
        assert_eq!(user(0), "user:root");
        assert_eq!(user(u32::MAX - 2), format!("uid:{}", u32::MAX - 2));
    }
}
