use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::sample::{accept, ambient, answer, definition, inputs, now, start, start_from};
use crate::{AcceptedInputs, Definition, Exchange, Held, Operation, Outcome, Request, Step};

const KEY: &str = include_str!("../sign/tests/p256.pem");
const SECRET: &str = "hunter2-hunter2-hunter2-hunter2-hunter2";
const TOKEN_URL: &str = "token_url = 'https://auth.acme.example/token'";
const ISSUER: &str = "issuer = 'https://auth.acme.example/acme'";

/// A definition with `[oauth2]`, and accepted inputs: a secret unless there is a key.
fn dance(oauth2: &str, more: &str, key: bool) -> (Arc<Definition>, Arc<AcceptedInputs>) {
    let optional = |name: &str| format!("secrets.{name} = {{ description = '', optional = true }}");
    let definition = definition(&format!(
        "title = 'Acme'\nvariables.client_id.description = ''\n{}\n{}\n{}\n{more}\n[oauth2]\n{oauth2}",
        optional("client_secret"),
        optional("private_key"),
        optional("password"),
    ));
    let secret = if key { ("private_key", KEY) } else { ("client_secret", SECRET) };
    let accepted = accept(&definition, inputs(&[("client_id", "me")], &[secret]));
    (definition, accepted)
}

fn fields(request: &Request) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(request.body.as_deref().unwrap_or_default()).into_owned().collect()
}

fn part(jwt: &str, number: usize) -> serde_json::Value {
    let part = jwt.split('.').nth(number).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn held(refresh_token: Option<&str>) -> Held {
    let refresh_token = refresh_token.map(Into::into);
    Held { value: "t0".into(), refresh_token, extras: BTreeMap::new() }
}

/// Answers a request, and returns the one after it.
fn next(exchange: Exchange, status: u16, kind: &str, body: &str) -> (Exchange, Request) {
    match exchange.answer(&answer(status, &[("content-type", kind)], body), now()) {
        Step::Send(exchange, request) => (*exchange, request),
        other => panic!("ends with {other:?}"),
    }
}

fn metadata(path: &str) -> String {
    format!(
        r#"{{"issuer": "https://auth.acme.example/acme/",
            "token_endpoint": "https://auth.acme.example{path}",
            "revocation_endpoint": "https://auth.acme.example/revoke"}}"#
    )
}

#[test]
fn each_grant_sends_its_own_fields() {
    let exchange = "grant = 'token_exchange'\nsubject_token = '{{ secret.client_secret }}'";
    for (grant, expected) in [
        ("grant = 'client_credentials'", "client_credentials"),
        ("grant = 'client_credentials'\ngrant_type = ''", ""),
        (exchange, "urn:ietf:params:oauth:grant-type:token-exchange"),
    ] {
        let (definition, inputs) = dance(&format!("{TOKEN_URL}\n{grant}"), "", false);
        let fields = fields(&start(&definition, &inputs).1);
        assert_eq!(fields.get("grant_type").map_or("", String::as_str), expected);
        let subject = fields.get("subject_token_type").map(String::as_str);
        let is_exchange = grant == exchange;
        let usual = "urn:ietf:params:oauth:token-type:access_token";
        assert_eq!(subject, is_exchange.then_some(usual));
        assert_eq!(fields.contains_key("subject_token"), is_exchange);
    }
}

