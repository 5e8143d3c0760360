use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::digest;

use super::*;

#[test]
fn the_page_asks_with_a_challenge_and_the_exchange_sends_what_it_is_of() {
    let (exchange, page) = ask(BOTH);
    let all: Vec<_> = page.url.query_pairs().map(|(name, _)| name.into_owned()).collect();
    let expected = [
        "tenant",
        "response_type",
        "client_id",
        "redirect_uri",
        "scope",
        "state",
        "code_challenge",
        "code_challenge_method",
        "access_type",
    ];
    assert_eq!(all, expected);
    for (name, expected) in [
        ("response_type", "code"),
        ("client_id", "me"),
        ("redirect_uri", "http://127.0.0.1:4711/callback"),
        ("scope", "a b"),
        ("code_challenge_method", "S256"),
        ("access_type", "offline"),
    ] {
        assert_eq!(query(&page.url, name).as_deref(), Some(expected));
    }
    assert!(query(&page.url, "state").unwrap().len() >= 22);
    let (exchange, request) = sent(redirected(exchange, &led_back(&page, "code=c0d3")));
    let body = body(&request);
    let verifier = body.split("code_verifier=").nth(1).unwrap().split('&').next().unwrap();
    let challenge = digest::digest(&digest::SHA256, verifier.as_bytes());
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(challenge);
    assert_eq!(query(&page.url, "code_challenge"), Some(challenge));
    assert_eq!(verifier.len(), 43);
    assert_eq!(
        body.replace(verifier, "V"),
        "grant_type=authorization_code&code=c0d3\
         &redirect_uri=http%3A%2F%2F127.0.0.1%3A4711%2Fcallback&code_verifier=V\
         &client_id=me&client_secret=hunter2"
    );
    let token = r#"{"access_token": "t0", "refresh_token": "r0", "expires_in": 60}"#;
    let issued = issued(exchange.answer(&answer(200, &[], token), now()));
    assert_eq!(issued.value.expose_secret(), "t0");
    assert_eq!(issued.secrets["refresh_token"].expose_secret(), "r0");
    assert!(issued.refresh_token.is_none());
}

#[test]
fn what_is_drawn_differs_from_login_to_login() {
    let (definition, inputs) = both(BOTH);
    let state = |entropy| {
        let ambient = crate::Ambient { now: now(), entropy };
        let method = LoginMethod::AuthorizationCode;
        let step = Exchange::login(&definition, &inputs, method, Some(&here()), ambient);
        let Ok(Step::Ask(_, page)) = step else { panic!("a page is expected") };
        query(&page.url, "state")
    };
    assert_eq!(state([1; 32]), state([1; 32]));
    assert_ne!(state([1; 32]), state([2; 32]));
}

#[test]
fn a_code_is_bound_as_the_definition_says() {
    for (pkce, expected) in [
        ("true", Some("S256")),
        ("'S256'", Some("S256")),
        ("'plain'", Some("plain")),
        ("false", None),
        ("'{{ var.scope == \"a b\" }}'", Some("S256")),
        ("'{{ var.scope == \"\" }}'", None),
    ] {
        let (exchange, page) = ask(&BOTH.replace("[oauth2]", &format!("[oauth2]\npkce = {pkce}")));
        assert_eq!(query(&page.url, "code_challenge_method").as_deref(), expected, "{pkce}");
        let (_, request) = sent(redirected(exchange, &led_back(&page, "code=c0d3")));
        let body = body(&request);
        assert_eq!(body.contains("code_verifier="), expected.is_some(), "{pkce}: {body}");
        let challenge = query(&page.url, "code_challenge");
        if expected == Some("plain") {
            assert!(body.contains(&challenge.unwrap()));
        } else {
            assert_eq!(challenge.is_some(), expected.is_some());
        }
    }
}

