//! What tests of what is shown have in common: an hour, and a credential and its limit in it.

use prost_types::Timestamp;
use tokend_proto::v1::{Budget, Credential, TokenInfo, credential::State};

/// The time at which all is looked at.
pub(crate) const NOW: Timestamp = Timestamp { seconds: 3_600, nanos: 0 };

#[expect(clippy::unnecessary_wraps, reason = "the contract can leave each time out")]
pub(crate) fn at(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds, nanos: 0 })
}

/// Returns a credential with a token that is 18 minutes old and has 42 left, and that is replaced
/// in 18.
pub(crate) fn fresh(name: &str) -> Credential {
    Credential {
        name: name.to_owned(),
        state: State::Fresh.into(),
        token: Some(TokenInfo {
            issue_time: at(2_520),
            refresh_time: at(4_680),
            expire_time: at(6_120),
            ..TokenInfo::default()
        }),
        ..Credential::default()
    }
}

/// Returns a limit of a credential's of which 38 are left of 50, and 12 of these held back.
pub(crate) fn budget(name: &str) -> Budget {
    Budget {
        credentials: vec![name.to_owned()],
        limit: "50/12h".to_owned(),
        count: 50,
        remaining: 38,
        reserved: 12,
        ..Budget::default()
    }
}
