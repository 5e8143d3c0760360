//! A credential's state in words.

use prost_types::Timestamp;
use tokend_proto::v1::{
    Credential, IssuanceFailure,
    credential::{RefreshPolicy, State},
};

use crate::{
    span,
    table::{Cell, Tone},
};

/// Returns the state in a word and its tone.
pub(crate) fn word(credential: &Credential) -> (&'static str, Tone) {
    match credential.state() {
        State::Unspecified => ("unknown", Tone::Plain),
        State::Empty => ("empty", Tone::Plain),
        State::Issuing => ("issuing", Tone::Waiting),
        State::Fresh => ("fresh", Tone::Good),
        State::Refreshing => ("refreshing", Tone::Good),
        State::BackingOff => ("backing off", Tone::Waiting),
        State::Limited => ("limited", Tone::Waiting),
        State::Refused => ("refused", Tone::Bad),
        State::LoginNeeded => ("login needed", Tone::Bad),
    }
}

/// Returns the state as a cell.
pub(crate) fn cell(credential: &Credential) -> Cell {
    let (word, tone) = word(credential);
    Cell::new(word, tone)
}

/// Returns when tokens are refreshed ahead of their end, as `add` and `set` take it.
pub(crate) fn policy(credential: &Credential) -> &'static str {
    match credential.refresh_policy() {
        RefreshPolicy::Unspecified | RefreshPolicy::Always => "always",
        RefreshPolicy::Used => "used",
        RefreshPolicy::OnDemand => "on-demand",
    }
}

/// Returns how long the token lives: `59m`, `never` or nothing.
pub(crate) fn expires_in(credential: &Credential, now: &Timestamp) -> String {
    match &credential.token {
        None => String::new(),
        Some(token) => token
            .expire_time
            .as_ref()
            .map_or_else(|| "never".to_owned(), |time| span::between(now, time)),
    }
}

/// Returns when the next attempt is due: the refresh, or the retry after a
/// failure; nothing if a person has to act first.
pub(crate) fn refresh_in(credential: &Credential, now: &Timestamp) -> String {
    let retry = credential.last_failure.as_ref().and_then(|failure| failure.retry_time.as_ref());
    let refresh = credential.token.as_ref().and_then(|token| token.refresh_time.as_ref());
    match credential.state() {
        State::Issuing | State::Refreshing => "now".to_owned(),
        State::Refused | State::LoginNeeded => String::new(),
        _ => retry.or(refresh).map_or_else(String::new, |time| span::between(now, time)),
    }
}

/// Returns what failed, when, and how often.
pub(crate) fn failure(failure: &IssuanceFailure, now: &Timestamp) -> String {
    let ago = failure
        .time
        .as_ref()
        .map(|time| format!(" ({} ago", span::between(time, now)))
        .unwrap_or_default();
    match (ago.as_str(), failure.consecutive) {
        ("", _) => failure.message.clone(),
        (ago, ..=1) => format!("{}{ago})", failure.message),
        (ago, times) => format!("{}{ago}, {times} in a row)", failure.message),
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;
    use tokend_proto::v1::TokenInfo;

    use super::*;
    use crate::arguments::Policy;

    fn at(seconds: i64) -> Timestamp {
        Timestamp { seconds, nanos: 0 }
    }

    fn credential(state: State) -> Credential {
        Credential { state: state.into(), ..Credential::default() }
    }

    const NOW: Timestamp = Timestamp { seconds: 1000, nanos: 0 };

    #[test]
    fn tells_when_a_token_expires_and_what_comes_next() {
        let token = Some(TokenInfo {
            expire_time: Some(at(1600)),
            refresh_time: Some(at(1300)),
            ..TokenInfo::default()
        });
        let retry =
            Some(IssuanceFailure { retry_time: Some(at(1030)), ..IssuanceFailure::default() });
        let fresh = Credential { token: token.clone(), ..credential(State::Fresh) };
        let lasting = Credential { token: Some(TokenInfo::default()), ..credential(State::Fresh) };
        let failing = Credential {
            token: token.clone(),
            last_failure: retry.clone(),
            ..credential(State::BackingOff)
        };
        let refused = Credential { last_failure: retry, ..credential(State::Refused) };
        let refreshing = Credential { token, ..credential(State::Refreshing) };
        for (credential, expires, next) in [
            (credential(State::Empty), "", ""),
            (fresh, "10m", "5m"),
            (lasting, "never", ""),
            (failing, "10m", "30s"),
            (refused, "", ""),
            (refreshing, "10m", "now"),
        ] {
            assert_eq!(expires_in(&credential, &NOW), expires, "{credential:?}");
            assert_eq!(refresh_in(&credential, &NOW), next, "{credential:?}");
        }
    }

    #[test]
    fn a_policy_is_told_as_it_is_given() {
        let told = |policy: RefreshPolicy| {
            super::policy(&Credential { refresh_policy: policy.into(), ..Credential::default() })
        };
        for given in Policy::value_variants() {
            let name = given.to_possible_value().unwrap();
            assert_eq!(told((*given).into()), name.get_name());
        }
        assert_eq!(told(RefreshPolicy::Unspecified), "always");
    }

    #[test]
    fn tells_a_failure_its_age_and_its_run() {
        let once = IssuanceFailure {
            message: "no".to_owned(),
            consecutive: 1,
            time: Some(at(990)),
            ..IssuanceFailure::default()
        };
        let often = IssuanceFailure { consecutive: 7, ..once.clone() };
        let timeless = IssuanceFailure { time: None, ..often.clone() };
        assert_eq!(failure(&once, &NOW), "no (10s ago)");
        assert_eq!(failure(&often, &NOW), "no (10s ago, 7 in a row)");
        assert_eq!(failure(&timeless, &NOW), "no");
    }
}
