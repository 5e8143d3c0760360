//! Reports and what they come to.

use std::time::{Duration, SystemTime};

use clap::Parser as _;
use serde_json::Value;

use super::*;
use crate::arguments::{Arguments, Command};

const NOW: Timestamp = Timestamp { seconds: 3_600, nanos: 0 };

fn parse(line: &str) -> Reject {
    let words = ["tokend-cli", "reject", "causely"].into_iter().chain(line.split_whitespace());
    match Arguments::try_parse_from(words).unwrap().command {
        Some(Command::Reject(reject)) => reject,
        other => panic!("not read as reject: {other:?}"),
    }
}

fn shown(line: &str, ruling: &Ruling) -> (String, Exit) {
    let mut output = Output::of_a_test(Vec::new(), false);
    let exit = write(&mut output, &parse(line), ruling, &NOW, &TimeZone::UTC).unwrap();
    (String::from_utf8(output.into_writer()).unwrap(), exit)
}

#[test]
fn says_what_it_came_to_and_what_to_do() {
    let message = "the limit is reached\u{1b}[2J".to_owned();
    let retry_at = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(4_200));
    let repeat = "repeat the request with it, once: tokend-cli get causely";
    for (ruling, exit, came_to, to_do) in [
        (Ruling::Superseded, Exit::Done, "another token has taken its place already", repeat),
        (Ruling::Refreshed, Exit::Done, "a new token has been issued", repeat),
        (
            Ruling::InFlight,
            Exit::Unavailable,
            "a new token is on its way",
            "look again in a moment: tokend-cli status",
        ),
        (
            Ruling::Suppressed { retry_at, message: message.clone() },
            Exit::Unavailable,
            "no other token for now; a report is heard in 10m (01:10): \
             the limit is reached\\u{1b}[2J",
            "wait; see why: tokend-cli show causely",
        ),
        (
            Ruling::Suppressed { retry_at: None, message: String::new() },
            Exit::Unavailable,
            "no other token for now",
            "wait; see why: tokend-cli show causely",
        ),
        (
            Ruling::NotATokenProblem { message: "a 403 speaks of rights".to_owned() },
            Exit::Failed,
            "it isn't the token: a 403 speaks of rights",
            "see what the API asks for: other rights, another address, another account",
        ),
        (
            Ruling::CredentialDead { message: "the key was revoked".to_owned() },
            Exit::PersonNeeded,
            "no issuance can bring another token: the key was revoked",
            "see what is wrong: tokend-cli show causely",
        ),
    ] {
        assert_eq!(shown("", &ruling), (format!("causely: {came_to}\n{to_do}\n"), exit));
    }
}

#[test]
fn scripts_are_told_in_the_words_of_the_contract() {
    let message = "the limit is reached".to_owned();
    let retry_at = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(4_200));
    for (ruling, exit, told) in [
        (Ruling::Refreshed, Exit::Done, ["REFRESHED", "null", "null"]),
        (
            Ruling::Suppressed { retry_at, message: message.clone() },
            Exit::Unavailable,
            ["SUPPRESSED", "1970-01-01T01:10:00Z", message.as_str()],
        ),
        (
            Ruling::CredentialDead { message: message.clone() },
            Exit::PersonNeeded,
            ["CREDENTIAL_DEAD", "null", message.as_str()],
        ),
    ] {
        let (json, ended) = shown("--json", &ruling);
        let json: Value = serde_json::from_str(&json).unwrap();
        let text = |key: &str| json[key].as_str().unwrap_or("null").to_owned();
        assert_eq!(["outcome", "retry_time", "message"].map(text), told);
        assert_eq!((text("name").as_str(), ended), ("causely", exit));
    }
}

#[test]
fn of_a_value_only_the_hash_is_reported() {
    let rejection = by_value(&mut "abc\n".as_bytes()).unwrap();
    // The hash of `abc` (FIPS 180-2 appendix B.1).
    let hash = [
        0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22,
        0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00,
        0x15, 0xad,
    ];
    assert_eq!(rejection, Rejection::of_value_sha256(hash));
    let failure = by_value(&mut "\n".as_bytes()).unwrap_err();
    assert_eq!(failure.to_string(), "the token is empty");
}

#[test]
fn tells_what_the_api_said() {
    let report = |line: &str| told(Rejection::of_id("t-1"), &parse(line));
    let plain = Rejection::of_id("t-1");
    assert_eq!(report(""), plain);
    assert_eq!(
        report("--status 401 --code invalid_token"),
        plain.status(401).code("invalid_token")
    );
}
