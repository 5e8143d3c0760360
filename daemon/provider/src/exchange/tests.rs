use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use proptest::prelude::*;
use secrecy::ExposeSecret;

use crate::sample::{PLAIN, accept, answer, definition, inputs, run};
use crate::{Answer, Expiry, Issued, Outcome};

mod chain;
mod local;
mod program;
mod remote;

/// Runs PLAIN with more in its tables.
fn outcome(more: &str, answer: &Answer) -> Outcome {
    let definition = definition(&format!("{PLAIN}{more}"));
    let inputs = accept(&definition, inputs(&[], &[("password", "hunter2")]));
    run(&definition, &inputs, answer)
}

fn issued(more: &str, answer: &Answer) -> Result<Issued, String> {
    match outcome(more, answer) {
        Outcome::Issued(issued) => Ok(issued),
        Outcome::Failed(failure) => Err(failure.message),
        other => panic!("an issuance brought {other:?}"),
    }
}

#[test]
fn the_life_of_a_token_is_read_in_all_its_forms() {
    let more = "expires_in = 'body.in'\nexpires_at = 'body.at'\n[lifetime]\ndefault = '24h'";
    let after = |seconds| Ok(Expiry::After(Duration::from_secs(seconds)));
    let date = "Sun, 01 Jun 2025 13:00:00 GMT";
    for (fields, expected) in [
        ("", after(86_400)),
        (r#", "in": null, "at": null"#, after(86_400)),
        (r#", "in": 3600"#, after(3600)),
        (r#", "in": "899""#, after(899)),
        (r#", "in": 3600.5"#, after(3600)),
        (r#", "in": 0"#, after(0)),
        (r#", "in": -1"#, after(0)),
        (r#", "in": 1e18"#, after(10 * 365 * 86_400)),
        (
            r#", "in": "soon""#,
            Err("status 200: `body.in` in the answer is not a number of seconds"),
        ),
        (r#", "in": true"#, Err("status 200: `body.in` in the answer is not a number of seconds")),
        (r#", "in": [1]"#, Err("status 200: `body.in` in the answer is not a number of seconds")),
        (r#", "at": "Sun, 01 Jun 2025 13:10:00 GMT""#, after(600)),
        (r#", "at": "2025-06-01T15:10:00+02:00""#, after(600)),
        (r#", "at": "2025-06-01T12:00:00Z""#, after(0)),
        (r#", "at": "tomorrow""#, Err("status 200: `body.at` in the answer is not a date")),
        (r#", "in": 60, "at": "2025-06-01T13:10:00Z""#, after(60)),
        (r#", "in": 6000, "at": "2025-06-01T13:10:00Z""#, after(600)),
    ] {
        let body = format!(r#"{{"token": "t"{fields}}}"#);
        let issued = issued(more, &answer(200, &[("date", date)], &body));
        let expected = expected.map_err(str::to_owned);
        assert_eq!(issued.map(|issued| issued.expiry), expected, "{body}");
    }
}

#[test]
fn an_odd_expires_in_means_one_thing_each_and_only_a_word_for_ever() {
    let more = "expires_in = 'body.expires_in'\n[lifetime]\ndefault = '24h'";
    let after = |seconds| Some(Expiry::After(Duration::from_secs(seconds)));
    for (field, expected) in [
        ("", after(86_400)),
        (r#", "expires_in": null"#, after(86_400)),
        // Expired on arrival, which the daemon takes for a failure.
        (r#", "expires_in": 0"#, after(0)),
        (r#", "expires_in": -1"#, after(0)),
        (r#", "expires_in": "3600""#, after(3600)),
        (r#", "expires_in": 3600.5"#, after(3600)),
        (r#", "expires_in": 1e18"#, after(10 * 365 * 86_400)),
        (r#", "expires_in": 1e999"#, None),
        (r#", "expires_in": "never""#, Some(Expiry::Never)),
        (r#", "expires_in": """#, None),
    ] {
        let body = format!(r#"{{"token": "t"{field}}}"#);
        let issued = issued(more, &answer(200, &[], &body));
        assert_eq!(issued.ok().map(|issued| issued.expiry), expected, "{body}");
    }
}

#[test]
fn the_earlier_of_two_expiries_counts_and_their_contradiction_is_told() {
    let more = "expires_in = 'body.expires_in'\nexpires_at = 'body.expires'";
    let body = r#"{"token": "t", "expires_in": 86400, "expires": "Sun, 01 Jun 2025 20:00:00 GMT"}"#;
    let seconds = Duration::from_secs;
    for (date, expiry, mismatch) in [
        // Corrected by the provider's clock, the end is 7 hours after the answer.
        ("Sun, 01 Jun 2025 13:00:00 GMT", seconds(7 * 3600), Some(seconds(17 * 3600))),
        ("Sat, 31 May 2025 20:00:30 GMT", seconds(86_370), None),
        ("Sat, 31 May 2025 12:00:00 GMT", seconds(86_400), Some(seconds(8 * 3600))),
    ] {
        let issued = issued(more, &answer(200, &[("date", date)], body)).unwrap();
        assert_eq!(issued.expiry, Expiry::After(expiry), "{date}");
        assert_eq!(issued.expiry_mismatch, mismatch, "{date}");
    }
    let issued = issued(more, &answer(200, &[], body)).unwrap();
    assert_eq!(issued.expiry, Expiry::At("2025-06-01T20:00:00Z".parse().unwrap()));
    assert_eq!(issued.expiry_mismatch, None, "it may be our clock that is wrong");
}

#[test]
fn a_clock_ten_minutes_off_on_either_side_neither_shortens_nor_stretches_a_jwt() {
    let more = "expires_at = '(body.token | claims).exp'";
    let ours = crate::sample::now();
    for skew in [-600, 0, 600] {
        let theirs = ours + jiff::SignedDuration::from_secs(skew);
        let end = theirs.as_second() + 3600;
        let token =
            format!("eyJ0.{}.sig", BASE64_URL_SAFE_NO_PAD.encode(format!(r#"{{"exp":{end}}}"#)));
        let body = format!(r#"{{"token": "{token}"}}"#);
        let date = theirs.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let issued = |headers: &[(&str, &str)]| issued(more, &answer(200, headers, &body)).unwrap();
        let expected = Expiry::After(Duration::from_secs(3600));
        assert_eq!(issued(&[("date", &date)]).expiry, expected, "{skew}");
        // Without a Date nobody knows how far off it is.
        let end = jiff::Timestamp::from_second(end).unwrap();
        assert_eq!(issued(&[]).expiry, Expiry::At(end), "{skew}");
    }
}

#[test]
fn without_a_default_the_life_can_be_unknown_or_endless() {
    let answer = answer(200, &[], r#"{"token": "t"}"#);
    assert_eq!(issued("", &answer).unwrap().expiry, Expiry::Unknown);
    let never = "[lifetime]\ndefault = 'never'";
    assert_eq!(issued(never, &answer).unwrap().expiry, Expiry::Never);
}

#[test]
fn a_token_that_no_header_could_carry_is_refused() {
    for token in ["a b", "a\\nb", "a\\u0000", "é", "\\u202ea", &"x".repeat(100 * 1024 + 1)] {
        let body = format!(r#"{{"token": "{token}"}}"#);
        assert!(issued("", &answer(200, &[], &body)).is_err(), "{token:.20}");
    }
    let longest = "x".repeat(100 * 1024);
    let body = format!(r#"{{"token": "{longest}"}}"#);
    let issued = issued("", &answer(200, &[], &body)).unwrap();
    assert_eq!(issued.value.expose_secret(), longest);
}

#[test]
fn a_refresh_token_that_is_none_is_left_out() {
    for refresh in [r#""""#, "7", r#""a b""#, "null"] {
        let body = format!(r#"{{"token": "t", "refresh": {refresh}}}"#);
        let issued = issued("refresh_token = 'body.refresh'", &answer(200, &[], &body)).unwrap();
        assert!(issued.refresh_token.is_none(), "{refresh}");
    }
}

#[test]
fn extras_are_required_and_printed() {
    let more = "[output.extras]\nurl = 'body.instance.url'\nid = 'body.id'\n\
                region = \"body.region | default('eu')\"";
    let body = r#"{"token": "t", "instance": {"url": "https://x"}, "id": 5}"#;
    let issued = issued(more, &answer(200, &[], body)).unwrap();
    let extras: Vec<_> =
        issued.extras.iter().map(|(k, v)| (k.as_str(), v.expose_secret())).collect();
    assert_eq!(extras, [("id", "5"), ("region", "eu"), ("url", "https://x")]);
    for (body, expected) in [
        (r#"{"token": "t", "id": 5}"#, "status 200: the answer has no `body.instance.url`"),
        (
            r#"{"token": "t", "id": [], "instance": {"url": "u"}}"#,
            "status 200: `body.id` in the answer is not a text",
        ),
    ] {
        let error = self::issued(more, &answer(200, &[], body)).unwrap_err();
        assert_eq!(error, expected);
    }
}

#[test]
fn a_prefix_is_stripped_if_it_is_there() {
    let more = "strip_prefix = 'Bearer '\nrefresh_token = 'body.refresh'";
    for (token, refresh) in [("Bearer t0", "r0"), ("t0", "Bearer r0")] {
        let body = format!(r#"{{"token": "{token}", "refresh": "{refresh}"}}"#);
        let issued = issued(more, &answer(200, &[], body)).unwrap();
        assert_eq!(issued.value.expose_secret(), "t0");
        assert_eq!(issued.refresh_token.unwrap().expose_secret(), "r0");
    }
}

#[test]
fn a_type_that_is_no_word_is_left_out() {
    let more = "token_type = 'body.type'";
    for (kind, expected) in
        [(r#""Bearer""#, Some("Bearer")), (r#""two words""#, None), ("5", None), ("null", None)]
    {
        let body = format!(r#"{{"token": "t", "type": {kind}}}"#);
        let issued = issued(more, &answer(200, &[], body)).unwrap();
        assert_eq!(issued.token_type.as_deref(), expected);
    }
}

#[test]
fn a_token_that_cannot_be_presented_is_not_issued() {
    let more = "[present.cookies]\nsid = '{{ token }}'";
    let error = issued(more, &answer(200, &[], r#"{"token": "a;b"}"#)).unwrap_err();
    assert_eq!(error, "status 200: cookie `sid` can't carry this value");
}

#[test]
fn the_clock_of_the_provider_is_passed_on() {
    let date = ("date", "Sun, 01 Jun 2025 13:00:00 GMT");
    let expected = Some("2025-06-01T13:00:00Z".parse().unwrap());
    assert_eq!(issued("", &answer(200, &[date], r#"{"token": "t"}"#)).unwrap().date, expected);
    let Outcome::Failed(failure) = outcome("", &answer(500, &[date], "")) else {
        panic!("a failure is expected");
    };
    assert_eq!(failure.date, expected);
}

#[test]
fn nothing_secret_shows_in_debug() {
    let body = r#"{"token": "eyJ0", "refresh": "r0"}"#;
    let outcome = outcome("refresh_token = 'body.refresh'", &answer(200, &[], body));
    let shown = format!("{outcome:?} {:?}", answer(200, &[("x-token", "eyJ0")], body));
    assert!(!shown.contains("eyJ0") && !shown.contains("r0"), "{shown}");
}

/// An answer body that is often nearly right.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        "\\PC{0,60}".prop_map(String::into_bytes),
        ("\\PC{0,30}", "[-0-9.eE]{1,12}", "\\PC{0,30}").prop_map(|(token, life, at)| {
            serde_json::json!({ "token": token, "in": life, "at": at }).to_string().into_bytes()
        }),
        "[\\[{]\"?(token|error|errors)\"?[:,\\[{]{0,3}\\PC{0,20}[\\]}]{0,3}"
            .prop_map(String::into_bytes),
    ]
}

proptest! {
    #[test]
    fn no_answer_panics_or_breaks_a_promise(
        status in 100_u16..1000,
        body in bodies(),
        date in "\\PC{0,40}|Sun, 0[0-9] Jun [0-9]{4} [0-9]{2}:00:00 GMT",
        retry in "[0-9]{0,30}|[ -~]{0,30}",
    ) {
        let more = "expires_in = 'body.in'\nexpires_at = 'body.at'";
        let headers: Vec<(&str, &str)> = [("date", date.as_str()), ("retry-after", retry.as_str())]
            .into_iter()
            .filter(|(_, value)| http::HeaderValue::from_str(value).is_ok())
            .collect();
        match outcome(more, &answer(status, &headers, &body)) {
            Outcome::Issued(issued) => {
                let token = issued.value.expose_secret();
                prop_assert!((200..300).contains(&status));
                prop_assert!(!token.is_empty());
                prop_assert!(token.bytes().all(|byte| byte.is_ascii_graphic()));
            }
            Outcome::Failed(failure) => {
                prop_assert!(failure.message.chars().count() <= 200);
                prop_assert!(!failure.message.contains(char::is_control));
                prop_assert!(!failure.message.contains("hunter2"));
            }
            Outcome::KeptAlive { .. } | Outcome::Revoked | Outcome::Told(_) => prop_assert!(false, "an issuance kept something alive"),
        }
    }
}

#[test]
fn a_client_that_is_not_recognised_is_told_from_what_else_is_denied() {
    for (status, error, unrecognised) in [
        (401, "invalid_client", true),
        (400, "invalid_client", true),
        (500, "invalid_client", false),
        (400, "invalid_grant", false),
        (401, "unauthorized_client", false),
    ] {
        let body = format!(r#"{{"error":"{error}"}}"#);
        let Outcome::Failed(failure) = outcome("", &answer(status, &[], &body)) else {
            panic!("{status} {error} isn't a token")
        };
        assert_eq!(failure.is_unrecognised, unrecognised, "{status} {error}");
    }
}

#[test]
fn an_answer_that_may_not_be_the_providers_last_word_is_told_from_one_that_is() {
    for (status, body, unsure) in [
        (400, r#"{"error":"invalid_request"}"#, false),
        (401, "", false),
        (429, "", false),
        (500, "", false),
        (503, "", false),
        (502, "", true),
        (504, "", true),
        (522, "", true),
        (200, "<html>", true),
        (200, "{}", true),
    ] {
        let Outcome::Failed(failure) = outcome("", &answer(status, &[], body)) else {
            panic!("{status} {body} isn't a token")
        };
        assert_eq!(failure.is_unsure, unsure, "{status} {body}");
    }
}
