//! Proxies: those of the definition, and no others.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use tokend_core::Fate;
use tokend_provider::Verdict;

use crate::{
    SECRET,
    alone::{alone, passes},
    dance_by, failure, is_issued,
    support::provider::Provider,
    tls::Authority,
};

const PROXIED: &str = "ca_file = '{{ var.ca }}'\nproxy = '{{ var.proxy }}'\n";

/// A proxy that opens tunnels, or refuses to, and keeps what it was asked.
pub(crate) struct Proxy {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    pub(crate) fn answering(status: &'static str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let kept = Arc::clone(&kept);
                thread::spawn(move || tunnel(&stream?, status, &kept));
            }
        });
        Self { url, asked }
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn tunnel(mut client: &TcpStream, status: &str, asked: &Mutex<Vec<String>>) -> io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head)? > 0 {}
    asked.lock().unwrap().push(head.clone());
    write!(client, "HTTP/1.1 {status}\r\n\r\n")?;
    if !status.starts_with("200") {
        return Ok(());
    }
    let provider = TcpStream::connect(head.split(' ').nth(1).unwrap_or_default())?;
    let (mut back, mut forth) = (provider.try_clone()?, client.try_clone()?);
    thread::spawn(move || io::copy(&mut back, &mut forth));
    io::copy(&mut reader, &mut &provider)?;
    Ok(())
}

#[test]
fn a_proxy_of_the_definition_opens_a_tunnel_and_sees_nothing_of_what_is_in_it() {
    let (authority, proxy) = (Authority::new(), Proxy::answering("200 OK"));
    let provider = authority.provider();
    let login = format!("{PROXIED}proxy_username = 'us'\nproxy_password = '{{{{ secret.pass }}}}'");
    let variables = [("ca", authority.file()), ("proxy", proxy.url.clone())];
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    let ended = dance_by(&login, provider.url(), &variables, &[("pass", "word")]);
    assert!(is_issued(&ended), "{:?}", ended.outcome);
    assert_eq!(provider.requests().len(), 1);
    let asked = proxy.asked();
    let address = provider.url().trim_start_matches("https://");
    assert_eq!(asked.len(), 1);
    assert!(asked[0].starts_with(&format!("CONNECT {address} HTTP/1.1\r\n")), "{asked:?}");
    // `us:word`, and no path or query.
    assert!(
        asked[0].to_lowercase().contains("proxy-authorization: basic dxm6d29yza=="),
        "{asked:?}"
    );
    assert!(!asked[0].contains(SECRET) && !asked[0].contains("/token"), "{asked:?}");
}

#[test]
fn a_proxy_that_opens_no_tunnel_costs_nothing() {
    let (authority, proxy) = (Authority::new(), Proxy::answering("407 Log In"));
    let provider = authority.provider();
    let variables = [("ca", authority.file()), ("proxy", proxy.url.clone())];
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    let ended = dance_by(PROXIED, provider.url(), &variables, &[]);
    let message = &failure(&ended).message;
    assert!(message.starts_with("can't connect to 127.0.0.1: "), "{message}");
    assert!(message.contains("proxy"), "{message}");
    assert_eq!((ended.fate, provider.requests().len()), (Fate::Unsent, 0));
}

#[test]
fn plain_http_stays_on_loopback() {
    let (provider, proxy) = (Provider::issuing(), Proxy::answering("200 OK"));
    let ended =
        dance_by("proxy = '{{ var.proxy }}'", provider.url(), &[("proxy", &proxy.url)], &[]);
    assert!(is_issued(&ended), "{:?}", ended.outcome);
    assert!(proxy.asked().is_empty());
}

#[test]
fn a_proxy_is_no_way_to_a_cloud_s_metadata() {
    let proxy = Proxy::answering("200 OK");
    let through = "proxy = '{{ var.proxy }}'";
    for url in ["https://169.254.169.254", "https://metadata.google.internal"] {
        let ended = dance_by(through, url, &[("proxy", &proxy.url)], &[]);
        assert_eq!((failure(&ended).verdict, ended.fate), (Verdict::Denied, Fate::Unsent), "{url}");
    }
    assert!(proxy.asked().is_empty());
    let ended = dance_by(through, "https://10.0.0.1", &[("proxy", "http://169.254.0.1")], &[]);
    let message = &failure(&ended).message;
    assert!(message.starts_with("169.254.0.1 is link-local"), "{message}");
}

#[test]
fn proxies_of_the_environment_are_ignored() {
    // The environment belongs to a whole process.
    let Some(mut inside) = alone("proxy::proxies_of_the_environment_are_ignored") else {
        let authority = Authority::new();
        for provider in [authority.provider(), Provider::issuing()] {
            let ca = authority.file();
            let ended = dance_by("ca_file = '{{ var.ca }}'", provider.url(), &[("ca", &ca)], &[]);
            assert!(is_issued(&ended), "{:?}", ended.outcome);
        }
        return;
    };
    let proxy = Proxy::answering("502 No");
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        inside.env(name, &proxy.url).env(name.to_lowercase(), &proxy.url);
    }
    passes(inside.env_remove("NO_PROXY").env_remove("no_proxy"));
    assert!(proxy.asked().is_empty());
}
