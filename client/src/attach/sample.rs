//! A token for tests.

use tokend_proto::v1::{self, AcquireTokenResponse, Placement, placement::Target};

use crate::{Token, clock::Clock};

/// Returns the token `t1`, changed.
pub(super) fn token(change: impl FnOnce(&mut v1::Token)) -> Token {
    let mut token = message("t1");
    change(&mut token);
    let answer = AcquireTokenResponse { token: Some(token), ..Default::default() };
    let clock = Clock::default();
    Token::answered(answer, &clock, clock.now()).unwrap()
}

/// Returns a token of this value that goes into the header `Authorization`.
pub(super) fn message(value: &str) -> v1::Token {
    v1::Token {
        value: value.to_owned(),
        token_id: format!("id of {value}"),
        placements: vec![put(
            Target::Header("Authorization".to_owned()),
            &format!("Bearer {value}"),
        )],
        hosts: vec!["127.0.0.1".to_owned(), "api.example.com".to_owned()],
        rejection: Some(v1::Rejection { statuses: vec![401], ..Default::default() }),
        ..v1::Token::default()
    }
}

pub(super) fn put(target: Target, value: &str) -> Placement {
    Placement { target: Some(target), value: value.to_owned(), writes_only: false }
}
