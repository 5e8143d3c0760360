//! Programs in the place of requests.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::ExposeSecret;

use crate::sample::{accept, ambient, definition, inputs};
use crate::{Ended, Exchange, Held, Operation, Outcome, Program, RetryAfter, Step, Verdict};

const EXEC: &str = r#"
title = "Acme"
variables.user.description = ""
secrets.password.description = ""
[exec]
command = ["/usr/libexec/acme", "--quiet"]
refresh = true
[output]
token = "body.token"
expires_in = "body.expires_in"
[verdict]
retry_after = "body.wait"
"#;

fn run(operation: Operation, held: Option<&Held>) -> (Exchange, Program) {
    let definition = definition(EXEC);
    let accepted = accept(&definition, inputs(&[("user", "me")], &[("password", "hunter2")]));
    assert_eq!(accepted.account().as_str(), "acme/me");
    match Exchange::start(&definition, &accepted, operation, held, ambient()).unwrap() {
        Step::Run(exchange, program) => (*exchange, program),
        other => panic!("{other:?}"),
    }
}

fn end(code: Option<i32>, output: &'static str, errors: &'static str) -> Outcome {
    let (exchange, _) = run(Operation::Issue, None);
    let ended = Ended { code, output: output.into(), errors: errors.into() };
    match exchange.ended(&ended) {
        Step::Done(outcome) => outcome,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_program_is_told_what_it_needs_on_its_standard_input() {
    let (_, program) = run(Operation::Issue, None);
    assert_eq!(program.command, ["/usr/libexec/acme", "--quiet"]);
    assert_eq!(program.timeout.as_secs(), 30);
    let read =
        |program: Program| -> serde_json::Value { serde_json::from_slice(&program.input).unwrap() };
    let expected = serde_json::json!({
        "version": 1, "operation": "issue", "provider": "acme",
        "now": ambient().now.as_second(),
        "variables": { "user": "me" }, "secrets": { "password": "hunter2" },
    });
    assert_eq!(read(program), expected);
    let extras = BTreeMap::from([("node".to_owned(), "n1".into())]);
    let held = Held { value: "t0".into(), refresh_token: Some("r0".into()), extras };
    let input = read(run(Operation::Refresh, Some(&held)).1);
    assert_eq!(input["operation"], "refresh");
    let expected = serde_json::json!({
        "token": "t0", "refresh_token": "r0", "extras": { "node": "n1" },
    });
    assert_eq!(input["held"], expected);
}

#[test]
fn the_exit_code_tells_how_a_program_ended() {
    let Outcome::Issued(issued) = end(Some(0), r#"{"token": "t1", "expires_in": 60}"#, "") else {
        panic!("zero is a success");
    };
    assert_eq!(issued.value.expose_secret(), "t1");
    for (code, verdict, how) in [
        (Some(10), Verdict::Denied, "exit code 10"),
        (Some(11), Verdict::Limited, "exit code 11"),
        (Some(1), Verdict::Transient, "exit code 1"),
        (Some(-1), Verdict::Transient, "exit code -1"),
        (None, Verdict::Transient, "a signal"),
    ] {
        let Outcome::Failed(failure) = end(code, r#"{"token": "t1"}"#, "") else {
            panic!("{code:?} is no success");
        };
        assert_eq!(failure.verdict, verdict, "{code:?}");
        assert!(failure.message.ends_with(how), "{}", failure.message);
    }
    for output in ["", "oops", r#"{"token": ""}"#, r#"{"token": "a", "token": "b"}"#] {
        let Outcome::Failed(failure) = end(Some(0), output, "") else { panic!("{output}") };
        assert_eq!(failure.verdict, Verdict::Transient, "{output}");
        assert!(failure.message.starts_with("what the program printed: "), "{}", failure.message);
    }
    let Outcome::Failed(failure) = end(Some(11), r#"{"wait": "5m"}"#, "") else {
        panic!("it failed");
    };
    assert_eq!(failure.retry_after, Some(RetryAfter::After(Duration::from_secs(300))));
}

#[test]
fn what_a_program_complains_of_is_shown_without_secrets() {
    let output = r#"{"token": "s3cret-t1"}"#;
    let Outcome::Failed(failure) = end(Some(10), output, "no hunter2\nnor s3cret-t1") else {
        panic!("it failed");
    };
    let expected = "the program ended with exit code 10: no [masked] nor [masked]";
    assert_eq!(failure.message, expected);
}
