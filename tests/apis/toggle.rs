//! Toggle: a GraphQL login, and newer tokens in any answer's headers.

use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokend_client::{Client, Rejection, Rotation, Submission};

use crate::{
    SECRET, add, ask, block_on, is_rejection, json_body, send,
    support::{
        Place, assert_output,
        provider::{Provider, Reply},
        text,
    },
    told, try_to_add,
};

#[test]
fn toggle_gives_its_token_in_a_header() {
    let provider = Provider::scripted(|_, _| {
        Reply::json(200, r#"{"data":{"loginUser":{"id":"1"}}}"#)
            .with("x-authorization", "Bearer eyJ.toggle-c0ffee")
            .with("authorization", "Bearer eyJ.toggle-c0ffee")
    });
    let place = Place::new();
    let _daemon = place.start();
    let url = format!("url={}/graphql", provider.url());
    add(&place, "toggle", "password", &["email=me@example.com".to_owned(), url]);
    assert_output(&place.run(["get", "api"]), 0, "eyJ.toggle-c0ffee\n", "");
    let [request] = &provider.requests()[..] else { panic!("{:?}", provider.requests()) };
    let body = json_body(request);
    assert!(body["query"].as_str().unwrap().contains("loginUser(email:$email"), "{body}");
    assert_eq!(body["variables"], json!({"email": "me@example.com", "password": SECRET}));
}

#[test]
fn toggle_refuses_with_status_200() {
    let provider = Provider::scripted(|_, _| {
        Reply::json(200, r#"{"errors":[{"message":"Unauthorized","customer_facing":false}]}"#)
    });
    let place = Place::new();
    let _daemon = place.start();
    let url = format!("url={}/graphql", provider.url());
    let refused = try_to_add(&place, "api", "toggle", "password", &["email=me".to_owned(), url]);
    assert_eq!(refused.status.code(), Some(5), "{}", text(&refused.stderr));
    assert_eq!(provider.requests().len(), 1);
}

#[test]
fn toggle_hands_one_caller_a_newer_token_and_all_get_it() {
    let provider = Provider::scripted(|number, request| match number {
        1 | 3 => Reply::json(200, r#"{"data":{"loginUser":{"id":"1"}}}"#)
            .with("x-authorization", format!("Bearer t{number}-c0ffee")),
        _ => {
            assert_eq!(request.headers["authorization"], "Bearer t1-c0ffee");
            Reply::json(200, r#"{"data":{}}"#).with("x-authorization", "Bearer t2-c0ffee")
        }
    });
    let place = Place::new();
    let daemon = place.start();
    let url = format!("{}/graphql", provider.url());
    let variable = format!("url={url}");
    add(&place, "toggle", "password", &["email=me@example.com".to_owned(), variable]);
    block_on(async {
        let client = Client::at(place.socket());
        let token = client.token("api").await.unwrap();
        let header = format!("authorization: Bearer {}", token.value().expose_secret());
        let answer = send(&provider, "/graphql", &header);
        let body = answer.body.as_bytes();
        let rotation = Rotation::of(&token, &answer.headers, Some(body)).unwrap();
        let submitted = client.submit_rotation("api", rotation.clone()).await.unwrap();
        assert_eq!(submitted, Submission::Accepted);
        assert_output(&place.run(["get", "api"]), 0, "t2-c0ffee\n", "");
        // Once more is nothing new, and another is too late.
        let again = client.submit_rotation("api", rotation).await.unwrap();
        assert_eq!(again, Submission::Unchanged);
        let late = Rotation::of_id(token.id(), "late".into());
        let late = client.submit_rotation("api", late).await.unwrap();
        assert_eq!(late, Submission::Superseded);
    });

    // It is on the disk, and no login was needed.
    daemon.kill();
    let _daemon = place.start();
    assert_output(&place.run(["get", "api"]), 0, "t2-c0ffee\n", "");
    assert_eq!(provider.requests().len(), 2);

    // The API refuses it in the body of a 200; another login follows.
    block_on(async {
        let client = Client::at(place.socket());
        let token = client.token("api").await.unwrap();
        let report = Rejection::of(&token).status(200).code("Unauthorized");
        assert!(client.report_rejection("api", report).await.unwrap().brought_another());
    });
    assert_output(&place.run(["get", "api"]), 0, "t3-c0ffee\n", "");
}

#[test]
fn a_newer_token_can_be_piped_in_and_is_no_argument() {
    let provider = Provider::scripted(|_, _| {
        Reply::json(200, "{}").with("x-authorization", "Bearer t1-c0ffee")
    });
    let place = Place::new();
    let _daemon = place.start();
    let url = format!("url={}/graphql", provider.url());
    add(&place, "toggle", "password", &["email=me@example.com".to_owned(), url]);
    let shown = place.run(["get", "api", "--json"]);
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    let rule = |name| json!({"header": name, "strip_prefix": "Bearer ", "extra": null});
    assert_eq!(shown["rotations"], json!([rule("X-Authorization"), rule("Authorization")]));
    let id = shown["token_id"].as_str().unwrap();
    assert_output(&place.run_with_input(["rotate", "api"], "Bearer t2-c0ffee\n"), 0, "", "");
    assert_output(&place.run(["get", "api"]), 0, "t2-c0ffee\n", "");
    let late = place.run_with_input(["rotate", "api", "--token-id", id], "t3-c0ffee\n");
    let message = "tokend-cli: another token of api has taken its place already\n\
                   hint: tokend-cli get api prints that one\n";
    assert_output(&late, 1, "", message);
    let unfit = place.run_with_input(["rotate", "api"], "caf\u{e9}\n");
    assert_eq!(unfit.status.code(), Some(2), "{}", text(&unfit.stderr));
    assert!(!text(&unfit.stderr).contains("caf"), "{}", text(&unfit.stderr));
    assert_output(&place.run(["get", "api"]), 0, "t2-c0ffee\n", "");
    assert_eq!(place.run_with_input(["rotate", "none"], "t3-c0ffee").status.code(), Some(3));
}

#[test]
fn an_api_whose_definition_says_nothing_of_newer_tokens_takes_none() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let _daemon = place.start();
    assert!(place.add("api", provider.url(), SECRET).status.success());
    let refused = place.run_with_input(["rotate", "api"], "t2-c0ffee");
    assert_eq!(refused.status.code(), Some(5), "{}", text(&refused.stderr));
    assert!(text(&refused.stderr).contains("[[rotated]]"), "{}", text(&refused.stderr));
    assert_output(&place.run(["get", "api"]), 0, "token-1-c0ffee\n", "");
}

#[test]
fn scripts_hand_on_the_newer_token_and_tell_a_refusal_from_other_errors() {
    let unauthorised = r#"{"errors":[{"message":"Unauthorized","locations":[{"line":2,"column":3}],"customer_facing":false}]}"#;
    let provider = Provider::scripted(move |number, request| {
        let login = request.body.contains("loginUser");
        match (number, request.headers.get("authorization").map(String::as_str)) {
            (1 | 6, None) if login => Reply::json(200, r#"{"data":{"loginUser":{"id":"1"}}}"#)
                .with("x-authorization", format!("t{number}-c0ffee"))
                .with("authorization", format!("t{number}-c0ffee")),
            (2, Some("Bearer t1-c0ffee")) => {
                Reply::json(200, r#"{"data":{}}"#).with("x-authorization", "Bearer t2-c0ffee")
            }
            (3, Some("Bearer t2-c0ffee")) => {
                Reply::json(200, r#"{"errors":[{"message":"No such user"}]}"#)
            }
            (4 | 5, Some("Bearer t2-c0ffee")) => Reply::json(200, unauthorised),
            (7, Some("Bearer t6-c0ffee")) => Reply::json(200, r#"{"data":{}}"#),
            _ => Reply::json(500, ""),
        }
    });
    let place = Place::new();
    let daemon = place.start();
    let url = format!("url={}/graphql", provider.url());
    add(&place, "toggle", "password", &["username=me".to_owned(), url]);
    let variables = &json_body(&provider.requests()[0])["variables"];
    assert_eq!(*variables, json!({"username": "me", "password": SECRET}));

    // One caller's answer has a newer token, which lives for an hour from then on.
    let first = told(&place, ["get", "api", "--json"]);
    let answer = ask(&place, &provider, "/graphql");
    let newer = answer.headers["x-authorization"].to_str().unwrap();
    let id = first["token_id"].as_str().unwrap();
    assert_output(&place.run_with_input(["rotate", "api", "--token-id", id], newer), 0, "", "");
    let second = told(&place, ["get", "api", "--json"]);
    assert_eq!(second["value"], "t2-c0ffee");
    let ends = |token: &Value| token["expire_time"].as_str().unwrap().to_owned();
    assert!(ends(&first) < ends(&second), "{first} {second}");

    // Everyone uses it, also after a crash.
    daemon.kill();
    let _daemon = place.start();
    let rules = &told(&place, ["get", "api", "--json"])["rejection"];
    assert!(!is_rejection(rules, &ask(&place, &provider, "/graphql")));
    assert!(is_rejection(rules, &ask(&place, &provider, "/graphql")));
    assert!(is_rejection(rules, &ask(&place, &provider, "/graphql")));
    for _ in 0..2 {
        let arguments = ["reject", "api", "--status", "200", "--code", "Unauthorized"];
        let rejected =
            place.run_with_input(arguments.into_iter().chain(["--token-stdin"]), "t2-c0ffee");
        assert!(rejected.status.success(), "{}", text(&rejected.stdout));
    }
    assert_eq!(ask(&place, &provider, "/graphql").body, r#"{"data":{}}"#);
    assert_eq!(provider.requests().len(), 7);
}
