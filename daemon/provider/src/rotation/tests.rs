//! Rules, and what they let callers hand over.

use super::*;
use crate::Library;
use crate::sample::{PLAIN, accept, definition, inputs};

const SLIDING: &str = "
title = 'Acme'
secrets.password.description = 'The password'
issue.url = 'https://api.acme.example/login'
issue.json = { password = '{{ secret.password }}' }
[output]
token = 'body.token'
extras = { csrf = 'body.csrf', tenant = 'body.tenant' }
[present.cookies]
sid = '{{ token }}'
[present.headers]
X-CSRF-Token = '{{ extra.csrf }}'
[[rotated]]
cookie = 'sid'
[[rotated]]
header = 'X-CSRF-Token'
extra = 'csrf'
[[rotated]]
body = 'data.0.token'
strip_prefix = 'JWT '
";

fn rule(source: RotationSource, strip_prefix: Option<&str>, extra: Option<&str>) -> Rotation {
    let (strip_prefix, extra) = (strip_prefix.map(str::to_owned), extra.map(str::to_owned));
    Rotation { source, strip_prefix, extra }
}

fn texts(extras: &[(&str, &str)]) -> BTreeMap<String, SecretString> {
    extras.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect()
}

/// Hands over a value, if it isn't empty, and extras.
fn rotate(text: &str, value: &str, extras: &[(&str, &str)]) -> Result<Held, RotationError> {
    let definition = definition(text);
    let accepted = accept(&definition, inputs(&[], &[("password", "hunter2")]));
    let held = Held {
        value: "first".into(),
        refresh_token: Some("again".into()),
        extras: texts(&[("csrf", "c1"), ("tenant", "t")]),
    };
    let value = Some(value).filter(|value| !value.is_empty()).map(SecretString::from);
    definition.rotate(&accepted, held, value, texts(extras))
}

#[test]
fn rules_are_kept_as_they_are_written_and_in_their_order() {
    let expected = [
        rule(RotationSource::Cookie("sid".to_owned()), None, None),
        rule(RotationSource::Header("X-CSRF-Token".to_owned()), None, Some("csrf")),
        rule(RotationSource::Body("data.0.token".to_owned()), Some("JWT "), None),
    ];
    assert_eq!(definition(SLIDING).rotations(), expected);
    assert_eq!(definition(PLAIN).rotations(), []);
}

#[test]
fn toggle_hands_over_tokens_in_the_header_that_is_not_deprecated_first() {
    let toggle = Library::built_in().get("toggle").unwrap();
    let header = |name: &str| rule(RotationSource::Header(name.to_owned()), Some("Bearer "), None);
    assert_eq!(toggle.rotations(), [header("X-Authorization"), header("Authorization")]);
}

#[test]
fn what_is_newer_takes_its_place_and_the_rest_stays() {
    let Held { value, refresh_token, extras } = rotate(SLIDING, "second", &[]).unwrap();
    assert_eq!(value.expose_secret(), "second");
    assert_eq!(refresh_token.unwrap().expose_secret(), "again");
    assert_eq!((extras["csrf"].expose_secret(), extras["tenant"].expose_secret()), ("c1", "t"));
    let Held { value, extras, .. } = rotate(SLIDING, "", &[("csrf", "c2")]).unwrap();
    assert_eq!((value.expose_secret(), extras["csrf"].expose_secret()), ("first", "c2"));
}

#[test]
fn only_what_an_answer_can_bring_is_taken() {
    let long = "x".repeat(LONGEST + 1);
    let no = |name: &str| RotationError::NotRotated(name.to_owned());
    for (value, extras, expected) in [
        ("", &[][..], RotationError::Nothing),
        ("a b", &[], RotationError::Token),
        ("a\n", &[], RotationError::Token),
        ("caf\u{e9}", &[], RotationError::Token),
        (&long, &[], RotationError::Token),
        ("", &[("csrf", "a\nb")], RotationError::Extra("csrf".to_owned())),
        ("", &[("csrf", &long)], RotationError::Extra("csrf".to_owned())),
        ("", &[("tenant", "u")], no("`tenant`")),
        ("", &[("csfr", "u")], no("`csfr`")),
    ] {
        assert_eq!(rotate(SLIDING, value, extras).unwrap_err(), expected, "{value:.9}");
    }
    // A cookie carries no semicolon.
    let unfit = rotate(SLIDING, "a;b", &[]).unwrap_err();
    assert!(matches!(unfit, RotationError::Placement(_)), "{unfit:?}");
    assert_eq!(rotate(PLAIN, "second", &[]).unwrap_err(), RotationError::Unsupported);
    let extra = SLIDING.replace("cookie = 'sid'", "cookie = 'c'\nextra = 'csrf'");
    let extra = extra.replace("strip_prefix = 'JWT '", "extra = 'tenant'");
    assert_eq!(rotate(&extra, "second", &[]).unwrap_err(), no("token"));
}
