//! The flags of `sink`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use nix::unistd::{Gid, Uid};
use tokend_client::accounts;

pub(super) const HELP: &str = "\
FILE is replaced as a whole, so that whoever reads it finds the old token or the new one; what else
is to be read from there must open it anew. It ends at SIGTERM and Ctrl-C, and FILE stays then. It
tells systemd that it is ready once FILE is there (Type=notify).

The token stands in FILE alone, without a line break. When a token ends and there is no other, FILE
stays what it is, unless --remove is given.";

#[derive(Debug, Args)]
pub(crate) struct Sink {
    /// The credential's name
    pub(crate) name: String,
    /// The file that is to hold the token
    pub(crate) file: PathBuf,
    /// What to write: the token, header lines, or a JSON object with all that belongs to the token
    #[arg(long, value_enum, default_value_t = Content::Token)]
    pub(crate) format: Content,
    /// Write one of the token's values, as `get --field` prints it
    #[arg(long, value_name = "NAME", conflicts_with = "format")]
    pub(crate) field: Option<String>,
    /// The file's permissions
    #[arg(long, value_name = "OCTAL", value_parser = mode, default_value = "0600")]
    pub(crate) mode: u32,
    /// The file's owner, by names or numbers; only root can give files away
    #[arg(long, value_name = "USER[:GROUP]", value_parser = Owner::read)]
    pub(crate) owner: Option<Owner>,
    /// Remove the file when its token has ended and there is no other
    #[arg(long, conflicts_with = "once")]
    pub(crate) remove: bool,
    /// Write the file and end
    #[arg(long)]
    pub(crate) once: bool,
}

/// What is written of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Content {
    Token,
    Header,
    Json,
}

/// Who a file is given to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) user: Option<Uid>,
    pub(crate) group: Option<Gid>,
}

impl Owner {
    /// Reads `USER`, `USER:GROUP` or `:GROUP`.
    fn read(text: &str) -> Result<Self, String> {
        let (user, group) = text.split_once(':').unwrap_or((text, ""));
        if user.is_empty() && group.is_empty() {
            return Err("an owner is written as USER, USER:GROUP or :GROUP".to_owned());
        }
        let found = Self { user: user_of(user)?, group: group_of(group)? };
        Ok(found)
    }
}

fn user_of(text: &str) -> Result<Option<Uid>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    if let Ok(number) = text.parse() {
        // chown(2) takes it for nobody in particular.
        if number == u32::MAX {
            return Err(format!("{number} is no user"));
        }
        return Ok(Some(Uid::from_raw(number)));
    }
    let found = accounts::user_id(text).map(Uid::from_raw);
    found.map(Some).ok_or_else(|| format!("there is no user {text}"))
}

fn group_of(text: &str) -> Result<Option<Gid>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    if let Ok(number) = text.parse() {
        if number == u32::MAX {
            return Err(format!("{number} is no group"));
        }
        return Ok(Some(Gid::from_raw(number)));
    }
    let found = accounts::group_id(text).map(Gid::from_raw);
    found.map(Some).ok_or_else(|| format!("there is no group {text}"))
}

fn mode(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o777 => Ok(mode),
        _ => Err("permissions are written in octal, 0600 or 0640 say".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_a_user_or_a_group_or_both() {
        let root = Some(Uid::from_raw(0));
        let group = |number| Some(Gid::from_raw(number));
        for (text, user, group) in [
            ("root", root, None),
            ("0:7", root, group(7)),
            ("root:root", root, group(0)),
            (":7", None, group(7)),
        ] {
            assert_eq!(Owner::read(text), Ok(Owner { user, group }), "{text}");
        }
        for text in
            ["", ":", "no-such-user", "root:no-such-group", "-1", "4294967295", ":4294967295"]
        {
            assert!(Owner::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn permissions_are_octal() {
        assert_eq!((mode("0640"), mode("600")), (Ok(0o640), Ok(0o600)));
        for text in ["", "0888", "4755", "rw", "-1"] {
            assert!(mode(text).is_err(), "{text}");
        }
    }
}
