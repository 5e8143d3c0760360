//! IoT-X: a user's name and password, in the query or in a form.

use crate::{
    SECRET, add,
    support::{
        Place, assert_output, contains, disguises,
        provider::{Provider, Reply},
    },
    told,
};

#[test]
fn a_password_in_a_query_is_in_no_log_even_of_everything() {
    let provider = Provider::scripted(|number, _| match number {
        1 => Reply::json(
            200,
            r#"{"token_type":"access","access_token":"d567-c0ffee","expires_in":"899"}"#,
        ),
        _ => Reply { status: 500, headers: Vec::new(), body: Vec::new() },
    });
    let place = Place::new();
    let daemon = place.start_with(|command| {
        command.env("TOKEND_LOG", "trace");
    });
    let variables = [
        "username=me".to_owned(),
        "credentials_in=query".to_owned(),
        format!("url={}/authorization", provider.url()),
    ];
    add(&place, "iot-x", "password", &variables);
    assert_output(&place.run(["get", "api"]), 0, "d567-c0ffee\n", "");
    let failed = place.run(["refresh", "api"]);
    assert_eq!(failed.status.code(), Some(4));
    assert!(provider.requests()[0].path.contains(SECRET), "it is sent in the query");
    let log = daemon.end().log;
    for secret in [SECRET, "d567-c0ffee"] {
        for disguise in disguises(secret) {
            let shown = [log.as_bytes(), &failed.stderr].into_iter();
            assert!(!shown.clone().any(|bytes| contains(bytes, &disguise)), "{secret}:\n{log}");
        }
    }
}

#[test]
fn a_password_goes_into_a_form_where_that_is_wanted() {
    let provider = Provider::scripted(|_, request| {
        assert_eq!(request.headers["content-type"], "application/x-www-form-urlencoded");
        Reply::json(
            200,
            r#"{"token_type":"access","access_token":"d567-c0ffee","expires_in":"899"}"#,
        )
    });
    let place = Place::new();
    let _daemon = place.start();
    let variables = [
        "username=me".to_owned(),
        "credentials_in=form".to_owned(),
        format!("url={}/authorization", provider.url()),
    ];
    add(&place, "iot-x", "password", &variables);
    let [request] = &provider.requests()[..] else { panic!("{:?}", provider.requests()) };
    assert_eq!(request.path, "/authorization");
    assert_eq!(request.body, format!("username=me&password={SECRET}"));

    // Whatever the type is called, it is presented as a bearer token.
    let token = told(&place, ["get", "api", "--json"]);
    assert_eq!(token["token_type"], "access");
    let remaining = token["remaining_seconds"].as_u64().unwrap();
    assert!((600..=899).contains(&remaining), "{remaining} s are left of 899");
    let header = "Authorization: Bearer d567-c0ffee\n";
    assert_output(&place.run(["get", "api", "--header"]), 0, header, "");
}
