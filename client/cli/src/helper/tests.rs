//! Which credential is for a host.

use clap::Parser as _;

use super::*;
use crate::arguments::{Arguments, Command};

/// Reads the flags of a helper.
fn mapping(line: &str) -> Mapping {
    let line = format!("tokend-cli helper git {line} get");
    match Arguments::try_parse_from(line.split_whitespace()).unwrap().command {
        Some(Command::Helper(Helper { protocol: Protocol::Git { mapping, .. } })) => mapping,
        other => panic!("not read as git's: {other:?}"),
    }
}

#[test]
fn the_command_line_goes_before_the_file() {
    let host: Host = "git.example".parse().unwrap();
    let entry = entry(&mapping("--credential api --username ann"), &host).unwrap().unwrap();
    assert_eq!((entry.credential.as_str(), entry.username.as_deref()), ("api", Some("ann")));
}

#[test]
fn what_a_tool_says_beside_the_host_may_be_any_bytes() {
    let asked = request(&mut &b"host=git.example\npath=caf\xe9.git\n"[..]).unwrap();
    assert!(asked.starts_with("host=git.example\n"), "{asked:?}");
}

#[tokio::test]
async fn nothing_is_asked_of_tokend_for_a_host_without_tls() {
    let host: Host = "http://git.example".parse().unwrap();
    let entry = Entry::new(host.clone(), "api");
    let refused = token(&mapping(""), &entry, &host).await.unwrap_err();
    assert!(refused.to_string().contains("without TLS"), "{refused}");
}

#[test]
fn a_host_that_a_token_is_not_for_is_told_with_those_that_it_is_for() {
    let problem = |hosts: &[&str]| Problem::NotForHost {
        credential: "github".to_owned(),
        host: "github.com".to_owned(),
        hosts: hosts.iter().map(|&host| host.to_owned()).collect(),
    };
    assert_eq!(
        problem(&["api.github.com", ".test"]).to_string(),
        "the token of github isn't for github.com; it is for api.github.com, .test"
    );
    let unknown = problem(&[]);
    assert!(unknown.to_string().ends_with("tokend doesn't know which hosts it is for"));
    assert!(unknown.remedy().unwrap().contains("github.com github"));
}
