use std::sync::Arc;

use http::header::AUTHORIZATION;
use secrecy::ExposeSecret;

use super::*;
use crate::sample::{accept, ambient, answer, definition, inputs, now, start_from};
use crate::{Answer, Exchange, Failure, Issued, Outcome, Request, Step, Verdict};

/// A definition with all that can be held, and an `[issue]` that needs none of it.
const TEXT: &str = r#"
title = "Acme"
[variables.region]
description = "The region"
optional = true
[secrets.password]
description = "The password"
[issue]
url = "https://auth.acme.example/login"
form = { password = "{{ secret.password }}" }
[output]
token = "body.token"
refresh_token = "body.refresh"
extras = { tenant = "body.tenant" }
[[refresh]]
when = "var.region"
url = "https://auth.acme.example/{{ var.region }}/refresh"
json = { token = "{{ refresh_token }}", tenant = "{{ extra.tenant }}" }
[[refresh]]
method = "PUT"
url = "https://auth.acme.example/refresh"
headers = { Authorization = "Session {{ token }}" }
[keepalive]
method = "GET"
url = "https://api.acme.example/ping"
headers = { Authorization = "Session {{ token }}" }
[lifetime]
idle = "20m"
"#;

fn held(refresh_token: Option<&str>) -> Held {
    Held {
        value: "t0".into(),
        refresh_token: refresh_token.map(Into::into),
        extras: BTreeMap::from([("tenant".to_owned(), "acme-7".into())]),
    }
}

/// A definition with accepted inputs.
fn dance(text: &str, variables: &[(&str, &str)]) -> (Arc<Definition>, Arc<AcceptedInputs>) {
    let definition = definition(text);
    let secrets = definition.inputs().iter().filter(|input| input.secret && input.required);
    let secrets: Vec<_> = secrets.map(|input| (input.name.clone(), "hunter2")).collect();
    let secrets: Vec<_> = secrets.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let accepted = accept(&definition, inputs(variables, &secrets));
    (definition, accepted)
}

fn print(request: &Request) -> String {
    let body = request.body.as_deref().unwrap_or_default();
    let body = String::from_utf8(body.to_vec()).unwrap();
    format!("{} {} {body}", request.method, request.url).trim_end().to_owned()
}

fn outcome(exchange: Exchange, answer: &Answer) -> Outcome {
    match exchange.answer(answer, now()) {
        Step::Done(outcome) => outcome,
        Step::Send(_, request) => panic!("goes on with {request:?}"),
        other => panic!("{other:?}"),
    }
}

fn issued(exchange: Exchange, body: &str) -> Issued {
    match outcome(exchange, &answer(200, &[], body)) {
        Outcome::Issued(issued) => issued,
        other => panic!("{other:?}"),
    }
}

