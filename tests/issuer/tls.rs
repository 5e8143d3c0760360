//! Providers that ask the client for a certificate (RFC 8705).

use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    sync::Arc,
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    crypto::ring::default_provider,
    pki_types::PrivateKeyDer,
    server::{NoClientAuth, WebPkiClientVerifier, danger::ClientCertVerifier},
};
use tempfile::TempDir;
use tokend::ports::Issuance;
use tokend_core::Fate;

use crate::{
    dance_by, failure, is_issued,
    support::provider::{Provider, issued},
};

/// A certificate authority with a file to trust it by.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    dir: TempDir,
}

/// A certificate and its key, in PEM.
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, dir }
    }

    /// Where it says whom to trust.
    pub(crate) fn file(&self) -> String {
        self.path("ca.pem").display().to_string()
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Certifies a client.
    pub(crate) fn client(&self) -> Pair {
        let (certificate, key) = self.certify("tester", ExtendedKeyUsagePurpose::ClientAuth);
        Pair { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    fn certify(&self, name: &str, usage: ExtendedKeyUsagePurpose) -> (rcgen::Certificate, KeyPair) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![usage];
        self.sign(&params)
    }

    /// Starts a provider with a certificate of this authority.
    pub(crate) fn provider(&self) -> Provider {
        self.provider_for(Arc::new(NoClientAuth))
    }

    /// Starts a provider that asks clients for a certificate of this authority.
    pub(crate) fn demanding_provider(&self) -> Provider {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let ring = Arc::new(default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), ring);
        self.provider_for(verifier.build().unwrap())
    }

    fn provider_for(&self, clients: Arc<dyn ClientCertVerifier>) -> Provider {
        let config = Arc::new(self.server(clients));
        let layer = move |stream: TcpStream| {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            Ok(StreamOwned::new(connection, stream))
        };
        Provider::layered("https", layer, |number, _| issued(number, 3_600))
    }
}

impl Authority {
    /// What a server at 127.0.0.1 needs.
    pub(crate) fn server(&self, clients: Arc<dyn ClientCertVerifier>) -> ServerConfig {
        let (certificate, key) = self.certify("127.0.0.1", ExtendedKeyUsagePurpose::ServerAuth);
        serving(&certificate, &key, clients)
    }

    /// Signs what a certificate is to say.
    pub(crate) fn sign(&self, params: &CertificateParams) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }
}

/// What a server with this certificate needs.
pub(crate) fn serving(
    certificate: &rcgen::Certificate,
    key: &KeyPair,
    clients: Arc<dyn ClientCertVerifier>,
) -> ServerConfig {
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients)
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        );
    config.unwrap()
}

const IDENTITY: &str = "ca_file = '{{ var.ca }}'\n\
                        client_certificate = '{{ secret.identity }}'\n";

fn dance(authority: &Authority, provider: &Provider, identity: &str) -> Issuance {
    let ca = authority.file();
    dance_by(IDENTITY, provider.url(), &[("ca", &ca)], &[("identity", identity)])
}

#[test]
fn a_client_shows_its_certificate_to_a_provider_that_asks_for_it() {
    let authority = Authority::new();
    let provider = authority.demanding_provider();
    let Pair { certificate, key } = authority.client();
    let ended = dance(&authority, &provider, &format!("{certificate}{key}"));
    assert!(is_issued(&ended), "{:?}", ended.outcome);
    assert_eq!(provider.requests().len(), 1);
}

#[test]
fn a_key_can_stand_apart_and_both_can_be_in_files() {
    let authority = Authority::new();
    let provider = authority.demanding_provider();
    let Pair { certificate, key } = authority.client();
    let apart = format!("{IDENTITY}client_key = '{{{{ secret.client_key }}}}'");
    let ca = authority.file();
    let (certificate_file, key_file) = (authority.path("client.pem"), authority.path("key.pem"));
    fs::write(&certificate_file, &certificate).unwrap();
    fs::write(&key_file, &key).unwrap();
    let paths = [certificate_file, key_file].map(|path| path.display().to_string());
    for (identity, key) in [(&certificate, &key), (&paths[0], &paths[1]), (&certificate, &paths[1])]
    {
        let secrets = [("identity", identity.as_str()), ("client_key", key.as_str())];
        let ended = dance_by(&apart, provider.url(), &[("ca", &ca)], &secrets);
        assert!(is_issued(&ended), "{:?}", ended.outcome);
    }
}

#[test]
fn without_a_certificate_of_the_right_authority_no_request_gets_through() {
    let authority = Authority::new();
    let provider = authority.demanding_provider();
    let ca = authority.file();
    let ended = dance_by("ca_file = '{{ var.ca }}'", provider.url(), &[("ca", &ca)], &[]);
    assert!(!is_issued(&ended));
    let Pair { certificate, key } = Authority::new().client();
    let ended = dance(&authority, &provider, &format!("{certificate}{key}"));
    assert!(!is_issued(&ended));
    assert!(provider.requests().is_empty());
}

#[test]
fn a_key_of_another_certificate_is_found_out_before_anything_is_sent() {
    let authority = Authority::new();
    let provider = authority.demanding_provider();
    let identity = format!("{}{}", authority.client().certificate, authority.client().key);
    let ended = dance(&authority, &provider, &identity);
    let message = &failure(&ended).message;
    assert!(message.starts_with("can't set up TLS: "), "{message}");
    assert_eq!(ended.fate, Fate::Unsent);
}

#[test]
fn a_provider_of_an_unknown_authority_gets_nothing() {
    let provider = Authority::new().provider();
    let other = Authority::new();
    let ca = other.file();
    let ended = dance_by("ca_file = '{{ var.ca }}'", provider.url(), &[("ca", &ca)], &[]);
    let message = &failure(&ended).message;
    assert!(message.starts_with("can't connect to 127.0.0.1: "), "{message}");
    assert_eq!((ended.fate, provider.requests().len()), (Fate::Unsent, 0));
}
