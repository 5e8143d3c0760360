//! Servers that answer each call with the same message, and do nothing else: as tonic makes them,
//! by the h2 crate alone, and without HTTP.

use std::{
    io::{Read as _, Write as _},
    os::unix::net,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::stream;
use http::{HeaderMap, HeaderValue, Response as Head};
use prost::Message as _;
use tempfile::TempDir;
use tokend_proto::v1::{
    AcquireTokenRequest, AcquireTokenResponse, ListTokensRequest, ListTokensResponse,
    RefreshTokenRequest, RefreshTokenResponse, ReportRejectionRequest, ReportRejectionResponse,
    SubmitRotationRequest, SubmitRotationResponse, WatchTokensRequest, WatchTokensResponse,
    token_service_server::{TokenService, TokenServiceServer},
};
use tokio::net::UnixListener;
use tonic::{Request, Response, Status, transport::Server};

use crate::stage::runtime;

/// What a process is told that is to be one of tonic's, ..
pub(crate) const TONIC: &str = "--bare-tonic";
/// .. of h2's, ..
pub(crate) const H2: &str = "--bare-h2";
/// .. or one that answers whatever is said.
pub(crate) const ECHO: &str = "--bare-echo";

/// Such a server, in a process of its own.
pub(crate) struct Bare {
    directory: TempDir,
    process: Child,
}

impl Bare {
    pub(crate) fn start(role: &str, answer: &AcquireTokenResponse) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg(role).arg(socket(&directory));
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut input = process.stdin.take().unwrap();
        input.write_all(&answer.encode_to_vec()).unwrap();
        drop(input);
        let mut ready = [0];
        process.stdout.take().unwrap().read_exact(&mut ready).unwrap();
        Self { directory, process }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        socket(&self.directory)
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn socket(directory: &TempDir) -> PathBuf {
    Path::join(directory.path(), "bare.sock")
}

/// Is one, if that is its role: reads the answer, and serves until it is killed.
pub(crate) fn serve(role: &str, socket: &str) -> bool {
    let serve = match role {
        TONIC => tonic,
        H2 => h2,
        ECHO => echo,
        _ => return false,
    };
    let mut answer = Vec::new();
    std::io::stdin().read_to_end(&mut answer).unwrap();
    serve(&answer, socket);
    true
}

fn tonic(answer: &[u8], socket: &str) {
    let answer = AcquireTokenResponse::decode(answer).unwrap();
    runtime().block_on(async {
        let listener = UnixListener::bind(socket).unwrap();
        println!("ready");
        let incoming = stream::unfold(listener, |listener| async {
            Some((listener.accept().await.map(|(stream, _)| stream), listener))
        });
        let service = TokenServiceServer::new(Same(answer));
        let server = Server::builder().add_service(service);
        server.serve_with_incoming(Box::pin(incoming)).await.unwrap();
    });
}

fn h2(answer: &[u8], socket: &str) {
    let mut framed = BytesMut::new();
    framed.put_u8(0);
    framed.put_u32(u32::try_from(answer.len()).unwrap());
    framed.put(answer);
    let framed = framed.freeze();
    runtime().block_on(async {
        let listener = UnixListener::bind(socket).unwrap();
        println!("ready");
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer_all(stream, framed.clone()));
        }
    });
}

async fn answer_all(stream: tokio::net::UnixStream, framed: Bytes) {
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    while let Some(Ok((_, mut respond))) = connection.accept().await {
        let grpc = HeaderValue::from_static("application/grpc");
        let head = Head::builder().header(http::header::CONTENT_TYPE, grpc).body(()).unwrap();
        let mut body = respond.send_response(head, false).unwrap();
        body.send_data(framed.clone(), false).unwrap();
        let fine = ("grpc-status".parse().unwrap(), HeaderValue::from_static("0"));
        body.send_trailers(HeaderMap::from_iter([fine])).unwrap();
    }
}

fn echo(answer: &[u8], socket: &str) {
    let listener = net::UnixListener::bind(socket).unwrap();
    println!("ready");
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let mut said = [0; 4_096];
        while stream.read(&mut said).is_ok_and(|length| length > 0) {
            stream.write_all(answer).unwrap();
        }
    }
}

struct Same(AcquireTokenResponse);

#[tonic::async_trait]
impl TokenService for Same {
    type WatchTokensStream = stream::Empty<Result<WatchTokensResponse, Status>>;

    async fn acquire_token(
        &self,
        _: Request<AcquireTokenRequest>,
    ) -> Result<Response<AcquireTokenResponse>, Status> {
        Ok(Response::new(self.0.clone()))
    }

    async fn watch_tokens(
        &self,
        _: Request<WatchTokensRequest>,
    ) -> Result<Response<Self::WatchTokensStream>, Status> {
        Err(Status::unimplemented("it isn't measured"))
    }

    async fn list_tokens(
        &self,
        _: Request<ListTokensRequest>,
    ) -> Result<Response<ListTokensResponse>, Status> {
        Err(Status::unimplemented("it isn't measured"))
    }

    async fn report_rejection(
        &self,
        _: Request<ReportRejectionRequest>,
    ) -> Result<Response<ReportRejectionResponse>, Status> {
        Err(Status::unimplemented("it isn't measured"))
    }

    async fn submit_rotation(
        &self,
        _: Request<SubmitRotationRequest>,
    ) -> Result<Response<SubmitRotationResponse>, Status> {
        Err(Status::unimplemented("it isn't measured"))
    }

    async fn refresh_token(
        &self,
        _: Request<RefreshTokenRequest>,
    ) -> Result<Response<RefreshTokenResponse>, Status> {
        Err(Status::unimplemented("it isn't measured"))
    }
}
