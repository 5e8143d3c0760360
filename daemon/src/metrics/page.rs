//! Answers `GET /metrics`, and nothing else.

use std::{convert::Infallible, net::IpAddr, sync::Arc, time::Duration};

use http::{
    Method, Request, Response, StatusCode,
    header::{ACCEPT, CONTENT_TYPE, HOST, HeaderName},
    uri::Authority,
};
use http_body_util::Full;
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};
use tracing::{debug, error};

use super::{Form, Looks};

/// How many connections there are at once; agents of monitoring are one or two.
pub(super) const MOST: usize = 8;

/// How long a connection may last: it has one request, and agents wait for ten seconds.
const LONGEST: Duration = Duration::from_secs(10);

/// How much of a request is read, in bytes.
const LARGEST_HEAD: usize = 16 * 1_024;

/// How long to wait if the system lets no one connect.
const PAUSE: Duration = Duration::from_secs(1);

/// Serves for as long as it is polled.
pub(super) async fn serve(listener: std::net::TcpListener, looks: Arc<Looks>) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(problem) => return error!("metrics aren't served: {problem}"),
    };
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < MOST => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(timeout(LONGEST, one(stream, Arc::clone(&looks))));
                }
                Err(problem) => {
                    debug!("nobody can connect for metrics: {problem}");
                    sleep(PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Answers one request.
async fn one(stream: TcpStream, looks: Arc<Looks>) {
    let answer = service_fn(|request: Request<Incoming>| {
        let looks = Arc::clone(&looks);
        async move { Ok::<_, Infallible>(answer(&request, &looks).await) }
    });
    let mut builder = http1::Builder::new();
    builder.keep_alive(false).max_buf_size(LARGEST_HEAD);
    builder.timer(TokioTimer::new()).header_read_timeout(LONGEST);
    if let Err(problem) = builder.serve_connection(TokioIo::new(stream), answer).await {
        debug!("a connection for metrics ended: {problem}");
    }
}

pub(super) async fn answer<B>(request: &Request<B>, looks: &Arc<Looks>) -> Response<Full<Bytes>> {
    let header = |name: HeaderName| {
        request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    };
    if !is_local(header(HOST)) {
        // A page in a browser that has this address under a name of its own may read nothing.
        return said(StatusCode::FORBIDDEN, "ask for it by an address of loopback\n");
    }
    if request.uri().path() != "/metrics" {
        return said(StatusCode::NOT_FOUND, "there is /metrics, and nothing else\n");
    }
    if request.method() != Method::GET {
        return said(StatusCode::METHOD_NOT_ALLOWED, "it can be read, and nothing else\n");
    }
    let form = Form::accepted(header(ACCEPT));
    match looks.scene().await {
        Ok(scene) => of_type(StatusCode::OK, form.content_type(), form.write(&scene)),
        Err(problem) => said(StatusCode::SERVICE_UNAVAILABLE, &format!("{problem}\n")),
    }
}

/// Tells whether a request is for this machine by its own words.
fn is_local(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn said(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    of_type(status, "text/plain; charset=utf-8", text.to_owned())
}

fn of_type(status: StatusCode, kind: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static(kind));
    response
}
