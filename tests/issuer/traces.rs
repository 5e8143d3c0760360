//! What logs tell of a dance when they tell everything.

use std::net::{Ipv4Addr, TcpListener};

use tracing_subscriber::filter::LevelFilter;

use crate::{
    SECRET, dance_by, failure, is_issued,
    log::Log,
    support::{
        contains, disguises,
        provider::{Provider, Reply},
    },
    tls::{Authority, Pair},
};

#[test]
fn no_secret_and_no_query_is_in_an_error_or_a_log_at_any_level() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE);
    subscriber.with_writer(log.clone()).init();

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

    let logged = log.take();
    assert!(logged.contains("TRACE") && logged.contains("sending"), "{logged}");
    let key = key.lines().nth(1).unwrap();
    for disguise in disguises(SECRET).into_iter().chain([key.as_bytes().to_vec()]) {
        assert!(!contains(logged.as_bytes(), &disguise), "{logged}");
    }
    assert!(!logged.contains("token?key="), "{logged}");
}
