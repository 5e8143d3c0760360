//! Entries for the fuzzer, one for each kind of foreign bytes.
//!
//! None of them may panic, whatever the bytes are, or break what it asserts.

use std::sync::{Arc, LazyLock};

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jiff::Timestamp;
use minijinja::{Value, context};

use crate::answer::{cookie, xml};
use crate::date::{self, Format};
use crate::expiry::{self, Life, Unit};
use crate::expression::Expression;
use crate::{
    AcceptedInputs, Ambient, Answer, Definition, Exchange, Inputs, LoginMethod, Operation, Outcome,
    Source, Step, quota, verdict, xml as tree, zone,
};

/// Reads from an answer in all the ways that there are.
const DEFINITION: &str = r#"
title = "Fuzz"
[secrets.password]
description = "The password"
[issue]
url = "https://auth.acme.example/login"
json = { password = "{{ secret.password }}" }
[output]
token = """body.token or body.Envelope.Body.Token or cookies | starting('sid')
    or headers.location | param('code') or body | capture('token=(\\w+)')"""
strip_prefix = "Bearer "
token_type = "body.token_type"
refresh_token = "body.refresh_token"
expires_in = "body.expires_in"
expires_at = "body.expires_at or (body.token | claims).exp"
[error]
message = "body.Envelope.Body.Fault.faultstring"
"#;

static FIXED: LazyLock<(Arc<Definition>, Arc<AcceptedInputs>)> = LazyLock::new(|| {
    let source = Source::File("fuzz.toml".into());
    let definition = Definition::parse("fuzz", source, DEFINITION).expect("the above is valid");
    let secrets = [("password".to_owned(), "hunter2".into())].into();
    let inputs = definition.accept(Inputs { secrets, ..Inputs::default() });
    (Arc::new(definition), Arc::new(inputs.expect("all inputs are given")))
});

/// Lets people in on a page whose issuer names itself.
const LOGIN: &str = r#"
title = "Fuzz"
[secrets.client_secret]
description = "The client's secret"
[oauth2]
authorization_url = "https://auth.acme.example/authorize"
token_url = "https://auth.acme.example/token"
grant = "authorization_code"
client_id = "fuzz"
[login]
issuer = "'https://auth.acme.example'"
"#;

static LOGIN_FIXED: LazyLock<(Arc<Definition>, Arc<AcceptedInputs>)> = LazyLock::new(|| {
    let source = Source::File("fuzz.toml".into());
    let definition = Definition::parse("fuzz", source, LOGIN).expect("the above is valid");
    let secrets = [("client_secret".to_owned(), "hunter2".into())].into();
    let inputs = definition.accept(Inputs { secrets, ..Inputs::default() });
    (Arc::new(definition), Arc::new(inputs.expect("all inputs are given")))
});

static CLAIMS: LazyLock<Expression> = LazyLock::new(|| Expression::preset("body | claims"));

/// Reads a definition, and says what is wrong with it.
pub fn definition(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let source = Source::File("fuzz.toml".into());
    if let Err(error) = Definition::parse("fuzz", source, text) {
        assert!(!error.to_string().is_empty());
    }
}

/// Takes an answer to its outcome. The first line is its status and content type, such as
/// `200 text/xml`, the lines up to an empty one are headers, and the rest is the body.
pub fn answer(bytes: &[u8]) {
    let (first, rest) = line(bytes);
    let status = first.get(..3).and_then(|status| StatusCode::from_bytes(status).ok());
    let (mut headers, body) = headers(rest);
    let content_type = first.get(4..).and_then(|it| HeaderValue::from_bytes(it).ok());
    headers.extend(content_type.map(|content_type| (CONTENT_TYPE, content_type)));
    let answer =
        Answer { status: status.unwrap_or(StatusCode::OK), headers, body: body.to_vec().into() };
    let (definition, inputs) = &*FIXED;
    let ambient = Ambient { now: now(), entropy: [7; 32] };
    let step = Exchange::start(definition, inputs, Operation::Issue, None, ambient);
    let Ok(Step::Send(exchange, _)) = step else { unreachable!("a login starts with a request") };
    let Step::Done(outcome) = exchange.answer(&answer, now()) else {
        unreachable!("a login is one request");
    };
    assert!(!format!("{outcome:?}").contains("hunter2"));
}

