//! Causely: a login in JSON, and refresh tokens that are good once.

use serde_json::json;

use crate::{
    SECRET, add, ask, json_body, paths,
    support::{
        Place, assert_output,
        provider::{Provider, Reply},
        text,
    },
};

const REFRESH: &str = "/api-token/token/refresh";

fn variables(provider: &Provider) -> [String; 2] {
    ["client_id=me".to_owned(), format!("token_url={}/api-token", provider.url())]
}

/// The n-th pair, as the documentation has it.
fn pair(number: usize) -> Reply {
    let body = json!({
        "access_token": format!("eyJ.{number}-c0ffee"),
        "refresh_token": format!("r{number}-c0ffee"),
        "expires_in": 86_400,
        "expires": "Sat, 31 May 2098 22:54:23 GMT",
    });
    Reply::json(200, body.to_string())
}

#[test]
fn causely_logs_in_with_json() {
    let provider = Provider::scripted(|number, request| {
        assert_eq!(request.headers["content-type"], "application/json");
        pair(number)
    });
    let place = Place::new();
    let _daemon = place.start();
    add(&place, "causely", "client_secret", &variables(&provider));
    assert_output(&place.run(["get", "api"]), 0, "eyJ.1-c0ffee\n", "");
    let header = "Authorization: Bearer eyJ.1-c0ffee\n";
    assert_output(&place.run(["get", "api", "--header"]), 0, header, "");
    let [request] = &provider.requests()[..] else { panic!("{:?}", provider.requests()) };
    assert_eq!(json_body(request), json!({"clientId": "me", "secret": SECRET}));
}

#[test]
fn each_refresh_token_is_used_once_also_after_a_crash() {
    // Some versions of Frontegg answer in camel case.
    let provider = Provider::scripted(|number, _| match number {
        2 => Reply::json(
            200,
            r#"{"accessToken":"eyJ.2-c0ffee","refreshToken":"r2-c0ffee","expiresIn":86400,"expires":"Sat, 31 May 2098 22:54:23 GMT"}"#,
        ),
        number => pair(number),
    });
    let place = Place::new();
    let daemon = place.start();
    add(&place, "causely", "client_secret", &variables(&provider));
    assert!(place.run(["refresh", "api"]).status.success());
    assert_output(&place.run(["get", "api"]), 0, "eyJ.2-c0ffee\n", "");
    daemon.kill();
    let _daemon = place.start();
    assert_output(&place.run(["get", "api"]), 0, "eyJ.2-c0ffee\n", "");
    assert!(place.run(["refresh", "api"]).status.success());
    assert_output(&place.run(["get", "api"]), 0, "eyJ.3-c0ffee\n", "");

    assert_eq!(paths(&provider), ["/api-token", REFRESH, REFRESH]);
    let sent: Vec<_> = provider.requests()[1..].iter().map(json_body).collect();
    assert_eq!(sent, [json!({"refreshToken": "r1-c0ffee"}), json!({"refreshToken": "r2-c0ffee"})]);
}

#[test]
fn a_refused_refresh_token_costs_one_login() {
    for status in [400, 401, 403, 404] {
        let provider = Provider::scripted(move |number, request| match number {
            2 => Reply::json(status, r#"{"errors":["Refresh token is not valid"]}"#),
            4 if request.path == "/graphql" => Reply::json(401, "{}"),
            number => pair(number),
        });
        let place = Place::new();
        let _daemon = place.start();
        add(&place, "causely", "client_secret", &variables(&provider));
        let refreshed = place.run(["refresh", "api"]);
        assert!(refreshed.status.success(), "{status}: {}", text(&refreshed.stderr));
        assert_output(&place.run(["get", "api"]), 0, "eyJ.3-c0ffee\n", "");
        assert_eq!(paths(&provider), ["/api-token", REFRESH, "/api-token"]);

        // The pair that the login brought is the one that counts from then on.
        assert_eq!(ask(&place, &provider, "/graphql").status, 401);
        let rejected = place.run(["reject", "api", "--status", "401"]);
        assert!(rejected.status.success(), "{status}: {}", text(&rejected.stdout));
        assert_output(&place.run(["get", "api"]), 0, "eyJ.5-c0ffee\n", "");
        let last = provider.requests().pop().unwrap();
        assert_eq!(
            (last.path.as_str(), json_body(&last)),
            (REFRESH, json!({"refreshToken": "r3-c0ffee"}))
        );
    }
}
