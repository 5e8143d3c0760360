//! Tokens in requests of reqwest.

use http::{Extensions, Request, Response};
use reqwest::{ResponseBuilderExt as _, Url, redirect::Policy};
use reqwest_middleware::{Middleware, Next};

use super::{
    Attach, AttachError, Exchanged, Transport,
    body::{Carried, TokenBody, Whole},
    error::Failure,
    redirect,
};

/// As many as reqwest itself follows by default.
const LONGEST_CHAIN: usize = 10;

impl Attach {
    /// Returns what makes a reqwest client whose requests have tokens in them, out of what
    /// makes a plain one.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// use tokend_client::{Attach, Client};
    ///
    /// let attach = Attach::new(&Client::new()?, "causely");
    /// let api = attach.reqwest(reqwest::Client::builder())?.build();
    /// let response = api.get("https://api.causely.app/v1/events").send().await?;
    /// println!("{}", response.text().await?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// **Redirections** are followed here, ten at most, and not by the client, which would
    /// take headers, cookies of the token's and parameters along to other hosts: its redirect
    /// policy is replaced. Each request on the way has the token in it if it goes where the
    /// token may go, and has it not if it goes elsewhere; what the program set itself as
    /// `Authorization`, `Cookie` or a header that the token goes into stays behind when the
    /// origin changes. The builder's own `default_headers` are in each request, wherever it
    /// goes: they are no place for secrets.
    ///
    /// **Time.** reqwest's timeouts are for each request that is sent, and don't count while
    /// tokend is asked: [`options`](Self::options) say how long that may take.
    ///
    /// Middleware that is added afterwards is run for each attempt and sees the token.
    /// Errors of tokend's and of this middleware's are [`AttachError`]s within
    /// [`reqwest_middleware::Error::Middleware`]. Neither the response's URL nor the one of an
    /// error of reqwest's has a token in it; what other middleware says is its own affair.
    ///
    /// # Errors
    /// As of [`reqwest::ClientBuilder::build`].
    pub fn reqwest(
        &self,
        builder: reqwest::ClientBuilder,
    ) -> reqwest::Result<reqwest_middleware::ClientBuilder> {
        let client = builder.redirect(Policy::none()).build()?;
        Ok(reqwest_middleware::ClientBuilder::new(client).with(Attaching { attach: self.clone() }))
    }
}

/// It isn't public, so that it never stands before a client that follows redirections.
struct Attaching {
    attach: Attach,
}

/// The rest of the middleware, and the client.
struct Rest<'a, 'b> {
    next: Next<'a>,
    extensions: &'b mut Extensions,
}

#[async_trait::async_trait]
impl Middleware for Attaching {
    async fn handle(
        &self,
        request: reqwest::Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<reqwest::Response> {
        let (mut head, body) = Request::try_from(request)?.into_parts();
        let mut body = Carried::of(body, self.attach.body_limit).await.map_err(wrapped)?;
        let mut rest = Rest { next, extensions };
        let mut attach = self.attach.clone();
        for _ in 0..=LONGEST_CHAIN {
            let url = Url::parse(&head.uri.to_string()).ok();
            let exchanged = attach.exchange(&head, body, &mut rest).await;
            let Exchanged { response, sent, token } =
                exchanged.map_err(|failure| match failure {
                    Failure::Attach(error) => wrapped(error),
                    Failure::Sent(error) => without_token(error, url.as_ref()),
                })?;
            let Some(next) = redirect::next(&response, &head, &token) else {
                return Ok(handed_on(response, url));
            };
            let again = if next.keeps_body { sent.again() } else { Some(Whole::default()) };
            let Some(whole) = again else { return Ok(handed_on(response, url)) };
            head = next.head;
            body = Carried::Whole(whole);
            // Where an answer leads isn't the program's fault.
            attach = attach.pass_elsewhere();
        }
        Err(wrapped(AttachError::TooManyRedirects(LONGEST_CHAIN)))
    }
}

impl Transport<reqwest::Body> for Rest<'_, '_> {
    type Body = reqwest::Body;
    type Error = reqwest_middleware::Error;

    async fn send(
        &mut self,
        request: Request<TokenBody<reqwest::Body>>,
    ) -> Result<Response<reqwest::Body>, reqwest_middleware::Error> {
        let request = request.map(|body| match body.bytes() {
            Some(bytes) => reqwest::Body::from(bytes),
            None => reqwest::Body::wrap(body),
        });
        let answer = self.next.clone().run(request.try_into()?, self.extensions).await?;
        Ok(answer.into())
    }
}

fn wrapped(error: AttachError) -> reqwest_middleware::Error {
    reqwest_middleware::Error::middleware(error)
}

/// Says where the request went as the program said it.
fn without_token(error: reqwest_middleware::Error, url: Option<&Url>) -> reqwest_middleware::Error {
    match (error.url(), url) {
        (Some(_), Some(url)) => error.with_url(url.clone()),
        _ => error.without_url(),
    }
}

/// Makes reqwest's response, from the URL as the program said it.
fn handed_on(response: Response<TokenBody<reqwest::Body>>, url: Option<Url>) -> reqwest::Response {
    let mut response = response.map(reqwest::Body::wrap);
    // reqwest keeps the URL in an extension that has no name outside of it.
    if let Some(url) = url
        && let Ok(carrier) = Response::builder().url(url).body(())
    {
        response.extensions_mut().extend(carrier.into_parts().0.extensions);
    }
    response.into()
}
