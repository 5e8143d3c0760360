//! Answers of APIs, and what is newer in them.

use tokend_proto::v1::{AcquireTokenResponse, RotationRule};

use super::*;
use crate::clock::Clock;

fn token(rules: &[(rotation_rule::Source, &str, &str)]) -> Token {
    let rule = |(source, strip_prefix, extra): &(rotation_rule::Source, &str, &str)| RotationRule {
        source: Some(source.clone()),
        strip_prefix: (*strip_prefix).to_owned(),
        extra: (*extra).to_owned(),
    };
    let later = RotationRule { source: None, ..RotationRule::default() };
    let token = v1::Token {
        value: "t1".to_owned(),
        token_id: "id-1".to_owned(),
        extras: [("csrf".to_owned(), "c1".to_owned())].into(),
        rotations: rules.iter().map(rule).chain([later]).collect(),
        ..v1::Token::default()
    };
    let answer = AcquireTokenResponse { token: Some(token), ..AcquireTokenResponse::default() };
    let clock = Clock::default();
    Token::answered(answer, &clock, clock.now()).unwrap()
}

fn header(name: &str) -> rotation_rule::Source {
    rotation_rule::Source::Header(name.to_owned())
}

/// Returns the value and the extra `csrf` of what is newer in an answer.
fn newer(token: &Token, headers: &[(&'static str, &str)], body: &str) -> Option<[String; 2]> {
    let headers = headers.iter().map(|(name, value)| {
        let name: http::HeaderName = name.parse().unwrap();
        (name, http::HeaderValue::from_str(value).unwrap())
    });
    let headers: HeaderMap = headers.fold(HeaderMap::new(), |mut all, (name, value)| {
        all.append(name, value);
        all
    });
    let request = Rotation::of(token, &headers, Some(body.as_bytes()))?.about("api");
    assert_eq!(request.previous_token, Some(PreviousToken::TokenId("id-1".to_owned())));
    Some([request.value, request.extras.get("csrf").cloned().unwrap_or_default()])
}

#[test]
fn of_rules_for_the_same_thing_the_first_counts_that_finds_something() {
    let toggle =
        token(&[(header("X-Authorization"), "Bearer ", ""), (header("Authorization"), "", "")]);
    for (headers, value) in [
        (&[][..], None),
        (&[("x-authorization", "Bearer t2"), ("authorization", "t3")], Some("t2")),
        (&[("x-authorization", "t2")], Some("t2")),
        (&[("authorization", "t3")], Some("t3")),
        // What is held already is nothing new, whatever else there is.
        (&[("x-authorization", "Bearer t1"), ("authorization", "t3")], None),
        (&[("x-authorization", ""), ("authorization", "t3")], Some("t3")),
    ] {
        let value = value.map(|value| [value.to_owned(), String::new()]);
        assert_eq!(newer(&toggle, headers, ""), value, "{headers:?}");
    }
}

#[test]
fn extras_are_newer_by_themselves() {
    let unifi = token(&[
        (rotation_rule::Source::Cookie("TOKEN".to_owned()), "", ""),
        (header("X-CSRF-Token"), "", "csrf"),
    ]);
    let cookie = ("set-cookie", "TOKEN=t2; Path=/; HttpOnly");
    let pair = |value: &str, csrf: &str| Some([value.to_owned(), csrf.to_owned()]);
    assert_eq!(newer(&unifi, &[("x-csrf-token", "c2")], ""), pair("", "c2"));
    assert_eq!(newer(&unifi, &[cookie, ("x-csrf-token", "c2")], ""), pair("t2", "c2"));
    assert_eq!(newer(&unifi, &[cookie, ("x-csrf-token", "c1")], ""), pair("t2", ""));
    assert_eq!(newer(&unifi, &[("set-cookie", "OTHER=t2")], ""), None);
    assert_eq!(newer(&unifi, &[("set-cookie", "TOKEN=gone; max-age=0")], ""), None);
}

#[test]
fn a_body_is_followed_by_names_and_positions() {
    let body = |path: &str| token(&[(rotation_rule::Source::Body(path.to_owned()), "JWT ", "")]);
    let json = r#"{"a.b": [{"token": "JWT t2"}], "n": 1}"#;
    let expected = Some(["t2".to_owned(), String::new()]);
    assert_eq!(newer(&body("a\\.b.0.token"), &[], json), expected);
    for (path, json) in
        [("a.b", json), ("a\\.b.1.token", json), ("n", json), ("a\\.b", json), ("n", "<html>")]
    {
        assert_eq!(newer(&body(path), &[], json), None, "{path}");
    }
}

#[test]
fn debug_output_holds_no_secret() {
    let shown = format!("{:?}", Rotation::of_id("id-1", "s3cret".into()));
    assert!(shown.contains("id-1") && !shown.contains("s3cret"), "{shown}");
}

#[test]
fn what_became_of_it_is_told_by_outcomes_and_one_error() {
    let answer = |outcome: i32| Ok(SubmitRotationResponse { outcome, ..Default::default() });
    let superseded = Error::Refused {
        code: tonic::Code::Aborted,
        reason: Some(reason::TOKEN_SUPERSEDED.to_owned()),
        message: String::new(),
    };
    for (answer, submission) in [
        (answer(Outcome::Accepted.into()), Submission::Accepted),
        (answer(Outcome::Unchanged.into()), Submission::Unchanged),
        (Err(superseded), Submission::Superseded),
    ] {
        assert_eq!(Submission::read(answer).unwrap(), submission);
    }
    assert!(matches!(Submission::read(answer(99)), Err(Error::BadAnswer(_))));
    assert!(matches!(Submission::read(Err(Error::TimedOut)), Err(Error::TimedOut)));
}