/// Takes what a browser was led back with. `STATE` stands for what the page has to send
/// back, without which nothing goes on.
pub fn redirect(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (definition, inputs) = &*LOGIN_FIXED;
    let ambient = Ambient { now: now(), entropy: [7; 32] };
    let state = ambient.unguessable("state");
    let method = LoginMethod::AuthorizationCode;
    let step = Exchange::login(definition, inputs, method, None, ambient);
    let Ok(Step::Ask(exchange, _)) = step else { unreachable!("a login starts with a page") };
    let led_back = text.replace("STATE", &state);
    match exchange.redirected(&led_back, now()) {
        Ok(Step::Send(exchange, request)) => {
            assert!(led_back.contains(state.as_str()));
            assert!(!exchange.show_request(&request).contains("hunter2"));
        }
        Ok(Step::Done(Outcome::Failed(failure))) => {
            assert!(failure.message.chars().count() <= 200);
            assert!(!failure.message.contains(char::is_control));
        }
        Ok(step) => unreachable!("a redirect leads to the exchange: {step:?}"),
        Err((_, error)) => assert!(!error.to_string().is_empty()),
    }
}

/// Reads a date and a life. The first line is a pattern, the rest the text.
pub fn date(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (pattern, rest) = text.split_once('\n').unwrap_or((text, text));
    let zone = zone::find("America/New_York").ok();
    for text in [text, rest] {
        let value = Value::from(text);
        let by_pattern = Format { pattern: Some(pattern.to_owned()), zone: zone.clone() };
        let by_zone = Format { pattern: None, zone: zone.clone() };
        for format in [Format::default(), by_zone, by_pattern] {
            let _ = expiry::moment(&value, &format);
        }
        let _ = (date::parse_http(text), date::parse_delay(text), date::parse_duration(text));
        if let Some(Life::For(life)) = expiry::life(&value, Unit::Days) {
            assert!(life <= date::LONGEST);
        }
    }
    if let Some(number) = bytes.first_chunk() {
        let _ = date::unix(f64::from_le_bytes(*number));
    }
}

/// Reads the claims of a token.
pub fn jwt(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for body in [Value::from(&*text), Value::from_bytes(bytes.to_vec())] {
        let claims = CLAIMS.evaluate(&context! { body });
        assert!(claims.is_ok_and(|claims| claims.is_undefined() || claims.try_iter().is_ok()));
    }
}

/// Reads XML. What it reads, it writes, and reads back the same.
pub fn xml(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Some(document) = xml::parse(text) else { return };
    let written = tree::write(&tree::Xml::of(&document));
    assert_eq!(written.and_then(|written| xml::parse(&written)), Some(document));
}

/// Reads the quotas, the cookies and the delay in headers, one in each line.
pub fn quota(bytes: &[u8]) {
    let (headers, _) = headers(bytes);
    for quota in quota::read(&headers, now()) {
        assert!(quota.limit.is_none_or(|limit| limit.get() >= quota.remaining));
        assert!(!quota.reset_after.is_zero());
    }
    assert!(cookie::read(&headers).keys().all(|name| !name.is_empty()));
    let answer = Answer { status: StatusCode::OK, headers, body: b"".as_slice().into() };
    let _ = verdict::retry_after(&answer, answer.date());
}

fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

/// Takes headers up to an empty line; what is none is passed over.
fn headers(bytes: &[u8]) -> (HeaderMap, &[u8]) {
    let mut headers = HeaderMap::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (first, after) = line(rest);
        rest = after;
        let Some(colon) = first.iter().position(|byte| *byte == b':') else { break };
        let name = HeaderName::from_bytes(&first[..colon]);
        let value = HeaderValue::from_bytes(first[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    (headers, rest)
}

fn line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, b""),
    }
}
