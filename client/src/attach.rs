//! Puts tokens into requests to an API, whatever library sends them, and does what its
//! answers ask for.

mod answer;
mod body;
mod error;
mod fate;
#[cfg(feature = "tonic")]
mod grpc;
mod json;
#[cfg(feature = "tower")]
mod layer;
mod place;
#[cfg(feature = "reqwest")]
mod redirect;
#[cfg(feature = "reqwest")]
mod reqwest;
mod submission;
mod target;

use std::{future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, request::Parts};
use http_body::Body;

#[cfg(feature = "tonic")]
pub use self::grpc::{TokenChannel, TokenInterceptor};
#[cfg(feature = "tower")]
pub use self::layer::{TokenLayer, TokenService};
pub use self::{body::TokenBody, error::AttachError, fate::TokenFate};
use self::{
    body::{Carried, Sent},
    error::{BoxError, Failure},
    submission::Submissions,
};
use crate::{Client, Error, Rejection, Rotation, Ruling, Token, TokenOptions};

/// Bodies up to this length are kept, to be looked at or to be sent again. Tokens and
/// refusals are found in short ones.
const BODY_LIMIT: usize = 1 << 20;

/// How the tokens of one credential get into requests to its API. Clones are cheap.
///
/// It puts each token where the provider definition says: into headers, cookies, the query,
/// or fields of a JSON body. What the program has put in the same place itself gives way.
///
/// **Where tokens go.** Only over https (to this machine over http, too), and only to the
/// hosts that the provider definition names ([`Token::hosts`], and the one of
/// [`Token::base_url`]); [`hosts`](Self::hosts) names others. A request to anywhere else is
/// an error, and isn't sent; [`pass_elsewhere`](Self::pass_elsewhere) has it sent without the
/// token. A token never follows a redirection unless that leads to such a host.
///
/// **What answers bring.** A newer token is handed over before the answer is returned, even
/// if the program gives up meanwhile; if tokend is away just then, the answer waits for some
/// seconds at most, and the token is handed over when tokend is back. If an answer says by the
/// token's rules that it was refused, with whatever status, that is reported; and if tokend has
/// another by then, the request is repeated with that, once, and the second answer is returned
/// whatever it says. tokend takes ten seconds at most for a report, and no answer is lost: where
/// it can't be reached, the first one is returned.
/// [`TokenFate`], among the response's extensions, tells how the token fared.
///
/// A request can be repeated if its body was sent to its end and is no longer than
/// [`body_limit`](Self::body_limit). Answers are read up to that length before they are
/// returned if the token has rules about bodies that concern their status and content type;
/// longer ones are returned unread, and so are compressed ones and streams of events.
///
/// Requests are sent as they come. Where each answer ends the token before, as it does where
/// tokens are good for one request, a program that sends several at once has some refused
/// and repeated; it had better send one after the other.
#[derive(Clone, Debug)]
#[must_use]
pub struct Attach {
    client: Client,
    name: Arc<str>,
    options: Option<TokenOptions>,
    hosts: Option<Arc<[String]>>,
    passes_elsewhere: bool,
    body_limit: usize,
    submissions: Submissions,
}

/// What sends a request and brings the head of the answer.
pub(crate) trait Transport<B: Body> {
    /// The answer's body.
    type Body: Body<Data = Bytes> + Unpin;
    /// Why there is no answer.
    type Error;

    fn send(
        &mut self,
        request: Request<TokenBody<B>>,
    ) -> impl Future<Output = Result<Response<Self::Body>, Self::Error>> + Send;
}

/// What a request came to.
struct Exchanged<R: Body> {
    response: Response<TokenBody<R>>,
    /// What of the request's body can be sent once more.
    #[cfg_attr(
        not(feature = "reqwest"),
        expect(dead_code, reason = "no one follows redirections")
    )]
    sent: Sent,
    /// The token that the answer is about.
    #[cfg_attr(
        not(feature = "reqwest"),
        expect(dead_code, reason = "no one follows redirections")
    )]
    token: Token,
}

impl Attach {
    /// Returns how tokens of the credential `name` get into requests.
    pub fn new(client: &Client, name: impl Into<String>) -> Self {
        Self {
            client: client.clone(),
            name: name.into().into(),
            options: None,
            hosts: None,
            passes_elsewhere: false,
            body_limit: BODY_LIMIT,
            submissions: Submissions::default(),
        }
    }

    /// Sets what each token has to satisfy, as of
    /// [`Client::token_with`].
    pub fn options(mut self, options: TokenOptions) -> Self {
        self.options = Some(options);
        self
    }

    /// Sets the life that each token must still have; see [`TokenOptions::min_ttl`].
    pub fn min_ttl(self, min_ttl: Duration) -> Self {
        let options = self.options.unwrap_or_default().min_ttl(min_ttl);
        self.options(options)
    }

    /// Names the hosts that the token may be sent to, in the place of those that tokend
    /// knows, as URLs have them, without scheme or port; a leading dot stands for every
    /// subdomain. Where tokend knows none, nothing is sent without this.
    pub fn hosts(mut self, hosts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.hosts = Some(hosts.into_iter().map(Into::into).collect());
        self
    }

    /// Sends requests that don't go to the token's hosts without a token, and takes it out of
    /// those that have it in them. Otherwise they are errors.
    pub fn pass_elsewhere(mut self) -> Self {
        self.passes_elsewhere = true;
        self
    }

