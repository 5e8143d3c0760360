//! A call with one message and one answer, in as few steps as it takes: tonic's client has more of
//! them than the answer of a token is worth.

use std::{sync::LazyLock, time::Duration};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use h2::{RecvStream, client::SendRequest};
use http::{
    HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, Version,
    header::{CONTENT_TYPE, HeaderName, TE},
};
use prost::Message;
use tokend_proto::v1::{AcquireTokenRequest, AcquireTokenResponse};
use tonic::{Code, Status};

use super::answer::readable;

/// What stands before a message: whether it is compressed, and its length
/// (gRPC over HTTP/2, "Length-Prefixed-Message").
const PREFIX: usize = 5;

/// The largest answer, in bytes: as large as tonic's clients take.
const LARGEST: usize = 4 * 1024 * 1024;

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const TRAILERS: HeaderValue = HeaderValue::from_static("trailers");

static ACQUIRE: LazyLock<Uri> =
    LazyLock::new(|| Uri::from_static("http://localhost/tokend.v1.TokenService/AcquireToken"));

/// Asks for a token. The daemon is told how long it is waited for, in whole milliseconds.
///
/// # Errors
/// What the daemon answers instead, or what happened to the connection.
pub(crate) async fn acquire(
    sender: SendRequest<Bytes>,
    question: &AcquireTokenRequest,
    timeout: Duration,
) -> Result<AcquireTokenResponse, Status> {
    let mut sender = sender.ready().await.map_err(broken)?;
    let (answer, mut stream) = sender.send_request(head(timeout), false).map_err(broken)?;
    stream.send_data(framed(question), true).map_err(broken)?;
    let (head, mut body) = answer.await.map_err(broken)?.into_parts();
    if head.status != StatusCode::OK {
        return Err(Status::new(Code::Unknown, format!("the server answered {}", head.status)));
    }
    // Where there is no message, the head says why.
    if head.headers.contains_key(STATUS) {
        said(head.headers.clone())?;
    }
    let message = whole(&mut body).await?;
    if let Some(trailers) = body.trailers().await.map_err(broken)? {
        said(trailers)?;
    } else if !head.headers.contains_key(STATUS) {
        return Err(Status::unknown("the answer doesn't say how the call went"));
    }
    read(message)
}

fn head(timeout: Duration) -> Request<()> {
    let mut head = Request::new(());
    *head.method_mut() = Method::POST;
    *head.uri_mut() = ACQUIRE.clone();
    *head.version_mut() = Version::HTTP_2;
    let mut headers = HeaderMap::with_capacity(3);
    headers.insert(TE, TRAILERS);
    headers.insert(CONTENT_TYPE, GRPC);
    // Eight digits at most ("TimeoutValue").
    let timeout = format!("{}m", timeout.as_millis().min(99_999_999));
    headers.insert(TIMEOUT, HeaderValue::try_from(timeout).expect("it is made of digits"));
    *head.headers_mut() = headers;
    head
}

fn framed(question: &impl Message) -> Bytes {
    let length = question.encoded_len();
    let mut framed = BytesMut::with_capacity(PREFIX + length);
    framed.put_u8(0);
    framed.put_u32(u32::try_from(length).expect("a question is short"));
    question.encode(&mut framed).expect("there is room for it");
    framed.freeze()
}

/// Returns all that comes before the trailers. It comes in one piece in general.
async fn whole(body: &mut RecvStream) -> Result<Bytes, Status> {
    let mut whole = Bytes::new();
    while let Some(part) = body.data().await {
        let part = part.map_err(broken)?;
        // The daemon is told only once half of the window is used up.
        body.flow_control().release_capacity(part.len()).map_err(broken)?;
        if whole.len() + part.len() > PREFIX + LARGEST {
            return Err(Status::out_of_range("the answer is longer than any token"));
        }
        whole = if whole.is_empty() { part } else { [whole, part].concat().into() };
    }
    Ok(whole)
}

/// Returns what went wrong with a call, if something did.
fn said(headers: HeaderMap) -> Result<(), Status> {
    if headers.get(STATUS).is_some_and(|status| status == "0") {
        return Ok(());
    }
    match Status::from_header_map(&readable(headers)) {
        Some(status) if status.code() == Code::Ok => Ok(()),
        Some(status) => Err(status),
        None => Err(Status::unknown("the answer doesn't say how the call went")),
    }
}

fn read(mut framed: Bytes) -> Result<AcquireTokenResponse, Status> {
    let malformed = |what: &str| Status::internal(format!("the answer {what}"));
    if framed.len() < PREFIX {
        return Err(malformed("has no message"));
    }
    if framed.get_u8() != 0 {
        return Err(malformed("is compressed, which wasn't asked for"));
    }
    if usize::try_from(framed.get_u32()) != Ok(framed.len()) {
        return Err(malformed("isn't one message"));
    }
    AcquireTokenResponse::decode(framed)
        .map_err(|error| malformed(&format!("is no token: {error}")))
}

fn broken(error: h2::Error) -> Status {
    Status::from_error(Box::new(error))
}
