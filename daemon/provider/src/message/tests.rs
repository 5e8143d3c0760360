use crate::Outcome;
use crate::sample::{PLAIN, accept, answer, definition, inputs, run};

fn message_of(text: &str, status: u16, headers: &[(&str, &str)], body: &str) -> String {
    let definition = definition(text);
    let inputs = accept(&definition, inputs(&[], &[("password", "hunter2")]));
    match run(&definition, &inputs, &answer(status, headers, body)) {
        Outcome::Failed(failure) => failure.message,
        other => panic!("{other:?} by {body}"),
    }
}

fn message(status: u16, body: &str) -> String {
    message_of(PLAIN, status, &[], body)
}

#[test]
fn the_message_is_where_apis_usually_have_it() {
    for (status, body, expected) in [
        (
            400,
            r#"{"error": "invalid_client", "error_description": "Unknown client"}"#,
            "status 400: Unknown client",
        ),
        (400, r#"{"error": "invalid_client"}"#, "status 400: invalid_client"),
        (200, r#"{"errors": [{"message": "Unauthorized"}]}"#, "status 200: Unauthorized"),
        (401, r#"{"errors": ["Invalid credentials"]}"#, "status 401: Invalid credentials"),
        (400, r#"{"error": {"code": 7, "message": "No such user"}}"#, "status 400: No such user"),
        (500, r#"{"message": "Oops"}"#, "status 500: Oops"),
        (
            500,
            r#"{"code": 7, "token": "eyJ0"}"#,
            "status 500: no message among the fields code, token",
        ),
        (500, "[7]", "status 500"),
        (500, "out of order", "status 500: out of order"),
        (500, "", "status 500"),
        (302, "", "status 302, a redirect, which is never followed"),
        (502, "<html><body>hunter2</body></html>", "status 502 with an HTML page"),
        (200, "<html>Sign in</html>", "status 200 with an HTML page"),
        (200, r#"{"a": 1, "a": 2}"#, "status 200 with a body that has a JSON key twice"),
        (200, r#"{"tokn": "eyJ0"}"#, "status 200: the answer has no `body.token`"),
        (200, r#"{"token": ""}"#, "status 200: `body.token` in the answer is empty"),
        (200, r#"{"token": 5}"#, "status 200: `body.token` in the answer is not a text"),
        (
            200,
            r#"{"token": "a b"}"#,
            "status 200: `body.token` in the answer has characters that a token can't have",
        ),
    ] {
        assert_eq!(message(status, body), expected, "{body}");
    }
}

#[test]
fn the_definition_can_say_where_the_message_is() {
    let text = format!("{PLAIN}\n[error]\nmessage = \"headers['x-reason'] or body.detail\"");
    let body = r#"{"detail": "from the body", "message": "the usual"}"#;
    assert_eq!(
        message_of(&text, 400, &[("x-reason", "from a header")], body),
        "status 400: from a header"
    );
    assert_eq!(message_of(&text, 400, &[], body), "status 400: from the body");
    assert_eq!(message_of(&text, 400, &[], r#"{"message": "the usual"}"#), "status 400: the usual");
}

#[test]
fn no_secret_shows_whatever_the_provider_echoes() {
    for body in [
        r#"{"message": "hunter2 is wrong"}"#,
        r#"{"error": "\u0068unter2"}"#,
        r#"{"message": "password=hunter2&y"}"#,
        "you sent: hunter2",
        "aHVudGVyMg==",
    ] {
        let shown = message(400, body);
        assert!(shown.contains("[masked]"), "{shown}");
        assert!(!shown.contains("hunter2") && !shown.contains("aHVudGVyMg"), "{shown}");
    }
}

#[test]
fn no_token_shows_of_a_success_that_is_none() {
    for body in [
        r#"{"token": "eyJ0.secret", "ok": false, "message": "eyJ0.secret is no token"}"#,
        r#"{"token": "eyJ0.secret", "ok": false}"#,
        r#"{"token": "eyJ0.secret", "token": "eyJ0.secret"}"#,
        r#"{"access": "eyJ0.secret"}"#,
        "eyJ0.secret",
    ] {
        let shown = message(200, body);
        assert!(!shown.contains("eyJ0"), "{shown}");
    }
}

#[test]
fn no_token_shows_of_a_failure_either() {
    for status in [302, 400, 429, 503] {
        for body in [
            r#"{"token": "eyJ0.secret"}"#,
            r#"{"access": "eyJ0.secret", "refresh_token": "eyJ0.other"}"#,
            r#"{"token": "eyJ0.secret", "message": "eyJ0.secret is late"}"#,
        ] {
            let shown = message(status, body);
            assert!(!shown.contains("eyJ0"), "{shown}");
        }
    }
}

#[test]
fn a_message_is_one_short_printable_line() {
    let shown = message(400, &format!("{{\"message\": \"a\\u001b[31m\\nb{}\"}}", "x".repeat(500)));
    assert!(shown.starts_with("status 400: a [31m bxx"), "{shown}");
    assert_eq!(shown.chars().count(), 200);
    assert!(shown.ends_with('…'));
}