#[test]
fn redirects_come_in_where_the_definition_says() {
    for (registered, listening, expected) in [
        (
            "http://127.0.0.1/callback",
            Some("http://127.0.0.1:5/callback"),
            Ok("http://127.0.0.1:5/callback"),
        ),
        ("http://127.0.0.1:0/cb", Some("http://127.0.0.1:5/cb"), Ok("http://127.0.0.1:5/cb")),
        ("http://localhost", Some("http://localhost:5/"), Ok("http://localhost:5")),
        ("http://localhost/", Some("http://localhost:5/"), Ok("http://localhost:5/")),
        ("http://localhost:80/x", Some("http://localhost:5/x"), Ok("http://localhost:5/x")),
        ("http://localhost:8080/x", Some("http://localhost:8080/x"), Ok("http://localhost:8080/x")),
        ("https://a.example", None, Ok("https://a.example")),
        ("https://a.example", Some("https://a.example/"), Ok("https://a.example")),
        ("http://localhost:8080/x", Some("http://localhost:8081/x"), Err(())),
        ("http://127.0.0.1/callback", Some("http://localhost:5/callback"), Err(())),
        ("http://127.0.0.1/callback", Some("http://127.0.0.1:5/other"), Err(())),
        ("http://127.0.0.1/callback", Some("http://127.0.0.1:5/callback?x=1"), Err(())),
        ("http://127.0.0.1/callback", Some("http://127.0.0.1:0/callback"), Err(())),
        ("https://a.example/", Some("https://b.example/"), Err(())),
    ] {
        let text = BOTH.replace("[oauth2]", &format!("[oauth2]\nredirect_uri = '{registered}'"));
        let (definition, inputs) = both(&text);
        let listening = listening.map(url);
        let method = LoginMethod::AuthorizationCode;
        let step = Exchange::login(&definition, &inputs, method, listening.as_ref(), ambient());
        match (step, expected) {
            (Ok(Step::Ask(_, page)), Ok(expected)) => {
                assert_eq!(query(&page.url, "redirect_uri").as_deref(), Some(expected));
            }
            (Err(RequestError::OtherRedirectUri { .. }), Err(())) => {}
            (step, _) => panic!("{registered} {listening:?}: {step:?}"),
        }
    }
}

#[test]
fn the_redirect_is_told_beforehand() {
    for (registered, uri, is_loopback, any_port) in [
        ("", "http://127.0.0.1/callback", true, true),
        ("http://[::1]:0/x", "http://[::1]/x", true, true),
        ("http://localhost:8080/x", "http://localhost:8080/x", true, false),
        ("https://a.example/back", "https://a.example/back", false, false),
    ] {
        let key = if registered.is_empty() {
            String::new()
        } else {
            format!("redirect_uri = '{registered}'")
        };
        let (definition, inputs) = both(&BOTH.replace("[oauth2]", &format!("[oauth2]\n{key}")));
        let expected = Redirect { uri: url(uri), is_loopback, any_port };
        assert_eq!(definition.redirect(&inputs), Ok(expected));
    }
}

/// An issuer whose metadata tell all.
const ISSUER: &str = r#"
title = "Acme"
variables.client_id.description = "The client's id"
[oauth2]
issuer = "https://auth.acme.example"
grant = "authorization_code"
client_auth = "none"
"#;

fn discovered(more: &str) -> (Box<Exchange>, Authorization) {
    let definition = definition(ISSUER);
    let inputs = accept(&definition, inputs(&[("client_id", "me")], &[]));
    let step = login(&definition, &inputs, LoginMethod::AuthorizationCode).unwrap();
    let (exchange, request) = sent(step);
    assert!(request.url.path().ends_with("openid-configuration"));
    let metadata = format!(
        r#"{{"issuer": "https://auth.acme.example", {more}
            "authorization_endpoint": "https://auth.acme.example/authorize",
            "token_endpoint": "https://auth.acme.example/token"}}"#
    );
    match exchange.answer(&answer(200, &[], metadata), now()) {
        Step::Ask(exchange, page) => (exchange, page),
        other => panic!("{other:?}"),
    }
}

