//! Cycle: a key that is used as it is, and an OAuth app's code that is good once.

use serde_json::{Value, json};

use crate::{
    SECRET, add, ask, is_rejection, paths,
    support::{
        Place, assert_output,
        provider::{Provider, Reply},
        text,
    },
    told,
};

#[test]
fn a_personal_key_is_served_without_any_request_through_restarts() {
    let provider = Provider::issuing();
    let place = Place::new();
    let daemon = place.start();
    let url = format!("url={}/graphql", provider.url());
    add(&place, "cycle", "api_key", &["label=reports".to_owned(), url]);
    let header = format!("Authorization: Bearer {SECRET}\n");
    assert_output(&place.run(["get", "api", "--header"]), 0, &header, "");
    daemon.kill();
    let daemon = place.start();
    assert_output(&place.run(["get", "api", "--header"]), 0, &header, "");
    daemon.end();
    let _daemon = place.start();
    let token = told(&place, ["get", "api", "--json"]);
    assert_eq!((&token["value"], &token["expire_time"]), (&SECRET.into(), &Value::Null));
    assert_eq!(token["hosts"], json!(["127.0.0.1"]));
    assert_eq!(paths(&provider), [""; 0]);
}

#[test]
fn a_key_that_cycle_revoked_is_told_by_the_rules_and_needs_a_person() {
    let errors = [
        r#"{"errors":[{"message":"Other"},{"message":"No","code":"UNAUTHORIZED"}]}"#,
        r#"{"errors":[{"message":"No","extensions":{"code":"CANT_SEE_PRODUCT"}}],"data":null}"#,
        r#"{"errors":[{"message":"UNAUTHORIZED"}]}"#,
        r#"{"errors":[{"message":"Too complex","extensions":{"code":"COMPLEXITY"}}]}"#,
        r#"{"data":{"me":{"id":"UNAUTHORIZED"}}}"#,
    ];
    let provider = Provider::scripted(move |number, request| {
        assert_eq!(request.headers["authorization"], format!("Bearer {SECRET}"));
        Reply::json(200, errors[number - 1])
    });
    let place = Place::new();
    let _daemon = place.start();
    let url = format!("url={}/graphql", provider.url());
    add(&place, "cycle", "api_key", &["label=reports".to_owned(), url]);
    let rules = &told(&place, ["get", "api", "--json"])["rejection"];
    let judged = errors.map(|_| is_rejection(rules, &ask(&place, &provider, "/graphql")));
    assert_eq!(judged, [true, true, true, false, false]);
    let rejected = place.run(["reject", "api", "--status", "200", "--code", "UNAUTHORIZED"]);
    let ruling = "api: no issuance can bring another token: the stored secret is the token \
                  itself; make a new one at the provider\n\
                  see what is wrong: tokend-cli show api\n";
    assert_output(&rejected, 5, ruling, "");
    assert_eq!(provider.requests().len(), errors.len());
}

