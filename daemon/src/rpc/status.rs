//! Errors as gRPC carries them: a code, a reason for programs, a message for
//! people.

use std::time::Duration;

use tokend_core::{Failure, Name, Refusal, StoreFailure, Verdict};
use tokend_proto::{ERROR_DOMAIN, reason};
use tokend_provider::{RequestError, RotationError};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::{patience::LONGEST_REQUEST, tally::MOST_OF_A_USER};
use crate::{engine::Error, ports::RekeyFailure};

/// Makes a status with a reason.
pub(super) fn new(code: Code, reason: &str, message: impl Into<String>) -> Status {
    build(code, reason, message.into(), None)
}

/// What someone is told who asks for a service or a method that isn't there.
pub(super) fn unknown(message: &str) -> Status {
    new(Code::Unimplemented, reason::SERVICE_UNKNOWN, message)
}

/// What someone is told when tokend itself fails.
pub(super) fn internal(message: &str) -> Status {
    new(Code::Internal, reason::INTERNAL, message)
}

/// What everyone learns of everything while the store is locked.
pub(super) fn locked() -> Status {
    let message = "tokend is locked: an operator has to give the passphrase of its store";
    new(Code::FailedPrecondition, reason::STORE_LOCKED, message)
}

/// What an operator learns who gives a passphrase where none is waited for.
pub(super) fn not_locked() -> Status {
    let message = "tokend isn't locked; the passphrase wasn't looked at";
    new(Code::FailedPrecondition, reason::STORE_NOT_LOCKED, message)
}

/// What a caller learns of a credential that it may not read, or that isn't
/// there: the same.
pub(super) fn not_permitted() -> Status {
    let message = "there is no such credential, or you may not read it";
    new(Code::PermissionDenied, reason::CALLER_NOT_PERMITTED, message)
}

/// What a caller learns who may read a credential's tokens and submits a newer one.
pub(super) fn not_a_submitter(name: &Name, uid: u32) -> Status {
    let message = format!(
        "you may read {name}, but not submit newer tokens; an operator can permit it: \
         `tokend-cli grant {name} uid:{uid} --submit`"
    );
    new(Code::PermissionDenied, reason::CALLER_NOT_PERMITTED, message)
}

/// What a caller learns who may read them by a listener's socket only.
pub(super) fn not_a_submitter_at(listener: &str, name: &Name) -> Status {
    let message = format!(
        "you may read {name} here, but not submit newer tokens; an operator can permit it: \
         submit = true for the listener {listener} in tokend.toml"
    );
    new(Code::PermissionDenied, reason::CALLER_NOT_PERMITTED, message)
}

/// What a caller learns who may read a credential's tokens and wants another one.
pub(super) fn not_a_refresher(name: &Name, uid: u32) -> Status {
    let message = format!(
        "you may read {name}, but not have its token replaced; an operator can permit it: \
         `tokend-cli grant {name} uid:{uid} --refresh`"
    );
    new(Code::PermissionDenied, reason::CALLER_NOT_PERMITTED, message)
}

/// What a caller learns who may read them by a listener's socket. Who may have a token replaced
/// there is a number that isn't only this caller's.
pub(super) fn not_a_refresher_at(name: &Name) -> Status {
    let message = format!(
        "you may read {name} here, but not have its token replaced; `tokend-cli refresh {name}` \
         does it on the host"
    );
    new(Code::PermissionDenied, reason::CALLER_NOT_PERMITTED, message)
}

/// What a user is told who has as many calls open as may be.
pub(super) fn too_many_calls() -> Status {
    let message = format!(
        "you have {MOST_OF_A_USER} calls open already; end some, or try again when others ended"
    );
    let (code, reason) = (Code::ResourceExhausted, reason::TOO_MANY_CALLS);
    build(code, reason, message, Some(Duration::from_secs(1)))
}

/// What a caller is told whose request doesn't come to its end.
pub(super) fn unfinished() -> Status {
    let seconds = LONGEST_REQUEST.as_secs();
    let message = format!("the request didn't come to its end within {seconds} seconds");
    new(Code::DeadlineExceeded, reason::REQUEST_UNFINISHED, message)
}

