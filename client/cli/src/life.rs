//! How much of a token's life is left, as shares of the whole.

use prost_types::Timestamp;
use tokend_proto::v1::Credential;

/// The life of a token that ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Life {
    /// How long it is, in seconds.
    pub(crate) seconds: f64,
    /// The share that is left; less than nothing once it is over.
    pub(crate) left: f64,
    /// The share that is left when the token is to be replaced.
    pub(crate) left_at_refresh: Option<f64>,
}

impl Life {
    /// Tells whether the token has ended.
    pub(crate) fn is_over(self) -> bool {
        self.left <= 0.0
    }
}

/// Returns the life of the token that is held; `None` if there is none or it has no end.
pub(crate) fn of(credential: &Credential, now: &Timestamp) -> Option<Life> {
    let token = credential.token.as_ref()?;
    let (start, end) = (seconds(token.issue_time.as_ref()?), seconds(token.expire_time.as_ref()?));
    let whole = end - start;
    if whole <= 0.0 {
        return None;
    }
    let left_at = |time: &Timestamp| (end - seconds(time)) / whole;
    Some(Life {
        seconds: whole,
        left: left_at(now),
        left_at_refresh: token.refresh_time.as_ref().map(left_at),
    })
}

/// Returns a time in seconds since 1970.
#[expect(clippy::cast_precision_loss, reason = "a bar doesn't show what is lost in 10,000 years")]
pub(crate) fn seconds(time: &Timestamp) -> f64 {
    time.seconds as f64 + f64::from(time.nanos) / 1e9
}

#[cfg(test)]
mod tests {
    use tokend_proto::v1::TokenInfo;

    use super::*;

    #[test]
    fn shares_are_counted_from_the_end() {
        let at = |seconds| Some(Timestamp { seconds, nanos: 0 });
        let token = |issue, refresh, expire| {
            let (issue_time, refresh_time, expire_time) = (at(issue), refresh, expire);
            let token = TokenInfo { issue_time, refresh_time, expire_time, ..Default::default() };
            Credential { token: Some(token), ..Credential::default() }
        };
        let life = |credential: &Credential, now| of(credential, &at(now).unwrap());
        let hour = token(0, at(2_160), at(3_600));
        let left = life(&hour, 900).unwrap();
        assert_eq!(left, Life { seconds: 3_600.0, left: 0.75, left_at_refresh: Some(0.4) });
        assert!(!left.is_over() && life(&hour, 3_600).unwrap().is_over());
        assert_eq!(life(&token(0, None, None), 9), None);
        assert_eq!(life(&token(5, None, at(5)), 9), None);
        assert_eq!(life(&Credential::default(), 9), None);
    }
}
