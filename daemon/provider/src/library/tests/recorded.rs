//! The recorded exchanges of the built-in definitions: `definitions/exchanges/*.toml`.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::print;
use crate::sample::{ambient, now};
use crate::{Definition, Exchange, Held, Inputs, Library, LoginMethod, Operation, Step};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recorded {
    /// Where requests and answers were read.
    source: String,
    exchange: Vec<Exchanged>,
}

/// An exchange as it is written down: inputs, the requests that they must make, the
/// answers to them, and what must come of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exchanged {
    name: String,
    /// `issue` if left out, `refresh`, `keepalive`, `revoke`, `remote NAME`, `login` or
    /// `login device`. A page is a step, `open URL`, whose answer is what it leads back
    /// with; so is what is shown with a code, `show CODE at URL, wait 5 s`, whose answer
    /// is empty. `STATE`, `CHALLENGE` and `VERIFIER` stand for what is drawn.
    #[serde(default)]
    operation: Option<String>,
    #[serde(default)]
    variables: BTreeMap<String, String>,
    #[serde(default)]
    secrets: BTreeMap<String, String>,
    /// Of a remote operation.
    #[serde(default)]
    arguments: BTreeMap<String, String>,
    held: Option<RecordedHeld>,
    account: Option<String>,
    #[serde(default)]
    hosts: Option<Vec<String>>,
    #[serde(default)]
    limits: Option<Vec<String>>,
    request: Option<String>,
    answer: Option<String>,
    /// In the place of `request` and `answer`, if there are several.
    #[serde(default)]
    step: Vec<RecordedStep>,
    outcome: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordedStep {
    request: String,
    answer: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordedHeld {
    token: String,
    refresh_token: Option<String>,
    #[serde(default)]
    extras: BTreeMap<String, String>,
}

#[test]
fn each_built_in_definition_makes_its_recorded_exchanges() {
    let mut problems = Vec::new();
    for definition in Library::built_in().iter() {
        let name = definition.name();
        let path = directory().join(format!("{name}.toml"));
        let text = fs::read_to_string(&path)
            .unwrap_or_else(|_| panic!("each definition has recorded exchanges, {name} hasn't"));
        let recorded: Recorded =
            toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(!recorded.source.is_empty(), "{name} says where its exchanges were read");
        for exchange in &recorded.exchange {
            let place = format!("{name}: {}", exchange.name);
            if let Err(problem) = check(definition, exchange) {
                problems.push(format!("{place}: {problem}"));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
}

#[test]
fn each_recorded_exchange_belongs_to_a_definition() {
    let library = Library::built_in();
    for entry in fs::read_dir(directory()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy();
        assert!(library.get(&name).is_some(), "{}", path.display());
    }
}

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("definitions/exchanges")
}

fn check(definition: &Arc<Definition>, recorded: &Exchanged) -> Result<(), String> {
    let secrets = recorded.secrets.iter().map(|(k, v)| (k.clone(), v.as_str().into())).collect();
    let given = Inputs { variables: recorded.variables.clone(), secrets };
    let accepted = definition.accept(given).map_err(|error| format!("not accepted: {error}"))?;
    let accepted = Arc::new(accepted);
    if let Some(account) = &recorded.account {
        same("account", accepted.account().as_str(), account)?;
    }
    if let Some(hosts) = &recorded.hosts {
        same("hosts", &accepted.hosts().join(" "), &hosts.join(" "))?;
    }
    if let Some(limits) = &recorded.limits {
        let told: Vec<String> = accepted.limits().iter().map(ToString::to_string).collect();
        same("limits", &told.join(" "), &limits.join(" "))?;
    }
    let held = recorded.held.as_ref().map(|held| Held {
        value: held.token.as_str().into(),
        refresh_token: held.refresh_token.as_deref().map(Into::into),
        extras: held.extras.iter().map(|(k, v)| (k.clone(), v.as_str().into())).collect(),
    });
    let operation = match recorded.operation.as_deref().unwrap_or("issue") {
        "issue" => Operation::Issue,
        "refresh" => Operation::Refresh,
        "keepalive" => Operation::KeepAlive,
        "revoke" => Operation::Revoke,
        "login" => return log_in(definition, &accepted, LoginMethod::AuthorizationCode, recorded),
        "login device" => return log_in(definition, &accepted, LoginMethod::DeviceCode, recorded),
        remote => {
            let name = remote.strip_prefix("remote ").ok_or("an unknown operation")?;
            let arguments = recorded.arguments.clone();
            let step =
                Exchange::remote(definition, &accepted, name, arguments, held.as_ref(), ambient());
            let step = step.map_err(|error| error.to_string())?;
            return run(definition, &accepted, step, recorded);
        }
    };
    let step = Exchange::start(definition, &accepted, operation, held.as_ref(), ambient());
    run(definition, &accepted, step.map_err(|error| error.to_string())?, recorded)
}

fn log_in(
    definition: &Arc<Definition>,
    accepted: &Arc<crate::AcceptedInputs>,
    method: LoginMethod,
    recorded: &Exchanged,
) -> Result<(), String> {
    let redirect = definition.redirect(accepted).ok().map(|redirect| {
        let mut uri = redirect.uri;
        if redirect.any_port {
            uri.set_port(Some(4711)).expect("loopback has ports");
        }
        uri
    });
    let step = Exchange::login(definition, accepted, method, redirect.as_ref(), ambient());
    run(definition, accepted, step.map_err(|error| error.to_string())?, recorded)
}

fn run(
    definition: &Definition,
    accepted: &crate::AcceptedInputs,
    mut step: Step,
    recorded: &Exchanged,
) -> Result<(), String> {
    let single = recorded.request.as_deref().zip(recorded.answer.as_deref());
    let several = recorded.step.iter().map(|it| (it.request.as_str(), it.answer.as_str()));
    for (number, (expected, answer)) in single.into_iter().chain(several).enumerate() {
        let compare = |is: &str| same(&format!("request {number}"), &named(is), expected);
        let answer = drawn()
            .into_iter()
            .fold(answer.to_owned(), |text, (name, drawn)| text.replace(name, &drawn));
        step = match step {
            Step::Send(exchange, request) => {
                compare(&print::request(&request))?;
                exchange.answer(&print::parse_answer(&answer)?, now())
            }
            Step::Ask(exchange, page) => {
                compare(&format!("open {}", page.url))?;
                let led_back = exchange.redirected(answer.trim(), now());
                led_back.map_err(|(_, error)| error.to_string())?
            }
            Step::Poll(exchange, poll) => {
                compare(&print::poll(&poll))?;
                exchange.poll(now())
            }
            Step::Run(_, program) => return Err(format!("runs {program:?}")),
            Step::Done(outcome) => {
                return Err(format!("ended before request {number}: {outcome:?}"));
            }
        };
    }
    match step {
        Step::Done(outcome) => {
            same("outcome", &print::outcome(definition, accepted, &outcome), &recorded.outcome)
        }
        Step::Send(_, request) => {
            Err(format!("goes on with one more request:\n{}", print::request(&request)))
        }
        other => Err(format!("goes on with {other:?}")),
    }
}

/// What a login draws, by the names that stand for it.
fn drawn() -> [(&'static str, String); 3] {
    let verifier = ambient().unguessable("code_verifier");
    let challenge = ring::digest::digest(&ring::digest::SHA256, verifier.as_bytes());
    [
        ("STATE", ambient().unguessable("state").to_string()),
        ("CHALLENGE", BASE64_URL_SAFE_NO_PAD.encode(challenge)),
        ("VERIFIER", verifier.to_string()),
    ]
}

fn named(text: &str) -> String {
    drawn().into_iter().fold(text.to_owned(), |text, (name, drawn)| text.replace(&drawn, name))
}

fn same(what: &str, is: &str, expected: &str) -> Result<(), String> {
    if is.trim_end() == expected.trim_end() {
        return Ok(());
    }
    Err(format!("{what} is\n{is}\nand not\n{expected}"))
}
