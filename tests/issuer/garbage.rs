//! Answers that are meant to keep a parser busy, or to bring it down.

use std::io::Write;

use flate2::{Compression, write::DeflateEncoder};

use crate::{
    dance, dance_by, failure, is_issued,
    support::provider::{Provider, Reply},
};

/// As much as a definition can let through.
const SIZE: usize = (1 << 20) - 64;
const PANICKED: &str = "tokend failed at the dance; see its log";
const HTTP: &str = "max_answer = '1MiB'";

fn as_large(piece: &str) -> String {
    piece.repeat(SIZE / piece.len())
}

#[test]
fn no_garbage_hangs_or_ends_tokend() {
    let entities = "<!DOCTYPE a [<!ENTITY b 'bbbbbbbb'><!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;'>\
                    <!ENTITY d '&c;&c;&c;&c;&c;&c;&c;&c;'>]><a>&d;</a>";
    let external = "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>";
    let attributes: Vec<String> = (0..80_000).map(|number| format!("a{number}=''")).collect();
    let keys: Vec<String> = (0..100_000).map(|number| format!("\"{number}\":0")).collect();
    for (case, body) in [
        ("arrays in each other", as_large("[")),
        ("objects in each other", as_large("{\"a\":")),
        (
            "arrays that end",
            [as_large("["), as_large("]")].map(|half| half[..SIZE / 2].to_owned()).concat(),
        ),
        ("keys", format!("{{{}}}", keys.join(","))),
        ("the same key", format!("{{{}}}", as_large("\"a\":0,"))),
        ("a number", as_large("9")),
        ("a fraction", format!("0.{}", as_large("9"))),
        ("a power", format!("1e{}", as_large("9"))),
        ("escapes", format!("\"{}\"", as_large("\\ud800"))),
        ("a text that never ends", format!("\"{}", as_large("a"))),
        ("commas", format!("[{}", as_large(","))),
        ("no bytes at all", String::new()),
        ("zeros", as_large("\0")),
        ("space", as_large(" ")),
        ("elements in each other", as_large("<a>")),
        ("attributes", format!("<a {}/>", attributes.join(" "))),
        ("the same attribute", format!("<a{}/>", as_large(" a=''"))),
        ("tags that begin", as_large("<")),
        ("comments", format!("<a>{}</a>", as_large("<!-- -->"))),
        ("a comment that never ends", format!("<a><!--{}", as_large("-"))),
        ("a section that never ends", format!("<a><![CDATA[{}", as_large("]"))),
        ("entities", entities.to_owned()),
        ("a file", external.to_owned()),
        ("references", format!("<a>{}</a>", as_large("&#65;"))),
        ("a page", format!("<html>{}", as_large("<p>"))),
    ] {
        let provider = Provider::scripted(move |_, _| Reply::json(200, body.clone()));
        let ended = dance_by(HTTP, provider.url(), &[], &[]);
        let message = &failure(&ended).message;
        assert!(message != PANICKED && message.len() < 1_000, "{case}: {message}");
        assert!(!message.contains("root:"), "{case}: {message}");
    }
}

#[test]
fn what_stands_beside_a_token_is_no_reason_to_hang_or_to_believe() {
    let long = "9".repeat(4_000);
    let token = r#"{"access_token":"a","expires_in":60}"#;
    for (name, value) in [
        ("date", "Thu, 32 Foo 99999999999999999999 99:99:99 GMT".to_owned()),
        ("date", long.clone()),
        ("retry-after", long.clone()),
        ("x-ratelimit-remaining", long.clone()),
        ("ratelimit", format!("\"a\";r={long};t={long}")),
        ("ratelimit-policy", "\"a\";q=1;w=1,".repeat(300)),
        ("set-cookie", "a=b;".repeat(1_000)),
        ("content-type", ";".repeat(4_000)),
    ] {
        let provider = Provider::scripted(move |_, _| Reply::json(200, token).with(name, &value));
        let ended = dance_by("", provider.url(), &[], &[]);
        assert!(is_issued(&ended), "{name}: {:?}", ended.outcome);
    }
    for life in ["1e999", "-1", "99999999999999999999999999", "\"NaN\"", "[]", "{}"] {
        let body = format!(r#"{{"access_token":"a","expires_in":{life}}}"#);
        let provider = Provider::scripted(move |_, _| Reply::json(200, body.clone()));
        let ended = dance(provider.url());
        assert!(is_issued(&ended) || failure(&ended).message != PANICKED, "{life}");
    }
}

#[test]
fn what_is_not_packed_as_it_says_is_no_answer() {
    let mut deflate = DeflateEncoder::new(Vec::new(), Compression::fast());
    deflate.write_all(br#"{"access_token":"a"}"#).unwrap();
    let deflated = deflate.finish().unwrap();
    for (encoding, body) in [
        ("gzip", deflated.clone()),
        ("gzip", b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\xff\xff".to_vec()),
        ("gzip", r#"{"access_token":"a"}"#.into()),
        ("deflate", b"\xff".repeat(1_000)),
        ("gzip, deflate", deflated),
    ] {
        let provider = Provider::scripted(move |_, _| {
            Reply::json(200, body.clone()).with("content-encoding", encoding)
        });
        let ended = dance_by("", provider.url(), &[], &[]);
        assert!(!failure(&ended).message.is_empty(), "{encoding}");
    }
}
