//! A provider on loopback that issues tokens of a few seconds, rotates refresh tokens, and fails
//! when it is told to.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::sleep,
};

use crate::{
    clock::Clock,
    credentials::{life, number},
    plan::Mode,
    support::canary,
};

/// How long a slow provider takes.
const SLOW: [Duration; 3] =
    [Duration::from_millis(100), Duration::from_millis(300), Duration::from_millis(600)];

/// What a provider that limits says.
const RETRY_AFTER: &str = "3";

/// How long to wait for a port that someone else has taken meanwhile.
const TAKEN: Duration = Duration::from_millis(50);

/// One provider.
pub(crate) struct Site {
    clock: Clock,
    address: SocketAddr,
    mode: watch::Sender<Mode>,
    accounts: Mutex<BTreeMap<String, Account>>,
}

/// What it knows of one credential.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Account {
    /// How many requests have come.
    pub(crate) requests: u64,
    /// How many tokens were issued.
    pub(crate) issued: u64,
    /// How many refresh tokens came that had been replaced.
    pub(crate) replayed: u64,
    /// The number of the refresh token that is valid.
    refresh: Option<u64>,
}

impl Site {
    /// Opens one. It ends with the runtime.
    pub(crate) async fn open(number: usize, clock: Clock) -> Arc<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (mode, accounts) = (watch::Sender::new(Mode::Well), Mutex::default());
        let site = Arc::new(Self { clock, address, mode, accounts });
        tokio::spawn(Arc::clone(&site).serve(listener));
        println!("provider {number} listens on {address}");
        site
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/token", self.address)
    }

    pub(crate) fn turn(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// Returns what is known of all credentials.
    pub(crate) fn accounts(&self) -> BTreeMap<String, Account> {
        self.accounts.lock().unwrap().clone()
    }

    /// Returns how many requests have come, and how many tokens were issued.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let accounts = self.accounts.lock().unwrap();
        let sum = |field: fn(&Account) -> u64| accounts.values().map(field).sum();
        (sum(|account| account.requests), sum(|account| account.issued))
    }

    async fn serve(self: Arc<Self>, mut listener: TcpListener) {
        let mut mode = self.mode.subscribe();
        loop {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                        connections.spawn(Arc::clone(&self).converse(stream));
                    },
                    Some(_) = connections.join_next() => {}
                    changed = mode.changed() => if changed.is_err() { return },
                }
                if *mode.borrow() == Mode::Closed {
                    break;
                }
            }
            drop(listener);
            connections.shutdown().await;
            if mode.wait_for(|mode| *mode != Mode::Closed).await.is_err() {
                return;
            }
            listener = loop {
                match TcpListener::bind(self.address).await {
                    Ok(listener) => break listener,
                    Err(_) => sleep(TAKEN).await,
                }
            };
        }
    }

    async fn converse(self: Arc<Self>, stream: TcpStream) {
        let service = service_fn(|request| async {
            Ok::<_, Infallible>(self.answer(request).await.map(Full::new))
        });
        // A daemon that hangs up is no fault of the provider's.
        let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Bytes> {
        let Ok(body) = request.into_body().collect().await else {
            return status(400);
        };
        let form = body.to_bytes();
        let form = std::str::from_utf8(&form).unwrap_or_default();
        let field = |name: &str| {
            form.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
        };
        let Some(name) = field("client_id").map(str::to_owned) else {
            return status(400);
        };
        let mode = *self.mode.borrow();
        let requests = self.note(&name);
        let answer = match mode {
            Mode::Broken if requests.is_multiple_of(2) => return status(500),
            Mode::Broken => return status(503),
            Mode::Limiting => return limited(),
            _ => self.issue(&name, field("grant_type"), field("refresh_token")),
        };
        match mode {
            Mode::Slow => sleep(SLOW[usize::try_from(requests % 3).unwrap_or(0)]).await,
            // What is lost is the answer alone.
            Mode::Hang => {
                let _ = self.mode.subscribe().wait_for(|mode| *mode != Mode::Hang).await;
            }
            _ => {}
        }
        answer
    }

    fn note(&self, name: &str) -> u64 {
        let mut accounts = self.accounts.lock().unwrap();
        let account = accounts.entry(name.to_owned()).or_default();
        account.requests += 1;
        account.requests
    }

    fn issue(&self, name: &str, grant: Option<&str>, refresh: Option<&str>) -> Response<Bytes> {
        let mut accounts = self.accounts.lock().unwrap();
        let account = accounts.entry(name.to_owned()).or_default();
        if grant == Some("refresh_token") {
            let sent = refresh.and_then(|token| token.split('.').nth(1)?.parse().ok());
            if sent.is_none() || sent != account.refresh {
                account.replayed += u64::from(account.refresh.is_some());
                // The family ends with it (RFC 9700 §4.14.2).
                account.refresh = None;
                return json(400, r#"{"error":"invalid_grant"}"#);
            }
        }
        account.issued += 1;
        account.refresh = Some(account.issued);
        let life = life(number(name));
        let end = (self.clock.now() + life).as_millis();
        let issued = account.issued;
        drop(accounts);
        let token = format!(r#""access_token":"t.{name}.{end}.c0ffee","token_type":"Bearer""#);
        let refresh = match grant {
            Some("client_credentials") => String::new(),
            _ => format!(r#","refresh_token":"r.{issued}.{name}.c0ffee""#),
        };
        json(200, &format!(r#"{{{token},"expires_in":{}{refresh}}}"#, life.as_secs()))
    }
}

/// Returns which credential a token is of, and when it ends.
pub(crate) fn read(token: &str) -> Option<(&str, Duration)> {
    let mut parts = token.trim().split('.').skip(1);
    Some((parts.next()?, Duration::from_millis(parts.next()?.parse().ok()?)))
}

fn status(code: u16) -> Response<Bytes> {
    json(code, "{}")
}

fn limited() -> Response<Bytes> {
    let mut answer = status(429);
    answer.headers_mut().insert("retry-after", http::HeaderValue::from_static(RETRY_AFTER));
    answer
}

fn json(code: u16, body: &str) -> Response<Bytes> {
    let answer = Response::builder().status(code).header("content-type", "application/json");
    answer.body(canary::real(body).into()).expect("it is well-formed")
}