#[test]
fn a_jwt_is_the_grant_or_the_clients_word() {
    let bearer = "grant = 'jwt_bearer'\nclient_auth = 'none'\nassertion.algorithm = 'ES256'";
    let client = "grant = 'client_credentials'\nclient_auth = 'private_key_jwt'\n\
                  client_assertion.algorithm = 'ES256'";
    let secret = "grant = 'client_credentials'\nclient_auth = 'client_secret_jwt'";
    for (oauth2, field, key, algorithm) in [
        (bearer, "assertion", true, "ES256"),
        (client, "client_assertion", true, "ES256"),
        (secret, "client_assertion", false, "HS256"),
    ] {
        let (definition, inputs) = dance(&format!("{TOKEN_URL}\n{oauth2}"), "", key);
        let jwt = &fields(&start(&definition, &inputs).1)[field];
        assert_eq!(part(jwt, 0)["alg"], algorithm);
        let claims = part(jwt, 1);
        assert_eq!((&claims["iss"], &claims["sub"]), (&"me".into(), &"me".into()));
        assert_eq!(claims["aud"], "https://auth.acme.example/token");
        let (from, to) = (claims["iat"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
        assert_eq!((from, to - from), (ambient().now.as_second(), 60));
    }
}

#[test]
fn the_client_can_say_who_it_is_in_whichever_way_its_user_chooses() {
    let oauth2 = format!(
        "{TOKEN_URL}\ngrant = 'client_credentials'\nclient_auth = '{{{{ var.auth }}}}'\n\
         client_assertion.algorithm = 'ES256'\nrefresh = true\n\
         revocation_url = 'https://auth.acme.example/revoke'"
    );
    let auth = |default: &str| {
        format!(
            "variables.auth = {{ description = '', default = '{default}', \
             choices = ['basic', 'private_key_jwt', 'client_secret_jwt'] }}"
        )
    };
    for (way, key, algorithm) in [
        ("basic", false, None),
        ("private_key_jwt", true, Some("ES256")),
        ("client_secret_jwt", false, Some("HS256")),
    ] {
        let (definition, inputs) = dance(&oauth2, &auth(way), key);
        let held = held(Some("r0"));
        for operation in [Operation::Issue, Operation::Refresh, Operation::Revoke] {
            let (_, request) = start_from(&definition, &inputs, operation, Some(&held));
            let fields = fields(&request);
            let header = fields.get("client_assertion").map(|jwt| part(jwt, 0));
            let used = header.as_ref().map(|header| header["alg"].as_str().unwrap());
            assert_eq!(used, algorithm, "{way} {operation}");
            assert_eq!(request.headers.contains_key("authorization"), way == "basic");
        }
    }
}

#[test]
fn the_metadata_tell_where_to_go_and_for_whom_an_assertion_is() {
    let oauth2 = format!(
        "{ISSUER}\ngrant = 'client_credentials'\nclient_auth = 'private_key_jwt'\n\
         client_assertion.algorithm = 'ES256'\nrefresh = true\n\
         refresh_url = 'https://auth.acme.example/refresh'\nrevoke = true"
    );
    let (definition, inputs) = dance(&oauth2, "", true);
    assert_eq!(inputs.account().as_str(), "auth.acme.example/me");
    let held = held(Some("r0"));
    for (operation, path) in [
        (Operation::Issue, "/token"),
        (Operation::Refresh, "/refresh"),
        (Operation::Revoke, "/revoke"),
    ] {
        let (exchange, request) = start_from(&definition, &inputs, operation, Some(&held));
        assert_eq!(request.url.path(), "/acme/.well-known/openid-configuration");
        assert_eq!((request.method.as_str(), request.body), ("GET", None));
        let (_, request) = next(exchange, 200, "application/json", &metadata("/token"));
        assert_eq!(request.url.path(), path);
        let claims = part(&fields(&request)["client_assertion"], 1);
        assert_eq!(claims["aud"], "https://auth.acme.example/token", "{operation}");
    }
}

#[test]
fn metadata_that_are_not_in_the_one_place_are_looked_for_in_the_other() {
    let (definition, inputs) = dance(&format!("{ISSUER}\ngrant = 'client_credentials'"), "", false);
    for (status, kind, body) in [
        (404, "application/json", "{}"),
        (404, "text/html", "<html>nothing here</html>"),
        (404, "text/plain", ""),
        (200, "text/html", "<html>the front page</html>"),
    ] {
        let (exchange, request) = next(start(&definition, &inputs).0, status, kind, body);
        assert_eq!(request.url.path(), "/.well-known/oauth-authorization-server/acme");
        let (_, request) = next(exchange, 200, "application/json", &metadata("/token"));
        assert_eq!(request.url.path(), "/token", "{status} {kind}");
    }
}

#[test]
fn metadata_of_another_issuer_or_host_get_no_secret() {
    let (definition, inputs) = dance(&format!("{ISSUER}\ngrant = 'client_credentials'"), "", false);
    let other = metadata("/token").replace("acme/\"", "other\"");
    let elsewhere =
        metadata("/token").replace("\"https://auth.acme.example/token", "\"https://evil.example/t");
    for (status, body, expected) in [
        (200, other.as_str(), "the metadata are those of another issuer"),
        (200, elsewhere.as_str(), "evil.example"),
        (500, "{}", "status 500"),
        (200, "<html>", "status 200"),
    ] {
        let answer = answer(status, &[("content-type", "application/json")], body);
        match start(&definition, &inputs).0.answer(&answer, now()) {
            Step::Done(Outcome::Failed(failure)) => {
                assert!(failure.message.contains(expected), "{}", failure.message);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_refresh_token_is_revoked_if_there_is_one_unless_it_is_the_users() {
    let revocation = "revocation_url = 'https://auth.acme.example/revoke'";
    let users = "secrets.refresh_token = { description = '', optional = true }";
    let (own, given) = ("grant = 'client_credentials'", "grant = 'refresh_token'");
    for (grant, refresh_token, expected) in [
        (own, Some("r0"), ("r0", "refresh_token")),
        (own, None, ("t0", "access_token")),
        (given, Some("r0"), ("t0", "access_token")),
    ] {
        let (definition, inputs) =
            dance(&format!("{TOKEN_URL}\n{grant}\n{revocation}"), users, false);
        let held = held(refresh_token);
        let (_, request) = start_from(&definition, &inputs, Operation::Revoke, Some(&held));
        assert_eq!(request.url.path(), "/revoke");
        let fields = fields(&request);
        assert_eq!((&*fields["token"], &*fields["token_type_hint"]), expected);
    }
}
