use std::num::NonZeroU32;
use std::time::Duration;

use super::*;
use crate::sample::{definition, inputs};
use crate::{Definition, Expiry, Window};

const TEXT: &str = r#"
title = "Acme"
output.token = "body.token"
hosts = ["api.acme.example", "{{ var.url | host }}"]

[variables.url]
description = "Where it is"
kind = "url"

[variables.username]
description = "Who asks"

[variables.region]
description = "Where"
default = "eu"
choices = ["eu", "us"]

[variables.quota]
description = "How many a day"
kind = "integer"
optional = true

[variables.ca_file]
description = "Certificates"
optional = true

[secrets.password]
description = "The password"

[secrets.pin]
description = "The PIN"
optional = true

[issue]
url = "{{ var.url }}"

[http]
ca_file = "{{ var.ca_file }}"

[[limits]]
count = 10
window = "8h"

[[limits]]
count = "{{ var.quota }}"
window = "1d"
"#;

const URL: (&str, &str) = ("url", "https://acme.example/login");
const ALICE: (&str, &str) = ("username", "alice");
const PASSWORD: (&str, &str) = ("password", "hunter2");

fn accept(variables: &[(&str, &str)], secrets: &[(&str, &str)]) -> Result<AcceptedInputs, String> {
    let accepted = definition(TEXT).accept(inputs(variables, secrets));
    accepted.map_err(|error| error.to_string())
}

#[test]
fn defaults_are_filled_in_and_empty_values_count_as_not_given() {
    let accepted = accept(&[URL, ALICE, ("region", ""), ("quota", "")], &[PASSWORD, ("pin", "")]);
    let accepted = accepted.unwrap();
    let variables: Vec<_> =
        accepted.variables().iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(variables, [("region", "eu"), URL, ALICE]);
    assert_eq!(accepted.secrets().len(), 1);
}

#[test]
fn each_refusal_names_the_input() {
    for (variables, secrets, expected) in [
        (vec![URL], vec![PASSWORD], "`username` is missing: Who asks"),
        (vec![URL, ALICE], vec![], "`password` is missing: The password"),
        (vec![URL, ALICE], vec![("password", "")], "`password` is missing: The password"),
        (
            vec![URL, ("user_name", "alice")],
            vec![PASSWORD],
            "`user_name` is not an input of this provider, did you mean `username`?",
        ),
        (
            vec![URL, ALICE, PASSWORD],
            vec![],
            "`password` is a secret; give it as a secret, not as a variable",
        ),
        (
            vec![URL],
            vec![PASSWORD, ALICE],
            "`username` is a variable; give it as a variable, not as a secret",
        ),
        (
            vec![URL, ALICE, ("region", "mars")],
            vec![PASSWORD],
            "`region` must be one of `eu`, `us`",
        ),
        (
            vec![("url", "http://acme.example"), ALICE],
            vec![PASSWORD],
            "`url` must start with https:// (http:// is for loopback addresses only)",
        ),
        (
            vec![("url", "acme"), ALICE],
            vec![PASSWORD],
            "`url` is not a URL (relative URL without a base)",
        ),
        (vec![URL, ALICE, ("quota", "many")], vec![PASSWORD], "`quota` must be a whole number"),
        (
            vec![URL, ALICE, ("quota", "0")],
            vec![PASSWORD],
            "limits: `0` must be a whole number of at least 1",
        ),
        (
            vec![URL, ("username", "a\r\nb")],
            vec![PASSWORD],
            "`username` has a line break or another control character in it",
        ),
        (
            vec![URL, ALICE, ("ca_file", "ca.pem")],
            vec![PASSWORD],
            "http.ca_file: `ca.pem` must be an absolute path",
        ),
    ] {
        assert_eq!(accept(&variables, &secrets).unwrap_err(), expected, "{variables:?}");
    }
}

#[test]
fn what_follows_from_the_inputs_is_worked_out() {
    let accepted = accept(&[URL, ALICE, ("quota", "50"), ("ca_file", "/a.pem")], &[PASSWORD]);
    let accepted = accepted.unwrap();
    let limit = |count, hours: u64| Limit {
        count: NonZeroU32::new(count).unwrap(),
        window: Window::Sliding(Duration::from_secs(hours * 3600)),
    };
    assert_eq!(accepted.limits(), [limit(10, 8), limit(50, 24)]);
    assert_eq!(accepted.hosts(), ["api.acme.example", "acme.example"]);
    assert_eq!(accepted.account().to_string(), "acme.example/alice");
    assert_eq!(accepted.transport().ca_file.as_deref(), Some("/a.pem".as_ref()));
}

#[test]
fn a_limit_or_file_that_is_not_given_is_left_out() {
    let accepted = accept(&[URL, ALICE], &[PASSWORD]).unwrap();
    assert_eq!(accepted.limits().len(), 1);
    assert!(accepted.transport().ca_file.is_none());
}

#[test]
fn the_account_is_who_asks_which_host_and_never_a_secret() {
    let account = |text: &str, variables: &[(&str, &str)], secrets: &[(&str, &str)]| {
        let definition: &Definition = &definition(text);
        definition.accept(inputs(variables, secrets)).unwrap().account().to_string()
    };
    let issue = "[issue]\nurl = 'https://a.example:8443/{{ secret.id }}'\n\
                 [secrets.id]\ndescription = ''\n[output]\ntoken = 'body.t'\n";
    assert_eq!(
        account(&format!("title = ''\n{issue}"), &[], &[("id", "hunter2")]),
        "a.example:8443"
    );
    let named = format!(
        "title = ''\naccount = 'x-{{{{ var.team }}}}'\n{issue}[variables.team]\ndescription = ''"
    );
    assert_eq!(account(&named, &[("team", "ops")], &[("id", "hunter2")]), "a.example:8443/x-ops");
    let oauth2 = "title = ''\n[oauth2]\ntoken_url = 'https://a.example/t'\n\
                  grant = 'client_credentials'\nclient_id = '{{ secret.id }}'\n\
                  client_secret = '{{ secret.id }}'\n[secrets.id]\ndescription = ''";
    assert_eq!(account(oauth2, &[], &[("id", "hunter2")]), "a.example");
}

#[test]
fn nothing_secret_shows_in_debug() {
    let accepted = accept(&[URL, ALICE], &[PASSWORD]).unwrap();
    assert!(!format!("{accepted:?}").contains("hunter2"));
    assert!(!format!("{:?}", inputs(&[], &[PASSWORD])).contains("hunter2"));
}

#[test]
fn an_outline_tells_limits_and_life_without_secrets() {
    let definition = definition(&format!("{TEXT}\n[lifetime]\ndefault = '24h'"));
    let outline = |variables: &[(&str, &str)]| {
        let Outline { limits, life } = definition.outline(inputs(variables, &[]).variables)?;
        Ok::<_, InputError>((limits.iter().map(ToString::to_string).collect::<Vec<_>>(), life))
    };
    let day = Expiry::After(Duration::from_secs(24 * 3_600));
    assert_eq!(outline(&[]).unwrap(), (vec!["10/8h".to_owned()], day));
    let stated = outline(&[("quota", "50")]).unwrap();
    assert_eq!(stated.0, ["10/8h", "50/1d"]);
    assert!(matches!(outline(&[("quota", "many")]), Err(InputError::NotANumber { .. })));
    assert!(matches!(outline(&[("quotas", "5")]), Err(InputError::Unknown { .. })));
}