fn failure(exchange: Exchange, answer: &Answer) -> Failure {
    match outcome(exchange, answer) {
        Outcome::Failed(failure) => failure,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_first_refresh_that_can_do_with_what_is_held_is_sent() {
    let (rt, none) = (held(Some("r0")), held(None));
    let by_refresh_token =
        r#"POST https://auth.acme.example/eu/refresh {"token":"r0","tenant":"acme-7"}"#;
    let by_token = "PUT https://auth.acme.example/refresh";
    for (region, held, expected) in [
        ("eu", &rt, by_refresh_token),
        ("eu", &none, by_token),
        ("", &rt, by_token),
        ("", &none, by_token),
    ] {
        let (definition, inputs) = dance(TEXT, &[("region", region)]);
        let (_, request) = start_from(&definition, &inputs, Operation::Refresh, Some(held));
        assert_eq!(print(&request), expected);
        if expected == by_token {
            assert_eq!(request.headers[AUTHORIZATION], "Session t0");
            assert!(request.headers[AUTHORIZATION].is_sensitive());
        }
    }
}

#[test]
fn what_cannot_be_renewed_is_told_beforehand() {
    let only_refresh_token = TEXT.replace("Session {{ token }}", "Session {{ refresh_token }}");
    let older = Held { extras: BTreeMap::new(), ..held(Some("r0")) };
    let with_extra = TEXT.replace("Session {{ token }}", "Session {{ extra.tenant }}");
    let (none, rt) = (held(None), held(Some("r0")));
    for (text, held, expected) in [
        (TEXT, None, false),
        (TEXT, Some(&none), true),
        (&only_refresh_token, Some(&none), false),
        (&only_refresh_token, Some(&rt), true),
        (&with_extra, Some(&rt), true),
        // It was issued by a definition that had no such extra yet.
        (&with_extra, Some(&older), false),
        (crate::sample::PLAIN, Some(&rt), false),
    ] {
        let (definition, inputs) = dance(text, &[]);
        for operation in [Operation::Refresh, Operation::KeepAlive] {
            assert_eq!(definition.can(operation, &inputs, held), expected, "{held:?} {text}");
            let started = Exchange::start(&definition, &inputs, operation, held, ambient());
            let error = RequestError::NothingHeld { operation };
            assert_eq!(started.err(), (!expected).then_some(error));
        }
        assert!(definition.can(Operation::Issue, &inputs, held));
    }
    let error = RequestError::NothingHeld { operation: Operation::KeepAlive };
    assert_eq!(error.to_string(), "there is no [keepalive] for what is held");
}

#[test]
fn a_refresh_keeps_what_its_answer_does_not_bring_anew() {
    let (definition, inputs) = dance(TEXT, &[("region", "eu")]);
    let held = held(Some("r0"));
    for (body, refresh_token, tenant) in [
        (r#"{"token": "t1"}"#, "r0", "acme-7"),
        (r#"{"token": "t1", "refresh": null, "tenant": null}"#, "r0", "acme-7"),
        (r#"{"token": "t1", "refresh": "r1", "tenant": "acme-8"}"#, "r1", "acme-8"),
    ] {
        let (exchange, _) = start_from(&definition, &inputs, Operation::Refresh, Some(&held));
        let issued = issued(exchange, body);
        assert_eq!(issued.value.expose_secret(), "t1");
        assert_eq!(issued.refresh_token.unwrap().expose_secret(), refresh_token);
        assert_eq!(issued.extras["tenant"].expose_secret(), tenant);
    }
    let (exchange, _) = start_from(&definition, &inputs, Operation::Refresh, Some(&held));
    let failure = failure(exchange, &answer(200, &[], r#"{"refresh": "r1"}"#));
    assert_eq!(failure.message, "status 200: the answer has no `body.token`");
}

#[test]
fn a_new_login_keeps_nothing() {
    let (definition, inputs) = dance(TEXT, &[]);
    let held = held(Some("r0"));
    let start = || start_from(&definition, &inputs, Operation::Issue, Some(&held)).0;
    let issued = issued(start(), r#"{"token": "t1", "tenant": "acme-8"}"#);
    assert!(issued.refresh_token.is_none());
    let failure = failure(start(), &answer(200, &[], r#"{"token": "t1"}"#));
    assert_eq!(failure.message, "status 200: the answer has no `body.tenant`");
}

#[test]
fn keeping_alive_takes_a_success_and_no_token() {
    let (definition, inputs) = dance(TEXT, &[]);
    let held = held(None);
    let start = || start_from(&definition, &inputs, Operation::KeepAlive, Some(&held));
    let (exchange, request) = start();
    assert_eq!(print(&request), "GET https://api.acme.example/ping");
    let headers = [
        ("date", "Sun, 01 Jun 2025 13:00:00 GMT"),
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-reset", "60"),
    ];
    let Outcome::KeptAlive { date } = outcome(exchange, &answer(204, &headers, "")) else {
        panic!("a success is expected");
    };
    assert_eq!(date, Some("2025-06-01T13:00:00Z".parse().unwrap()));
    for (status, body, verdict) in [
        (401, "", Verdict::Denied),
        (429, "", Verdict::Limited),
        (200, "<html>Sign in</html>", Verdict::Transient),
        (200, r#"{"ok": false}"#, Verdict::Transient),
        (503, "", Verdict::Transient),
    ] {
        let failure = failure(start().0, &answer(status, &headers, body));
        assert_eq!(failure.verdict, verdict, "{status} {body}");
        assert_eq!(failure.quotas, [], "they count requests to the API");
    }
}

#[test]
fn what_is_held_never_shows() {
    let (definition, inputs) = dance(TEXT, &[("region", "eu")]);
    let held = Held { value: "tok3n/0".into(), ..held(Some("refr3sh")) };
    for operation in [Operation::Issue, Operation::Refresh, Operation::KeepAlive] {
        let (exchange, request) = start_from(&definition, &inputs, operation, Some(&held));
        let shown = format!("{exchange:?} {request:?} {held:?}");
        assert!(!shown.contains("tok3n") && !shown.contains("refr3sh"), "{shown}");
        let body = r#"{"message": "tok3n/0, tok3n%2F0 and refr3sh are dead"}"#;
        let failure = failure(exchange, &answer(400, &[], body));
        assert_eq!(failure.message, "status 400: [masked], [masked] and [masked] are dead");
    }
}

const OAUTH2: &str = r#"
title = "Acme"
[variables.client_id]
description = "The client's id"
[variables.client_auth]
description = "How to say so"
[secrets.client_secret]
description = "The client's secret"
[oauth2]
token_url = "https://auth.acme.example/token"
grant = "client_credentials"
client_auth = "{{ var.client_auth }}"
scope = "read"
parameters = { resource = "https://api.acme.example" }
"#;

#[test]
fn oauth_refreshes_with_the_same_client_and_without_a_scope() {
    let text = OAUTH2.replace("scope =", "refresh = true\nscope =");
    let held = held(Some("r/0"));
    let client = "client_id=ci&client_secret=hunter2";
    for (way, expected) in [
        ("basic", "grant_type=refresh_token&refresh_token=r%2F0".to_owned()),
        ("post", format!("grant_type=refresh_token&refresh_token=r%2F0&{client}")),
        (
            "json",
            [
                r#"{"grant_type":"refresh_token","refresh_token":"r/0","#,
                r#""client_id":"ci","client_secret":"hunter2"}"#,
            ]
            .concat(),
        ),
    ] {
        let (definition, inputs) = dance(&text, &[("client_id", "ci"), ("client_auth", way)]);
        let (_, request) = start_from(&definition, &inputs, Operation::Refresh, Some(&held));
        assert_eq!(print(&request), format!("POST https://auth.acme.example/token {expected}"));
        assert_eq!(request.headers.contains_key(AUTHORIZATION), way == "basic");
    }
    let (definition, inputs) = dance(OAUTH2, &[("client_id", "ci"), ("client_auth", "post")]);
    assert!(!definition.can(Operation::Refresh, &inputs, Some(&held)), "nothing says it may");
}

#[test]
fn a_grant_of_a_refresh_token_goes_on_from_the_last_one() {
    let text = OAUTH2.replace("client_credentials", "refresh_token");
    let text = text + "[secrets.refresh_token]\ndescription = 'The first refresh token'";
    let (definition, inputs) = dance(&text, &[("client_id", "ci"), ("client_auth", "basic")]);
    let body = |held: Option<&Held>| {
        let (_, request) = start_from(&definition, &inputs, Operation::Issue, held);
        String::from_utf8(request.body.unwrap().to_vec()).unwrap()
    };
    let rest = "scope=read&resource=https%3A%2F%2Fapi.acme.example";
    let expected = |token: &str| format!("grant_type=refresh_token&refresh_token={token}&{rest}");
    assert_eq!(body(None), expected("hunter2"));
    assert_eq!(body(Some(&held(None))), expected("hunter2"));
    assert_eq!(body(Some(&held(Some("r0")))), expected("r0"));
    for (answer, kept) in [
        (r#"{"access_token": "t1"}"#, Some("r0")),
        (r#"{"access_token": "t1", "refresh_token": "r1"}"#, Some("r1")),
        // The secret holds this one already.
        (r#"{"access_token": "t1", "refresh_token": "hunter2"}"#, None),
    ] {
        let held = held(Some("r0"));
        let (exchange, _) = start_from(&definition, &inputs, Operation::Issue, Some(&held));
        let issued = issued(exchange, answer);
        assert!(issued.refresh_token.is_none(), "it is a secret of the credential");
        let secret = issued.secrets.get("refresh_token").map(ExposeSecret::expose_secret);
        assert_eq!(secret, kept);
    }
}

#[test]
fn a_broken_renewal_is_found_when_the_inputs_are_given() {
    let given = |text: &str| {
        let text = TEXT.replace("Session {{ token }}", text);
        definition(&text).accept(inputs(&[], &[("password", "hunter2")]))
    };
    let error = given("{{ var.region }} {{ token }}").unwrap_err();
    assert_eq!(error.to_string(), "refresh: header `authorization`: `var.region` isn't given");
    // What will be held isn't known, so nothing that is made of it is held against it.
    for text in ["{{ (token | claims).sub ~ '' }}", "{{ extra.tenant | split('-') | last | int }}"]
    {
        assert!(given(text).is_ok(), "{text}");
    }
}

#[test]
fn to_end_the_refresh_token_that_an_issuance_needs_ends_a_login() {
    let definition = |grant: &str| {
        format!(
            "title = 'Acme'\n[secrets.password]\ndescription = 'The password'\n\
             [issue]\nurl = 'https://auth.acme.example/token'\nform = {{ grant = '{grant}' }}\n\
             [output]\ntoken = 'body.token'\nrefresh_token = 'body.refresh'\n\
             [[revoke]]\nurl = 'https://auth.acme.example/revoke'\n\
             form = {{ token = '{{{{ refresh_token }}}}' }}\n\
             [[revoke]]\nurl = 'https://auth.acme.example/revoke'\n\
             form = {{ token = '{{{{ token }}}}' }}\n"
        )
    };
    let (login, inputs) = dance(&definition("{{ refresh_token }}"), &[]);
    assert!(login.ends_login(&inputs, Some(&held(Some("r0")))));
    assert!(!login.ends_login(&inputs, Some(&held(None))), "the session only");
    let (own, inputs) = dance(&definition("{{ secret.password }}"), &[]);
    assert!(!own.ends_login(&inputs, Some(&held(Some("r0")))), "another can be had");
}
