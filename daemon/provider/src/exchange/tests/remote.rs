//! Operations on the far side.

use std::collections::BTreeMap;

use crate::sample::{accept, ambient, answer, definition, inputs, now};
use crate::{Exchange, Held, Outcome, Request, RequestError, Step};

const REMOTE: &str = r#"
title = "Acme"
secrets.password.description = ""
[issue]
url = "https://auth.acme.example/login"
[output]
token = "body.token"
extras = { org = "body.org" }
[remote.create_key]
description = "Creates a key"
result = "body.key"
[remote.create_key.arguments.days]
description = "For how many days"
kind = "integer"
default = "30"
[remote.create_key.arguments.name]
description = "The key's name"
[[remote.create_key.request]]
url = "https://api.acme.example/{{ extra.org }}/keys"
headers = { Authorization = "Bearer {{ token }}" }
json = { name = "{{ arg.name }}", days = "{{ arg.days }}" }
[[remote.create_key.request]]
url = "https://api.acme.example/keys"
json = { name = "{{ arg.name }}", password = "{{ secret.password }}" }
"#;

fn call(
    name: &str,
    arguments: &[(&str, &str)],
    held: Option<&Held>,
) -> Result<(Exchange, Request), RequestError> {
    let definition = definition(REMOTE);
    let accepted = accept(&definition, inputs(&[], &[("password", "hunter2")]));
    let arguments = arguments.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    match Exchange::remote(&definition, &accepted, name, arguments, held, ambient())? {
        Step::Send(exchange, request) => Ok((*exchange, request)),
        other => panic!("{other:?}"),
    }
}

fn body(request: &Request) -> &str {
    std::str::from_utf8(request.body.as_deref().unwrap()).unwrap()
}

#[test]
fn arguments_are_checked_typed_and_completed() {
    let extras = BTreeMap::from([("org".to_owned(), "o1".into())]);
    let held = Held { value: "t0".into(), refresh_token: None, extras };
    let (_, request) = call("create_key", &[("name", "ci")], Some(&held)).unwrap();
    assert_eq!(request.url.path(), "/o1/keys");
    assert_eq!(body(&request), r#"{"name":"ci","days":30}"#);
    for (name, arguments, expected) in [
        ("create_key", &[][..], "`name` is missing: The key's name"),
        ("create_key", &[("name", "a"), ("days", "x")], "`days` must be a whole number"),
        ("create_key", &[("nme", "a")], "did you mean `name`?"),
        ("create_key", &[("name", "a\nb")], "a line break"),
        ("create_kye", &[], "create_key"),
    ] {
        let error = call(name, arguments, Some(&held)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn the_first_way_that_can_do_with_what_is_held_is_gone() {
    let (exchange, request) = call("create_key", &[("name", "ci")], None).unwrap();
    assert_eq!(request.url.path(), "/keys");
    let answer = answer(200, &[], r#"{"key": {"id": 7, "value": "k1"}}"#);
    match exchange.answer(&answer, now()) {
        Step::Done(Outcome::Told(result)) => {
            assert_eq!(result, serde_json::json!({"id": 7, "value": "k1"}));
        }
        other => panic!("{other:?}"),
    }
}
