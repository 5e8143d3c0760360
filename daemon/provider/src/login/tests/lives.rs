//! Where the refresh token lives that a login leaves behind.

use super::*;
use crate::{Held, Operation};

fn with_refresh_token(token: &str) -> Inputs {
    let mut given = given();
    given.secrets.insert("refresh_token".to_owned(), token.into());
    given
}

fn held(refresh_token: Option<&str>) -> Held {
    let refresh_token = refresh_token.map(Into::into);
    Held { value: "t0".into(), refresh_token, extras: [].into() }
}

fn start(
    inputs: &Arc<AcceptedInputs>,
    operation: Operation,
    held: Option<&Held>,
) -> (Exchange, Request) {
    let definition = definition(BOTH);
    sent(Exchange::start(&definition, inputs, operation, held, ambient()).unwrap())
}

#[test]
fn a_credential_needs_no_refresh_token_until_someone_logs_in() {
    let (definition, inputs) = both(BOTH);
    let declared = definition.inputs().iter().find(|input| input.name == "refresh_token").unwrap();
    assert!(declared.secret && !declared.required);
    assert!(definition.needs_login(&inputs));
    assert!(!definition.can(Operation::Issue, &inputs, None));
    assert!(!definition.can(Operation::Issue, &inputs, Some(&held(None))));
    assert!(!definition.can(Operation::Revoke, &inputs, None));
    let error = Exchange::start(&definition, &inputs, Operation::Issue, None, ambient());
    assert_eq!(error.unwrap_err(), RequestError::LoginNeeded);
    let inputs = accept(&definition, with_refresh_token("r0"));
    assert!(definition.needs_login(&inputs));
    assert!(definition.can(Operation::Issue, &inputs, None));
    assert!(!definition.can(Operation::Refresh, &inputs, Some(&held(None))));
}

#[test]
fn a_declared_refresh_token_is_not_required_where_people_can_log_in() {
    let text = BOTH.replace("[oauth2]", "secrets.refresh_token.description = 'Own'\n[oauth2]");
    let definition = definition(&text);
    let own = definition.inputs().iter().find(|input| input.name == "refresh_token").unwrap();
    assert_eq!((own.description.as_str(), own.required), ("Own", false));
    definition.accept(given()).unwrap();
}

#[test]
fn the_next_token_is_had_with_the_secret_and_a_new_one_takes_its_place() {
    let definition = definition(BOTH);
    let inputs = accept(&definition, with_refresh_token("r0"));
    for (held, sent_token, answered, expected) in [
        (None, "r0", Some("r1"), Some("r1")),
        (None, "r0", Some("r0"), None),
        (None, "r0", None, None),
        (Some(held(None)), "r0", None, None),
        // An older store holds it beside the token: it moves, changed or not.
        (Some(held(Some("r9"))), "r9", Some("r10"), Some("r10")),
        (Some(held(Some("r9"))), "r9", None, Some("r9")),
    ] {
        let (exchange, request) = start(&inputs, Operation::Issue, held.as_ref());
        assert_eq!(
            body(&request),
            format!(
                "grant_type=refresh_token&refresh_token={sent_token}&client_id=me&client_secret=hunter2"
            )
        );
        let next = answered.map(|token| format!(r#", "refresh_token": "{token}""#));
        let token = format!(r#"{{"access_token": "t1"{}}}"#, next.unwrap_or_default());
        let issued = issued(exchange.answer(&answer(200, &[], token), now()));
        assert!(issued.refresh_token.is_none());
        let left = issued.secrets.get("refresh_token").map(ExposeSecret::expose_secret);
        assert_eq!(left, expected);
        let rotates = answered.is_some_and(|token| token != sent_token);
        assert_eq!(issued.rotates(&inputs, held.as_ref()), rotates);
    }
}

#[test]
fn the_end_of_a_login_is_that_of_its_refresh_token() {
    let definition = definition(BOTH);
    let inputs = accept(&definition, with_refresh_token("r0"));
    for held in [None, Some(held(None))] {
        let (_, request) = start(&inputs, Operation::Revoke, held.as_ref());
        assert!(body(&request).starts_with("token=r0&token_type_hint=refresh_token"));
    }
    let inputs = accept(&definition, given());
    let (_, request) = start(&inputs, Operation::Revoke, Some(&held(None)));
    assert!(body(&request).starts_with("token=t0&token_type_hint=access_token"));
}

#[test]
fn without_refreshing_each_token_takes_a_login() {
    let text = BOTH.replace("[oauth2]", "[oauth2]\nrefresh = false");
    let (exchange, page) = ask(&text);
    let (exchange, _) = sent(redirected(exchange, &led_back(&page, "code=c0d3")));
    let token = r#"{"access_token": "t0", "refresh_token": "r0"}"#;
    let issued = issued(exchange.answer(&answer(200, &[], token), now()));
    assert!(issued.refresh_token.is_none() && issued.secrets.is_empty());
    let (definition, inputs) = both(&text);
    assert!(definition.needs_login(&inputs));
    assert!(!definition.can(Operation::Issue, &inputs, Some(&held(None))));
}

#[test]
fn a_mixed_choice_refreshes_what_is_held_of_the_other_grants_only() {
    let choice = "variables.grant = { description = '', default = 'authorization_code', \
        choices = ['authorization_code', 'client_credentials', 'refresh_token'] }\n[oauth2]\n\
        refresh = true\n";
    let text = BOTH
        .replace("[oauth2]", choice)
        .replace("grant = \"authorization_code\"", "grant = \"{{ var.grant }}\"");
    assert!(Definition::parse("acme", crate::Source::BuiltIn, &text).is_err());
    let text = text.replace(", 'refresh_token'", "");
    let definition = definition(&text);
    let holding = held(Some("r0"));
    for (grant, refreshes) in [("authorization_code", false), ("client_credentials", true)] {
        let mut given = given();
        given.variables.insert("grant".to_owned(), grant.to_owned());
        let inputs = accept(&definition, given);
        assert_eq!(definition.can(Operation::Refresh, &inputs, Some(&holding)), refreshes);
        assert_eq!(definition.needs_login(&inputs), !refreshes);
    }
}
