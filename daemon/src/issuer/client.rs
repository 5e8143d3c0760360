//! HTTP clients, one for each way of reaching a provider.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use reqwest::{Client, ClientBuilder, redirect, retry};
use secrecy::ExposeSecret;
use tokend_provider::{AcceptedInputs, Proxy, Transport};
use url::Url;

use super::{
    identity::{Credentials, CredentialsError, Fingerprint, fingerprint},
    pem::FileError,
    probe::HangUp,
    resolver::Resolver,
    transfer::chain,
    trust::{Trust, TrustError},
};
use crate::apart::{self, ApartError};

/// How long an idle connection is kept: tokens are asked for hours apart.
const POOL_IDLE: Duration = Duration::from_secs(5);

/// How many bytes of an answer over HTTP/2 may come before they are read, and of all answers
/// on a connection. By default it would be megabytes, and an answer is small.
const WINDOWS: [u32; 2] = [64 << 10, 128 << 10];

/// How many clients are kept. Certificates are renewed now and then, and a client
/// holds the key that it was made with.
const MOST: usize = 64;

/// The clients that have been used.
#[derive(Debug, Default)]
pub(super) struct Clients {
    known: Mutex<BTreeMap<Way, Client>>,
    /// Whether none of them ever sends anything.
    hang_up: bool,
}

/// What makes one client differ from another.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Way {
    trust: Trust,
    identity: Option<Fingerprint>,
    proxy: Option<(Url, Fingerprint)>,
    connect_timeout: Duration,
    allow_link_local: bool,
}

/// No client can be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error("can't set up TLS: {}", chain(.0))]
    Tls(reqwest::Error),
    #[error(transparent)]
    Apart(#[from] ApartError),
}

impl ClientError {
    /// Tells whether the machine lacks what it takes.
    pub(super) fn is_local(&self) -> bool {
        matches!(self, Self::Apart(ApartError::NoThread(_)))
    }
}

impl Clients {
    /// Makes clients that hang up once they are connected, and send nothing.
    pub(super) fn hanging_up() -> Self {
        Self { hang_up: true, ..Self::default() }
    }

    /// Returns a client for a URL. It reads files, which can take any time, where that
    /// holds nobody up.
    ///
    /// They are read each time, so that a renewed certificate takes effect at once.
    pub(super) async fn find(
        self: &Arc<Self>,
        url: &Url,
        inputs: &Arc<AcceptedInputs>,
    ) -> Result<Client, ClientError> {
        let (clients, url, inputs) = (Arc::clone(self), url.clone(), Arc::clone(inputs));
        apart::block("issuer-files", move || clients.get(&url, inputs.transport())).await?
    }

    /// Returns a client for a URL. It reads files, which can take any time.
    pub(super) fn get(&self, url: &Url, transport: &Transport) -> Result<Client, ClientError> {
        // Plain http is for loopback, where there is no TLS and no use for a proxy.
        let encrypted = url.scheme() != "http";
        let trust = if encrypted { Trust::read(transport)? } else { Trust::Nobody };
        let identity = transport.identity.as_ref().filter(|_| encrypted);
        let credentials = identity.map(Credentials::read).transpose()?;
        let proxy = transport.proxy.as_ref().filter(|_| encrypted);
        let way = Way {
            trust,
            identity: credentials.as_ref().map(Credentials::fingerprint),
            proxy: proxy.map(|proxy| (proxy.url.clone(), login(proxy))),
            connect_timeout: transport.connect_timeout,
            allow_link_local: transport.allow_link_local,
        };
        let lock = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = lock().get(&way) {
            return Ok(client.clone());
        }
        let mut builder = builder(&way, credentials.as_ref(), proxy)?;
        if self.hang_up {
            builder = builder.connector_layer(HangUp);
        }
        let client = builder.build().map_err(ClientError::Tls)?;
        let mut clients = lock();
        if clients.len() >= MOST {
            clients.clear();
        }
        clients.insert(way, client.clone());
        Ok(client)
    }
}

fn login(proxy: &Proxy) -> Fingerprint {
    let Some(login) = &proxy.login else { return Fingerprint::new() };
    // A user name has no colon.
    fingerprint(&[login.username.as_bytes(), b":", login.password.expose_secret().as_bytes()])
}

fn builder(
    way: &Way,
    credentials: Option<&Credentials>,
    proxy: Option<&Proxy>,
) -> Result<ClientBuilder, ClientError> {
    // reqwest's defaults follow redirects, read proxies from the environment,
    // send again and wait for ever; a secret must go one way only, once.
    let mut builder = Client::builder()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .no_proxy()
        .referer(false)
        .connect_timeout(way.connect_timeout)
        .pool_idle_timeout(POOL_IDLE)
        .http2_initial_stream_window_size(WINDOWS[0])
        .http2_initial_connection_window_size(WINDOWS[1])
        .dns_resolver(Resolver { allow_link_local: way.allow_link_local })
        .user_agent(concat!("tokend/", env!("CARGO_PKG_VERSION")));
    if let Some(credentials) = credentials {
        builder = builder.identity(credentials.decode()?);
    }
    if let Some(proxy) = proxy {
        let mut outgoing = reqwest::Proxy::all(proxy.url.clone()).map_err(ClientError::Tls)?;
        if let Some(login) = &proxy.login {
            outgoing = outgoing.basic_auth(&login.username, login.password.expose_secret());
        }
        builder = builder.proxy(outgoing);
    }
    Ok(way.trust.apply(builder)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring() {
        let _ = rustls::crypto::ring::default_provider().install_default();
    }

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn plain_http_needs_no_certificate_authorities() {
        ring();
        // Not there, and not asked for.
        let transport = Transport { ca_file: Some("/none".into()), ..Transport::default() };
        let clients = Clients::default();
        assert!(clients.get(&url("http://127.0.0.1/"), &transport).is_ok());
        assert!(clients.get(&url("https://127.0.0.1/"), &transport).is_err());
    }

    #[test]
    fn a_renewed_file_of_certificates_takes_effect_at_once() {
        ring();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        let transport = Transport { ca_file: Some(path.clone()), ..Transport::default() };
        let clients = Clients::default();
        let known = |renew: bool| {
            if renew {
                let made = rcgen::generate_simple_self_signed(Vec::new()).unwrap();
                std::fs::write(&path, made.cert.pem()).unwrap();
            }
            clients.get(&url("https://127.0.0.1/"), &transport).unwrap();
            clients.known.lock().unwrap().len()
        };
        assert_eq!([known(true), known(false), known(true)], [1, 1, 2]);
    }

    #[test]
    fn there_is_one_client_for_each_way_and_no_end_of_ways_fills_no_memory() {
        ring();
        let clients = Clients::default();
        let mut transport = Transport::default();
        let mut get = |seconds: u64| {
            transport.connect_timeout = Duration::from_secs(seconds);
            clients.get(&url("http://127.0.0.1/"), &transport).unwrap();
            clients.known.lock().unwrap().len()
        };
        assert_eq!([get(1), get(1), get(2)], [1, 1, 2]);
        assert!((3..300).all(|seconds| get(seconds) <= MOST));
    }
}
