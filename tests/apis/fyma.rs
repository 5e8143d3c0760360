//! Fyma: client credentials with a daily limit, and legacy tokens.

use std::{
    panic::{catch_unwind, resume_unwind},
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{
    SECRET, add, ask, json_body, paths,
    support::{
        Place, assert_output, canary,
        provider::{Provider, Reply},
        text,
    },
    told, try_to_add,
};

fn variables(provider: &Provider) -> [String; 2] {
    ["client_id=me".to_owned(), format!("token_url={}/oauth/token", provider.url())]
}

fn issued(number: usize) -> Reply {
    let token = format!("t{number}-c0ffee");
    let body = json!({"access_token": token, "token_type": "Bearer", "expires_in": 86_400});
    Reply::json(200, body.to_string())
}

#[test]
fn fyma_is_asked_no_more_often_than_its_daily_limit_allows() {
    // Once more if midnight came in between.
    let day = today();
    if let Err(problem) = catch_unwind(use_up_a_day) {
        if today() == day {
            resume_unwind(problem);
        }
        use_up_a_day();
    }
}

/// The number of the day in UTC.
#[expect(clippy::disallowed_methods, reason = "the binaries go by this clock")]
fn today() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 86_400
}

fn use_up_a_day() {
    let provider = Provider::scripted(|number, _| issued(number));
    let place = Place::new();
    let daemon = place.start();
    let [client_id, token_url] = variables(&provider);
    let variables = [client_id, token_url, "daily_limit=2".to_owned()];
    add(&place, "fyma", "client_secret", &variables);
    assert!(place.run(["refresh", "api"]).status.success());
    assert_eq!(place.run(["refresh", "api"]).status.code(), Some(6));
    assert_output(&place.run(["get", "api"]), 0, "t2-c0ffee\n", "");

    // The account's limit holds for whoever uses it, whatever the daemon went
    // through.
    daemon.kill();
    let _daemon = place.start();
    assert!(place.run(["remove", "api", "--yes"]).status.success());
    let again = try_to_add(&place, "api", "fyma", "client_secret", &variables);
    assert_eq!(again.status.code(), Some(6), "{}", text(&again.stderr));

    let body = json!({
        "grant_type": "client_credentials",
        "audience": "https://api.fyma.ai",
        "client_id": "me",
        "client_secret": SECRET,
    });
    let requests = provider.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests.iter().all(|request| json_body(request) == body), "{requests:?}");
}

#[test]
fn fyma_that_says_too_many_is_left_alone_and_the_old_token_is_served() {
    let provider = Provider::scripted(|number, _| match number {
        1 => issued(number),
        _ => Reply::json(429, r#"{"error":"too_many_requests","error_description":"quota"}"#)
            .with("retry-after", "3600"),
    });
    let place = Place::new();
    let _daemon = place.start();
    add(&place, "fyma", "client_secret", &variables(&provider));
    let limited = place.run(["refresh", "api"]);
    assert_eq!(limited.status.code(), Some(4), "{}", text(&limited.stderr));
    assert!(text(&limited.stderr).contains("quota"), "{}", text(&limited.stderr));
    assert_output(&place.run(["get", "api"]), 0, "t1-c0ffee\n", "");
    let shown = place.run(["show", "api", "--json"]);
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(shown["state"], "BACKING_OFF", "{shown}");
    assert_eq!(provider.requests().len(), 2);
}

#[test]
fn a_401_from_the_api_gets_another_token() {
    let provider = Provider::scripted(|number, request| match request.path.as_str() {
        "/oauth/token" => issued(number),
        _ if request.headers["authorization"] == "Bearer t1-c0ffee" => Reply::json(401, "{}"),
        _ => Reply::json(200, "[]"),
    });
    let place = Place::new();
    let _daemon = place.start();
    add(&place, "fyma", "client_secret", &variables(&provider));
    assert_eq!(ask(&place, &provider, "/tracking-cameras").status, 401);
    let rejected = place.run(["reject", "api", "--status", "401"]);
    let ruling = "api: a new token has been issued\n\
                  repeat the request with it, once: tokend-cli get api\n";
    assert_output(&rejected, 0, ruling, "");
    assert_eq!(ask(&place, &provider, "/tracking-cameras").status, 200);
    let camera = "/tracking-cameras";
    assert_eq!(paths(&provider), ["/oauth/token", camera, "/oauth/token", camera]);
}

#[test]
fn headers_that_say_that_none_is_left_are_believed() {
    for (name, value) in [
        ("auth0-client-quota-limit", "b=per_hour;q=10;r=7;t=3540,b=per_day;q=50;r=0;t=43200"),
        ("auth0-organization-quota-limit", "b=per_day;q=500;r=0;t=43200"),
    ] {
        let provider = Provider::scripted(move |number, _| issued(number).with(name, value));
        let place = Place::new();
        let daemon = place.start();
        add(&place, "fyma", "client_secret", &variables(&provider));
        let no_other = || {
            let rejected = place.run(["reject", "api", "--status", "401"]);
            let ruling = text(&rejected.stdout);
            assert_eq!(rejected.status.code(), Some(4), "{ruling}");
            assert!(ruling.starts_with("api: no other token for now; a report is heard in 1"));
        };
        no_other();
        // They are the account's, whoever uses it.
        let more = try_to_add(&place, "more", "fyma", "client_secret", &variables(&provider));
        assert_eq!(more.status.code(), Some(6), "{}", text(&more.stderr));
        let limit = "more is stored, but has no token yet: the limit on issued tokens is reached";
        assert!(text(&more.stderr).contains(limit), "{}", text(&more.stderr));
        let budgets = told(&place, ["budget", "--json"]);
        let mut budgets = budgets.as_array().unwrap().iter();
        let spent = budgets.find(|budget| budget["remaining"] == 0).unwrap();
        assert_eq!(spent["limit"], "told by the provider");
        assert!(spent["reset_time"].is_string(), "{spent}");
        let shown = text(&place.run(["budget"]).stdout);
        assert!(shown.contains("spent: next in 1"), "{shown}");

        daemon.kill();
        let _daemon = place.start();
        no_other();
        let none = place.run(["get", "more"]);
        assert_eq!(none.status.code(), Some(6), "{}", text(&none.stderr));
        assert_output(&place.run(["get", "api"]), 0, "t1-c0ffee\n", "");
        assert_eq!(provider.requests().len(), 1);
    }
}

#[test]
fn legacy_tokens_are_served_as_they_are() {
    let place = Place::new();
    let daemon = place.start();
    add(&place, "fyma-legacy", "token_secret", &["token_id=legacy-1".to_owned()]);
    let pair = STANDARD.encode(canary::real(&format!("legacy-1:{SECRET}")));
    let header = &format!("Authorization: Basic {pair}\n");
    assert_output(&place.run(["get", "api", "--header"]), 0, header, "");
    daemon.kill();
    let _daemon = place.start();
    assert_output(&place.run(["get", "api", "--header"]), 0, header, "");
    assert_eq!(told(&place, ["get", "api", "--json"])["expire_time"], Value::Null);
    let rejected = place.run(["reject", "api", "--status", "401"]);
    assert_eq!(rejected.status.code(), Some(5), "{}", text(&rejected.stdout));
    // Nobody was asked for them: they count against no limit.
    let listed = place.run(["issuances", "api", "--json"]);
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed[0]["counted"], false, "{listed}");
}
