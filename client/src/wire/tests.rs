use std::{
    io::{self, IoSlice, Read as _},
    os::unix::net::UnixListener as StdListener,
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
    time::Duration,
};

use tempfile::TempDir;
use tokend_proto::v1::{AcquireTokenRequest, token_service_client::TokenServiceClient};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};
use tonic::Code;

use super::*;
use crate::{Client, Error, TokenOptions, line::ATTEMPTS};

/// A connection that counts how often it is written to.
struct Counted(DuplexStream, Arc<AtomicUsize>);

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.1.fetch_add(1, Relaxed);
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.1.fetch_add(1, Relaxed);
        Pin::new(&mut self.0).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

/// Answers each call with a status that says how long its message was.
async fn answer_all(stream: DuplexStream) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        tokio::spawn(async move {
            let (mut body, mut length) = (request.into_body(), 0);
            while let Some(data) = body.data().await {
                length += data.unwrap().len();
            }
            let answer = Response::builder()
                .header("content-type", "application/grpc")
                .header("grpc-status", "3")
                .header("grpc-message", length.to_string());
            respond.send_response(answer.body(()).unwrap(), true).unwrap();
        });
    }
}

#[tokio::test]
async fn a_call_is_one_write_however_long_it_is() {
    let (ours, theirs) = duplex(64 * 1_024);
    let serving = tokio::spawn(answer_all(theirs));
    let writes = Arc::new(AtomicUsize::new(0));
    let (sender, connection) = begin(Counted(ours, Arc::clone(&writes))).await.unwrap();
    let connection = tokio::spawn(connection);
    let service = tower::service_fn(move |request| send(sender.clone(), request));
    let origin = http::Uri::from_static(ORIGIN);
    let mut client = TokenServiceClient::with_origin(service, origin);
    let mut call = async |name: String| {
        let request = AcquireTokenRequest { name, ..AcquireTokenRequest::default() };
        let status = client.acquire_token(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        status.message().parse::<usize>().unwrap()
    };
    // The first call goes with what the two say of themselves.
    call("api".to_owned()).await;
    for length in [3, 100, 4_000, 10_000] {
        let before = writes.load(Relaxed);
        assert!(call("a".repeat(length)).await > length);
        assert_eq!(writes.load(Relaxed) - before, 1, "{length}");
    }
    connection.abort();
    serving.abort();
}

fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tokend.sock");
    (directory, path)
}

#[test]
fn whoever_asks_once_says_all_at_once() {
    let (_directory, path) = place();
    let listener = StdListener::bind(&path).unwrap();
    let listening = thread::spawn(move || {
        // The connection is lost, and the call is made again.
        let mut heard = Vec::new();
        for _ in 0..ATTEMPTS {
            let (mut stream, _) = listener.accept().unwrap();
            let mut room = [0; 4_096];
            let length = stream.read(&mut room).unwrap();
            heard.push(room[..length].to_vec());
        }
        heard
    });
    let asked = Client::builder().socket(&path).token_once("causely", TokenOptions::new());
    assert!(matches!(asked, Err(Error::Disconnected(_))), "{asked:?}");
    for heard in listening.join().unwrap() {
        assert!(heard.starts_with(b"PRI * HTTP/2.0"));
        assert!(heard.windows(7).any(|part| part == b"causely"));
    }
}

#[test]
fn whoever_asks_once_waits_no_longer_than_was_said() {
    let (_directory, path) = place();
    let _listener = StdListener::bind(&path).unwrap();
    for timeout in [Duration::ZERO, Duration::from_millis(1)] {
        let options = TokenOptions::new().timeout(timeout);
        let asked = Client::builder().socket(&path).token_once("causely", options);
        assert!(matches!(asked, Err(Error::TimedOut)), "{asked:?}");
    }
}

#[test]
fn whoever_asks_once_is_told_that_nobody_is_there() {
    let (_directory, path) = place();
    let asked = Client::builder().socket(&path).token_once("causely", TokenOptions::new());
    assert!(matches!(asked, Err(Error::DaemonNotRunning { .. })), "{asked:?}");
}
