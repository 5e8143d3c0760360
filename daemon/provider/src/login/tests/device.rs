use std::time::Duration;

use super::*;
use crate::{LoginEnd, Verdict};

const CODES: &str = r#"{"device_code": "d3v1c3", "user_code": "WDJB-MJHT", "interval": 7,
    "verification_uri": "https://auth.acme.example/d", "expires_in": 900,
    "verification_uri_complete": "https://auth.acme.example/d?user_code=WDJB-MJHT"}"#;

fn begin(codes: &str) -> Step {
    let (definition, inputs) = both(BOTH);
    let (exchange, request) = sent(login(&definition, &inputs, LoginMethod::DeviceCode).unwrap());
    assert_eq!(request.url.as_str(), "https://auth.acme.example/device");
    assert_eq!(body(&request), "scope=a+b&client_id=me&client_secret=hunter2");
    exchange.answer(&answer(200, &[], codes), now())
}

fn said(error: &str) -> crate::Answer {
    answer(400, &[], format!(r#"{{"error": "{error}"}}"#))
}

fn later(seconds: i64) -> jiff::Timestamp {
    now() + jiff::SignedDuration::from_secs(seconds)
}

#[test]
fn a_person_is_shown_the_code_and_asked_for_until_they_typed_it() {
    let (exchange, first) = poll(begin(CODES));
    let prompt = first.prompt.unwrap();
    assert_eq!(prompt.user_code, "WDJB-MJHT");
    assert_eq!(prompt.verification_uri.as_str(), "https://auth.acme.example/d");
    assert!(prompt.verification_uri_complete.unwrap().query().is_some());
    assert_eq!((first.after, first.until), (Duration::from_secs(7), later(900)));
    let (exchange, request) = sent(exchange.poll(later(7)));
    assert_eq!(
        body(&request),
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code\
         &device_code=d3v1c3&client_id=me&client_secret=hunter2"
    );
    let (exchange, second) = poll(exchange.answer(&said("authorization_pending"), later(8)));
    assert_eq!((second.prompt, second.after), (None, Duration::from_secs(7)));
    let (exchange, _) = sent(exchange.poll(later(15)));
    let token = r#"{"access_token": "t0", "refresh_token": "r0", "expires_in": 60}"#;
    let issued = issued(exchange.answer(&answer(200, &[], token), later(16)));
    assert_eq!(issued.secrets["refresh_token"].expose_secret(), "r0");
}

#[test]
fn who_is_told_to_slow_down_does_and_who_gets_no_answer_waits_twice_as_long() {
    let (mut exchange, _) = poll(begin(CODES));
    for (answer, expected) in [
        (Some(said("slow_down")), 12),
        (Some(said("slow_down")), 17),
        (None, 34),
        (Some(said("authorization_pending")), 34),
        (Some(answer(502, &[("content-type", "text/html")], "<html>")), 68),
        (Some(answer(429, &[], "")), 136),
        (None, 272),
        (None, 300),
        (Some(said("slow_down")), 300),
    ] {
        let (sent, _) = sent(exchange.poll(later(1)));
        let step = match answer {
            Some(answer) => sent.answer(&answer, later(1)),
            None => sent.unanswered(later(1)),
        };
        let (back, poll) = poll(step);
        assert_eq!(poll.after, Duration::from_secs(expected));
        exchange = back;
    }
}

#[test]
fn a_person_who_declines_or_waits_too_long_ends_the_login() {
    for (error, expected) in [
        ("access_denied", Some(LoginEnd::Declined)),
        ("authorization_declined", Some(LoginEnd::Declined)),
        ("expired_token", Some(LoginEnd::Expired)),
        ("invalid_client", None),
        ("invalid_grant", None),
    ] {
        let (exchange, _) = poll(begin(CODES));
        let (exchange, _) = sent(exchange.poll(later(7)));
        let failure = failure(exchange.answer(&said(error), later(8)));
        assert_eq!((failure.verdict, failure.login), (Verdict::Denied, expected), "{error}");
    }
    let (exchange, _) = poll(begin(CODES));
    assert_eq!(failure(exchange.poll(later(900))).login, Some(LoginEnd::Expired));
    let (exchange, _) = poll(begin(CODES));
    let (exchange, _) = sent(exchange.poll(later(899)));
    assert_eq!(failure(exchange.unanswered(later(901))).login, Some(LoginEnd::Expired));
}

#[test]
fn each_question_is_drawn_for_anew() {
    let text = BOTH
        .replace("\"post\"", "\"client_secret_jwt\"")
        .replace("[oauth2]", "[oauth2]\nclient_assertion = { claims = { aud = 'x' } }");
    let definition = definition(&text);
    let secret = "hunter2-hunter2-hunter2-hunter2-hunter2";
    let inputs = accept(&definition, inputs(&[("client_id", "me")], &[("client_secret", secret)]));
    let (exchange, first) = sent(login(&definition, &inputs, LoginMethod::DeviceCode).unwrap());
    let mut seen = vec![body(&first).split("client_assertion=").nth(1).unwrap().to_owned()];
    let (mut exchange, _) = poll(exchange.answer(&answer(200, &[], CODES), now()));
    for _ in 0..3 {
        let (sent, request) = sent(exchange.poll(later(7)));
        let assertion = body(&request).split("client_assertion=").nth(1).unwrap().to_owned();
        assert!(!seen.contains(&assertion), "an assertion is good for one request");
        seen.push(assertion);
        exchange = poll(sent.answer(&said("authorization_pending"), later(8))).0;
    }
}

#[test]
fn absurd_waits_are_bounded() {
    for (interval, life, expected) in [
        ("null", "900", (5, 900)),
        ("0", "900", (1, 900)),
        ("-3", "900", (1, 900)),
        ("31536000", "900", (300, 900)),
        ("\"7\"", "\"900\"", (7, 900)),
        ("\"soon\"", "900", (5, 900)),
        ("5", "null", (5, 600)),
        ("5", "1e300", (5, 3600)),
        ("5", "0", (5, 0)),
    ] {
        let codes = CODES.replace("7,", &format!("{interval},")).replace("900", life);
        let (_, poll) = poll(begin(&codes));
        let (after, until) = expected;
        assert_eq!(poll.after, Duration::from_secs(after), "{interval}");
        assert_eq!(poll.until, later(until), "{life}");
    }
}

#[test]
fn hostile_codes_and_addresses_are_not_shown() {
    for (was, is, expected) in [
        ("https://auth.acme.example/d\"", "javascript:alert(1)\"", "must start with https://"),
        ("https://auth.acme.example/d\"", "http://evil.example/d\"", "must start with https://"),
        ("https://auth.acme.example/d\"", "https://u:p@evil.example/\"", "user name or password"),
        ("https://auth.acme.example/d\"", "https://a.example/\\u001b[31m\"", "control characters"),
        ("\"WDJB-MJHT\"", "\"\\u001b]0;x\\u0007\"", "that nobody types"),
        ("\"WDJB-MJHT\"", "\"A\\nB\"", "that nobody types"),
        ("\"WDJB-MJHT\"", "\"A\\u202eB\"", "that nobody types"),
        ("\"WDJB-MJHT\"", "[1]", "is not a text"),
        ("\"WDJB-MJHT\"", "\" \"", "has no `body.user_code`"),
        ("\"d3v1c3\"", "\"a\\u0000b\"", "control characters"),
        ("\"d3v1c3\"", "null", "has no `body.device_code`"),
    ] {
        let failure = failure(begin(&CODES.replace(was, is)));
        assert_eq!(failure.verdict, Verdict::Transient);
        assert!(failure.message.contains(expected), "{}", failure.message);
    }
    let long = format!("\"{}\"", "A".repeat(1 << 20));
    for was in ["\"WDJB-MJHT\"", "\"d3v1c3\""] {
        failure(begin(&CODES.replacen(was, &long, 1)));
    }
    // The page without the code in it will do.
    let codes = CODES.replace("https://auth.acme.example/d?", "javascript:?");
    let (_, poll) = poll(begin(&codes));
    assert_eq!(poll.prompt.unwrap().verification_uri_complete, None);
    let codes = CODES.replace("example/d\"", "example/#/device\"");
    let prompt = self::poll(begin(&codes)).1.prompt.unwrap();
    assert_eq!(prompt.verification_uri.fragment(), Some("/device"));
}

#[test]
fn the_codes_do_not_show() {
    let (exchange, first) = poll(begin(CODES));
    let shown = format!("{first:?} {exchange:?}");
    assert!(!shown.contains("WDJB") && !shown.contains("d3v1c3"), "{shown}");
    let (exchange, request) = sent(exchange.poll(later(7)));
    assert!(!exchange.show_request(&request).contains("d3v1c3"));
}
