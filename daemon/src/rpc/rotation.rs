//! Newer tokens that callers hand over, between the contract and the engine.

use tokend_core::Caller;
use tokend_proto::{
    reason,
    v1::{
        SubmitRotationRequest, SubmitRotationResponse, submit_rotation_request::PreviousToken,
        submit_rotation_response::Outcome,
    },
};
use tonic::{Code, Status};

use super::status;
use crate::engine::{Named, Rotated, Rotation};

/// Reads a submission that counts for `account`.
pub(super) fn read(request: SubmitRotationRequest, account: u32) -> Result<Rotation, Status> {
    let SubmitRotationRequest { previous_token, value, extras, .. } = request;
    let previous = match previous_token {
        Some(PreviousToken::TokenId(id)) if !id.is_empty() => Named::Id(id),
        Some(PreviousToken::ValueSha256(hash)) => {
            Named::Hash(hash.as_slice().try_into().map_err(|_| {
                invalid(&format!("value_sha256 has {} bytes, a SHA-256 hash has 32", hash.len()))
            })?)
        }
        _ => return Err(invalid("say which token was used: token_id or value_sha256")),
    };
    let extras = extras.into_iter().map(|(name, value)| (name, value.into())).collect();
    let value = Some(value).filter(|value| !value.is_empty()).map(Into::into);
    Ok(Rotation { previous, caller: Caller(account), value, extras })
}

/// Says what a submission came to.
pub(super) fn answer(rotated: Rotated) -> SubmitRotationResponse {
    let (id, outcome) = match rotated {
        Rotated::Accepted(id) => (id, Outcome::Accepted),
        Rotated::Unchanged(id) => (id, Outcome::Unchanged),
    };
    SubmitRotationResponse { token_id: id.to_string(), outcome: outcome.into() }
}

fn invalid(message: &str) -> Status {
    status::new(Code::InvalidArgument, reason::INVALID_ROTATION, message)
}
