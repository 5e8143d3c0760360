//! Answers without end, which are given up within their bounds of time and memory.

use std::{
    fs,
    io::{self, ErrorKind, Read, Write},
    net::{Ipv4Addr, TcpListener},
    thread,
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use tokend_core::Fate;

use crate::{
    alone::{alone, passes},
    dance_by, failure, frames, is_issued,
    raw::{Raw, hear, repeat, silence},
    support::provider::Provider,
    tls::Authority,
};

/// How an answer without end is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    TooLarge,
    Broken,
    Late,
}

const TOO_LARGE: &str = "127.0.0.1 answered with more than 64 KiB, which is no token";
const LATE: &str = "127.0.0.1 gave no answer in time";

fn provider(first: &'static str, then: Vec<u8>, end: End) -> Raw {
    Raw::new(move |wire| {
        hear(wire)?;
        wire.write_all(b"HTTP/1.1 ")?;
        wire.write_all(first.as_bytes())?;
        match end {
            End::Late => silence(wire, &then),
            End::TooLarge | End::Broken => repeat(wire, &then),
        }
    })
}

/// Packs so many spaces.
fn packed(size: u64) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    io::copy(&mut io::repeat(b' ').take(size), &mut encoder).unwrap();
    encoder.finish().unwrap()
}

fn plain_floods() -> Vec<(&'static str, Raw, End)> {
    let spaces = || vec![b' '; 16 << 10];
    let chunk = [b"4000\r\n".to_vec(), spaces(), b"\r\n".to_vec()].concat();
    let bomb = packed(8 << 20);
    assert!(bomb.len() < 10 << 10, "it is a thousand times as large as it looks");
    let gzip = "200 x\r\nconnection: close\r\ncontent-encoding: gzip\r\n\r\n";
    let twice = "200 x\r\nconnection: close\r\ncontent-encoding: gzip, gzip\r\n\r\n";
    let brotli = "200 x\r\nconnection: close\r\ncontent-encoding: br\r\n\r\n";
    let chunked = "200 x\r\ntransfer-encoding: chunked\r\n\r\n";
    vec![
        ("a GiB", "200 x\r\ncontent-length: 1073741824\r\n\r\n", spaces(), End::TooLarge),
        ("a body", "200 x\r\nconnection: close\r\n\r\n", spaces(), End::TooLarge),
        ("chunks", chunked, chunk, End::TooLarge),
        ("a bomb", gzip, bomb.clone(), End::TooLarge),
        ("a bomb in a bomb", twice, bomb.clone(), End::TooLarge),
        ("what nobody asked for", brotli, bomb, End::TooLarge),
        ("packed nothing", gzip, packed(0), End::Broken),
        (
            "the extension of a chunk",
            "200 x\r\ntransfer-encoding: chunked\r\n\r\n1;",
            spaces(),
            End::Broken,
        ),
        ("the length of a chunk", chunked, b"0".repeat(16 << 10), End::Late),
        (
            "trailers",
            "200 x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n",
            b"x: y\r\n".to_vec(),
            End::Broken,
        ),
        ("headers", "200 x\r\n", b"x-one: y\r\n".repeat(1 << 10), End::Broken),
        ("a header", "200 x\r\nx-one: ", spaces(), End::Broken),
        ("a status", "200 ", b"x".repeat(16 << 10), End::Broken),
        ("early hints", "103 x\r\n\r\n", b"HTTP/1.1 103 x\r\n\r\n".repeat(1 << 10), End::Late),
    ]
    .into_iter()
    .map(|(case, first, then, end)| (case, provider(first, then, end), end))
    .collect()
}

/// The most memory that this process has had, in KiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn answers_without_end_are_given_up_and_take_no_memory() {
    const NAME: &str = "floods::answers_without_end_are_given_up_and_take_no_memory";
    // Memory is measured by processes.
    let Some(mut inside) = alone(NAME) else {
        let authority = Authority::new();
        let ca = authority.file();
        let http = "ca_file = '{{ var.ca }}'\ntimeout = '500ms'";
        let dance = |url: &str| dance_by(http, url, &[("ca", &ca)], &[]);
        let (plain, framed) = (plain_floods(), frames::floods(&authority));
        for provider in [Provider::issuing(), authority.provider()] {
            assert!(is_issued(&dance(provider.url())));
        }
        let before = peak();
        for (case, provider, end) in plain {
            let ended = dance(&provider.url);
            let message = &failure(&ended).message;
            let expected = match end {
                End::TooLarge => message == TOO_LARGE,
                End::Late => message == LATE,
                End::Broken => message.starts_with("the connection to 127.0.0.1 failed: "),
            };
            assert!(expected, "{case}: {message}");
            assert_eq!(ended.fate, Fate::Lost, "{case}");
        }
        for (case, provider) in framed {
            let ended = dance(&provider.url);
            assert_eq!(ended.fate, Fate::Lost, "{case}: {}", failure(&ended).message);
        }
        let grown = peak() - before;
        assert!(grown < 8 << 10, "{grown} KiB");
        return;
    };
    passes(&mut inside);
}

#[test]
fn an_answer_that_comes_byte_by_byte_has_no_more_time_than_any_other() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let dripped = thread::spawn(move || -> io::Result<u32> {
        let (mut stream, _) = listener.accept()?;
        hear(&mut stream)?;
        stream.write_all(b"HTTP/1.1 200 x\r\ncontent-length: 1000\r\n\r\n")?;
        // Until the other end hangs up, there is nothing to read.
        stream.set_read_timeout(Some(Duration::from_millis(20)))?;
        let mut bytes = 0;
        loop {
            match stream.read(&mut [0]) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => stream.write_all(b" ")?,
                Ok(0) | Err(_) => return Ok(bytes),
                Ok(_) => return Err(io::Error::other("something else was said")),
            }
            bytes += 1;
        }
    });
    let ended = dance_by("timeout = '400ms'", &url, &[], &[]);
    assert_eq!((failure(&ended).message.as_str(), ended.fate), (LATE, Fate::Lost));
    let bytes = dripped.join().unwrap().unwrap();
    assert!((2..1_000).contains(&bytes), "{bytes}");
}

#[test]
fn a_body_that_is_not_as_long_as_it_says_is_no_answer() {
    const TOKEN: &str = r#"{"access_token":"a"}"#;
    for (case, head, body, expected) in [
        ("longer", "content-length: 100", TOKEN, "the connection to 127.0.0.1 failed: "),
        ("shorter", "content-length: 10", TOKEN, ""),
        ("two lengths", "content-length: 20\r\ncontent-length: 10", TOKEN, "the connection to"),
        ("no number", "content-length: 2O", TOKEN, "the connection to 127.0.0.1 failed: "),
        // RFC 9112 §6.3: what is chunked has no length.
        ("both", "content-length: 20\r\ntransfer-encoding: chunked", TOKEN, "the connection to"),
        (
            "half a chunk",
            "transfer-encoding: chunked",
            "ff\r\n{\"access_token\":\"a\"}",
            "the conn",
        ),
    ] {
        let provider = Raw::new(move |wire| {
            hear(wire)?;
            write!(wire, "HTTP/1.1 200 x\r\nconnection: close\r\n{head}\r\n\r\n{body}")
        });
        let ended = dance_by("", &provider.url, &[], &[]);
        let message = &failure(&ended).message;
        assert!(message.starts_with(expected), "{case}: {message}");
    }
}
