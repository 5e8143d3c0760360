//! From statuses to errors.

use std::time::Duration;

use tonic_types::ErrorDetails;

use super::*;

#[test]
fn every_reason_of_the_contract_has_its_variant() {
    let seconds = Duration::from_secs;
    let table: &[(&str, Code, &str, bool)] = &[
        (reason::INVALID_NAME, Code::InvalidArgument, "InvalidRequest", false),
        (reason::INVALID_MIN_TTL, Code::InvalidArgument, "InvalidRequest", false),
        (reason::INVALID_REJECTION, Code::InvalidArgument, "InvalidRequest", false),
        (reason::INVALID_INPUT, Code::InvalidArgument, "InvalidRequest", false),
        (reason::INVALID_ROTATION, Code::InvalidArgument, "InvalidRequest", false),
        (reason::INVALID_DEFINITION, Code::InvalidArgument, "InvalidRequest", false),
        (reason::INVALID_DECLARATION, Code::InvalidArgument, "InvalidRequest", false),
        (reason::INVALID_PAGE_TOKEN, Code::InvalidArgument, "InvalidRequest", false),
        (reason::INVALID_PRINCIPAL, Code::InvalidArgument, "InvalidRequest", false),
        (reason::CALLER_NOT_PERMITTED, Code::PermissionDenied, "NotPermitted", false),
        (reason::CREDENTIAL_NOT_FOUND, Code::NotFound, "NotFound", false),
        (reason::CREDENTIAL_REMOVED, Code::Aborted, "NotFound", false),
        (reason::PROVIDER_NOT_FOUND, Code::NotFound, "NotFound", false),
        (reason::READER_NOT_FOUND, Code::NotFound, "NotFound", false),
        (reason::REVOCATION_NOT_FOUND, Code::NotFound, "NotFound", false),
        (reason::USER_NOT_FOUND, Code::NotFound, "NotFound", false),
        (reason::ISSUANCE_BUDGET_EXHAUSTED, Code::ResourceExhausted, "BudgetExhausted", true),
        (reason::PROVIDER_UNAVAILABLE, Code::Unavailable, "Unavailable", true),
        (reason::MACHINE_EXHAUSTED, Code::Unavailable, "Unavailable", true),
        (reason::STORE_UNAVAILABLE, Code::Unavailable, "Unavailable", true),
        (reason::TOO_MANY_ROTATIONS, Code::ResourceExhausted, "Unavailable", true),
        (reason::TOO_MANY_REFRESHES, Code::ResourceExhausted, "Unavailable", true),
        (reason::TOO_MANY_OPERATIONS, Code::ResourceExhausted, "Unavailable", true),
        (reason::TOO_MANY_WATCHES, Code::ResourceExhausted, "Unavailable", true),
        (reason::TOO_MANY_CALLS, Code::ResourceExhausted, "Unavailable", true),
        (reason::REQUEST_UNFINISHED, Code::DeadlineExceeded, "Unavailable", true),
        (reason::REVOCATION_PENDING, Code::Unavailable, "Unavailable", true),
        (reason::SHUTTING_DOWN, Code::Unavailable, "Unavailable", true),
        (reason::STORE_LOCKED, Code::FailedPrecondition, "StoreLocked", true),
        (reason::STORE_NOT_LOCKED, Code::FailedPrecondition, "Refused", false),
        (reason::WRONG_PASSPHRASE, Code::PermissionDenied, "Refused", false),
        (reason::TOO_MANY_PASSPHRASES, Code::ResourceExhausted, "Refused", false),
        (reason::STORE_FULL, Code::ResourceExhausted, "StoreFull", true),
        (reason::CREDENTIAL_REJECTED, Code::FailedPrecondition, "CredentialRejected", false),
        (reason::LOGIN_NEEDED, Code::FailedPrecondition, "LoginNeeded", false),
        (reason::CREDENTIAL_DAMAGED, Code::DataLoss, "CredentialDamaged", false),
        (reason::MIN_TTL_UNSATISFIABLE, Code::OutOfRange, "MinTtlUnsatisfiable", false),
        (reason::CREDENTIAL_EXISTS, Code::AlreadyExists, "Refused", false),
        (reason::ETAG_MISMATCH, Code::Aborted, "Refused", false),
        (reason::LOGIN_UNSUPPORTED, Code::FailedPrecondition, "Refused", false),
        (reason::LOGIN_UNDER_WAY, Code::Aborted, "Refused", false),
        (reason::LOGIN_DECLINED, Code::Aborted, "Refused", false),
        (reason::LOGIN_EXPIRED, Code::DeadlineExceeded, "Refused", false),
        (reason::ROTATION_UNSUPPORTED, Code::FailedPrecondition, "Refused", false),
        (reason::REVOCATION_UNSUPPORTED, Code::FailedPrecondition, "Refused", false),
        (reason::ACCOUNT_NOT_FOUND, Code::NotFound, "NotFound", false),
        (reason::STORE_NOT_RESTORED, Code::FailedPrecondition, "Refused", false),
        (reason::KEY_UNUSABLE, Code::FailedPrecondition, "Refused", false),
        (reason::DEFINITION_UNUSABLE, Code::FailedPrecondition, "Refused", false),
        (reason::PROVIDER_REFUSED, Code::FailedPrecondition, "Refused", false),
        (reason::TOKEN_SUPERSEDED, Code::Aborted, "Refused", false),
        (reason::NO_TOKEN, Code::Unavailable, "Refused", true),
        (reason::CREDENTIAL_DECLARED, Code::FailedPrecondition, "Refused", false),
        (reason::CREDENTIAL_OF_ANOTHER_PROVIDER, Code::FailedPrecondition, "Refused", false),
        (reason::SECRET_NOT_SUPPLIED, Code::FailedPrecondition, "Refused", false),
        (reason::BACKUP_UNUSABLE, Code::InvalidArgument, "Refused", false),
        (reason::SERVICE_UNKNOWN, Code::NotFound, "Refused", false),
        (reason::INTERNAL, Code::Internal, "Refused", false),
        ("OF_A_LATER_VERSION", Code::Unavailable, "Refused", true),
    ];
    for (reason, code, variant, transient) in table {
        let mut details = ErrorDetails::with_error_info(*reason, ERROR_DOMAIN, []);
        details.set_retry_info(Some(seconds(7)));
        let error = Error::from(Status::with_error_details(*code, "what it says", details));
        assert!(format!("{error:?}").starts_with(variant), "{reason}: {error:?}");
        assert_eq!(error.reason(), Some(*reason));
        assert_eq!(error.to_string(), "what it says");
        assert_eq!(error.is_transient(), *transient, "{reason}");
        assert_eq!(error.login_needed(), *reason == reason::LOGIN_NEEDED);
        let waits = matches!(*variant, "BudgetExhausted" | "StoreFull" | "Unavailable");
        assert_eq!(error.retry_after(), waits.then_some(seconds(7)), "{reason}");
    }
    let contract = concat!(env!("CARGO_MANIFEST_DIR"), "/../proto/reason.rs");
    let contract = std::fs::read_to_string(contract).unwrap();
    for line in contract.lines().filter(|line| line.starts_with("pub const ")) {
        let reason = line.split('"').nth(1).unwrap();
        assert!(table.iter().any(|(known, ..)| *known == reason), "{reason} is left out");
    }
}

#[test]
fn neither_a_text_nor_another_domain_makes_a_reason() {
    let details = ErrorDetails::with_error_info(reason::CREDENTIAL_REJECTED, "else.where", []);
    let foreign = Status::with_error_details(Code::FailedPrecondition, "x", details);
    for status in [foreign, Status::failed_precondition(reason::CREDENTIAL_REJECTED)] {
        let error = Error::from(status);
        assert!(matches!(error, Error::Refused { reason: None, .. }), "{error:?}");
    }
}

#[test]
fn names_the_group_of_what_keeps_a_user_out() {
    let path = Path::new("/proc/no/such/socket");
    let error = unreachable(path, &io::ErrorKind::PermissionDenied.into());
    assert!(
        matches!(&error, Error::SocketNotPermitted { group: Some(group), .. } if group == "root")
    );
    assert_eq!(
        error.to_string(),
        "not permitted to use /proc/no/such/socket, which belongs to the group root"
    );
}
