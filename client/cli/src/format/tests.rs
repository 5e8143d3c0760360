//! Tokens in the forms of tools, read back as the tools do.

use std::process::Command;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use proptest::prelude::*;
use secrecy::ExposeSecret as _;
use serde_json::json;
use tokend_client::Token;
use tokend_proto::v1::{self, AcquireTokenResponse, placement::Target};

use super::*;
use crate::host::Host;

const END: prost_types::Timestamp = prost_types::Timestamp { seconds: 3_600, nanos: 999 };

fn read(token: v1::Token) -> Token {
    let answer = AcquireTokenResponse { token: Some(token), ..AcquireTokenResponse::default() };
    Token::try_from(answer).unwrap()
}

fn placed(placements: &[(Target, &str)]) -> Token {
    let placed = |(target, value): &(Target, &str)| v1::Placement {
        target: Some(target.clone()),
        value: (*value).to_owned(),
        writes_only: false,
    };
    read(v1::Token {
        value: "t1".to_owned(),
        placements: placements.iter().map(placed).collect(),
        ..v1::Token::default()
    })
}

fn header(name: &str) -> Target {
    Target::Header(name.to_owned())
}

fn query(name: &str) -> Target {
    Target::Query(name.to_owned())
}

fn pair(pair: &str) -> Token {
    placed(&[(header("Authorization"), &format!("Basic {}", STANDARD.encode(pair)))])
}

fn with_extras(value: &str, extras: &[(&str, &str)]) -> Token {
    let extras = extras.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    read(v1::Token {
        value: value.to_owned(),
        extras: extras.collect(),
        expire_time: Some(END),
        ..v1::Token::default()
    })
}

/// Reads a line of a configuration as curl does: what stands in its quotes.
fn unquoted(line: &str, option: &str) -> String {
    let quoted = line.strip_prefix(&format!("{option} = \"")).unwrap();
    let (mut text, mut rest) = (String::new(), quoted.chars());
    loop {
        match rest.next().unwrap() {
            '"' => break,
            '\\' => text.push(match rest.next().unwrap() {
                't' => '\t',
                'n' => '\n',
                'r' => '\r',
                'v' => '\u{b}',
                other => other,
            }),
            other => text.push(other),
        }
    }
    assert_eq!(rest.as_str(), "", "{line}");
    text
}

proptest! {
    // Each starts a shell.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_shell_that_evaluates_the_line_has_the_value(value in "[^\0]{0,40}") {
        let line = env("MY_TOKEN", &value).unwrap();
        let script = "eval \"$1\"; printenv MY_TOKEN; printf %s. \"$MY_TOKEN\"";
        let ran = Command::new("sh").args(["-euc", script, "sh", &line]).output().unwrap();
        prop_assert!(ran.status.success());
        prop_assert_eq!(String::from_utf8(ran.stdout).unwrap(), format!("{value}\n{value}."));
    }
}

proptest! {
    #[test]
    fn curl_reads_back_what_was_written(value in "[^\0]{0,40}") {
        let config = curl(&placed(&[(query("q"), &value)])).unwrap();
        prop_assert_eq!(config.split('\n').count(), 1);
        prop_assert_eq!(unquoted(&config, "url-query"), format!("q={value}"));
    }

    #[test]
    fn a_netrc_has_no_more_words_than_it_should(value in "[^\\pC]{0,40}") {
        let login = Login::of(
            &pair(":x"), "git.example".parse().unwrap(), Some("ann"), Some(value.as_str().into()),
        );
        let entry = netrc(&login).unwrap();
        let word = entry.strip_prefix("machine git.example login ann password ").unwrap();
        if word.starts_with('"') {
            prop_assert_eq!(unquoted(&format!("x = {word}"), "x"), value);
        } else {
            prop_assert!(!word.contains([' ', '\\', '"', '\'', '#']));
            prop_assert_eq!(word, value);
        }
    }
}

#[test]
fn an_ipv6_address_has_no_brackets_in_a_netrc() {
    let login = Login::of(&pair("ann:x"), "http://[::1]:8080/".parse().unwrap(), None, None);
    assert_eq!(netrc(&login).unwrap().as_str(), "machine ::1 login ann password x");
}

#[test]
fn a_nul_fits_nowhere() {
    assert!(matches!(env("X", "a\0b"), Err(Problem::Nul)));
    assert!(matches!(curl(&placed(&[(query("q"), "a\0b")])), Err(Problem::Nul)));
}

#[test]
fn the_variable_is_named_after_the_credential() {
    for (credential, variable) in
        [("github-app", "GITHUB_APP_TOKEN"), ("a_b", "A_B_TOKEN"), ("7up", "_7UP_TOKEN")]
    {
        assert_eq!(default_variable(credential), variable);
    }
}

#[test]
fn curl_gets_all_headers_cookies_and_query_parameters() {
    let token = placed(&[
        (header("X-Key"), "a\"b\\c"),
        (Target::Cookie("sid".to_owned()), "1"),
        (header("X-Empty"), ""),
        (query("api key"), "x&y"),
        (Target::Body("token".to_owned()), "t1"),
    ]);
    let lines = [
        r#"header = "X-Key: a\"b\\c""#,
        r#"header = "X-Empty;""#,
        r#"header = "Cookie: sid=1""#,
        r#"url-query = "api+key=x&y""#,
    ];
    assert_eq!(curl(&token).unwrap().lines().collect::<Vec<_>>(), lines);
    let body = placed(&[(Target::Body("token".to_owned()), "t1")]);
    assert!(matches!(curl(&body), Err(Problem::NowhereForCurl)));
}

