use std::sync::Arc;

use secrecy::ExposeSecret;
use url::Url;

use super::*;
use crate::sample::{accept, ambient, answer, definition, inputs, now};
use crate::{
    Authorization, Definition, Exchange, Failure, Inputs, Issued, Outcome, Poll, RedirectError,
    Request, RequestError, Step,
};

mod device;
mod lives;
mod page;
mod redirect;

/// An app that people let in on a page, or with a code.
const BOTH: &str = r#"
title = "Acme"
variables.client_id.description = "The client's id"
variables.scope = { description = "The scopes", optional = true }
secrets.client_secret.description = "The client's secret"
[oauth2]
authorization_url = "https://auth.acme.example/authorize?tenant=7"
device_authorization_url = "https://auth.acme.example/device"
token_url = "https://auth.acme.example/token"
revocation_url = "https://auth.acme.example/revoke"
grant = "authorization_code"
client_auth = "post"
scope = "{{ var.scope }}"
authorization_parameters = { access_type = "offline" }
"#;

fn given() -> Inputs {
    inputs(&[("client_id", "me"), ("scope", "a b")], &[("client_secret", "hunter2")])
}

fn both(text: &str) -> (Arc<Definition>, Arc<AcceptedInputs>) {
    let definition = definition(text);
    let accepted = accept(&definition, given());
    (definition, accepted)
}

fn url(text: &str) -> Url {
    text.parse().unwrap()
}

fn here() -> Url {
    url("http://127.0.0.1:4711/callback")
}

fn login(
    definition: &Arc<Definition>,
    inputs: &Arc<AcceptedInputs>,
    method: LoginMethod,
) -> Result<Step, RequestError> {
    Exchange::login(definition, inputs, method, Some(&here()), ambient())
}

/// Begins a login on a page.
fn ask(text: &str) -> (Box<Exchange>, Authorization) {
    let (definition, inputs) = both(text);
    match login(&definition, &inputs, LoginMethod::AuthorizationCode).unwrap() {
        Step::Ask(exchange, page) => (exchange, page),
        other => panic!("{other:?}"),
    }
}

fn query(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The redirect of a login, with more of it.
fn led_back(page: &Authorization, more: &str) -> String {
    let state = query(&page.url, "state").unwrap();
    format!("{}?state={state}&{more}", here())
}

fn body(request: &Request) -> String {
    String::from_utf8(request.body.as_deref().unwrap_or_default().to_vec()).unwrap()
}

fn sent(step: Step) -> (Exchange, Request) {
    match step {
        Step::Send(exchange, request) => (*exchange, request),
        other => panic!("{other:?}"),
    }
}

fn issued(step: Step) -> Issued {
    match step {
        Step::Done(Outcome::Issued(issued)) => issued,
        other => panic!("{other:?}"),
    }
}

fn failure(step: Step) -> Failure {
    match step {
        Step::Done(Outcome::Failed(failure)) => failure,
        other => panic!("{other:?}"),
    }
}

fn poll(step: Step) -> (Box<Exchange>, Poll) {
    match step {
        Step::Poll(exchange, poll) => (exchange, poll),
        other => panic!("{other:?}"),
    }
}

/// Takes the redirect of a login that goes on.
fn redirected(exchange: Box<Exchange>, redirect: &str) -> Step {
    exchange.redirected(redirect, now()).map_err(|(_, error)| error).unwrap()
}

#[test]
fn the_ways_to_log_in_are_told_the_preferred_one_first() {
    use LoginMethod::{AuthorizationCode, DeviceCode};
    let preferring = |grant: &str| BOTH.replace("\"authorization_code\"", grant);
    let chosen = "variables.login = { description = '', default = 'device_code', \
        choices = ['authorization_code', 'device_code', 'client_credentials'] }\n[oauth2]";
    let chosen = preferring("'{{ var.login }}'").replace("[oauth2]", chosen);
    let one = BOTH.replace("device_authorization_url", "refresh_url");
    for (text, expected) in [
        (BOTH.to_owned(), vec![AuthorizationCode, DeviceCode]),
        (preferring("'device_code'"), vec![DeviceCode, AuthorizationCode]),
        (chosen.clone(), vec![DeviceCode, AuthorizationCode]),
        (one, vec![AuthorizationCode]),
        (crate::sample::PLAIN.to_owned(), vec![]),
    ] {
        let definition = definition(&text);
        let given = if text.contains("client_id") {
            given()
        } else {
            inputs(&[], &[("password", "hunter2")])
        };
        let accepted = accept(&definition, given);
        assert_eq!(definition.logins(&accepted), expected, "{text}");
    }
    // Another grant needs no login at all.
    let definition = definition(&chosen);
    let mut given = given();
    given.variables.insert("login".to_owned(), "client_credentials".to_owned());
    let accepted = accept(&definition, given);
    assert_eq!(definition.logins(&accepted), []);
    assert!(!definition.needs_login(&accepted));
    let error = login(&definition, &accepted, AuthorizationCode).unwrap_err();
    assert_eq!(error, RequestError::NoLogin);
}

#[test]
fn what_a_login_lacks_is_said_with_its_place() {
    let parse = |text: &str| {
        let source = crate::Source::File("acme.toml".into());
        let error = Definition::parse("acme", source, text).unwrap_err().to_string();
        error.lines().next().unwrap_or_default().to_owned()
    };
    let top = "title = 'A'\n[issue]\nurl = 'https://a.example/t'\n\
        form = { t = '{{ refresh_token }}' }\n[output]\ntoken = 'body.t'\n";
    for (text, expected) in [
        (format!("{top}[login]\ncode = 'c'"), "missing key `login.url`"),
        (format!("{top}[login]\nurl = 'https://a.example'"), "missing key `login.exchange`"),
        (format!("{top}[login.exchange]\nurl = 'https://a.example'"), "missing key `login.url`"),
        (
            format!("{top}[login.device.request]\nurl = 'https://a.example'"),
            "missing key `login.poll`",
        ),
        (
            format!("{top}[login]\nurl = 'https://a.example/{{{{ code }}}}'\nexchange = []"),
            "`code` means nothing here",
        ),
        (
            format!(
                "{top}[login]\nurl = 'https://a.example/'\nredirect_uri = 'http://a.example/'\n\
                 exchange = {{ url = 'https://a.example/t' }}"
            ),
            "the URL must start with https:// (http:// is for loopback addresses only)",
        ),
        (
            BOTH.replace(
                "authorization_url = \"https://auth.acme.example/authorize?tenant=7\"",
                "",
            ),
            "missing key `authorization_url`",
        ),
        (
            BOTH.replace("\"authorization_code\"", "\"client_credentials\""),
            "`authorization_url` goes with `grant = \"authorization_code\"`",
        ),
        (
            BOTH.replace("[oauth2]", "[oauth2]\npkce = \"S512\""),
            "unknown value `S512`, expected one of `S256`, `plain`",
        ),
    ] {
        let error = parse(&text);
        assert!(error.ends_with(expected) || error.contains(expected), "{error}\n{expected}");
    }
}
