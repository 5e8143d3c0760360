//! Answers as providers give them, with what is made of each by default.

use super::*;
use Verdict::{Denied, Limited, Transient};

const HTML: (&str, &str) = ("content-type", "text/html; charset=utf-8");
const JSON: (&str, &str) = ("content-type", "application/json");

/// Judges an answer and returns the message as well.
fn judge(status: u16, headers: &[(&str, &str)], body: &str) -> (Verdict, String) {
    let failure = failure(PLAIN, &answer(status, headers, body)).expect(body);
    (failure.verdict, failure.message)
}

fn check(status: u16, headers: &[(&str, &str)], body: &str, verdict: Verdict, message: &str) {
    let message = format!("status {status}{message}");
    assert_eq!(judge(status, headers, body), (verdict, message), "{body}");
}

#[test]
fn the_errors_of_oauth_are_refusals_whichever_status_they_come_with() {
    for code in [
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
    ] {
        for status in [200, 400, 401, 403] {
            let body = format!(r#"{{"error": "{code}", "error_description": "No, {code}"}}"#);
            check(status, &[JSON], &body, Denied, &format!(": No, {code}"));
        }
    }
}

#[test]
fn what_oauth_says_will_pass_is_waited_for() {
    for (status, body, verdict, message) in [
        (400, r#"{"error": "temporarily_unavailable"}"#, Transient, ": temporarily_unavailable"),
        (503, r#"{"error": "temporarily_unavailable"}"#, Transient, ": temporarily_unavailable"),
        (400, r#"{"error": "server_error"}"#, Transient, ": server_error"),
        (500, r#"{"error": "server_error"}"#, Transient, ": server_error"),
        (400, r#"{"error": "slow_down"}"#, Limited, ": slow_down"),
        (400, r#"{"error": "authorization_pending"}"#, Transient, ": authorization_pending"),
    ] {
        check(status, &[JSON], body, verdict, message);
    }
}

#[test]
fn outages_and_limits_tell_when_to_come_back() {
    let date = ("date", "Sun, 01 Jun 2025 13:00:00 GMT");
    let due = "Sun, 01 Jun 2025 13:02:00 GMT";
    let two_minutes = Some(RetryAfter::After(Duration::from_secs(120)));
    for (status, headers, verdict, expected) in [
        (429, vec![], Limited, None),
        (429, vec![("retry-after", "120")], Limited, two_minutes),
        (429, vec![("retry-after", due), date], Limited, two_minutes),
        (503, vec![("retry-after", "120")], Transient, two_minutes),
        (500, vec![], Transient, None),
        (502, vec![HTML], Transient, None),
        (504, vec![HTML], Transient, None),
    ] {
        let failure = failure(PLAIN, &answer(status, &headers, "")).unwrap();
        assert_eq!((failure.verdict, failure.retry_after), (verdict, expected), "{status}");
    }
}

#[test]
fn pages_and_broken_bodies_are_nobodys_word() {
    let page = "<!DOCTYPE html><html><title>Sign in</title></html>";
    for status in [200, 401, 403, 502] {
        check(status, &[HTML], page, Transient, " with an HTML page");
        check(status, &[], page, Transient, " with an HTML page");
    }
    for status in [200, 400, 401] {
        let body = r#"{"error": "invalid_cl"#;
        check(status, &[JSON], body, Transient, " with a body that is not valid JSON");
    }
    check(200, &[JSON], "", Transient, ": the answer has no `body.token`");
    check(204, &[], "", Transient, ": the answer has no `body.token`");
    check(400, &[], "", Transient, "");
    check(401, &[], "", Denied, "");
    check(403, &[], "", Transient, "");
}

#[test]
fn graphql_says_everything_with_200() {
    for (code, verdict) in [
        ("UNAUTHENTICATED", Denied),
        ("FORBIDDEN", Denied),
        ("RATE_LIMITED", Limited),
        ("THROTTLED", Limited),
        ("TOO_MANY_REQUESTS", Limited),
        ("INTERNAL_SERVER_ERROR", Transient),
    ] {
        for status in [200, 400] {
            let error = format!(r#"{{"message": "No", "extensions": {{"code": "{code}"}}}}"#);
            let body = format!(r#"{{"data": null, "errors": [{error}]}}"#);
            check(status, &[JSON], &body, verdict, ": No");
        }
    }
    check(200, &[JSON], r#"{"errors": [{"message": "No"}]}"#, Transient, ": No");
    check(200, &[JSON], r#"{"errors": ["No"]}"#, Transient, ": No");
}

#[test]
fn a_success_that_says_it_is_none_brings_no_token() {
    for (body, message) in [
        (r#"{"token": "t", "ok": false}"#, ""),
        (r#"{"token": "t", "success": false, "message": "No"}"#, ": No"),
        (r#"{"token": "t", "error": "oops"}"#, ": oops"),
        (r#"{"token": "t", "error": {"code": 7, "message": "No"}}"#, ": No"),
        (r#"{"token": "t", "status": "error", "message": "No"}"#, ": No"),
    ] {
        check(200, &[JSON], body, Transient, message);
    }
}

#[test]
fn codes_mean_what_the_definition_says_and_nothing_by_default() {
    for body in [
        r#"{"code": 401, "message": "bad password"}"#,
        r#"{"errcode": 40001, "errmsg": "invalid credential"}"#,
        r#"{"status": 100, "body": {}}"#,
        r#"{"result": "1001"}"#,
    ] {
        check(200, &[JSON], body, Transient, ": the answer has no `body.token`");
    }
    for body in [
        r#"{"token": "t", "code": 0, "msg": "ok"}"#,
        r#"{"token": "t", "code": 200, "status": "approved"}"#,
        r#"{"token": "t", "status": 0, "errors": null, "error": ""}"#,
    ] {
        assert_eq!(verdict(PLAIN, &answer(200, &[JSON], body)), None, "{body}");
    }
}

#[test]
fn what_stands_before_the_provider_refuses_nothing_in_its_name() {
    let denied = r#"{"error": "access_denied"}"#;
    let proxy = ", a proxy on the way wants a login: access_denied";
    check(407, &[JSON], denied, Transient, proxy);
    check(511, &[JSON], denied, Transient, ", the network wants a login: access_denied");
    let page = "<html>Log in to the hotel</html>";
    check(511, &[HTML], page, Transient, ", the network wants a login");
    for status in [301, 302, 303, 307, 308] {
        for (location, target) in [
            ("https://login.acme.example/?from=hunter2", " to login.acme.example"),
            ("https://hunter2@acme.example:8443/", " to acme.example"),
            ("https://hunter2.example/", " to [masked].example"),
            ("/login", ""),
            ("", ""),
        ] {
            let message = format!(", a redirect{target}, which is never followed");
            check(status, &[("location", location), HTML], page, Transient, &message);
        }
        let message = ", a redirect, which is never followed: access_denied";
        check(status, &[JSON], denied, Transient, message);
    }
}

#[test]
fn a_limit_in_the_words_of_the_provider_is_one_if_the_definition_says_so() {
    let text = format!(
        "{PLAIN}\n[verdict]\nlimited = \"status == 429 or 'exceeded the rate limit' in \
         (body.error_description or '')\""
    );
    let body = r#"{"error": "invalid_request",
        "error_description": "has exceeded the rate limit of 10 tokens/28800 seconds"}"#;
    assert_eq!(verdict(&text, &answer(400, &[JSON], body)), Some(Limited));
    assert_eq!(verdict(PLAIN, &answer(400, &[JSON], body)), Some(Denied));
    let other = r#"{"error": "invalid_request"}"#;
    assert_eq!(verdict(&text, &answer(400, &[JSON], other)), Some(Denied));
    assert_eq!(verdict(&text, &answer(429, &[], "")), Some(Limited));
}
