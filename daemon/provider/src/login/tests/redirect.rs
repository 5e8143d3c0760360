use proptest::prelude::*;

use super::*;
use crate::{LoginEnd, Verdict};

#[test]
fn urls_paths_queries_and_fragments_are_taken() {
    for spell in [
        |url: &str| url.to_owned(),
        |url: &str| url.split_once("4711").unwrap().1.to_owned(),
        |url: &str| url.split_once('?').unwrap().1.to_owned(),
        |url: &str| url.replace('?', "#"),
        |url: &str| format!("  {}\n {}\r\n", &url[..50], &url[50..]),
    ] {
        let (exchange, page) = ask(BOTH);
        let redirect = spell(&led_back(&page, "code=c%2F0d3"));
        let (_, request) = sent(redirected(exchange, &redirect));
        assert!(body(&request).contains("code=c%2F0d3"), "{redirect}");
    }
}

#[test]
fn what_is_not_of_this_login_gives_it_back_for_another_try() {
    let (mut exchange, page) = ask(BOTH);
    let other = "x".repeat(43);
    for (redirect, expected) in [
        (format!("{}?code=c0d3&state={other}", here()), RedirectError::OtherLogin),
        (format!("{}?code=c0d3", here()), RedirectError::OtherLogin),
        (format!("{}?error=access_denied", here()), RedirectError::OtherLogin),
        (format!("{}?code=c0d3&state=", here()), RedirectError::OtherLogin),
        (led_back(&page, "code=a&code=b"), RedirectError::Repeated),
        (led_back(&page, "code=a&state=b"), RedirectError::Repeated),
        (led_back(&page, "code="), RedirectError::NoCode),
        (page.url.to_string(), RedirectError::NoCode),
        (here().to_string(), RedirectError::NoCode),
        (String::new(), RedirectError::NoCode),
        ("c0d3".to_owned(), RedirectError::NoCode),
        (led_back(&page, &format!("code={}", "c".repeat(1 << 20))), RedirectError::TooLong),
    ] {
        let (back, error) = exchange.redirected(&redirect, now()).unwrap_err();
        assert_eq!(error, expected, "{redirect:.200}");
        exchange = back;
    }
    sent(redirected(exchange, &led_back(&page, "code=c0d3")));
}

#[test]
fn an_api_that_sends_no_state_back_is_believed_and_a_wrong_one_is_not() {
    let more = "\n[login]\nstate = false\n";
    let (exchange, _) = ask(&format!("{BOTH}{more}"));
    sent(redirected(exchange, "code=c0d3"));
    let (exchange, _) = ask(&format!("{BOTH}{more}"));
    let (_, error) = exchange.redirected("code=c0d3&state=x", now()).unwrap_err();
    assert_eq!(error, RedirectError::OtherLogin);
}

#[test]
fn a_person_who_declines_and_a_provider_that_refuses_end_the_login() {
    let declined = Some(LoginEnd::Declined);
    for (redirect, verdict, login, message) in [
        (
            "error=access_denied&error_description=No%20thanks",
            Verdict::Denied,
            declined,
            "the login was declined: access_denied: No thanks",
        ),
        (
            "error=invalid_scope",
            Verdict::Denied,
            None,
            "the provider refused the login: invalid_scope",
        ),
        (
            "error=temporarily_unavailable&error_description=%1b%5B31mhunter2%0A",
            Verdict::Transient,
            None,
            "the provider refused the login: temporarily_unavailable: [31m[masked]",
        ),
    ] {
        let (exchange, page) = ask(BOTH);
        let failure = failure(redirected(exchange, &led_back(&page, redirect)));
        assert_eq!((failure.verdict, failure.login), (verdict, login));
        assert_eq!(failure.message, message);
    }
}

#[test]
fn neither_code_nor_state_nor_verifier_shows() {
    let (exchange, page) = ask(BOTH);
    let state = query(&page.url, "state").unwrap();
    let shown = format!("{page:?} {exchange:?}");
    assert!(!shown.contains(&state), "{shown}");
    let (exchange, request) = sent(redirected(exchange, &led_back(&page, "code=c0d3-c0d3")));
    let verifier = body(&request).split("code_verifier=").nth(1).unwrap()[..43].to_owned();
    let refusal = format!(
        r#"{{"error": "invalid_grant", "error_description": "c0d3-c0d3 {state} {verifier}"}}"#
    );
    let transcript = exchange.show_request(&request);
    let failure = failure(exchange.answer(&answer(400, &[], refusal), now()));
    assert_eq!(failure.verdict, Verdict::Denied);
    for shown in [transcript, failure.message] {
        for secret in ["c0d3-c0d3", &state, &verifier, "hunter2"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

#[test]
fn what_is_not_due_ends_the_login_instead_of_going_wrong() {
    let (exchange, page) = ask(BOTH);
    let redirect = led_back(&page, "code=c0d3");
    let (exchange, _) = sent(redirected(exchange, &redirect));
    let again = failure(redirected(Box::new(exchange), &redirect));
    assert_eq!(again.verdict, Verdict::Transient);
    let (exchange, _) = ask(BOTH);
    assert_eq!(failure(exchange.poll(now())).verdict, Verdict::Transient);
    let (exchange, _) = ask(BOTH);
    assert_eq!(failure(exchange.unanswered(now())).verdict, Verdict::Transient);
}

proptest! {
    #[test]
    fn no_redirect_panics_or_passes_without_the_state(redirect in "\\PC{0,80}|[?#&=%a-z]{0,40}") {
        let (exchange, _) = ask(BOTH);
        prop_assert!(exchange.redirected(&redirect, now()).is_err());
    }
}
