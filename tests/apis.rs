//! The APIs that tokend knows by name, in their own wire formats: stored by
//! `tokend-cli add`, issued by a server on loopback, read by `tokend-cli get`.

#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

mod support;

#[path = "apis/causely.rs"]
mod causely;
#[path = "apis/cycle.rs"]
mod cycle;
#[path = "apis/fyma.rs"]
mod fyma;
#[path = "apis/iot_x.rs"]
mod iot_x;
#[path = "apis/toggle.rs"]
mod toggle;

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::Output,
};

use http::HeaderMap;
use serde_json::Value;
use support::{
    Place, canary,
    provider::{Provider, Request},
    text,
};

const SECRET: &str = "s3cret-Horse_Battery";

/// An answer of an API, as a script sees it.
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: String,
}

/// Adds a credential of a built-in provider.
fn add(place: &Place, provider: &str, secret: &str, variables: &[String]) {
    let added = try_to_add(place, "api", provider, secret, variables);
    assert!(added.status.success(), "{}", text(&added.stderr));
}

fn try_to_add(
    place: &Place,
    name: &str,
    provider: &str,
    secret: &str,
    variables: &[String],
) -> Output {
    let mut arguments = vec!["add", name, "--provider", provider, "--secret-stdin", secret];
    for variable in variables {
        arguments.extend(["--var", variable]);
    }
    place.run_with_input(arguments, SECRET)
}

/// Runs what a program does that holds a client.
fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(work)
}

/// Asks an API as a script does: with what `tokend-cli get api --header` prints.
fn ask(place: &Place, provider: &Provider, path: &str) -> Answer {
    let header = place.run(["get", "api", "--header"]);
    assert!(header.status.success(), "{}", text(&header.stderr));
    send(provider, path, text(&header.stdout).trim_end())
}

/// Sends a request with a header to a provider's API.
fn send(provider: &Provider, path: &str, header: &str) -> Answer {
    let header = canary::real(header);
    let host = provider.url().trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).unwrap();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nhost: {host}\r\n{header}\r\ncontent-length: 2\r\n\
         connection: close\r\n\r\n{{}}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap().parse().unwrap();
    let fields = lines.filter_map(|line| line.split_once(": "));
    let headers = fields.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    Answer { status, headers: headers.collect(), body: canary::told(body) }
}

/// Returns what `tokend-cli` prints as JSON.
fn told<const N: usize>(place: &Place, arguments: [&str; N]) -> Value {
    let output = place.run(arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn json_body(request: &Request) -> Value {
    serde_json::from_str(&request.body).unwrap()
}

fn paths(provider: &Provider) -> Vec<String> {
    provider.requests().into_iter().map(|request| request.path).collect()
}

/// Tells by the rules in `tokend-cli get --json` whether an answer says that the token was
/// refused, as a script would; those of the five APIs need no more than this.
fn is_rejection(rules: &Value, answer: &Answer) -> bool {
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let says = |rule: &Value| {
        let found = below(&body, rule["path"].as_str().unwrap());
        found.iter().any(|value| rule["values"].as_array().unwrap().contains(value))
    };
    rules["statuses"].as_array().unwrap().contains(&answer.status.into())
        || rules["body"].as_array().unwrap().iter().any(says)
}

/// Returns what stands in a body where a path leads.
fn below<'a>(body: &'a Value, path: &str) -> Vec<&'a Value> {
    path.split('.').fold(vec![body], |values, name| {
        let step = |value: &'a Value| match value {
            Value::Array(items) if name == "*" => items.iter().collect(),
            _ => value.get(name).into_iter().collect::<Vec<_>>(),
        };
        values.into_iter().flat_map(step).collect()
    })
}
