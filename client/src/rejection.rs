//! Reports that an API refused a token, and what they come to.

use std::time::SystemTime;

use tokend_proto::v1::{
    ReportRejectionRequest, ReportRejectionResponse, report_rejection_request as request,
    report_rejection_response::Outcome,
};

pub use self::rule::{BodyRule, HeaderRule, RejectionRules};
use crate::{Error, Token, token};

mod rule;

/// A report that an API refused a token, for
/// [`Client::report_rejection`](crate::Client::report_rejection).
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Rejection {
    token: request::Token,
    status: u32,
    code: String,
}

impl Rejection {
    /// Returns the report that `token` was refused.
    pub fn of(token: &Token) -> Self {
        Self::of_id(token.id())
    }

    /// Returns the report that the token with this [id](Token::id) was refused.
    pub fn of_id(token_id: impl Into<String>) -> Self {
        Self::which(request::Token::TokenId(token_id.into()))
    }

    /// Returns the report that the token was refused whose value has this SHA-256
    /// hash (FIPS 180-4), for those who have the value alone.
    pub fn of_value_sha256(hash: [u8; 32]) -> Self {
        Self::which(request::Token::ValueSha256(hash.to_vec()))
    }

    /// Sets the HTTP status of the API's answer. Not every one speaks against the
    /// token: 403, 404, 429 and 500 to 599, say, don't.
    pub fn status(mut self, status: u16) -> Self {
        self.status = status.into();
        self
    }

    /// Sets the API's code for the error, such as `invalid_token` (RFC 6750 §3.1).
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = code.into();
        self
    }

    /// Returns the id of the token, if that is how it is named.
    pub(crate) fn token_id(&self) -> Option<&str> {
        match &self.token {
            request::Token::TokenId(id) => Some(id),
            request::Token::ValueSha256(_) => None,
        }
    }

    pub(crate) fn about(self, name: &str) -> ReportRejectionRequest {
        let Self { token, status, code } = self;
        ReportRejectionRequest { name: name.to_owned(), token: Some(token), status, code }
    }

    fn which(token: request::Token) -> Self {
        Self { token, status: 0, code: String::new() }
    }
}

/// What a report came to. The messages are for people.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ruling {
    /// Another token has taken the refused one's place already.
    Superseded,
    /// A new token has been issued.
    Refreshed,
    /// A new token is on its way, but hasn't come within ten seconds.
    InFlight,
    /// There is none for now: the limits, a back-off or too many reports forbid it.
    /// The token that is held is still served.
    Suppressed {
        /// When a report can be heard again.
        retry_at: Option<SystemTime>,
        /// What forbids it.
        message: String,
    },
    /// It isn't the token: the API's answer doesn't say so, or a new token was
    /// refused as well.
    NotATokenProblem {
        /// What speaks for that.
        message: String,
    },
    /// No issuance can bring another token; a person has to act.
    CredentialDead {
        /// Why, and what to do.
        message: String,
    },
}

impl Ruling {
    /// Tells whether there is another token by now: get it, and repeat the request
    /// once.
    pub fn brought_another(&self) -> bool {
        matches!(self, Self::Superseded | Self::Refreshed)
    }
}

impl TryFrom<ReportRejectionResponse> for Ruling {
    type Error = Error;

    fn try_from(answer: ReportRejectionResponse) -> Result<Self, Error> {
        let outcome = answer.outcome();
        let ReportRejectionResponse { retry_time, message, .. } = answer;
        Ok(match outcome {
            Outcome::Superseded => Self::Superseded,
            Outcome::Refreshed => Self::Refreshed,
            Outcome::InFlight => Self::InFlight,
            Outcome::Suppressed => Self::Suppressed { retry_at: token::time(retry_time)?, message },
            Outcome::NotATokenProblem => Self::NotATokenProblem { message },
            Outcome::CredentialDead => Self::CredentialDead { message },
            Outcome::Unspecified => {
                return Err(Error::BadAnswer("the report's outcome is unknown to this client"));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn answer(outcome: i32) -> ReportRejectionResponse {
        ReportRejectionResponse {
            outcome,
            retry_time: Some(prost_types::Timestamp { seconds: 60, nanos: 0 }),
            message: "why".to_owned(),
            ..ReportRejectionResponse::default()
        }
    }

    #[test]
    fn every_outcome_of_the_contract_has_its_ruling() {
        let message = || "why".to_owned();
        let retry_at = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(60));
        for (outcome, ruling, another) in [
            (Outcome::Superseded, Ruling::Superseded, true),
            (Outcome::Refreshed, Ruling::Refreshed, true),
            (Outcome::InFlight, Ruling::InFlight, false),
            (Outcome::Suppressed, Ruling::Suppressed { retry_at, message: message() }, false),
            (Outcome::NotATokenProblem, Ruling::NotATokenProblem { message: message() }, false),
            (Outcome::CredentialDead, Ruling::CredentialDead { message: message() }, false),
        ] {
            assert_eq!(ruling.brought_another(), another, "{ruling:?}");
            assert_eq!(Ruling::try_from(answer(outcome.into())).unwrap(), ruling);
        }
    }

    #[test]
    fn an_outcome_of_a_later_version_is_no_ruling() {
        for outcome in [0, 99] {
            let error = Ruling::try_from(answer(outcome)).unwrap_err();
            assert!(matches!(error, Error::BadAnswer(_)), "{error:?}");
        }
    }

    #[test]
    fn a_report_names_its_token_in_one_of_two_ways() {
        let id = Rejection::of_id("t-1").status(401).code("invalid_token").about("a");
        assert_eq!(id.token, Some(request::Token::TokenId("t-1".to_owned())));
        assert_eq!((id.name.as_str(), id.status, id.code.as_str()), ("a", 401, "invalid_token"));

        let hash = Rejection::of_value_sha256([7; 32]).about("a");
        assert_eq!(hash.token, Some(request::Token::ValueSha256(vec![7; 32])));
        assert_eq!((hash.status, hash.code.as_str()), (0, ""));
    }
}
