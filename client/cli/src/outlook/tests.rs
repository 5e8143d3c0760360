//! What is told of what comes next.

use tokend_proto::v1::{IssuanceFailure, TokenInfo};

use super::*;
use crate::scene::at;

const NOW: Timestamp = Timestamp { seconds: 900, nanos: 0 };

/// A token of an hour, issued a quarter of an hour ago.
#[expect(clippy::unnecessary_wraps, reason = "the contract can leave a token out")]
fn token(refresh: i64) -> Option<TokenInfo> {
    Some(TokenInfo {
        issue_time: at(0),
        refresh_time: at(refresh),
        expire_time: at(3_600),
        ..TokenInfo::default()
    })
}

fn credential(state: State) -> Credential {
    Credential { name: "causely".to_owned(), state: state.into(), ..Credential::default() }
}

fn limit(remaining: u32) -> Vec<Budget> {
    vec![Budget {
        credentials: vec!["causely".to_owned()],
        limit: "50/12h".to_owned(),
        count: 50,
        remaining,
        reserved: 12,
        reset_time: at(4_500),
        ..Budget::default()
    }]
}

fn told(credential: &Credential, budgets: &[Budget]) -> String {
    of(credential, budgets, &NOW, &TimeZone::UTC)
}

#[test]
fn says_when_a_token_is_replaced_and_why_then() {
    let fresh = |refresh| Credential { token: token(refresh), ..credential(State::Fresh) };
    for (refresh, budgets, outlook) in [
        (2_160, vec![], "in 21m (00:36), at 60 % of its life, since no limit is known"),
        // As of a provider that has given the same token again.
        (
            3_540,
            vec![],
            "in 44m (00:59), at 98 % of its life, since the provider allows no earlier one",
        ),
        (1_440, limit(38), "in 9m (00:24), at 40 % of its life, since the limits leave room"),
        (
            3_240,
            limit(38),
            "in 39m (00:54), at 90 % of its life, since the limits or the provider allow no \
             earlier one",
        ),
        (
            3_240,
            limit(12),
            "in 39m (00:54), at 90 % of its life, if the limits, of which only what is held back \
             is left now, allow it then",
        ),
        (
            3_240,
            limit(0),
            "in 39m (00:54), at 90 % of its life, if the limits, which are spent now, allow it \
             then",
        ),
    ] {
        let outlook = format!("the token is replaced {outlook}");
        assert_eq!(told(&fresh(refresh), &budgets), outlook, "{refresh}");
    }
    let used = RefreshPolicy::Used.into();
    let used = Credential { refresh_policy: used, ..fresh(2_160) };
    assert!(told(&used, &[]).ends_with(" and if someone has asked for it lately"));
}

#[test]
fn says_what_is_waited_for() {
    let failure = |retry, consecutive| {
        let retry_time = Some(Timestamp { seconds: retry, nanos: 0 });
        Some(IssuanceFailure { retry_time, consecutive, ..IssuanceFailure::default() })
    };
    let held = token(2_160);
    for (credential, outlook) in [
        (credential(State::Empty), "a token is asked for as soon as someone asks"),
        (credential(State::Issuing), "a token is being asked for"),
        (
            Credential { token: held.clone(), ..credential(State::Refreshing) },
            "the next token is being asked for; until then this one is served, which ends in 45m \
             (01:00)",
        ),
        (
            Credential { last_failure: failure(930, 3), ..credential(State::BackingOff) },
            "the next attempt is in 30s (00:15), since 3 failed in a row; until then nobody gets \
             one",
        ),
        (
            Credential { last_failure: failure(930, 1), ..credential(State::BackingOff) },
            "the next attempt is in 30s (00:15), since the last one failed; until then nobody \
             gets one",
        ),
        (
            credential(State::Limited),
            "the limits allow the next token in 1h (01:15); until then nobody gets one",
        ),
        (
            credential(State::Refused),
            "nothing until someone acts: the provider refuses it; until then nobody gets one",
        ),
        (
            Credential { token: held, ..credential(State::LoginNeeded) },
            "nothing until someone logs in; until then this one is served, which ends in 45m \
             (01:00)",
        ),
    ] {
        assert_eq!(told(&credential, &limit(0)), outlook, "{credential:?}");
    }
}

#[test]
fn a_token_that_is_not_replaced_ahead_of_its_end_is_said_to_be_left_to_end() {
    let lasting = Credential { token: Some(TokenInfo::default()), ..credential(State::Fresh) };
    assert_eq!(told(&lasting, &[]), "nothing: the token doesn't end");
    let on_demand = TokenInfo { refresh_time: None, ..token(0).unwrap() };
    let on_demand = Credential { token: Some(on_demand), ..credential(State::Fresh) };
    assert_eq!(
        told(&on_demand, &[]),
        "the token ends in 45m (01:00); whoever asks first after that waits for the next"
    );
}
