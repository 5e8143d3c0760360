use std::collections::BTreeMap;
use std::fmt::Write;

use secrecy::ExposeSecret;
use serde::Deserialize;

use super::*;
use crate::sample::{answer, inputs, start};
use crate::{
    AcceptedInputs, Answer, Expiry, Inputs, Issued, Outcome, Request, RetryAfter, Step, Verdict,
};

/// The recorded exchanges of the built-in definitions, by their names.
const RECORDED: [(&str, &str); 5] = [
    ("causely", include_str!("../../definitions/exchanges/causely.toml")),
    ("fyma", include_str!("../../definitions/exchanges/fyma.toml")),
    ("iot-x", include_str!("../../definitions/exchanges/iot-x.toml")),
    (
        "oauth2-client-credentials",
        include_str!("../../definitions/exchanges/oauth2-client-credentials.toml"),
    ),
    ("toggle", include_str!("../../definitions/exchanges/toggle.toml")),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recorded {
    exchange: Vec<Exchange>,
}

/// An exchange as it is written down: inputs, the request that they must make,
/// the answer to it, and what must come of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exchange {
    name: String,
    variables: BTreeMap<String, String>,
    secrets: BTreeMap<String, String>,
    account: String,
    #[serde(default)]
    hosts: Vec<String>,
    #[serde(default)]
    limits: Vec<String>,
    request: String,
    answer: String,
    outcome: String,
}

#[test]
fn each_built_in_definition_makes_its_recorded_exchanges() {
    let library = Library::built_in();
    let names: Vec<&str> = library.iter().map(|definition| definition.name()).collect();
    assert_eq!(names, RECORDED.map(|(name, _)| name), "each definition has recorded exchanges");
    for (name, text) in RECORDED {
        let definition = library.get(name).unwrap();
        let Recorded { exchange: exchanges } = toml::from_str(text).unwrap();
        for exchange in exchanges {
            let place = format!("{name}: {}", exchange.name);
            check(&definition, &exchange, &place);
        }
    }
}

fn check(definition: &Arc<Definition>, recorded: &Exchange, place: &str) {
    let secrets = recorded.secrets.iter().map(|(k, v)| (k.clone(), v.as_str().into())).collect();
    let given = Inputs { variables: recorded.variables.clone(), secrets };
    let accepted = Arc::new(definition.accept(given).expect(place));
    assert_eq!(accepted.account().as_str(), recorded.account, "{place}");
    assert_eq!(accepted.hosts(), recorded.hosts, "{place}");
    let limits = accepted.limits().iter();
    let limits: Vec<String> = limits.map(ToString::to_string).collect();
    assert_eq!(limits, recorded.limits, "{place}");
    let (exchange, request) = start(definition, &accepted);
    assert_eq!(print_request(&request), recorded.request, "{place}");
    let Step::Done(outcome) = exchange.answer(&parse_answer(&recorded.answer)) else {
        panic!("{place}: goes on");
    };
    assert_eq!(print_outcome(definition, &accepted, &outcome), recorded.outcome, "{place}");
}

fn print_request(request: &Request) -> String {
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
    format!("{} {}\n{}\n{body}", request.method, request.url, headers.concat())
}

fn parse_answer(text: &str) -> Answer {
    let (head, body) = text.split_once("\n\n").unwrap();
    let mut head = head.lines();
    let status = head.next().unwrap().parse().unwrap();
    let headers: Vec<(&str, &str)> = head.map(|line| line.split_once(": ").unwrap()).collect();
    answer(status, &headers, body)
}

fn print_outcome(definition: &Definition, inputs: &AcceptedInputs, outcome: &Outcome) -> String {
    let mut text = String::new();
    match outcome {
        Outcome::Issued(issued) => print_issued(&mut text, definition, inputs, issued),
        Outcome::KeptAlive { .. } => panic!("an issuance kept something alive"),
        Outcome::Failed(failure) => {
            let verdict = match failure.verdict {
                Verdict::Limited => "limited",
                Verdict::Denied => "denied",
                Verdict::Transient => "transient",
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
    text
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
    for placement in definition.placements(inputs, &issued.value, &issued.extras).unwrap() {
        let value = placement.value.expose_secret();
        match placement.target {
            crate::Target::Header(name) => writeln!(text, "header {name}: {value}"),
            crate::Target::Query(name) => writeln!(text, "query {name}={value}"),
            crate::Target::Cookie(name) => writeln!(text, "cookie {name}={value}"),
        }
        .unwrap();
    }
}

#[test]
fn each_built_in_definition_tells_what_it_is_and_where_that_was_read() {
    for definition in Library::built_in().iter() {
        let name = definition.name();
        assert!(definition.documentation().is_some(), "{name}");
        assert_eq!(definition.source().to_string(), "built-in");
        assert!(definition.text().starts_with("# "), "{name} has no doc line");
        for input in definition.inputs() {
            assert!(!input.description.is_empty(), "{name}: {}", input.name);
        }
    }
}

#[test]
fn the_generic_definition_passes_the_private_ca_on() {
    let definition = Library::built_in().get("oauth2-client-credentials").unwrap();
    let variables =
        [("token_url", "https://a.example/t"), ("client_id", "c"), ("ca_file", "/etc/ca.pem")];
    let accepted = definition.accept(inputs(&variables, &[("client_secret", "s")])).unwrap();
    assert_eq!(accepted.transport().ca_file.as_deref(), Some("/etc/ca.pem".as_ref()));
}

#[test]
fn toggle_needs_an_email_address_or_a_user_name() {
    let definition = Library::built_in().get("toggle").unwrap();
    let given = inputs(&[("url", "https://a.example/graphql")], &[("password", "hunter2")]);
    assert_eq!(
        definition.accept(given).unwrap_err().to_string(),
        "these inputs don't fit: the definition asks for `var.email or var.username`"
    );
}

#[test]
fn a_definition_takes_the_place_of_a_built_in_one_with_its_name() {
    let mut library = Library::built_in();
    let text = "title = 'Mine'\n[issue]\nurl = 'https://a.example'\n[output]\ntoken = 'body.t'";
    library.insert(Definition::parse("fyma", Source::File("fyma.toml".into()), text).unwrap());
    assert_eq!(library.get("fyma").unwrap().title(), "Mine");
    assert_eq!(library.iter().count(), RECORDED.len());
}

#[test]
fn a_misspelt_name_is_recognised() {
    let library = Library::built_in();
    assert_eq!(library.suggest("causly"), Some("causely"));
    assert_eq!(library.suggest("oauth2-client-credential"), Some("oauth2-client-credentials"));
    assert_eq!(library.suggest("github"), None);
    assert!(library.get("causly").is_none());
}

#[test]
fn definitions_and_inputs_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Library>();
    shared::<AcceptedInputs>();
    shared::<crate::Exchange>();
}
