//! Answers that point elsewhere.

use std::{
    io::ErrorKind,
    net::{Ipv4Addr, TcpListener},
    sync::Arc,
};

use rustls::server::NoClientAuth;
use tokend_provider::Verdict;

use crate::{
    dance, dance_by, failure,
    raw::{Raw, hear},
    support::provider::{Provider, Reply},
    tls::Authority,
};

/// Asserts that a target of a redirect is left alone, whatever the status says.
fn nothing_reaches(address: Ipv4Addr, location: impl Fn(u16) -> String) {
    let target = TcpListener::bind((address, 0)).unwrap();
    target.set_nonblocking(true).unwrap();
    let location = location(target.local_addr().unwrap().port());
    for status in [301, 302, 303, 307, 308] {
        let location = location.clone();
        let provider =
            Provider::scripted(move |_, _| Reply::json(status, "{}").with("location", &location));
        // The one sends a form, the other a query.
        for ended in [dance(provider.url()), dance_by("", provider.url(), &[], &[])] {
            assert_eq!(failure(&ended).verdict, Verdict::Transient, "{status}");
        }
        assert_eq!(provider.requests().len(), 2, "{status}");
        let reached = target.accept();
        assert_eq!(reached.unwrap_err().kind(), ErrorKind::WouldBlock, "{status}");
    }
}

#[test]
fn a_redirect_to_another_port_is_not_followed() {
    nothing_reaches(Ipv4Addr::LOCALHOST, |port| format!("http://127.0.0.1:{port}/token"));
}

#[test]
fn a_redirect_to_another_host_is_not_followed() {
    nothing_reaches(Ipv4Addr::new(127, 0, 0, 2), |port| format!("http://127.0.0.2:{port}/token"));
}

#[test]
fn a_redirect_to_another_scheme_is_not_followed() {
    nothing_reaches(Ipv4Addr::LOCALHOST, |port| format!("https://127.0.0.1:{port}/token"));
    // The way down, out of the encryption.
    let target = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    target.set_nonblocking(true).unwrap();
    let location = format!("http://{}/token", target.local_addr().unwrap());
    let authority = Authority::new();
    let provider = Raw::encrypted(authority.server(Arc::new(NoClientAuth)), move |wire| {
        hear(wire)?;
        write!(wire, "HTTP/1.1 307 x\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n")?;
        wire.flush()
    });
    let ca = authority.file();
    let ended = dance_by("ca_file = '{{ var.ca }}'", &provider.url, &[("ca", &ca)], &[]);
    assert_eq!(failure(&ended).verdict, Verdict::Transient);
    assert_eq!(target.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}
