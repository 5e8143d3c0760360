//! Chains of requests.

use std::sync::Arc;

use secrecy::ExposeSecret;

use crate::sample::{accept, answer, definition, inputs, now, start};
use crate::{AcceptedInputs, Definition, Exchange, Failure, Outcome, Request, Step, Verdict};

/// A greeting, a code for those who are asked for one, and the login.
const CHAIN: &str = r#"
title = "Acme"
secrets.password.description = ""
secrets.code = { description = "", optional = true }
variables.server = { description = "", optional = true, kind = "url" }
[http]
allow_hosts = [".acme.example"]
[sign.proof]
algorithm = "HS256"
key = "{{ secret.password }}"
text = "{{ steps.hello.body.challenge }}"
[sign.code]
algorithm = "HS256"
key = "{{ secret.code }}"
text = "{{ nonce }}"
[[issue.steps]]
name = "hello"
method = "GET"
url = "https://auth.acme.example/hello"
[[issue.steps]]
when = "secret.code"
url = "https://auth.acme.example/code"
form = { code = "{{ sign.code | hex }}" }
[[issue.steps]]
name = "login"
url = "{{ steps.hello.body.server }}/login"
form = { proof = "{{ sign.proof | hex }}" }
denied = "body.code == 'WRONG'"
[[issue.steps]]
when = "steps.login.body.tenants > 1"
url = "https://auth.acme.example/tenant"
headers = { Authorization = "Bearer {{ steps.login.body.token }}" }
[output]
token = "steps.login.body.token"
extras = { challenge = "steps.hello.body.challenge" }
optional_extras = { tenant = "body.tenant" }
"#;

const HELLO: &str = r#"{"challenge": "c1", "server": "https://eu.acme.example"}"#;

fn dance(secrets: &[(&str, &str)]) -> (Arc<Definition>, Arc<AcceptedInputs>) {
    let definition = definition(CHAIN);
    let accepted = accept(&definition, inputs(&[], secrets));
    (definition, accepted)
}

fn next(exchange: Exchange, body: &str) -> (Exchange, Request) {
    match exchange.answer(&answer(200, &[], body), now()) {
        Step::Send(exchange, request) => (*exchange, request),
        other => panic!("ends with {other:?}"),
    }
}

fn end(exchange: Exchange, status: u16, body: &str) -> Outcome {
    match exchange.answer(&answer(status, &[], body), now()) {
        Step::Done(outcome) => outcome,
        other => panic!("goes on with {other:?}"),
    }
}

