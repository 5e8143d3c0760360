//! An API of the test's own, below the layer.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt as _, Full};
use tokend_proto::v1::{self, rejection, rotation_rule};
use tower::{Layer as _, Service, ServiceExt as _, service_fn};

use crate::{Attach, AttachError, TokenBody, TokenFate, attach::sample};

/// A request as the API got it: its line, the headers, and the body.
pub(super) type Got = (String, HeaderMap, Bytes);

/// An API that answers as it is told, and remembers what it was asked.
#[derive(Clone, Default)]
pub(super) struct Api {
    got: Arc<Mutex<Vec<Got>>>,
    answers: Arc<Mutex<VecDeque<Response<Bits>>>>,
}

/// A body that comes bit by bit, of a length that it doesn't say.
#[derive(Default)]
pub(super) struct Bits(pub(super) VecDeque<io::Result<Frame<Bytes>>>);

impl Bits {
    pub(super) fn of(bits: &[&'static str]) -> Self {
        Self(bits.iter().map(|bit| Ok(Frame::data(Bytes::from_static(bit.as_bytes())))).collect())
    }
}

impl Body for Bits {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Poll::Ready(self.0.pop_front())
    }
}

impl Api {
    pub(super) fn answering(answers: impl IntoIterator<Item = Response<Bits>>) -> Self {
        let api = Self::default();
        api.answers.lock().unwrap().extend(answers);
        api
    }

    pub(super) fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    /// What each request had as `Authorization`.
    pub(super) fn authorizations(&self) -> Vec<String> {
        let value = |(_, headers, _): Got| {
            headers.get("authorization").map_or("none", |value| value.to_str().unwrap()).to_owned()
        };
        self.got().into_iter().map(value).collect()
    }

    pub(super) async fn ask<B>(
        &self,
        attach: &Attach,
        request: Request<B>,
    ) -> Result<Response<TokenBody<Bits>>, AttachError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: std::error::Error + Send + Sync,
    {
        let api = self.clone();
        let service = service_fn(move |request: Request<TokenBody<B>>| {
            let api = api.clone();
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.map_err(|_| io::Error::other("lost"))?.to_bytes();
                let line = format!("{} {}", head.method, head.uri);
                api.got.lock().unwrap().push((line, head.headers, body));
                let answer = api.answers.lock().unwrap().pop_front();
                answer.ok_or_else(|| io::Error::other("no answer"))
            }
        });
        attach.layer().layer(service).ready().await?.call(request).await
    }
}

pub(super) fn get(uri: &str) -> Request<Full<Bytes>> {
    Request::get(uri).body(Full::default()).unwrap()
}

pub(super) fn answer(status: u16, bits: &[&'static str]) -> Response<Bits> {
    Response::builder().status(status).body(Bits::of(bits)).unwrap()
}

pub(super) fn ok() -> Response<Bits> {
    answer(200, &["fine"])
}

pub(super) fn fate<B>(response: &Response<B>) -> &TokenFate {
    response.extensions().get().unwrap()
}

pub(super) async fn text(response: Response<TokenBody<Bits>>) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Rules by which a 200 refuses a token in its body, and hands out a newer one in a header.
pub(super) fn sliding(value: &str) -> v1::Token {
    let rule = rejection::BodyRule {
        path: "errors.*.message".to_owned(),
        values: vec!["Unauthorized".to_owned()],
        ..Default::default()
    };
    let source = Some(rotation_rule::Source::Header("X-Authorization".to_owned()));
    let strip_prefix = "Bearer ".to_owned();
    v1::Token {
        rejection: Some(v1::Rejection { body: vec![rule], ..Default::default() }),
        rotations: vec![v1::RotationRule { source, strip_prefix, ..Default::default() }],
        ..sample::message(value)
    }
}

pub(super) const API: &str = "https://api.example.com/v1";