#[test]
fn a_code_is_exchanged_once_and_the_token_kept() {
    for encoding in ["form", "json"] {
        let provider = Provider::scripted(|number, _| match number {
            1 => Reply::json(200, r#"{"access_token":"cyo_1-c0ffee"}"#),
            _ => Reply::json(400, r#"{"error":"invalid_grant"}"#),
        });
        let place = Place::new();
        let daemon = place.start();
        let token_url = format!("token_url={}/oauth/token", provider.url());
        let encoded = format!("encoding={encoding}");
        let mut added = place.cli();
        added.args(["add", "api", "--provider", "cycle-oauth", "--var", "client_id=app"]);
        added.args(["--var", "workspace=acme", "--var", &token_url, "--var", &encoded]);
        added.args(["--secret-env", "client_secret=CLIENT_SECRET", "--secret-env", "code=CODE"]);
        let added =
            added.env("CLIENT_SECRET", SECRET).env("CODE", "c0de-Horse_Battery").output().unwrap();
        assert!(added.status.success(), "{}", text(&added.stderr));
        let [request] = &provider.requests()[..] else { panic!("{:?}", provider.requests()) };
        let sent = match encoding {
            "form" => format!("code=c0de-Horse_Battery&client_id=app&client_secret={SECRET}"),
            _ => format!(
                r#"{{"code":"c0de-Horse_Battery","client_id":"app","client_secret":"{SECRET}"}}"#
            ),
        };
        assert_eq!(request.body, sent);
        daemon.kill();
        let _daemon = place.start();
        let token = told(&place, ["get", "api", "--json"]);
        assert_eq!(
            (&token["value"], &token["expire_time"]),
            (&"cyo_1-c0ffee".into(), &Value::Null)
        );
        assert_eq!(provider.requests().len(), 1);

        // It takes a new code to get another token; until then there is this one.
        let refused = place.run(["refresh", "api"]);
        assert_eq!(refused.status.code(), Some(5), "{}", text(&refused.stderr));
        assert_output(&place.run(["get", "api"]), 0, "cyo_1-c0ffee\n", "");
    }
}

#[test]
fn keys_are_listed_made_and_revoked_on_the_far_side() {
    let provider = Provider::scripted(|_, request| {
        assert_eq!(request.headers["authorization"], format!("Bearer {SECRET}"));
        let body: Value = serde_json::from_str(&request.body).unwrap();
        let query = body["query"].as_str().unwrap();
        let edges = r#"{"data":{"me":{"accessTokens":{"edges":[
            {"node":{"id":"k1","label":"reports"}},{"node":{"id":"k2","label":"ci"}}]}}}}"#;
        if query.contains("accessTokens") {
            return Reply::json(200, edges);
        }
        if query.contains("createAccessToken") {
            assert_eq!(body["variables"], json!({"label": "nightly"}));
            let made = r#"{"data":{"createAccessToken":{"id":"k3","token":"cy_new-c0ffee","label":"nightly"}}}"#;
            return Reply::json(200, made);
        }
        assert!(query.contains("revokeAccessToken"), "{query}");
        let id = body["variables"]["id"].as_str().unwrap();
        Reply::json(200, format!(r#"{{"data":{{"revokeAccessToken":{{"id":"{id}"}}}}}}"#))
    });
    let place = Place::new();
    let daemon = place.start_with(|command| {
        command.env("TOKEND_LOG", "trace");
    });
    let url = format!("url={}/graphql", provider.url());
    add(&place, "cycle", "api_key", &["label=reports".to_owned(), "key_id=k1".to_owned(), url]);
    let listed = place.run(["remote", "api", "list"]);
    assert_output(&listed, 0, "id  label\nk1  reports\nk2  ci\n", "");
    let made = place.run(["remote", "api", "create", "--arg", "label=nightly"]);
    assert!(text(&made.stdout).contains("cy_new-c0ffee"), "{}", text(&made.stdout));
    let revoked = place.run(["remote", "api", "revoke", "--arg", "id=k2"]);
    assert!(revoked.status.success(), "{}", text(&revoked.stderr));

    // The key itself: it is served to nobody any more.
    assert!(place.run(["revoke", "api", "--yes"]).status.success());
    assert!(provider.requests().last().unwrap().body.contains(r#""id":"k1""#));
    let log = daemon.end().log;
    assert!(!log.contains("cy_new-c0ffee") && !log.contains(SECRET), "{log}");
}

#[test]
fn an_apps_access_is_revoked_by_its_mutation() {
    let provider = Provider::scripted(|number, request| {
        if number == 1 {
            return Reply::json(200, r#"{"access_token":"cyo_1-c0ffee"}"#);
        }
        assert_eq!(request.headers["authorization"], "Bearer cyo_1-c0ffee");
        assert!(request.body.contains("revokeOAuthClientAccess"), "{}", request.body);
        if number == 2 {
            return Reply::json(503, "");
        }
        Reply::json(200, r#"{"data":{"revokeOAuthClientAccess":{"id":"app"}}}"#)
    });
    let place = Place::new();
    let _daemon = place.start();
    let mut added = place.cli();
    added.args(["add", "api", "--provider", "cycle-oauth", "--var", "client_id=app"]);
    let token_url = format!("token_url={}/oauth/token", provider.url());
    let url = format!("url={}/graphql", provider.url());
    added.args(["--var", "workspace=acme", "--var", &token_url, "--var", &url]);
    added.args(["--secret-env", "client_secret=CLIENT_SECRET", "--secret-env", "code=CODE"]);
    let added =
        added.env("CLIENT_SECRET", SECRET).env("CODE", "c0de-Horse_Battery").output().unwrap();
    assert!(added.status.success(), "{}", text(&added.stderr));
    // It is down at first.
    assert_eq!(place.run(["revoke", "api", "--yes"]).status.code(), Some(4));
    let revoked = place.run(["revoke", "api", "--yes"]);
    assert!(revoked.status.success(), "{}", text(&revoked.stderr));
    assert!(provider.requests().len() > 2);
    let shown = place.run(["show", "api", "--json"]);
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(shown["state"], "EMPTY", "{shown}");
}