fn failure(exchange: Exchange, status: u16, body: &str) -> Failure {
    match end(exchange, status, body) {
        Outcome::Failed(failure) => failure,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_step_goes_on_from_the_answers_before_it_and_signs_them() {
    let (definition, inputs) = dance(&[("password", "hunter2")]);
    assert_eq!(inputs.account().as_str(), "auth.acme.example");
    let (exchange, request) = start(&definition, &inputs);
    assert_eq!(request.url.path(), "/hello");
    let (exchange, request) = next(exchange, HELLO);
    assert_eq!(request.url.as_str(), "https://eu.acme.example/login");
    // HMAC-SHA-256 of `c1` with the key `hunter2`, by openssl.
    let proof = "daeaddd0e951b54d7de98a092f8ce7900dd3945e051270052693c1b61b5127f9";
    assert_eq!(request.body.as_deref(), Some(format!("proof={proof}").as_bytes()));
    let (exchange, request) = next(exchange, r#"{"token": "t1", "tenants": 2}"#);
    assert_eq!(request.headers["authorization"], "Bearer t1");
    let Outcome::Issued(issued) = end(exchange, 200, r#"{"tenant": "acme-7"}"#) else {
        panic!("the last answer ends it");
    };
    assert_eq!(issued.value.expose_secret(), "t1");
    assert_eq!(issued.extras["challenge"].expose_secret(), "c1");
    assert_eq!(issued.extras["tenant"].expose_secret(), "acme-7");
}

#[test]
fn a_step_that_is_not_wanted_is_passed_over_with_its_signature() {
    let (definition, inputs) = dance(&[("password", "hunter2")]);
    let (exchange, _) = next(start(&definition, &inputs).0, HELLO);
    let issued = match end(exchange, 200, r#"{"token": "t1", "tenants": 1}"#) {
        Outcome::Issued(issued) => issued,
        other => panic!("the last step isn't wanted: {other:?}"),
    };
    assert!(!issued.extras.contains_key("tenant"), "an answer needn't bring it");
    let (definition, inputs) = dance(&[("password", "hunter2"), ("code", "123456")]);
    let (_, request) = next(start(&definition, &inputs).0, HELLO);
    assert_eq!(request.url.path(), "/code");
}

#[test]
fn each_step_is_judged_by_its_own_rules() {
    let (definition, inputs) = dance(&[("password", "hunter2")]);
    let first = failure(start(&definition, &inputs).0, 500, r#"{"code": "WRONG"}"#);
    assert_eq!(first.verdict, Verdict::Transient);
    let (exchange, _) = next(start(&definition, &inputs).0, HELLO);
    let second = failure(exchange, 403, r#"{"code": "WRONG", "message": "no hunter2"}"#);
    assert_eq!(second.verdict, Verdict::Denied);
    assert_eq!(second.message, "status 403: no [masked]");
}

#[test]
fn what_was_only_looked_at_leaves_no_doubt_behind() {
    let (definition, inputs) = dance(&[("password", "hunter2")]);
    let (exchange, _) = start(&definition, &inputs);
    assert!(!exchange.commits());
    let (exchange, _) = next(exchange, HELLO);
    assert!(exchange.commits());
    assert!(!failure(exchange, 503, "").is_unsure);
    let (exchange, _) = next(start(&definition, &inputs).0, HELLO);
    let (exchange, _) = next(exchange, r#"{"token": "t1", "tenants": 2}"#);
    assert!(failure(exchange, 503, "").is_unsure, "a token was issued");
}

#[test]
fn a_host_that_an_answer_tells_gets_nothing_unless_it_is_allowed() {
    let (definition, inputs) = dance(&[("password", "hunter2")]);
    for server in ["https://evil.example", "https://acme.example", "https://evilacme.example"] {
        let hello = HELLO.replace("https://eu.acme.example", server);
        let failure = failure(start(&definition, &inputs).0, 200, &hello);
        assert_eq!(failure.verdict, Verdict::Denied);
        assert!(failure.message.contains(&server[8..]), "{}", failure.message);
    }
    let plain = HELLO.replace("https://eu", "http://eu");
    assert!(failure(start(&definition, &inputs).0, 200, &plain).message.contains("https://"));
}

#[test]
fn what_an_answer_does_not_bring_for_the_next_request_is_named() {
    let (definition, inputs) = dance(&[("password", "hunter2")]);
    let failure = failure(start(&definition, &inputs).0, 200, r#"{"challenge": "c1"}"#);
    assert_eq!(failure.verdict, Verdict::Transient);
    assert_eq!(failure.message, "url: `steps.hello.body.server` isn't given");
}

#[test]
fn the_user_of_a_host_need_not_allow_it() {
    let definition = definition(CHAIN);
    let given = inputs(&[("server", "https://own.example")], &[("password", "hunter2")]);
    let accepted = accept(&definition, given);
    let hello = HELLO.replace("https://eu.acme.example", "https://own.example");
    let (_, request) = next(start(&definition, &accepted).0, &hello);
    assert_eq!(request.url.as_str(), "https://own.example/login");
}

#[test]
fn conditions_and_judgements_know_nothing_of_signatures() {
    for text in [
        CHAIN.replace("when = \"secret.code\"", "when = \"sign.code\""),
        format!("{CHAIN}[error]\nmessage = 'body.text + sign.code'"),
        CHAIN.replace("[http]", "[http]\nclient_certificate = '{{ sign.proof }}'"),
    ] {
        let error = Definition::parse("acme", crate::Source::BuiltIn, &text).unwrap_err();
        assert!(error.to_string().contains("`sign` means nothing here"), "{error}");
    }
}
