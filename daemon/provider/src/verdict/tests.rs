use std::time::Duration;

use crate::sample::{PLAIN, accept, answer, definition, inputs, run};
use crate::{Answer, Failure, Outcome, RetryAfter, Verdict};

mod answers;

fn failure(definition_text: &str, answer: &Answer) -> Option<Failure> {
    let definition = definition(definition_text);
    let inputs = accept(&definition, inputs(&[], &[("password", "hunter2")]));
    match run(&definition, &inputs, answer) {
        Outcome::Failed(failure) => Some(failure),
        _ => None,
    }
}

fn verdict(definition_text: &str, answer: &Answer) -> Option<Verdict> {
    failure(definition_text, answer).map(|failure| failure.verdict)
}

#[test]
fn answers_are_judged_by_status_and_oauth_error_code() {
    use Verdict::{Denied, Limited, Transient};
    for (status, body, expected) in [
        (200, r#"{"token": "t"}"#, None),
        (201, r#"{"token": "t"}"#, None),
        (200, r#"{"token": "t", "error": null, "errors": [], "ok": true}"#, None),
        // Success that is none.
        (200, r#"{"token": "t", "error": "oops"}"#, Some(Transient)),
        (200, r#"{"token": "t", "errors": [{"message": "m"}]}"#, Some(Transient)),
        (200, r#"{"token": "t", "ok": false}"#, Some(Transient)),
        (200, r#"{"token": "t", "success": false}"#, Some(Transient)),
        (200, r#"{"token": "t", "token": "u"}"#, Some(Transient)),
        (200, "\u{feff}{\"token\": \"t\"}", Some(Transient)),
        (200, "<html><body>Sign in</body></html>", Some(Transient)),
        (200, r#"{"token": "t""#, Some(Transient)),
        (200, "", Some(Transient)),
        (200, "[]", Some(Transient)),
        (204, "", Some(Transient)),
        (200, r#"{"error": "invalid_client"}"#, Some(Denied)),
        (302, r#"{"token": "t"}"#, Some(Transient)),
        // OAuth's error codes.
        (400, r#"{"error": "invalid_grant"}"#, Some(Denied)),
        (400, r#"{"error": "invalid_scope"}"#, Some(Denied)),
        (401, r#"{"error": "invalid_client"}"#, Some(Denied)),
        (403, r#"{"error": "access_denied"}"#, Some(Denied)),
        (400, r#"{"error": "temporarily_unavailable"}"#, Some(Transient)),
        (400, r#"{"error": {"code": "invalid_client"}}"#, Some(Transient)),
        (401, "", Some(Denied)),
        (401, r#"{"message": "bad password"}"#, Some(Denied)),
        (401, "<html>Unauthorized</html>", Some(Transient)),
        (403, "", Some(Transient)),
        (403, "<!doctype html><title>Blocked by proxy</title>", Some(Transient)),
        (401, r#"{"error": "x", "error": "invalid_client"}"#, Some(Transient)),
        // Limits and outages.
        (429, "", Some(Limited)),
        (429, "<html>slow down</html>", Some(Limited)),
        (429, r#"{"error": "invalid_client"}"#, Some(Limited)),
        (500, r#"{"error": "invalid_client"}"#, Some(Transient)),
        (502, "<html>Bad gateway</html>", Some(Transient)),
        (503, "", Some(Transient)),
    ] {
        assert_eq!(verdict(PLAIN, &answer(status, &[], body)), expected, "{status} {body}");
    }
}

#[test]
fn a_rule_of_the_definition_takes_the_place_of_the_default() {
    let text = format!(
        "{PLAIN}\n[verdict]\nlimited = \"status == 400 and body.error == 'slow_down'\"\n\
         denied = 'status == 418'\nok = 'body.code == 0'"
    );
    for (status, body, expected) in [
        (200, r#"{"token": "t", "code": 0, "errors": ["w"]}"#, None),
        (200, r#"{"token": "t"}"#, Some(Verdict::Transient)),
        (400, r#"{"error": "slow_down"}"#, Some(Verdict::Limited)),
        (418, "", Some(Verdict::Denied)),
        (401, r#"{"error": "invalid_client"}"#, Some(Verdict::Transient)),
        (429, "", Some(Verdict::Transient)),
    ] {
        assert_eq!(verdict(&text, &answer(status, &[], body)), expected, "{status} {body}");
    }
}

#[test]
fn a_rule_that_fails_is_transient_and_named() {
    let text = format!("{PLAIN}\n[verdict]\nok = 'body.code - 1'");
    let failure = failure(&text, &answer(200, &[], r#"{"code": "x"}"#)).unwrap();
    assert_eq!(failure.verdict, Verdict::Transient);
    assert_eq!(
        failure.message,
        "status 200: `body.code - 1` can't be evaluated: invalid operation"
    );
}

#[test]
fn retry_after_is_seconds_or_a_date_by_the_clock_of_the_provider() {
    let after = |seconds| Some(RetryAfter::After(Duration::from_secs(seconds)));
    let date = ("date", "Sun, 01 Jun 2025 13:00:00 GMT");
    let due = "Sun, 01 Jun 2025 13:01:00 GMT";
    let ten_years = 10 * 365 * 86_400;
    for (headers, expected) in [
        (vec![], None),
        (vec![("retry-after", "120")], after(120)),
        (vec![("retry-after", "0")], after(0)),
        (vec![("retry-after", "99999999999999999999999")], after(ten_years)),
        (vec![("retry-after", "-5")], None),
        (vec![("retry-after", "soon")], None),
        (vec![("retry-after", "")], None),
        (vec![("retry-after", due), date], after(60)),
        (vec![("retry-after", "Sun, 01 Jun 2025 12:00:00 GMT"), date], after(0)),
        (vec![("retry-after", due)], Some(RetryAfter::At("2025-06-01T13:01:00Z".parse().unwrap()))),
    ] {
        for status in [429, 503] {
            let failure = failure(PLAIN, &answer(status, &headers, "")).unwrap();
            assert_eq!(failure.retry_after, expected, "{headers:?}");
        }
    }
}

#[test]
fn a_definition_says_when_to_ask_again_by_a_delay_or_a_time() {
    let text = format!("{PLAIN}[verdict]\nretry_after = 'body.wait'");
    let after = |seconds| Some(RetryAfter::After(Duration::from_secs(seconds)));
    let date = ("date", "Sun, 01 Jun 2025 13:00:00 GMT");
    for (wait, expected) in [
        ("5", after(5)),
        ("\"1h\"", after(3600)),
        ("\"2025-06-01T13:01:00Z\"", after(60)),
        // A Unix time, as many put it into headers with `reset` in their names.
        ("1748782860", after(60)),
        ("\"1748782860000\"", after(60)),
        ("\"never\"", after(7)),
        ("null", after(7)),
    ] {
        let headers = [("retry-after", "7"), date];
        let answer = answer(429, &headers, format!("{{\"wait\": {wait}}}"));
        assert_eq!(failure(&text, &answer).unwrap().retry_after, expected, "{wait}");
    }
}
