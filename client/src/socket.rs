//! Where tokend's sockets are.
//!
//! The callers' socket is the first of
//!
//! 1. `TOKEND_SOCKET`: an absolute path, or a URI such as
//!    `unix:///run/tokend/tokend.sock` or, as gRPC writes it, `unix:/run/tokend/tokend.sock`;
//!    anything else is an error,
//! 2. `$XDG_RUNTIME_DIR/tokend/tokend.sock`, if it exists,
//! 3. `/run/user/UID/tokend/tokend.sock`, if it exists: cron and `su` don't set
//!    `XDG_RUNTIME_DIR`,
//! 4. `/run/tokend/tokend.sock`, the system's daemon.
//!
//! So a user's own daemon goes before the system's. Under `sudo` the user is
//! root, who seldom has a daemon of their own: the system's is found. To reach a
//! user's daemon from there, set `TOKEND_SOCKET`.
//!
//! The operators' socket is `TOKEND_ADMIN_SOCKET` if that is set, else
//! `admin.sock` beside the callers' socket. A variable that is empty counts as
//! not set.
//!
//! # Whose socket it is
//!
//! A connection is used only if no other user of the machine can be at its other end:
//!
//! - The process that listens must run as root or as this user, or as one of the users in
//!   `TOKEND_SERVER_UID`, numbers or names with commas between them. Under socket activation
//!   that is systemd. Under sudo, the user who called it counts as well.
//! - The socket's directory must belong to one of these, and no one else may write it.
//! - `/run/tokend` may belong to another user, as whom the daemon runs then: only root can
//!   have made it so.
//!
//! In a rootless container all users of the host but one show as uid 65534, whom no program
//! takes for its own user there. Map the daemon's user, or set `TOKEND_SERVER_UID=65534` if
//! every user of the host may be believed who can put a socket where this one is.

use std::{
    env,
    ffi::OsString,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::{Path, PathBuf},
};

/// Names the callers' socket.
pub const CALLERS_VARIABLE: &str = "TOKEND_SOCKET";
/// Names the operators' socket.
pub const OPERATORS_VARIABLE: &str = "TOKEND_ADMIN_SOCKET";
/// Names users that the daemon may run as, beside root and this one.
pub const SERVER_VARIABLE: &str = "TOKEND_SERVER_UID";
/// The callers' socket of the system's daemon.
pub const SYSTEM: &str = "/run/tokend/tokend.sock";

const BELOW_RUNTIME_DIRECTORY: &str = "tokend/tokend.sock";
const OPERATORS_FILE: &str = "admin.sock";

/// What the look-up needs to know about the process and its machine.
pub trait Surroundings {
    /// Returns an environment variable.
    fn variable(&self, name: &str) -> Option<OsString>;
    /// Tells whether there is something at a path.
    fn exists(&self, path: &Path) -> bool;
    /// Returns the number of the user.
    fn uid(&self) -> u32;
}

/// The surroundings of this process.
#[derive(Clone, Copy, Debug)]
pub struct Process;

impl Surroundings for Process {
    fn variable(&self, name: &str) -> Option<OsString> {
        env::var_os(name)
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn uid(&self) -> u32 {
        nix::unistd::getuid().as_raw()
    }
}

/// A variable that should name a socket and doesn't.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable} must be an absolute path or a unix:// URI, not {value:?}")]
pub struct Malformed {
    /// The variable's name.
    pub variable: &'static str,
    /// What it is set to.
    pub value: OsString,
}

/// `TOKEND_SERVER_UID` names a user that there isn't.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{SERVER_VARIABLE} names no user of this machine: {name:?}; it takes numbers or names, with \
     commas between them"
)]
pub struct UnknownUser {
    /// What is no user's name.
    pub name: String,
}

/// Returns the path of the callers' socket.
///
/// # Errors
/// `TOKEND_SOCKET` is set to something that isn't a socket's address.
pub fn callers(surroundings: &impl Surroundings) -> Result<PathBuf, Malformed> {
    if let Some(path) = named(surroundings, CALLERS_VARIABLE)? {
        return Ok(path);
    }
    let told = set(surroundings, "XDG_RUNTIME_DIR")
        .map(PathBuf::from)
        // The XDG base directory specification has relative paths ignored.
        .filter(|path| path.is_absolute());
    let usual = PathBuf::from(format!("/run/user/{}", surroundings.uid()));
    Ok(told
        .into_iter()
        .chain([usual])
        .map(|directory| directory.join(BELOW_RUNTIME_DIRECTORY))
        .find(|path| surroundings.exists(path))
        .unwrap_or_else(|| PathBuf::from(SYSTEM)))
}

