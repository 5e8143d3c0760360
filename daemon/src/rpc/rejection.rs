//! Reports that an API refused a token, between the contract and the engine.

use jiff::Timestamp;
use tokend_core::{Caller, Ruling, TokenId, after};
use tokend_proto::{
    reason,
    v1::{
        ReportRejectionRequest, ReportRejectionResponse, report_rejection_request::Token,
        report_rejection_response::Outcome,
    },
};
use tonic::{Code, Status};

use super::status;
use crate::{
    engine::{Named, Rejection},
    published::timestamp,
};

/// No API's code for an error is longer.
const LONGEST_CODE: usize = 100;

/// Reads a report that counts for `account`.
pub(super) fn read(request: ReportRejectionRequest, account: u32) -> Result<Rejection, Status> {
    let ReportRejectionRequest { token, status, code, .. } = request;
    let token = match token {
        Some(Token::TokenId(id)) if !id.is_empty() => Named::Id(id),
        Some(Token::ValueSha256(hash)) => {
            Named::Hash(hash.as_slice().try_into().map_err(|_| {
                invalid(&format!("value_sha256 has {} bytes, a SHA-256 hash has 32", hash.len()))
            })?)
        }
        _ => return Err(invalid("say which token was refused: token_id or value_sha256")),
    };
    if code.len() > LONGEST_CODE {
        return Err(invalid(&format!("code has {} bytes, at most {LONGEST_CODE} do", code.len())));
    }
    let status = match status {
        0 => None,
        status => Some(
            u16::try_from(status)
                .ok()
                .filter(|status| (100..600).contains(status))
                .ok_or_else(|| invalid(&format!("{status} is no HTTP status")))?,
        ),
    };
    Ok(Rejection { token, caller: Caller(account), status, code })
}

/// Says what a report came to; `None` if it hasn't come to anything yet.
pub(super) fn answer(
    ruling: Option<Ruling>,
    held: Option<TokenId>,
    name: &str,
    now: Timestamp,
) -> ReportRejectionResponse {
    let outcome = ruling.as_ref().map_or(Outcome::InFlight, outcome);
    let (retry_after, message) = match ruling {
        None => (None, "the provider hasn't answered yet".to_owned()),
        Some(Ruling::Superseded | Ruling::Refreshed) => (None, String::new()),
        Some(Ruling::Suppressed { retry_after }) => {
            (Some(retry_after), format!("no new token for now; `tokend-cli show {name}` says why"))
        }
        Some(Ruling::NotATokenProblem) => {
            let message = "the API's answer doesn't say so, or it has refused a new one as well";
            (None, message.to_owned())
        }
        Some(Ruling::CredentialDead { message }) => (None, message),
    };
    ReportRejectionResponse {
        outcome: outcome.into(),
        retry_time: retry_after.map(|wait| timestamp(after(now, wait))),
        token_id: held.map(|id| id.to_string()).unwrap_or_default(),
        message,
    }
}

/// Returns what a ruling is in the contract.
pub(super) fn outcome(ruling: &Ruling) -> Outcome {
    match ruling {
        Ruling::Superseded => Outcome::Superseded,
        Ruling::Refreshed => Outcome::Refreshed,
        Ruling::Suppressed { .. } => Outcome::Suppressed,
        Ruling::NotATokenProblem => Outcome::NotATokenProblem,
        Ruling::CredentialDead { .. } => Outcome::CredentialDead,
    }
}

fn invalid(message: &str) -> Status {
    status::new(Code::InvalidArgument, reason::INVALID_REJECTION, message)
}
