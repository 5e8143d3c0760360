//! How requests, answers and outcomes are written down.

use std::fmt::Write;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use regex_lite::{Captures, Regex};
use secrecy::ExposeSecret;

use crate::sample::answer;
use crate::{
    AcceptedInputs, Answer, Definition, Expiry, Issued, Outcome, Poll, Request, RetryAfter, Target,
    Verdict,
};

/// Prints a request: its first line, its headers in the order of their names, an empty
/// line, its body. JWTs are printed as `jwt(HEADER CLAIMS)`.
pub(super) fn request(request: &Request) -> String {
    let mut headers: Vec<String> = request
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()))
        .collect();
    headers.sort();
    let body = match &request.body {
        Some(body) => format!("{}\n", std::str::from_utf8(body).unwrap()),
        None => String::new(),
    };
    open(&format!("{} {}\n{}\n{body}", request.method, request.url, headers.concat()))
}

/// Reads an answer: its status, its headers, an empty line, its body.
pub(super) fn parse_answer(text: &str) -> Result<Answer, String> {
    let (head, body) = text.split_once("\n\n").unwrap_or((text.trim_end(), ""));
    let mut head = head.lines();
    let status = head.next().and_then(|line| line.trim().parse().ok());
    let status = status.ok_or("an answer starts with its status")?;
    let headers: Option<Vec<(&str, &str)>> = head.map(|line| line.split_once(": ")).collect();
    Ok(answer(status, &headers.ok_or("a header of an answer has no colon")?, body.trim_end()))
}

/// Prints what came of an exchange, a line for each thing.
pub(super) fn outcome(
    definition: &Definition,
    inputs: &AcceptedInputs,
    outcome: &Outcome,
) -> String {
    let mut text = String::new();
    match outcome {
        Outcome::Issued(issued) => print_issued(&mut text, definition, inputs, issued),
        Outcome::KeptAlive { .. } => text.push_str("kept alive\n"),
        Outcome::Revoked => text.push_str("revoked\n"),
        Outcome::Told(result) => writeln!(text, "told {result}").unwrap(),
        Outcome::Failed(failure) => {
            let verdict = match failure.verdict {
                Verdict::Limited => "limited",
                Verdict::Denied => "denied",
                Verdict::Transient => "transient",
                Verdict::Local => "local",
            };
            writeln!(text, "{verdict} {}", failure.message).unwrap();
            match failure.retry_after {
                Some(RetryAfter::After(delay)) => {
                    writeln!(text, "retry after {} s", delay.as_secs()).unwrap();
                }
                Some(RetryAfter::At(at)) => writeln!(text, "retry at {at}").unwrap(),
                None => {}
            }
        }
    }
    open(&text)
}

/// Writes what is shown to a person, and how long to wait.
pub(super) fn poll(poll: &Poll) -> String {
    let wait = format!("wait {} s", poll.after.as_secs());
    match &poll.prompt {
        Some(prompt) => format!("show {} at {}, {wait}", prompt.user_code, prompt.verification_uri),
        None => wait,
    }
}

fn print_issued(
    text: &mut String,
    definition: &Definition,
    inputs: &AcceptedInputs,
    issued: &Issued,
) {
    writeln!(text, "issued {}", issued.value.expose_secret()).unwrap();
    if let Some(token_type) = &issued.token_type {
        writeln!(text, "type {token_type}").unwrap();
    }
    if let Some(refresh_token) = &issued.refresh_token {
        writeln!(text, "refresh {}", refresh_token.expose_secret()).unwrap();
    }
    match issued.expiry {
        Expiry::After(life) => writeln!(text, "expires after {} s", life.as_secs()),
        Expiry::At(at) => writeln!(text, "expires at {at}"),
        Expiry::Never => writeln!(text, "expires never"),
        Expiry::Unknown => writeln!(text, "expires unknown"),
    }
    .unwrap();
    for (name, value) in &issued.extras {
        writeln!(text, "extra {name}: {}", value.expose_secret()).unwrap();
    }
    for (name, value) in &issued.secrets {
        writeln!(text, "secret {name}: {}", value.expose_secret()).unwrap();
    }
    for quota in &issued.quotas {
        let (remaining, reset) = (quota.remaining, quota.reset_after.as_secs());
        match quota.limit {
            Some(limit) => writeln!(text, "quota {remaining} of {limit}, anew after {reset} s"),
            None => writeln!(text, "quota {remaining}, anew after {reset} s"),
        }
        .unwrap();
    }
    for placement in definition.placements(inputs, &issued.value, &issued.extras).unwrap() {
        let value = placement.value.expose_secret();
        let writes = if placement.writes_only { "writes " } else { "" };
        match placement.target {
            Target::Header(name) => writeln!(text, "{writes}header {name}: {value}"),
            Target::Query(name) => writeln!(text, "{writes}query {name}={value}"),
            Target::Cookie(name) => writeln!(text, "{writes}cookie {name}={value}"),
            Target::Body(path) => writeln!(text, "{writes}body {path}: {value}"),
        }
        .unwrap();
    }
    let base_url = definition.base_url(inputs, &issued.value, &issued.extras).unwrap();
    if let Some(url) = base_url {
        writeln!(text, "base {url}").unwrap();
    }
}

/// Opens the JWTs in a text, whose signatures differ from time to time.
fn open(text: &str) -> String {
    let jwt = Regex::new(r"(eyJ[\w-]+)\.(eyJ[\w-]+)\.[\w-]+").unwrap();
    let opened = jwt.replace_all(text, |parts: &Captures<'_>| {
        let decode = |part: &str| {
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(part).ok()?;
            let value: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
            Some(value.to_string())
        };
        match (decode(&parts[1]), decode(&parts[2])) {
            (Some(header), Some(claims)) => format!("jwt({header} {claims})"),
            _ => parts[0].to_owned(),
        }
    });
    opened.into_owned()
}