/// Returns the path of the operators' socket.
///
/// # Errors
/// `TOKEND_ADMIN_SOCKET`, or else `TOKEND_SOCKET`, is set to something that isn't
/// a socket's address.
pub fn operators(surroundings: &impl Surroundings) -> Result<PathBuf, Malformed> {
    match named(surroundings, OPERATORS_VARIABLE)? {
        Some(path) => Ok(path),
        None => Ok(callers(surroundings)?.with_file_name(OPERATORS_FILE)),
    }
}

fn set(surroundings: &impl Surroundings, name: &str) -> Option<OsString> {
    surroundings.variable(name).filter(|value| !value.is_empty())
}

fn named(
    surroundings: &impl Surroundings,
    variable: &'static str,
) -> Result<Option<PathBuf>, Malformed> {
    let Some(value) = set(surroundings, variable) else {
        return Ok(None);
    };
    let bytes = value.as_bytes();
    // gRPC's name for a socket is `unix:/path` (grpc/doc/naming.md).
    let prefixes = [&b"unix://"[..], b"unix:"];
    let path = prefixes.iter().find_map(|prefix| bytes.strip_prefix(*prefix)).unwrap_or(bytes);
    if path.len() > 1 && path.starts_with(b"/") {
        Ok(Some(PathBuf::from(OsString::from_vec(path.to_vec()))))
    } else {
        Err(Malformed { variable, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Machine {
        variables: &'static [(&'static str, &'static str)],
        files: &'static [&'static str],
        uid: u32,
    }

    impl Surroundings for Machine {
        fn variable(&self, name: &str) -> Option<OsString> {
            self.variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
        }

        fn exists(&self, path: &Path) -> bool {
            self.files.iter().any(|file| Path::new(file) == path)
        }

        fn uid(&self) -> u32 {
            self.uid
        }
    }

    /// Variables, files, the callers' socket, the operators' socket.
    type Row = (
        &'static [(&'static str, &'static str)],
        &'static [&'static str],
        &'static str,
        &'static str,
    );

    const XDG: (&str, &str) = ("XDG_RUNTIME_DIR", "/xdg");
    const IN_XDG: &str = "/xdg/tokend/tokend.sock";
    const IN_RUN_USER: &str = "/run/user/1000/tokend/tokend.sock";

    #[test]
    fn follows_the_documented_order() {
        let all: &[&str] = &[IN_XDG, IN_RUN_USER, SYSTEM];
        let table: &[Row] = &[
            (&[("TOKEND_SOCKET", "/a/b.sock"), XDG], all, "/a/b.sock", "/a/admin.sock"),
            (&[("TOKEND_SOCKET", "unix:///a/b.sock")], all, "/a/b.sock", "/a/admin.sock"),
            (&[("TOKEND_SOCKET", "unix:/a/b.sock")], all, "/a/b.sock", "/a/admin.sock"),
            (&[("TOKEND_SOCKET", ""), XDG], all, IN_XDG, "/xdg/tokend/admin.sock"),
            (&[XDG], all, IN_XDG, "/xdg/tokend/admin.sock"),
            (&[XDG], &[IN_RUN_USER], IN_RUN_USER, "/run/user/1000/tokend/admin.sock"),
            (&[], all, IN_RUN_USER, "/run/user/1000/tokend/admin.sock"),
            (
                &[("XDG_RUNTIME_DIR", "xdg")],
                &["xdg/tokend/tokend.sock"],
                SYSTEM,
                "/run/tokend/admin.sock",
            ),
            (&[XDG], &[], SYSTEM, "/run/tokend/admin.sock"),
            (&[XDG, ("TOKEND_ADMIN_SOCKET", "/c/d.sock")], all, IN_XDG, "/c/d.sock"),
            (&[("TOKEND_ADMIN_SOCKET", "unix:///c/d.sock")], &[], SYSTEM, "/c/d.sock"),
        ];
        for (variables, files, callers_path, operators_path) in table {
            let machine = Machine { variables, files, uid: 1000 };
            assert_eq!(callers(&machine).unwrap(), Path::new(callers_path), "{variables:?}");
            assert_eq!(operators(&machine).unwrap(), Path::new(operators_path), "{variables:?}");
        }
    }

    #[test]
    fn root_under_sudo_finds_the_systems_daemon() {
        let machine = Machine { variables: &[], files: &[IN_RUN_USER, SYSTEM], uid: 0 };
        assert_eq!(callers(&machine).unwrap(), Path::new(SYSTEM));
    }

    #[test]
    fn a_variable_that_names_no_socket_is_an_error() {
        for value in [
            "tokend.sock",
            "./t.sock",
            "/",
            "unix://",
            "unix:",
            "unix:x",
            "unix://host/x",
            "tcp://[::1]:1",
        ] {
            let variables: &'static [_] = Vec::leak(vec![("TOKEND_SOCKET", value)]);
            let error = callers(&Machine { variables, files: &[IN_XDG], uid: 1000 }).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("TOKEND_SOCKET must be an absolute path or a unix:// URI, not {value:?}")
            );
        }
    }
}
