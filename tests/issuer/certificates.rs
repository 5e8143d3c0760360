//! Providers that show certificates which prove nothing, and connections that are
//! less than they could be.

use std::{
    fs, io,
    sync::{Arc, mpsc},
    time::Duration,
};

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, date_time_ymd};
use rustls::server::NoClientAuth;
use tokend::ports::Issuance;
use tokend_core::Fate;

use crate::{
    Running, dance_by, defined_by, failure, is_issued,
    raw::{Raw, Wire, repeat},
    support::PATIENCE,
    tls::{Authority, serving},
};

const CA: &str = "ca_file = '{{ var.ca }}'";

/// A provider that would answer, and hears nothing unless it is believed.
fn provider(certificate: &rcgen::Certificate, key: &KeyPair) -> (Raw, mpsc::Receiver<u8>) {
    let (hear, heard) = mpsc::channel();
    let speech = move |wire: &mut dyn Wire| {
        let mut first = [0; 1];
        wire.read_exact(&mut first)?;
        hear.send(first[0]).map_err(io::Error::other)?;
        repeat(wire, b"HTTP/1.1 103 x\r\n\r\n")
    };
    (Raw::encrypted(serving(certificate, key, Arc::new(NoClientAuth)), speech), heard)
}

fn params(name: &str) -> CertificateParams {
    CertificateParams::new(vec![name.to_owned()]).unwrap()
}

#[test]
fn a_certificate_that_proves_nothing_gets_no_byte_of_a_request() {
    let authority = Authority::new();
    let [mut expired, mut early, mut client] = [(); 3].map(|()| params("127.0.0.1"));
    expired.not_after = date_time_ymd(2021, 1, 1);
    early.not_before = date_time_ymd(3000, 1, 1);
    client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let unknown = Authority::new().sign(&params("127.0.0.1"));
    let own = KeyPair::generate().unwrap();
    let signed_by_itself = (params("127.0.0.1").self_signed(&own).unwrap(), own);
    for (case, (certificate, key), reason) in [
        ("expired", authority.sign(&expired), "certificate expired"),
        ("not yet valid", authority.sign(&early), "certificate not valid yet"),
        ("of another name", authority.sign(&params("localhost")), "not valid for name"),
        ("of another address", authority.sign(&params("127.0.0.2")), "not valid for name"),
        ("a client's", authority.sign(&client), "extended key usage"),
        ("of another authority", unknown, "invalid peer certificate"),
        ("signed by itself", signed_by_itself, "invalid peer certificate"),
    ] {
        let (provider, heard) = provider(&certificate, &key);
        let ca = authority.file();
        let ended = dance_by(CA, &provider.url, &[("ca", &ca)], &[]);
        let message = &failure(&ended).message;
        assert!(message.starts_with("can't connect to 127.0.0.1: "), "{case}: {message}");
        assert!(message.contains(reason), "{case}: {message}");
        assert_eq!(ended.fate, Fate::Unsent, "{case}");
        // The connection's end is all that it hears.
        drop(provider);
        assert!(heard.try_recv().is_err(), "{case}");
    }
}

#[test]
fn a_credentials_own_authority_counts_for_that_credential_alone() {
    let (authority, other) = (Authority::new(), Authority::new());
    let provider = authority.provider();
    let mut running = Running::start();
    let mut ask = |http: &str, variables: &[(&str, &str)]| -> Issuance {
        let (definition, inputs) = defined_by(http, provider.url(), variables, &[]);
        running.begin("api", definition, inputs, Duration::ZERO);
        running.ended()
    };
    let (own, others) = (authority.file(), other.file());
    // A connection is kept from the first on: it is no neighbour's.
    assert!(is_issued(&ask(CA, &[("ca", &own)])));
    for neighbour in [ask("", &[]), ask(CA, &[("ca", &others)])] {
        let message = &failure(&neighbour).message;
        assert!(message.contains("invalid peer certificate"), "{message}");
        assert_eq!(neighbour.fate, Fate::Unsent);
    }
    assert!(is_issued(&ask(CA, &[("ca", &own)])));
    assert_eq!(provider.requests().len(), 2);
}

#[test]
fn a_certificate_that_is_signed_by_itself_can_be_the_authority_of_its_provider() {
    let (directory, key) = (tempfile::tempdir().unwrap(), KeyPair::generate().unwrap());
    let certificate = params("127.0.0.1").self_signed(&key).unwrap();
    let file = directory.path().join("own.pem");
    fs::write(&file, certificate.pem()).unwrap();
    let (provider, heard) = provider(&certificate, &key);
    let file = file.display().to_string();
    let limited = format!("{CA}\ntimeout = '300ms'");
    let ended = dance_by(&limited, &provider.url, &[("ca", &file)], &[]);
    assert_eq!(failure(&ended).message, "127.0.0.1 gave no answer in time");
    assert_eq!(heard.recv_timeout(PATIENCE), Ok(b'P'));
}

/// A handshake's first answer, in TLS of a version, with random bytes that end so.
fn server_hello(version: u8, end: [u8; 8]) -> Vec<u8> {
    let mut hello = vec![3, version];
    hello.extend([7; 24]);
    hello.extend(end);
    // No session, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 or what was before it, and no
    // compression.
    let suite = if version == 3 { [0xc0, 0x2b] } else { [0xc0, 0x09] };
    hello.extend([0, suite[0], suite[1], 0]);
    // `extended_master_secret` and `renegotiation_info`, which clients ask for.
    hello.extend([0, 9, 0, 23, 0, 0, 0xff, 1, 0, 1, 0]);
    let length = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap();
    let handshake = [&[2, 0, 0, length(&hello)][..], &hello].concat();
    [&[22, 3, version, 0, length(&handshake)][..], &handshake].concat()
}

#[test]
fn no_connection_is_older_than_tls_1_2_or_talked_down_to_it() {
    for (version, end, reason) in [
        (1, [7; 8], "peer is incompatible"),
        (2, [7; 8], "peer is incompatible"),
        // What a server that knows TLS 1.3 says if someone has taken it out of the
        // client's offer on the way (RFC 8446 §4.1.3).
        (3, *b"DOWNGRD\x01", "peer misbehaved"),
    ] {
        let (told, tells) = mpsc::channel();
        let provider = Raw::new(move |wire| {
            // The offer, then whatever follows the answer.
            let mut head = [0; 5];
            wire.read_exact(&mut head)?;
            wire.read_exact(&mut vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))])?;
            wire.write_all(&server_hello(version, end))?;
            let mut rest = Vec::new();
            wire.read_to_end(&mut rest)?;
            told.send(rest).map_err(io::Error::other)
        });
        let authority = Authority::new();
        let url = provider.url.replace("http://", "https://");
        let ended = dance_by(CA, &url, &[("ca", &authority.file())], &[]);
        let message = &failure(&ended).message;
        assert!(message.contains(reason), "{message}");
        assert_eq!(ended.fate, Fate::Unsent);
        // An alert, and the end.
        let rest = tells.recv_timeout(PATIENCE).unwrap();
        assert!(rest.len() == 7 && rest[0] == 21, "{rest:?}");
    }
}