/// Returns a status' reason.
pub(super) fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

/// Translates an error of the engine.
pub(super) fn of(error: &Error) -> Status {
    let (code, reason, retry_after) = match error {
        Error::Refused(refusal) => refused(refusal),
        Error::BudgetUnknown { retry_after, .. } => {
            (Code::ResourceExhausted, reason::ISSUANCE_BUDGET_EXHAUSTED, Some(*retry_after))
        }
        Error::Rekey(RekeyFailure::Unusable(_)) => {
            (Code::FailedPrecondition, reason::KEY_UNUSABLE, None)
        }
        Error::Rekey(RekeyFailure::WrongPassphrase(_)) => {
            (Code::PermissionDenied, reason::WRONG_PASSPHRASE, None)
        }
        Error::Rekey(RekeyFailure::TooSoon(wait)) => {
            (Code::ResourceExhausted, reason::TOO_MANY_PASSPHRASES, Some(*wait))
        }
        Error::NotRestored => (Code::FailedPrecondition, reason::STORE_NOT_RESTORED, None),
        Error::NoAccount(_) => (Code::NotFound, reason::ACCOUNT_NOT_FOUND, None),
        Error::NotFound(_) => (Code::NotFound, reason::CREDENTIAL_NOT_FOUND, None),
        Error::Exists(_) => (Code::AlreadyExists, reason::CREDENTIAL_EXISTS, None),
        Error::Damaged { .. } => (Code::DataLoss, reason::CREDENTIAL_DAMAGED, None),
        Error::ProviderNotFound { .. } => (Code::NotFound, reason::PROVIDER_NOT_FOUND, None),
        Error::Input(_) | Error::SharedRefreshToken { .. } => {
            (Code::InvalidArgument, reason::INVALID_INPUT, None)
        }
        Error::Rotation(RotationError::Unsupported) => {
            (Code::FailedPrecondition, reason::ROTATION_UNSUPPORTED, None)
        }
        Error::Rotation(_) => (Code::InvalidArgument, reason::INVALID_ROTATION, None),
        Error::Superseded(_) => (Code::Aborted, reason::TOKEN_SUPERSEDED, None),
        Error::TooManyRotations { retry_after, .. } => {
            (Code::ResourceExhausted, reason::TOO_MANY_ROTATIONS, Some(*retry_after))
        }
        Error::Declared { .. } => (Code::FailedPrecondition, reason::CREDENTIAL_DECLARED, None),
        Error::OtherProvider { .. } => {
            (Code::FailedPrecondition, reason::CREDENTIAL_OF_ANOTHER_PROVIDER, None)
        }
        Error::NotSupplied { .. } => (Code::FailedPrecondition, reason::SECRET_NOT_SUPPLIED, None),
        Error::EtagMismatch(_) => (Code::Aborted, reason::ETAG_MISMATCH, None),
        Error::NoSecret { .. } => (Code::InvalidArgument, reason::INVALID_INPUT, None),
        Error::ReaderNotFound { .. }
        | Error::SubmitterNotFound { .. }
        | Error::RefresherNotFound { .. } => (Code::NotFound, reason::READER_NOT_FOUND, None),
        Error::Request(problem) => unfit(problem),
        Error::NotDone { failure, .. } => not_done(failure),
        Error::NoLogin { .. } => (Code::FailedPrecondition, reason::LOGIN_UNSUPPORTED, None),
        Error::LoginUnderWay(_) => (Code::Aborted, reason::LOGIN_UNDER_WAY, None),
        Error::LoginDeclined { .. } => (Code::Aborted, reason::LOGIN_DECLINED, None),
        Error::LoginExpired { .. } => (Code::DeadlineExceeded, reason::LOGIN_EXPIRED, None),
        Error::NoToken(_) => (Code::FailedPrecondition, reason::NO_TOKEN, None),
        Error::Irrevocable { .. } => {
            (Code::FailedPrecondition, reason::REVOCATION_UNSUPPORTED, None)
        }
        Error::RevocationPending { retry_after, .. } => {
            (Code::Unavailable, reason::REVOCATION_PENDING, *retry_after)
        }
        Error::NoRevocation(_) => (Code::NotFound, reason::REVOCATION_NOT_FOUND, None),
        Error::TooManyErrands => (Code::ResourceExhausted, reason::TOO_MANY_OPERATIONS, None),
        Error::Store(failure)
        | Error::NotDiscarded(failure)
        | Error::Rekey(RekeyFailure::Store(failure)) => store(failure, None),
        Error::Stopping => (Code::Unavailable, reason::SHUTTING_DOWN, None),
    };
    build(code, reason, error.to_string(), retry_after)
}

