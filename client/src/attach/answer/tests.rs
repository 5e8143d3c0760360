//! Answers of APIs, and what they say of the token.

use http::Response;
use tokend_proto::v1::{self, rejection, rotation_rule};

use super::*;
use crate::attach::sample;

fn token(rules: v1::Rejection) -> Token {
    sample::token(|token| token.rejection = Some(rules))
}

fn head(status: u16, headers: &[(&'static str, &str)]) -> Parts {
    let mut answer = Response::builder().status(status);
    for (name, value) in headers {
        answer = answer.header(*name, *value);
    }
    answer.body(()).unwrap().into_parts().0
}

/// Returns the code of the report, if there is one.
fn code(token: &Token, head: &Parts, body: &str) -> Option<String> {
    let report = refusal(head, Some(&Bytes::copy_from_slice(body.as_bytes())), token)?;
    let report = report.about("api");
    assert_eq!(report.status, u32::from(head.status.as_u16()));
    Some(report.code)
}

fn body_rule(path: &str, values: &[&str]) -> rejection::BodyRule {
    let values = values.iter().map(|&value| value.to_owned()).collect();
    rejection::BodyRule { path: path.to_owned(), values, ..Default::default() }
}

#[test]
fn a_status_says_so_and_the_challenge_says_why() {
    let token = token(v1::Rejection { statuses: vec![401, 419], ..Default::default() });
    for (status, challenge, expected) in [
        (401, "", Some("")),
        (419, "", Some("")),
        (
            401,
            r#"Bearer realm="a b", error="invalid_token", error_description="x""#,
            Some("invalid_token"),
        ),
        (401, "Bearer error=insufficient_scope", Some("insufficient_scope")),
        (401, r#"Bearer error="whatever""#, Some("")),
        (403, r#"Bearer error="invalid_token""#, None),
        (200, "", None),
        (500, "", None),
    ] {
        let head = head(status, &[("www-authenticate", challenge)]);
        assert_eq!(code(&token, &head, "{}").as_deref(), expected, "{status} {challenge}");
    }
}

#[test]
fn a_place_in_the_body_says_so() {
    let token = token(v1::Rejection {
        body: vec![
            body_rule("errors.*.message", &["Unauthorized"]),
            body_rule("code", &["40001", "true"]),
            rejection::BodyRule { statuses: vec![403], ..body_rule("why", &["token"]) },
            rejection::BodyRule { contains: "signed out".to_owned(), ..body_rule("", &[]) },
            rejection::BodyRule { other_than: vec!["ok".to_owned()], ..body_rule(r"a\.b.1", &[]) },
        ],
        ..Default::default()
    });
    for (status, body, expected) in [
        (200, r#"{"errors":[{"message":"No such user"},{"message":"Unauthorized"}]}"#, true),
        (200, r#"{"errors":[{"message":"Unauthorized user"}]}"#, false),
        (200, r#"{"errors":{"message":"Unauthorized"}}"#, false),
        (200, r#"{"code":40001}"#, true),
        (200, r#"{"code":"40001"}"#, true),
        (200, r#"{"code":true}"#, true),
        (200, r#"{"code":[40001]}"#, false),
        (403, r#"{"why":"token"}"#, true),
        (200, r#"{"why":"token"}"#, false),
        (500, "You were signed out.", true),
        (200, r#"{"a.b":["bad","ok"]}"#, false),
        (200, r#"{"a.b":["ok","bad"]}"#, true),
        (200, r#"{"a.b":["ok",null]}"#, false),
        (401, "", false),
    ] {
        let code = code(&token, &head(status, &[]), body);
        // A status by itself may say something else.
        assert_eq!(code.as_deref(), expected.then_some("invalid_token"), "{status} {body}");
    }
    assert!(refusal(&head(200, &[]), None, &token).is_none());
}

#[test]
fn a_header_says_so() {
    let rule = rejection::HeaderRule {
        name: "WWW-Authenticate".to_owned(),
        contains: "Expired".to_owned(),
        statuses: vec![403],
    };
    let token = token(v1::Rejection { headers: vec![rule], ..Default::default() });
    for (status, value, expected) in
        [(403, "Bearer, the token has EXPIRED", true), (401, "expired", false), (403, "", false)]
    {
        let code = code(&token, &head(status, &[("www-authenticate", value)]), "");
        assert_eq!(code.as_deref(), expected.then_some("invalid_token"), "{status} {value}");
    }
}

#[test]
fn a_grpc_server_says_unauthenticated() {
    let token = token(v1::Rejection { statuses: vec![401], ..Default::default() });
    let kind = ("content-type", "application/grpc+proto");
    let report = refusal(&head(200, &[kind, ("grpc-status", "16")]), None, &token).unwrap();
    assert_eq!(report.about("api").status, 401);
    assert!(refusal(&head(200, &[kind, ("grpc-status", "7")]), None, &token).is_none());
    assert!(refusal(&head(200, &[kind]), None, &token).is_none());
    assert!(refusal(&head(200, &[("grpc-status", "16")]), None, &token).is_none());
}

#[test]
fn a_body_is_read_only_if_it_can_say_something() {
    let fields = token(v1::Rejection {
        body: vec![rejection::BodyRule { statuses: vec![200], ..body_rule("a", &["b"]) }],
        ..Default::default()
    });
    let text = token(v1::Rejection {
        body: vec![rejection::BodyRule { contains: "x".to_owned(), ..Default::default() }],
        ..Default::default()
    });
    let plain = sample::token(|_| ());
    let rotating = sample::token(|token| {
        let source = Some(rotation_rule::Source::Body("next".to_owned()));
        token.rotations = vec![v1::RotationRule { source, ..Default::default() }];
    });
    let json = ("content-type", "application/json; charset=utf-8");
    for (token, status, headers, expected) in [
        (&fields, 200, &[json][..], true),
        (&fields, 200, &[], true),
        (&fields, 200, &[("content-type", "text/plain")], true),
        (&fields, 201, &[json], false),
        (&fields, 200, &[("content-type", "text/html")], false),
        (&fields, 200, &[("content-type", "text/event-stream")], false),
        (&fields, 200, &[("content-type", "application/x-ndjson")], false),
        (&fields, 200, &[("content-type", "application/grpc+json")], false),
        (&fields, 200, &[("content-type", "application/octet-stream")], false),
        (&fields, 200, &[json, ("content-encoding", "gzip")], false),
        (&fields, 200, &[json, ("content-encoding", "identity")], true),
        (&fields, 200, &[json, ("content-length", "100")], true),
        (&fields, 200, &[json, ("content-length", "101")], false),
        (&text, 500, &[("content-type", "text/html")], true),
        (&text, 500, &[json], true),
        (&text, 500, &[("content-type", "image/png")], false),
        (&rotating, 201, &[json], true),
        (&plain, 401, &[json], false),
    ] {
        assert_eq!(is_in_body(&head(status, headers), token, 100), expected, "{headers:?}");
    }
}
