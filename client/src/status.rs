//! From a call's gRPC status to the error that it stands for.

use std::{
    error::Error as StdError, io, os::unix::fs::MetadataExt as _, path::Path, sync::Arc,
    time::Duration,
};

use tokend_proto::{ERROR_DOMAIN, reason};
use tonic::{Code, Status, TimeoutExpired};
use tonic_types::{ErrorInfo, StatusExt as _};

use crate::{Error, accounts, channel::Unreachable, trust::Distrust};

impl From<Status> for Error {
    /// Tells errors apart by the reason in the status' `google.rpc.ErrorInfo`,
    /// and failures to connect over [`channel`](crate::channel()) by their cause.
    fn from(status: Status) -> Self {
        if let Some(Unreachable { path, source }) = cause(&status) {
            return unreachable(path, source);
        }
        if let Some(distrust) = cause::<Distrust>(&status) {
            return distrusted(distrust.clone());
        }
        // The daemon tells when a person was too late by a reason.
        let is_late = status.code() == Code::DeadlineExceeded && info(&status).is_none();
        if is_late || cause::<TimeoutExpired>(&status).is_some() {
            return Error::TimedOut;
        }
        // A status that the daemon sent has no source.
        if status.source().is_some() {
            return Error::Disconnected(status);
        }
        answered(&status)
    }
}

fn answered(status: &Status) -> Error {
    let code = status.code();
    let message = status.message().to_owned();
    let Some(reason) = info(status).map(|info| info.reason) else {
        return Error::Refused { code, reason: None, message };
    };
    let retry_after = status.get_details_retry_info().and_then(|info| info.retry_delay);
    told(code, reason, message, retry_after)
}

/// Returns the error that tokend's reason stands for.
pub(crate) fn told(
    code: Code,
    reason: String,
    message: String,
    retry_after: Option<Duration>,
) -> Error {
    match reason.as_str() {
        reason::INVALID_NAME
        | reason::INVALID_MIN_TTL
        | reason::INVALID_REJECTION
        | reason::INVALID_ROTATION
        | reason::INVALID_INPUT
        | reason::INVALID_DEFINITION
        | reason::INVALID_DECLARATION
        | reason::INVALID_PRINCIPAL
        | reason::INVALID_PAGE_TOKEN => Error::InvalidRequest { reason, message },
        reason::CALLER_NOT_PERMITTED => Error::NotPermitted { message },
        reason::CREDENTIAL_NOT_FOUND
        | reason::CREDENTIAL_REMOVED
        | reason::PROVIDER_NOT_FOUND
        | reason::READER_NOT_FOUND
        | reason::REVOCATION_NOT_FOUND
        | reason::ACCOUNT_NOT_FOUND
        | reason::USER_NOT_FOUND => Error::NotFound { reason, message },
        reason::ISSUANCE_BUDGET_EXHAUSTED => Error::BudgetExhausted { message, retry_after },
        reason::PROVIDER_UNAVAILABLE
        | reason::MACHINE_EXHAUSTED
        | reason::STORE_UNAVAILABLE
        | reason::TOO_MANY_ROTATIONS
        | reason::TOO_MANY_REFRESHES
        | reason::TOO_MANY_OPERATIONS
        | reason::TOO_MANY_WATCHES
        | reason::TOO_MANY_CALLS
        | reason::REQUEST_UNFINISHED
        | reason::REVOCATION_PENDING
        | reason::SHUTTING_DOWN => Error::Unavailable { reason, message, retry_after },
        reason::STORE_LOCKED => Error::StoreLocked { message },
        reason::STORE_FULL => Error::StoreFull { message, retry_after },
        reason::CREDENTIAL_REJECTED => Error::CredentialRejected { message },
        reason::LOGIN_NEEDED => Error::LoginNeeded { message },
        reason::CREDENTIAL_DAMAGED => Error::CredentialDamaged { message },
        reason::MIN_TTL_UNSATISFIABLE => Error::MinTtlUnsatisfiable { message },
        _ => Error::Refused { code, reason: Some(reason), message },
    }
}

fn info(status: &Status) -> Option<ErrorInfo> {
    status.get_details_error_info().filter(|info| info.domain == ERROR_DOMAIN)
}

fn cause<T: StdError + 'static>(status: &Status) -> Option<&T> {
    let mut source = status.source();
    while let Some(error) = source {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        source = error.source();
    }
    None
}

fn unreachable(path: &Path, source: &io::Error) -> Error {
    let path = path.to_path_buf();
    match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            Error::DaemonNotRunning { path }
        }
        io::ErrorKind::PermissionDenied => {
            let group = owning_group(&path);
            Error::SocketNotPermitted { path, group }
        }
        // The source is shared with the status, so it is copied.
        kind => {
            let copy = || io::Error::new(kind, source.to_string());
            let source = source.raw_os_error().map_or_else(copy, io::Error::from_raw_os_error);
            Error::Unreachable { path, source: Arc::new(source) }
        }
    }
}

fn distrusted(distrust: Distrust) -> Error {
    match distrust {
        Distrust::Named(unknown) => Error::ServerUser(unknown),
        Distrust::Directory { path, directory, uid, mode } => {
            Error::UntrustedSocket { path, directory, uid, mode }
        }
        Distrust::Server { path, uid, unmapped } => Error::UntrustedServer { path, uid, unmapped },
    }
}

/// Returns the group that the socket lets in, or that the first directory on the
/// way up lets in that can be looked at: it is the one that can't be entered.
fn owning_group(path: &Path) -> Option<String> {
    let barrier = path.ancestors().find_map(|path| path.metadata().ok())?;
    let needed = if barrier.is_dir() { 0o010 } else { 0o020 };
    if barrier.mode() & needed == 0 {
        return None;
    }
    let gid = barrier.gid();
    Some(accounts::group_name(gid).unwrap_or_else(|| gid.to_string()))
}

#[cfg(test)]
mod tests;