    /// Sets up to what length, in bytes, bodies are kept to be looked at or to be sent again;
    /// 1 MiB by default. With 0, no body is, and no answer waits for its body: that is for
    /// answers in JSON that go on for as long as the API has something to tell.
    pub fn body_limit(mut self, limit: usize) -> Self {
        self.body_limit = limit;
        self
    }

    /// Sends a request with a token and does what the answer asks for.
    async fn exchange<B, T>(
        &self,
        head: &Parts,
        body: Carried<B>,
        transport: &mut T,
    ) -> Result<Exchanged<T::Body>, Failure<T::Error>>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<BoxError>,
        T: Transport<B>,
    {
        let mut token = self.token().await.map_err(AttachError::Token)?;
        if let Err(error) = target::check(&head.uri, self.hosts.as_deref(), &token) {
            if !self.passes_elsewhere {
                return Err(error.into());
            }
            return self.pass(head, body, token, transport).await;
        }
        let (request, sent) = self.prepare(head, body, &token)?;
        let answer = transport.send(request).await.map_err(Failure::Sent)?;
        let mut fate = TokenFate::of(&token);
        let (mut response, report) = self.hear(answer, &token, &mut fate).await;
        if let Some(report) = report
            && let Some(newer) = self.report(report, &token, &mut fate).await
            && let Some(whole) = sent.again()
            && target::check(&head.uri, self.hosts.as_deref(), &newer).is_ok()
            && let Ok((request, _)) = self.prepare(head, Carried::Whole(whole), &newer)
        {
            drop(response);
            let second = transport.send(request).await.map_err(Failure::Sent)?;
            fate.repeated_with(&newer);
            (response, _) = self.hear(second, &newer, &mut fate).await;
            token = newer;
        }
        response.extensions_mut().insert(fate);
        Ok(Exchanged { response, sent, token })
    }

    /// Sends a request as it is, but without the token.
    async fn pass<B, T>(
        &self,
        head: &Parts,
        body: Carried<B>,
        token: Token,
        transport: &mut T,
    ) -> Result<Exchanged<T::Body>, Failure<T::Error>>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<BoxError>,
        T: Transport<B>,
    {
        let mut head = head.clone();
        place::withdraw(&mut head, &token)?;
        let (body, sent) = body.open(self.body_limit);
        let answer =
            transport.send(Request::from_parts(head, body)).await.map_err(Failure::Sent)?;
        Ok(Exchanged { response: answer.map(TokenBody::unread), sent, token })
    }

    fn prepare<B>(
        &self,
        head: &Parts,
        body: Carried<B>,
        token: &Token,
    ) -> Result<(Request<TokenBody<B>>, Sent), AttachError>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<BoxError>,
    {
        let mut head = head.clone();
        place::put(&mut head, token)?;
        let (mut opened, sent) = body.open(self.body_limit);
        if json::concerns(&head, token) {
            let Sent::Whole(whole) = &sent else {
                return Err(AttachError::Body("it comes bit by bit, or is too long"));
            };
            opened = TokenBody::from(json::put(&mut head, &whole.bytes(), token)?);
        }
        Ok((Request::from_parts(head, opened), sent))
    }

    /// Looks at an answer as far as need be: hands over the newer token that it brings, and
    /// returns the report that it wants.
    async fn hear<R>(
        &self,
        answer: Response<R>,
        token: &Token,
        fate: &mut TokenFate,
    ) -> (Response<TokenBody<R>>, Option<Rejection>)
    where
        R: Body<Data = Bytes> + Unpin,
    {
        let (head, body) = answer.into_parts();
        // The body may be long in coming, and the program gone by then.
        let waits = answer::rotates_in_body(token);
        if !waits {
            self.hand_over(Rotation::of(token, &head.headers, None), fate).await;
        }
        let (body, seen) = if answer::is_in_body(&head, token, self.body_limit) {
            TokenBody::look(body, self.body_limit).await
        } else {
            (TokenBody::unread(body), None)
        };
        if waits {
            self.hand_over(Rotation::of(token, &head.headers, seen.as_deref()), fate).await;
        }
        let report = answer::refusal(&head, seen.as_ref(), token);
        fate.judged(report.is_some());
        (Response::from_parts(head, body), report)
    }

    /// Reports a refusal, and returns the token that has taken the refused one's place.
    async fn report(
        &self,
        report: Rejection,
        refused: &Token,
        fate: &mut TokenFate,
    ) -> Option<Token> {
        let ruling = self.client.report_rejection(&self.name, report).await;
        let brought_another = ruling.as_ref().is_ok_and(Ruling::brought_another);
        fate.ruled(ruling);
        let newer = if brought_another { self.token().await.ok() } else { None };
        newer.filter(|newer| newer.id() != refused.id())
    }

    /// Hands over a newer token, if there is one.
    async fn hand_over(&self, rotation: Option<Rotation>, fate: &mut TokenFate) {
        let Some(rotation) = rotation else { return };
        fate.submitted(self.submissions.submit(&self.client, &self.name, rotation).await);
    }

    async fn token(&self) -> Result<Token, Error> {
        match self.options {
            None => self.client.token(&self.name).await,
            Some(options) => self.client.token_with(&self.name, options).await,
        }
    }
}

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;
