//! A small provider on loopback, with an OAuth token endpoint, a GraphQL login
//! and an API that takes their tokens.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    io,
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokend_core::{Random, after};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::{clock::SystemClock, entropy::SystemEntropy, ports::Clock};

/// The secret of the OAuth client `demo`.
pub(super) const CLIENT_SECRET: &str = "demo-secret";

/// The password of the user `demo@example.com`.
pub(super) const PASSWORD: &str = "demo-password";

/// How long an OAuth token lives: short enough to see one being replaced.
const OAUTH_LIFE: Duration = Duration::from_secs(120);

/// How long a GraphQL token lives.
const GRAPHQL_LIFE: Duration = Duration::from_secs(3_600);

/// How many OAuth tokens a day are issued.
const DAILY_LIMIT: usize = 500;

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// No request to the demo is larger.
const LARGEST_BODY: usize = 64 * 1_024;

/// A provider that is running. It ends when it is dropped.
#[derive(Debug)]
pub(super) struct DemoProvider {
    url: String,
    _serving: JoinSet<()>,
}

#[derive(Debug)]
struct State {
    clock: SystemClock,
    tokens: Mutex<Tokens>,
}

#[derive(Debug, Default)]
struct Tokens {
    /// When each token expires.
    live: BTreeMap<String, Timestamp>,
    /// When OAuth tokens were issued within the last day.
    issued: Vec<Timestamp>,
}

impl DemoProvider {
    /// Starts a provider on a port of loopback, or on a free one if `port` is 0.
    pub(super) async fn start(clock: SystemClock, port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let state = Arc::new(State { clock, tokens: Mutex::default() });
        let mut serving = JoinSet::new();
        serving.spawn(accept(listener, state));
        Ok(Self { url, _serving: serving })
    }

    /// Returns its address.
    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Arc::clone(&state)));
                }
                Err(error) => tracing::warn!("demo provider: {error}"),
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, state: Arc<State>) {
    let service = service_fn(|request| answer(request, Arc::clone(&state)));
    let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
    if let Err(error) = served {
        tracing::debug!("demo provider: {error}");
    }
}

type Answer = Response<Full<Bytes>>;

async fn answer(request: Request<Incoming>, state: Arc<State>) -> Result<Answer, Infallible> {
    let (head, body) = request.into_parts();
    let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
    let authorization = header(header::AUTHORIZATION).unwrap_or_default().to_owned();
    let Ok(body) = Limited::new(body, LARGEST_BODY).collect().await else {
        return Ok(reply(StatusCode::BAD_REQUEST, &json!({"error": "invalid_request"})));
    };
    let body = body.to_bytes();
    Ok(match (&head.method, head.uri.path()) {
        (&Method::POST, "/oauth/token") => state.oauth(&authorization, &body),
        (&Method::POST, "/graphql") => state.graphql(&authorization, &body),
        (&Method::GET, "/api/hello") => state.hello(&authorization),
        _ => reply(StatusCode::NOT_FOUND, &json!({"error": "not_found"})),
    })
}

impl State {
    /// RFC 6749 §4.4, with the client's secret by HTTP Basic.
    fn oauth(&self, authorization: &str, body: &[u8]) -> Answer {
        let expected = format!("Basic {}", STANDARD.encode(format!("demo:{CLIENT_SECRET}")));
        if authorization != expected {
            return reply(StatusCode::UNAUTHORIZED, &json!({"error": "invalid_client"}));
        }
        let mut form = url::form_urlencoded::parse(body);
        if !form.any(|(key, value)| key == "grant_type" && value == "client_credentials") {
            return reply(StatusCode::BAD_REQUEST, &json!({"error": "unsupported_grant_type"}));
        }
        let now = self.clock.now().wall;
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.issued.retain(|at| after(*at, DAY) > now);
        if tokens.issued.len() >= DAILY_LIMIT {
            let oldest = tokens.issued.first().copied().unwrap_or(now);
            let wait = after(oldest, DAY).duration_since(now).as_secs().max(1);
            let mut refusal = reply(
                StatusCode::TOO_MANY_REQUESTS,
                &json!({"error": "too_many_requests", "error_description": "daily limit reached"}),
            );
            refusal.headers_mut().insert(header::RETRY_AFTER, wait.into());
            return refusal;
        }
        tokens.issued.push(now);
        let token = tokens.issue(after(now, OAUTH_LIFE), now);
        let life = OAUTH_LIFE.as_secs();
        reply(
            StatusCode::OK,
            &json!({"access_token": token, "token_type": "Bearer", "expires_in": life}),
        )
    }

    /// A login by query variables, whose token is in a header; anything else
    /// takes a token. Refusals come with status 200, as GraphQL has it.
    fn graphql(&self, authorization: &str, body: &[u8]) -> Answer {
        let unauthorized =
            || reply(StatusCode::OK, &json!({"errors": [{"message": "Unauthorized"}]}));
        let request: Value = serde_json::from_slice(body).unwrap_or_default();
        let is_login = request["query"].as_str().is_some_and(|query| query.contains("loginUser"));
        if !is_login {
            return if self.is_live(authorization) {
                reply(StatusCode::OK, &json!({"data": {"me": {"id": "1"}}}))
            } else {
                unauthorized()
            };
        }
        let variables = &request["variables"];
        if variables["email"] != "demo@example.com" || variables["password"] != PASSWORD {
            return unauthorized();
        }
        let now = self.clock.now().wall;
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let token = tokens.issue(after(now, GRAPHQL_LIFE), now);
        let mut answer = reply(StatusCode::OK, &json!({"data": {"loginUser": {"id": "1"}}}));
        let value = token.parse().expect("tokens are letters, digits and '-'");
        answer.headers_mut().insert("x-authorization", value);
        answer
    }

    fn hello(&self, authorization: &str) -> Answer {
        if self.is_live(authorization) {
            reply(StatusCode::OK, &json!({"hello": "demo"}))
        } else {
            reply(StatusCode::UNAUTHORIZED, &json!({"error": "invalid_token"}))
        }
    }

    fn is_live(&self, authorization: &str) -> bool {
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let token = authorization.strip_prefix("Bearer ").unwrap_or_default();
        tokens.live.get(token).is_some_and(|end| *end > self.clock.now().wall)
    }
}

impl Tokens {
    fn issue(&mut self, expires_at: Timestamp, now: Timestamp) -> String {
        self.live.retain(|_, end| *end > now);
        let mut bytes = [0; 16];
        SystemEntropy::default().fill(&mut bytes);
        let token = format!("demo-{:032x}", u128::from_be_bytes(bytes));
        self.live.insert(token.clone(), expires_at);
        token
    }
}

fn reply(status: StatusCode, body: &Value) -> Answer {
    let mut answer = Response::new(Full::from(body.to_string()));
    *answer.status_mut() = status;
    let json = header::HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, json);
    answer
}
