//! How long an answer may take and how much of it is read.

use std::{
    io::Write,
    net::{Ipv4Addr, TcpListener},
};

use flate2::{Compression, write::GzEncoder};
use tokend_core::Fate;

use crate::{
    dance, dance_by, failure, is_issued,
    support::provider::{Provider, Reply, issued},
};

#[test]
fn an_answer_that_is_no_token_by_its_size_is_not_read_to_its_end() {
    let provider = Provider::scripted(|_, _| Reply::json(200, "x".repeat(1 << 20)));
    let ended = dance(provider.url());
    assert_eq!(
        failure(&ended).message,
        "127.0.0.1 answered with more than 64 KiB, which is no token"
    );
    assert_eq!(ended.fate, Fate::Lost);
}

#[test]
fn a_definition_says_how_large_an_answer_may_be() {
    let provider = Provider::scripted(|_, _| {
        let body = format!("{{\"access_token\":\"a\"{}}}", " ".repeat(100 << 10));
        Reply::json(200, body)
    });
    assert!(is_issued(&dance_by("max_answer = '128KiB'", provider.url(), &[], &[])));
    let ended = dance_by("max_answer = 100", provider.url(), &[], &[]);
    let expected = "127.0.0.1 answered with more than 100 KiB, which is no token";
    assert_eq!(failure(&ended).message, expected);
}

fn compressed(body: &[u8]) -> Reply {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).unwrap();
    Reply::json(200, encoder.finish().unwrap()).with("content-encoding", "gzip")
}

#[test]
fn a_compressed_answer_is_read() {
    let provider = Provider::scripted(|_, _| compressed(&issued(1, 3_600).body));
    assert!(is_issued(&dance(provider.url())));
    assert_eq!(provider.requests()[0].headers["accept-encoding"], "gzip,deflate");
}

#[test]
fn a_small_answer_that_unpacks_to_a_large_one_is_not_unpacked_to_its_end() {
    let bomb = compressed(&vec![b' '; 4 << 20]);
    assert!(bomb.body.len() < 40 << 10, "it would be within bounds");
    let provider = Provider::scripted(move |_, _| bomb.clone());
    let expected = "127.0.0.1 answered with more than 64 KiB, which is no token";
    assert_eq!(failure(&dance(provider.url())).message, expected);
}

#[test]
fn an_answer_of_ten_thousand_headers_is_not_read() {
    let provider = Provider::scripted(|_, _| {
        (0..10_000).fold(issued(1, 3_600), |reply, number| reply.with("x-one", number.to_string()))
    });
    let ended = dance(provider.url());
    let message = &failure(&ended).message;
    assert!(message.starts_with("the connection to 127.0.0.1 failed: "), "{message}");
    assert_eq!(ended.fate, Fate::Lost);
}

#[test]
fn a_definition_says_how_long_an_answer_may_take() {
    // It takes connections, and says nothing.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let ended = dance_by("timeout = '100ms'", &url, &[], &[]);
    assert_eq!(failure(&ended).message, "127.0.0.1 gave no answer in time");
    assert_eq!(ended.fate, Fate::Lost);
}
