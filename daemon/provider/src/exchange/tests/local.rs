//! Dances in which nothing is sent.

use secrecy::ExposeSecret;

use crate::sample::{accept, ambient, definition, inputs};
use crate::{Exchange, Expiry, Issued, Operation, Outcome, Step};

fn local(output: &str) -> Issued {
    let definition = definition(&text(output));
    let accepted = accept(&definition, inputs(&[("user", "me")], &[("key", "hunter2")]));
    match Exchange::start(&definition, &accepted, Operation::Issue, None, ambient()) {
        Ok(Step::Done(Outcome::Issued(issued))) => issued,
        other => panic!("{other:?}"),
    }
}

fn text(output: &str) -> String {
    format!(
        "title = 'Acme'\nvariables.user.description = ''\nsecrets.key.description = ''\n\
         sign.jwt = {{ algorithm = 'HS256', key = '{{{{ secret.key }}}}', claims.sub = 'me' }}\n\
         sign.mac = {{ algorithm = 'HS256', key = '{{{{ secret.key }}}}', text = 'x' }}\n\
         issue.local = true\n[lifetime]\ndefault = '1h'\n[output]\n{output}"
    )
}

#[test]
fn a_token_is_made_of_the_inputs() {
    let issued = local("token = 'secret.key'\nextras = { user = 'var.user' }");
    assert_eq!(issued.value.expose_secret(), "hunter2");
    assert_eq!(issued.extras["user"].expose_secret(), "me");
    assert_eq!(issued.expiry, Expiry::After(std::time::Duration::from_secs(3600)));
}

#[test]
fn all_of_an_output_can_be_signed() {
    let issued = local("token = 'sign.jwt'\nrefresh_token = 'sign.mac | hex'");
    assert_eq!(issued.value.expose_secret().split('.').count(), 3);
    assert_eq!(issued.refresh_token.unwrap().expose_secret().len(), 64);
}

#[test]
fn only_what_differs_each_time_is_worth_asking_again() {
    for (token, expected) in [
        ("secret.key", true),
        ("var.user ~ secret.key", true),
        ("sign.jwt", false),
        ("now ~ secret.key", false),
        ("nonce", false),
    ] {
        let definition = definition(&text(&format!("token = '{token}'")));
        let accepted = accept(&definition, inputs(&[("user", "me")], &[("key", "hunter2")]));
        assert_eq!(accepted.account().as_str(), "acme/me");
        assert_eq!(definition.is_static(&accepted), expected, "{token}");
    }
}

#[test]
fn a_token_that_cannot_be_made_or_presented_is_found_when_the_inputs_are_given() {
    for (output, expected) in [
        ("token = 'secret.key'\nextras = { n = 'var.user.none' }", "has no `var.user.none`"),
        ("token = 'secret.key ~ \" \"'", "characters that a token can't have"),
        (
            "token = 'secret.key'\n[present]\nbase_url = '{{ var.user }}'",
            "base_url: it is not a URL",
        ),
    ] {
        let definition = definition(&text(output));
        let given = inputs(&[("user", "me")], &[("key", "hunter2")]);
        let error = definition.accept(given).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
