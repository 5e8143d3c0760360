//! Looks at providers that nobody asks for anything.

use std::{
    net::{Ipv4Addr, TcpListener},
    sync::{Arc, mpsc},
};

use rcgen::CertificateParams;
use rustls::server::NoClientAuth;
use tokend::{
    issuer::HttpProber,
    ports::{Destination, Probed, Prober},
};
use tokend_provider::{AcceptedInputs, Definition};

use crate::{
    defined_by,
    proxy::Proxy,
    raw::{Raw, Wire},
    support::{PATIENCE, provider::Provider},
    tls::{Authority, serving},
};

const CA: &str = "ca_file = '{{ var.ca }}'";

/// Looks at all of them at once.
fn probe(all: Vec<(Arc<Definition>, AcceptedInputs)>) -> Vec<Probed> {
    let destinations = all.into_iter().map(|(definition, inputs)| {
        let urls = definition.destinations(&inputs);
        let [url] = urls.as_slice() else { panic!("{urls:?}") };
        Destination { url: url.clone(), inputs: Arc::new(inputs) }
    });
    let probing = HttpProber::default().probe(destinations.collect());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(probing).unwrap()
}

fn unreachable(probed: &Probed, part: &str) {
    let Probed::Unreachable(problem) = probed else { panic!("{probed:?}: {part}") };
    assert!(problem.contains(part), "{problem}");
}

/// How many requests have come; the end of a connection isn't one.
fn asked(provider: &Provider) -> usize {
    provider.requests().iter().filter(|request| !request.path.is_empty()).count()
}

/// A provider that tells of the first byte that it hears, if it hears one.
fn listening(authority: &Authority) -> (Raw, mpsc::Receiver<Option<u8>>) {
    let (hear, heard) = mpsc::channel();
    let speech = move |wire: &mut dyn Wire| {
        let mut first = [0; 1];
        let read = wire.read_exact(&mut first);
        hear.send(read.ok().map(|()| first[0])).map_err(std::io::Error::other)
    };
    let (certificate, key) =
        authority.sign(&CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap());
    (Raw::encrypted(serving(&certificate, &key, Arc::new(NoClientAuth)), speech), heard)
}

#[test]
fn a_provider_that_is_reached_hears_no_byte_of_a_request() {
    let authority = Authority::new();
    let (provider, heard) = listening(&authority);
    let plain = Provider::issuing();
    let ca = authority.file();
    let probed = probe(vec![
        defined_by(CA, &provider.url, &[("ca", &ca)], &[]),
        defined_by("", plain.url(), &[], &[]),
    ]);
    assert_eq!(probed, [Probed::Reached, Probed::Reached]);
    assert_eq!(heard.recv_timeout(PATIENCE).unwrap(), None, "it hears the end alone");
    assert_eq!(asked(&plain), 0);
}

#[test]
fn a_provider_that_wants_a_certificate_is_shown_it() {
    let authority = Authority::new();
    let provider = authority.demanding_provider();
    let pair = authority.client();
    let http = format!("{CA}\nclient_certificate = '{{{{ secret.identity }}}}'");
    let (ca, identity) = (authority.file(), format!("{}{}", pair.certificate, pair.key));
    let secrets = [("identity", identity.as_str())];
    let probed = probe(vec![defined_by(&http, provider.url(), &[("ca", &ca)], &secrets)]);
    assert_eq!(probed, [Probed::Reached]);
    assert_eq!(asked(&provider), 0);
}

#[test]
fn of_each_that_is_not_reached_it_is_said_why_and_none_keeps_the_others() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let ca = authority.file();
    let refusing = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let refused = format!("http://{}", refusing.local_addr().unwrap());
    drop(refusing);
    // Its connections come about, and nobody says a word on them.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let hanging = format!("https://{}", silent.local_addr().unwrap());
    let unbelieved = stranger.provider();
    // There is no such name for anyone (RFC 6761 §6.4).
    let nameless = "https://nothing.invalid";
    let well = authority.provider();
    let with_ca = |url: &str| defined_by(CA, url, &[("ca", &ca)], &[]);
    let probed = probe(vec![
        defined_by("", &refused, &[], &[]),
        with_ca(&hanging),
        with_ca(unbelieved.url()),
        with_ca(nameless),
        with_ca("https://169.254.169.254"),
        defined_by(CA, well.url(), &[("ca", "/no/such/file")], &[]),
        with_ca(well.url()),
        with_ca(well.url()),
    ]);
    unreachable(&probed[0], "Connection refused");
    unreachable(&probed[1], "no connection came about in 5 s");
    unreachable(&probed[2], "invalid peer certificate");
    unreachable(&probed[3], "dns error");
    unreachable(&probed[4], "link-local");
    unreachable(&probed[5], "/no/such/file");
    assert_eq!(probed[6..], [Probed::Reached, Probed::Reached]);
    assert_eq!(asked(&well) + asked(&unbelieved), 0);
}

#[test]
fn a_proxy_is_gone_through_unless_that_takes_its_password() {
    let authority = Authority::new();
    let provider = authority.provider();
    let (open, closed, locked) =
        (Proxy::answering("200 OK"), Proxy::answering("403 Forbidden"), Proxy::answering("200 OK"));
    let http = format!("{CA}\nproxy = '{{{{ var.proxy }}}}'\n");
    let login = format!("{http}proxy_username = 'us'\nproxy_password = '{{{{ secret.pass }}}}'\n");
    let ca = authority.file();
    let by = |http: &str, proxy: &Proxy, secrets: &[(&str, &str)]| {
        defined_by(http, provider.url(), &[("ca", &ca), ("proxy", &proxy.url)], secrets)
    };
    let probed = probe(vec![
        by(&http, &open, &[]),
        by(&http, &closed, &[]),
        by(&login, &locked, &[("pass", "word")]),
    ]);
    assert_eq!(probed[0], Probed::Reached);
    unreachable(&probed[1], "tunnel");
    assert_eq!(probed[2], Probed::ProxyReached);
    assert_eq!(open.asked().len(), 1);
    assert!(locked.asked().iter().all(String::is_empty), "it hears the end alone");
    assert_eq!(asked(&provider), 0);
}

#[test]
fn nobody_looks_any_more_once_nobody_waits() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("https://{}", silent.local_addr().unwrap());
    let prober = HttpProber::default();
    let (definition, inputs) = defined_by("", &url, &[], &[]);
    let inputs = Arc::new(inputs);
    let url = definition.destinations(&inputs).remove(0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let destination = Destination { url, inputs: Arc::clone(&inputs) };
        let probing = tokio::spawn(prober.probe(vec![destination]));
        let accepted = tokio::task::spawn_blocking(move || silent.accept().map(|_| silent));
        let silent = accepted.await.unwrap().unwrap();
        probing.abort();
        assert!(probing.await.unwrap_err().is_cancelled());
        // The next one has its turn.
        assert_eq!(prober.probe(Vec::new()).await, Some(Vec::new()));
        drop(silent);
    });
}