#[test]
fn metadata_are_asked_for_once_and_tell_the_page_and_the_token_endpoint() {
    let (exchange, page) = discovered("");
    assert!(page.url.as_str().starts_with("https://auth.acme.example/authorize?"));
    let (_, request) = sent(redirected(exchange, &led_back(&page, "code=c0d3")));
    assert_eq!(request.url.as_str(), "https://auth.acme.example/token");
    assert!(body(&request).contains("client_id=me"), "a public client says its id");
}

#[test]
fn a_redirect_from_another_issuer_is_none_of_this_login() {
    let right = "code=c0d3&iss=https%3A%2F%2Fauth.acme.example";
    let wrong = "code=c0d3&iss=https%3A%2F%2Fevil.example";
    let must = r#""authorization_response_iss_parameter_supported": true,"#;
    for (metadata, redirect, expected) in [
        ("", "code=c0d3", None),
        ("", right, None),
        ("", wrong, Some(RedirectError::OtherIssuer)),
        (must, right, None),
        (must, "code=c0d3", Some(RedirectError::NoIssuer)),
        (must, "error=access_denied", Some(RedirectError::NoIssuer)),
        (
            "",
            "error=access_denied&iss=https%3A%2F%2Fevil.example",
            Some(RedirectError::OtherIssuer),
        ),
    ] {
        let (exchange, page) = discovered(metadata);
        let result = exchange.redirected(&led_back(&page, redirect), now());
        assert_eq!(result.err().map(|(_, error)| error), expected, "{metadata} {redirect}");
    }
}

#[test]
fn odd_apis_are_written_out() {
    let text = r#"
title = "Odd"
variables.app.description = "The app's id"
secrets.key.description = "The app's key"
[login]
url = "https://odd.example/portal/auth"
query = { app_id = "{{ var.app }}", state = "{{ state }}", redirect_uri = "{{ redirect_uri }}" }
code = "auth_code"
[login.exchange]
url = "https://{{ redirect.shop }}/access_token"
json = { app_id = "{{ var.app }}", secret = "{{ secret.key }}", auth_code = "{{ code }}" }
ok = "body.code == 0"
[login.exchange.output.extras]
shop = "redirect.shop"
[issue]
url = "https://odd.example/refresh"
json = { refresh_token = "{{ refresh_token }}", secret = "{{ secret.key }}" }
[output]
token = "body.data.token"
refresh_token = "body.data.refresh"
[http]
allow_hosts = [".odd.example"]
"#;
    let definition = definition(text);
    let given = || inputs(&[("app", "7")], &[("key", "hunter2")]);
    let accepted = accept(&definition, given());
    let begin = || match login(&definition, &accepted, LoginMethod::AuthorizationCode) {
        Ok(Step::Ask(exchange, page)) => (exchange, page),
        other => panic!("{other:?}"),
    };
    let (exchange, page) = begin();
    let redirect = led_back(&page, "auth_code=c0d3&shop=x.odd.example");
    let (exchange, request) = sent(redirected(exchange, &redirect));
    assert_eq!(request.url.as_str(), "https://x.odd.example/access_token");
    assert_eq!(body(&request), r#"{"app_id":"7","secret":"hunter2","auth_code":"c0d3"}"#);
    let token = r#"{"code": 0, "data": {"token": "t0", "refresh": "r0"}}"#;
    let issued = issued(exchange.answer(&answer(200, &[], token), now()));
    assert_eq!(issued.extras["shop"].expose_secret(), "x.odd.example");
    assert_eq!(issued.secrets["refresh_token"].expose_secret(), "r0");
    // A redirect can't send the secret anywhere else.
    let (exchange, page) = begin();
    let failure = failure(redirected(exchange, &led_back(&page, "auth_code=c&shop=evil.example")));
    assert_eq!(failure.verdict, crate::Verdict::Denied);
    assert!(failure.message.contains("evil.example"), "{}", failure.message);
}
