//! Servers with certificates that a client of the test's own believes.

use std::{net::TcpStream, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned, crypto::ring::default_provider,
    pki_types::PrivateKeyDer,
};

use crate::support::provider::{Provider, Reply, Request};

/// A certificate authority.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap());
        Self { issuer: issuer.unwrap() }
    }

    /// Starts a server of these names that answers by a script.
    pub(crate) fn server(
        &self,
        names: &[&str],
        script: impl FnMut(usize, &Request) -> Reply + Send + 'static,
    ) -> Provider {
        let key = KeyPair::generate().unwrap();
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let params = CertificateParams::new(names).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            );
        let config = Arc::new(config.unwrap());
        let layer = move |stream: TcpStream| {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            Ok(StreamOwned::new(connection, stream))
        };
        Provider::layered("https", layer, script)
    }

    /// Returns what makes a client that believes this authority only, and finds these names
    /// on loopback.
    pub(crate) fn client(&self, names: &[&str]) -> reqwest::ClientBuilder {
        // Another test may have done so already.
        let _ = default_provider().install_default();
        let root = reqwest::Certificate::from_pem(self.issuer.pem().as_bytes()).unwrap();
        let builder = reqwest::Client::builder().no_proxy().tls_certs_only([root]);
        names
            .iter()
            .fold(builder, |builder, name| builder.resolve(name, ([127, 0, 0, 1], 0).into()))
    }
}