/// Returns the reason that callers get for a refusal.
pub(super) fn refusal_reason(refusal: &Refusal) -> &'static str {
    refused(refusal).1
}

/// Nobody tries again by itself, so there is nothing to wait for.
fn not_done(failure: &Failure) -> Parts {
    match failure.verdict {
        Verdict::Denied => (Code::FailedPrecondition, reason::PROVIDER_REFUSED, None),
        Verdict::Limited | Verdict::Transient => {
            (Code::Unavailable, reason::PROVIDER_UNAVAILABLE, None)
        }
        Verdict::Local => (Code::Unavailable, reason::MACHINE_EXHAUSTED, None),
    }
}

fn unfit(problem: &RequestError) -> Parts {
    match problem {
        RequestError::NoOperation { .. } | RequestError::Argument(_) => {
            (Code::InvalidArgument, reason::INVALID_INPUT, None)
        }
        RequestError::NothingHeld { .. } | RequestError::NothingHeldFor { .. } => {
            (Code::FailedPrecondition, reason::NO_TOKEN, None)
        }
        _ => (Code::FailedPrecondition, reason::DEFINITION_UNUSABLE, None),
    }
}

type Parts = (Code, &'static str, Option<Duration>);

fn refused(refusal: &Refusal) -> Parts {
    match refusal {
        Refusal::BudgetExhausted { retry_after } => {
            (Code::ResourceExhausted, reason::ISSUANCE_BUDGET_EXHAUSTED, Some(*retry_after))
        }
        Refusal::TooSoon { retry_after } => {
            (Code::ResourceExhausted, reason::TOO_MANY_REFRESHES, Some(*retry_after))
        }
        Refusal::Unavailable { retry_after, .. } => {
            (Code::Unavailable, reason::PROVIDER_UNAVAILABLE, Some(*retry_after))
        }
        Refusal::Local { retry_after, .. } => {
            (Code::Unavailable, reason::MACHINE_EXHAUSTED, Some(*retry_after))
        }
        Refusal::Rejected { .. } => (Code::FailedPrecondition, reason::CREDENTIAL_REJECTED, None),
        Refusal::LoginNeeded { .. } => (Code::FailedPrecondition, reason::LOGIN_NEEDED, None),
        Refusal::Impossible { .. } => (Code::FailedPrecondition, reason::DEFINITION_UNUSABLE, None),
        Refusal::MinTtlUnsatisfiable { .. } => {
            (Code::OutOfRange, reason::MIN_TTL_UNSATISFIABLE, None)
        }
        Refusal::Store { failure, retry_after } => store(failure, Some(*retry_after)),
        Refusal::Removed => (Code::Aborted, reason::CREDENTIAL_REMOVED, None),
    }
}

fn store(failure: &StoreFailure, retry_after: Option<Duration>) -> Parts {
    if failure.full {
        (Code::ResourceExhausted, reason::STORE_FULL, retry_after)
    } else {
        (Code::Unavailable, reason::STORE_UNAVAILABLE, retry_after)
    }
}

fn build(code: Code, reason: &str, message: String, retry_after: Option<Duration>) -> Status {
    let mut details = ErrorDetails::new();
    let metadata: [(String, String); 0] = [];
    details.set_error_info(reason, ERROR_DOMAIN, metadata);
    if retry_after.is_some() {
        details.set_retry_info(retry_after);
    }
    Status::with_error_details(code, message, details)
}
