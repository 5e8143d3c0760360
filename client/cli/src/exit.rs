//! The status that the command ends with.

use std::process::ExitCode;

use tokend_client::Error;
use tokend_proto::reason;
use tonic::Code;

/// What scripts can tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Done,
    Failed,
    Usage,
    NotFound,
    Unavailable,
    PersonNeeded,
    BudgetSpent,
    WouldChange,
    Cancelled,
    /// What another program ended with.
    Other(u8),
}

impl Exit {
    /// Returns the number.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::Unavailable => 4,
            Self::PersonNeeded => 5,
            Self::BudgetSpent => 6,
            Self::WouldChange => 7,
            // As shells have it for what SIGINT ends.
            Self::Cancelled => 130,
            Self::Other(code) => code,
        }
    }
}

/// The table of the statuses, for `--help`.
pub(crate) const HELP: &str = "\
Exit status:
  0  done
  1  another failure
  2  bad usage: an unknown flag, a malformed name, a missing or unknown input
  3  no such credential, or not permitted to read it
  4  not available: the daemon isn't running, its socket isn't permitted or not
     safe from other users, or the provider is down
  5  a person must act: the provider refused the credential, a login is needed,
     was declined or took too long, tokend is locked, or what is stored is damaged
  6  the limits on issuances allow no new token now
  7  `apply --dry-run`: something would change
  130  cancelled by Ctrl-C while a login or a change was waited for

Environment:
  BROWSER              what opens URLs for `login`; by default xdg-open
  TOKEND_SOCKET        the callers' socket, a path or a unix:// URI
  TOKEND_ADMIN_SOCKET  the operators' socket; by default admin.sock beside it
  TOKEND_SERVER_UID    users that the daemon may run as, beside root and you
  NO_COLOR             no colours, if set";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

impl From<&Error> for Exit {
    fn from(error: &Error) -> Self {
        match error {
            Error::Address(_)
            | Error::ServerUser(_)
            | Error::InvalidRequest { .. }
            | Error::MinTtlUnsatisfiable { .. } => Self::Usage,
            Error::NotFound { reason, .. }
                if *reason != reason::CREDENTIAL_NOT_FOUND
                    && *reason != reason::CREDENTIAL_REMOVED =>
            {
                // No such provider, user or reader: a word on the command line.
                Self::Usage
            }
            Error::NotPermitted { .. } | Error::NotFound { .. } => Self::NotFound,
            Error::DaemonNotRunning { .. }
            | Error::SocketNotPermitted { .. }
            | Error::UntrustedServer { .. }
            | Error::UntrustedSocket { .. }
            | Error::Unreachable { .. }
            | Error::Disconnected(_)
            | Error::TimedOut
            | Error::Unavailable { .. }
            | Error::StoreFull { .. }
            | Error::Refused { code: Code::Unavailable, .. } => Self::Unavailable,
            Error::Refused { reason: Some(reason), .. } if reason == reason::LOGIN_UNSUPPORTED => {
                Self::Usage
            }
            Error::Refused { reason: Some(reason), .. }
                if reason == reason::LOGIN_DECLINED || reason == reason::LOGIN_EXPIRED =>
            {
                Self::PersonNeeded
            }
            Error::Refused { reason: Some(reason), .. } if reason == reason::WRONG_PASSPHRASE => {
                Self::PersonNeeded
            }
            Error::CredentialRejected { .. }
            | Error::StoreLocked { .. }
            | Error::LoginNeeded { .. }
            | Error::CredentialDamaged { .. }
            // A reason of a later version.
            | Error::Refused { code: Code::FailedPrecondition, .. } => Self::PersonNeeded,
            Error::BudgetExhausted { .. } => Self::BudgetSpent,
            _ => Self::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_error_has_its_status() {
        let (message, path) = (String::new, || "/s".into());
        let refused = |code| Error::Refused { code, reason: None, message: String::new() };
        let not_found =
            |reason: &str| Error::NotFound { reason: reason.to_owned(), message: String::new() };
        let login = |code, reason: &str| {
            let (reason, message) = (Some(reason.to_owned()), String::new());
            Error::Refused { code, reason, message }
        };
        let unavailable =
            Error::Unavailable { reason: message(), message: message(), retry_after: None };
        for (error, exit) in [
            (Error::InvalidRequest { reason: message(), message: message() }, 2),
            (Error::MinTtlUnsatisfiable { message: message() }, 2),
            (Error::NotPermitted { message: message() }, 3),
            (not_found(reason::CREDENTIAL_NOT_FOUND), 3),
            (not_found(reason::CREDENTIAL_REMOVED), 3),
            (not_found(reason::PROVIDER_NOT_FOUND), 2),
            (not_found(reason::USER_NOT_FOUND), 2),
            (Error::DaemonNotRunning { path: path() }, 4),
            (Error::SocketNotPermitted { path: path(), group: None }, 4),
            (Error::UntrustedServer { path: path(), uid: 1, unmapped: false }, 4),
            (Error::TimedOut, 4),
            (unavailable, 4),
            (Error::StoreFull { message: message(), retry_after: None }, 4),
            (Error::CredentialRejected { message: message() }, 5),
            (Error::LoginNeeded { message: message() }, 5),
            (Error::StoreLocked { message: message() }, 5),
            (login(Code::PermissionDenied, reason::WRONG_PASSPHRASE), 5),
            (Error::CredentialDamaged { message: message() }, 5),
            (refused(Code::FailedPrecondition), 5),
            (login(Code::FailedPrecondition, reason::LOGIN_UNSUPPORTED), 2),
            (login(Code::Aborted, reason::LOGIN_UNDER_WAY), 1),
            (login(Code::Aborted, reason::LOGIN_DECLINED), 5),
            (login(Code::DeadlineExceeded, reason::LOGIN_EXPIRED), 5),
            (Error::BudgetExhausted { message: message(), retry_after: None }, 6),
            (refused(Code::AlreadyExists), 1),
            (Error::BadAnswer("x"), 1),
        ] {
            assert_eq!(Exit::from(&error).code(), exit, "{error:?}");
        }
    }
}