#[test]
fn header_lines_are_complete() {
    let token = placed(&[
        (header("Authorization"), "Bearer x"),
        (Target::Cookie("a".to_owned()), "1"),
        (header("X-Tenant"), "t"),
        (Target::Cookie("b".to_owned()), "2"),
    ]);
    let lines: Vec<_> = header_lines(&token).iter().map(|line| line.to_string()).collect();
    assert_eq!(lines, ["Authorization: Bearer x", "X-Tenant: t", "Cookie: a=1; b=2"]);
    assert!(header_lines(&placed(&[(query("t"), "x")])).is_empty());
}

#[test]
fn kubectl_is_answered_in_its_own_version() {
    let token = with_extras("t1", &[]);
    let answer = |info: Option<&str>| kubernetes(&token, token.value(), info);
    let status = json!({ "token": "t1", "expirationTimestamp": "1970-01-01T01:00:00Z" });
    for version in ["v1", "v1beta1"] {
        let version = format!("client.authentication.k8s.io/{version}");
        let info = json!({ "apiVersion": version, "kind": "ExecCredential", "spec": {} });
        let answered = answer(Some(&info.to_string())).unwrap();
        let expected = json!({ "apiVersion": version, "kind": "ExecCredential", "status": status });
        assert_eq!(answered, expected);
    }
    assert_eq!(answer(None).unwrap()["apiVersion"], "client.authentication.k8s.io/v1");
    let old = r#"{"apiVersion":"client.authentication.k8s.io/v1alpha1"}"#;
    let error = answer(Some(old)).unwrap_err();
    assert!(error.to_string().contains("client.authentication.k8s.io/v1alpha1"), "{error}");
    for info in ["", "{", "{}", "[]"] {
        assert!(matches!(answer(Some(info)), Err(Problem::ExecInfo)), "{info}");
    }
    let endless = placed(&[]);
    let answered = kubernetes(&endless, endless.value(), None).unwrap();
    assert_eq!(answered["status"], json!({ "token": "t1" }));
}

#[test]
fn aws_gets_keys_from_extras_or_from_a_name_and_a_password() {
    let keys = |id: &str, secret: &str, session: Option<&str>| {
        let mut keys = json!({
            "Version": 1, "AccessKeyId": id, "SecretAccessKey": secret,
            "Expiration": "1970-01-01T01:00:00Z",
        });
        if let Some(session) = session {
            keys["SessionToken"] = session.into();
        }
        keys
    };
    let [id, secret, session] =
        [("access_key_id", "AK"), ("secret_access_key", "SK"), ("session_token", "ST")];
    for (value, extras, expected) in [
        ("x", &[id, secret, session][..], keys("AK", "SK", Some("ST"))),
        ("ST", &[("AccessKeyId", "AK"), ("SecretAccessKey", "SK")], keys("AK", "SK", Some("ST"))),
        ("SK", &[id], keys("AK", "SK", None)),
        ("SK", &[id, session], keys("AK", "SK", Some("ST"))),
        ("SK", &[id, secret], keys("AK", "SK", None)),
    ] {
        assert_eq!(aws(&with_extras(value, extras)).unwrap(), expected);
    }
    let fixed = json!({ "Version": 1, "AccessKeyId": "AK", "SecretAccessKey": "S:K" });
    assert_eq!(aws(&pair("AK:S:K")).unwrap(), fixed);
    let error = aws(&with_extras("s3cret", &[("org", "s3cret")])).unwrap_err().to_string();
    assert_eq!(error, "the token has no AWS keys: it has org, token");
}

#[test]
fn a_token_is_a_password_beside_the_name_that_the_host_expects() {
    let login = |token: &Token, host: &str, name, value: Option<&str>| {
        let host = host.parse::<Host>().unwrap();
        let Login { name, secret, .. } = Login::of(token, host, name, value.map(Into::into));
        (name, secret.expose_secret().to_owned())
    };
    let seen = |name: &str, secret: &str| (name.to_owned(), secret.to_owned());
    let token = with_extras("t1", &[]);
    for (host, name) in [
        ("gitlab.example", "oauth2"),
        ("github.com", "x-access-token"),
        ("evil-github.com", "oauth2"),
        ("https://quay.io/v2/", "$oauthtoken"),
        ("eu.gcr.io", "oauth2accesstoken"),
    ] {
        assert_eq!(login(&token, host, None, None), seen(name, "t1"), "{host}");
    }
    assert_eq!(login(&token, "a.test", Some("ann"), Some("t2")), seen("ann", "t2"));
    let pair = pair("ann:pa:ss");
    assert_eq!(login(&pair, "github.com", None, None), seen("ann", "pa:ss"));
    assert_eq!(login(&pair, "github.com", Some("bob"), None), seen("bob", "pa:ss"));
}

#[test]
fn a_token_that_is_for_one_host_says_for_which() {
    let token = |hosts: &[&str], base_url: &str| {
        let hosts = hosts.iter().map(|&host| host.to_owned()).collect();
        read(v1::Token { hosts, base_url: base_url.to_owned(), ..v1::Token::default() })
    };
    for (hosts, base_url, found) in [
        (&["a.test"][..], "", Some("a.test")),
        (&["a.test", "b.test"], "", None),
        (&["a.test", "b.test"], "https://b.test/v1", Some("b.test")),
        (&[".test"], "", None),
        (&[], "", None),
    ] {
        let found_host = host(&token(hosts, base_url), None).ok();
        assert_eq!(found_host.as_ref().map(Host::name), found, "{hosts:?} {base_url}");
    }
    let given: Host = "c.test".parse().unwrap();
    assert_eq!(host(&token(&["a.test"], ""), Some(&given)).unwrap(), given);
    assert!(host(&token(&["a.test"], ""), Some(&".test".parse().unwrap())).is_err());
}
