//! Providers that would hold up others, or speak out of turn.

use std::{
    io,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use tokend_core::Fate;

use crate::{
    Running, defined_by, failure, is_issued,
    raw::{Raw, hear, repeat},
    support::{PATIENCE, provider::Provider},
};

/// Begins a dance, and doesn't wait for its end.
fn begin(running: &mut Running, name: &str, http: &str, url: &str) {
    let (definition, inputs) = defined_by(http, url, &[], &[]);
    running.begin(name, definition, inputs, Duration::ZERO);
}

#[test]
fn a_provider_that_hangs_or_floods_holds_up_no_other() {
    let hanging = Provider::issuing();
    hanging.close();
    let (begun, begins) = mpsc::channel();
    let flooding = Raw::new(move |wire| {
        hear(wire)?;
        begun.send(()).map_err(io::Error::other)?;
        repeat(wire, &b"HTTP/1.1 103 x\r\n\r\n".repeat(1 << 10))
    });
    let mut running = Running::start();
    for number in 0..20 {
        begin(&mut running, &format!("hanging-{number}"), "", hanging.url());
    }
    begin(&mut running, "flooded", "", &flooding.url);
    hanging.wait_for_requests(20);
    begins.recv_timeout(PATIENCE).unwrap();
    let good = Provider::issuing();
    begin(&mut running, "good", "", good.url());
    let ended = running.ended();
    assert_eq!(ended.name.as_str(), "good");
    assert!(is_issued(&ended), "{:?}", ended.outcome);
    hanging.open();
    for _ in 0..20 {
        assert!(is_issued(&running.ended()));
    }
}

#[test]
fn an_answer_after_its_time_is_nobodys() {
    let (go, gone) = mpsc::channel();
    let (sent, sends) = mpsc::channel();
    let (gone, number) = (Mutex::new(gone), AtomicUsize::new(0));
    let provider = Raw::new(move |wire| {
        hear(wire)?;
        // The first answer is kept back.
        let number = number.fetch_add(1, Ordering::SeqCst);
        if number == 0 {
            gone.lock().unwrap().recv().map_err(io::Error::other)?;
        }
        let body = format!(r#"{{"access_token":"token-{number}"}}"#);
        let said = write!(wire, "HTTP/1.1 200 x\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        sent.send(()).map_err(io::Error::other)?;
        said
    });
    let mut running = Running::start();
    begin(&mut running, "late", "timeout = '100ms'", &provider.url);
    let late = running.ended();
    assert_eq!(
        (failure(&late).message.as_str(), late.fate),
        ("127.0.0.1 gave no answer in time", Fate::Lost)
    );
    go.send(()).unwrap();
    sends.recv_timeout(PATIENCE).unwrap();
    begin(&mut running, "next", "", &provider.url);
    assert_eq!(value(&running.ended()), "token-1");
}

fn value(ended: &tokend::ports::Issuance) -> String {
    use secrecy::ExposeSecret;
    match &ended.outcome {
        tokend_provider::Outcome::Issued(issued) => issued.value.expose_secret().to_owned(),
        other => panic!("it failed: {other:?}"),
    }
}

#[test]
fn what_a_provider_says_unasked_is_no_answer_to_the_next_request() {
    let number = AtomicUsize::new(0);
    let provider = Raw::new(move |wire| {
        loop {
            hear(wire)?;
            let number = number.fetch_add(1, Ordering::SeqCst);
            let answer = |text: &str| {
                let body = format!(r#"{{"access_token":"{text}-{number}"}}"#);
                format!("HTTP/1.1 200 x\r\ncontent-length: {}\r\n\r\n{body}", body.len())
            };
            // Two for one, and the connection stays open for more.
            write!(wire, "{}{}", answer("asked"), answer("unasked"))?;
        }
    });
    let mut running = Running::start();
    for turn in 0..3 {
        begin(&mut running, "api", "", &provider.url);
        assert_eq!(value(&running.ended()), format!("asked-{turn}"));
    }
}
