//! What logs tell of a dance when they tell everything.

use std::{
    io,
    net::{Ipv4Addr, TcpListener},
    sync::{Arc, Mutex, PoisonError},
};

use tracing_subscriber::filter::LevelFilter;

use crate::{
    SECRET, dance_by, failure, is_issued,
    support::{
        contains, disguises,
        provider::{Provider, Reply},
        text,
    },
    tls::{Authority, Pair},
};

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(part)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn no_secret_and_no_query_is_in_an_error_or_a_log_at_any_level() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE);
    subscriber.with_writer(move || writer.clone()).init();

    let authority = Authority::new();
    let Pair { certificate, key } = authority.client();
    let (ca, identity) = (authority.file(), format!("{certificate}{key}"));
    let provider = authority.demanding_provider();
    let http = "ca_file = '{{ var.ca }}'\nclient_certificate = '{{ secret.identity }}'";
    let secrets = [("identity", identity.as_str())];
    assert!(is_issued(&dance_by(http, provider.url(), &[("ca", &ca)], &secrets)));
    assert!(provider.requests()[0].path.contains(SECRET), "it is in the query");

    let redirecting = Provider::scripted(|_, request| {
        Reply::json(302, "{}").with("location", request.path.clone())
    });
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    let closed = "https://127.0.0.1:1".to_owned();
    for url in [redirecting.url(), &silent, &closed] {
        let ended = dance_by("timeout = '100ms'", url, &[], &[]);
        let message = &failure(&ended).message;
        assert!(!message.contains(SECRET) && !message.contains("/token"), "{message}");
    }

    let logged = log.0.lock().unwrap().clone();
    assert!(contains(&logged, b"TRACE") && contains(&logged, b"sending"), "{}", text(&logged));
    let key = key.lines().nth(1).unwrap();
    for disguise in disguises(SECRET).into_iter().chain([key.as_bytes().to_vec()]) {
        assert!(!contains(&logged, &disguise), "{}", text(&logged));
    }
    assert!(!contains(&logged, b"token?key="), "{}", text(&logged));
}
