//! A pending revocation as the contract shows it.

use tokend_core::RevocationId;
use tokend_proto::{reason, v1};
use tonic::{Code, Status};

use super::status;
use crate::{engine::PendingRevocation, ports::Revocation, published::timestamp};

/// Returns a pending revocation as the contract shows it, without secrets.
pub(super) fn message(pending: &PendingRevocation) -> v1::PendingRevocation {
    let PendingRevocation { revocation, retry_at } = pending;
    let Revocation { last_failure, .. } = &**revocation;
    v1::PendingRevocation {
        id: revocation.id.to_string(),
        credential: revocation.name.to_string(),
        provider: revocation.provider.clone(),
        token_id: revocation.token.as_ref().map_or_else(String::new, |token| token.id.to_string()),
        since: Some(timestamp(revocation.asked_at)),
        expire_time: revocation.ends_at.map(timestamp),
        attempts: revocation.attempts,
        last_failure: last_failure
            .as_ref()
            .map_or_else(String::new, |(failure, _)| failure.message.clone()),
        last_failure_time: last_failure.as_ref().map(|(_, at)| timestamp(*at)),
        retry_time: retry_at.map(timestamp),
    }
}

/// Reads a revocation's id. Whatever isn't one is the id of none.
pub(super) fn parse_id(text: &str) -> Result<RevocationId, Status> {
    let is_id = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = u128::from_str_radix(text, 16).ok().filter(|_| is_id);
    let missing = || {
        let message = "no revocation of that id is pending";
        status::new(Code::NotFound, reason::REVOCATION_NOT_FOUND, message)
    };
    number.map(|number| RevocationId(number.to_be_bytes())).ok_or_else(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_shown() {
        let id = RevocationId([0x0a; 16]);
        assert_eq!(parse_id(&id.to_string()).unwrap(), id);
        for other in ["", "7", "+a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a", &"g".repeat(32)] {
            assert_eq!(parse_id(other).unwrap_err().code(), Code::NotFound, "{other:?}");
        }
    }
}
