//! Logins, as a dialogue between a person's command and the engine.

use std::pin::Pin;

use futures_util::{Stream, stream};
use secrecy::SecretString;
use tokend_core::Name;
use tokend_proto::{
    reason,
    v1::{
        LoginCredentialRequest, LoginCredentialResponse, LoginMethod as Method,
        login_credential_request::{Start, Step},
        login_credential_response::{
            EnterCode, Exchanging, OpenUrl, Progress as Told, Redirect, Rejected,
        },
    },
};
use tokend_provider::LoginMethod;
use tokio::sync::mpsc;
use tonic::{Code, Status, Streaming};
use url::Url;

use super::{Context, credential, status, token::parse_name};
use crate::{
    engine::{Author, Command, LoginPlan, NewLogin},
    ports::{Person, Progress},
    published::timestamp,
};

/// What the person's command hears.
pub(super) type Report =
    Pin<Box<dyn Stream<Item = Result<LoginCredentialResponse, Status>> + Send + 'static>>;

/// How many redirects can wait to be looked at: people paste one after the other.
const REDIRECTS: usize = 4;

/// Leads a person through a login. It ends when the person's command does.
pub(super) fn lead(
    context: Context,
    requests: Streaming<LoginCredentialRequest>,
    author: Author,
) -> Report {
    let (said, heard) = mpsc::channel(1);
    let dialogue = Dialogue { context, requests, author, said };
    tokio::spawn(async move {
        let said = dialogue.said.clone();
        // The other side hangs up: whoever waits for it, waits no more.
        tokio::select! {
            () = said.closed() => {}
            ended = dialogue.run() => {
                let _ = said.send(ended.map(message)).await;
            }
        }
    });
    Box::pin(stream::unfold(heard, |mut heard| async { Some((heard.recv().await?, heard)) }))
}

struct Dialogue {
    context: Context,
    requests: Streaming<LoginCredentialRequest>,
    author: Author,
    said: mpsc::Sender<Result<LoginCredentialResponse, Status>>,
}

impl Dialogue {
    /// Runs to the end, and returns what is told last.
    async fn run(mut self) -> Result<Told, Status> {
        let Some(Step::Start(Start { name, method })) = self.hear().await? else {
            return Err(unexpected("`start` comes first"));
        };
        let (name, method) = (parse_name(&name)?, wanted(method)?);
        let planned = name.clone();
        let plan = |reply| Command::PlanLogin { name: planned, method, reply };
        let LoginPlan { method, redirect } = self.context.ask(plan).await?;
        let redirect_uri = match redirect {
            Some(redirect) => Some(self.settle_redirect(redirect).await?),
            None => None,
        };
        let (told, mut progress) = mpsc::unbounded_channel();
        let (pass_on, redirects) = mpsc::channel(REDIRECTS);
        let person = Person { told, redirects, called_off: None };
        let new = NewLogin { name: name.clone(), method, redirect_uri, person };
        let (context, author) = (self.context.clone(), self.author);
        let login = context.ask(|reply| Command::LogIn { new, author, reply });
        tokio::pin!(login);
        loop {
            tokio::select! {
                biased;
                Some(progress) = progress.recv() => self.tell(shown(progress)).await?,
                ended = &mut login => {
                    ended?;
                    return self.done(name).await;
                }
                step = self.hear() => match step? {
                    Some(Step::RedirectUrl(redirect)) => {
                        // More than can wait are none of a person's.
                        let _ = pass_on.try_send(SecretString::from(redirect));
                    }
                    Some(_) => return Err(unexpected("the login has begun: send `redirect_url`")),
                    None => return Err(gone()),
                },
            }
        }
    }

    /// Agrees with the person's command on where redirects come in.
    async fn settle_redirect(
        &mut self,
        redirect: tokend_provider::Redirect,
    ) -> Result<Url, Status> {
        let tokend_provider::Redirect { uri, is_loopback, any_port } = redirect;
        let uri = uri.to_string();
        self.tell(Told::Redirect(Redirect { uri, loopback: is_loopback, any_port })).await?;
        let Some(Step::Listening(listening)) = self.hear().await? else {
            return Err(unexpected("`listening` answers `redirect`"));
        };
        listening.redirect_uri.parse().map_err(|_| unexpected("`redirect_uri` is no URL"))
    }

    async fn done(&self, name: Name) -> Result<Told, Status> {
        let snapshot = self.context.ask(|reply| Command::Get { name, reply }).await?;
        Ok(Told::Done(credential::message(&snapshot)))
    }

    /// Returns the next step, or `None` if the other side says no more.
    async fn hear(&mut self) -> Result<Option<Step>, Status> {
        match self.requests.message().await? {
            Some(LoginCredentialRequest { step: Some(step) }) => Ok(Some(step)),
            Some(LoginCredentialRequest { step: None }) => {
                Err(unexpected("there is no step in this request"))
            }
            None => Ok(None),
        }
    }

    async fn tell(&self, told: Told) -> Result<(), Status> {
        self.said.send(Ok(message(told))).await.map_err(|_| gone())
    }
}

fn message(told: Told) -> LoginCredentialResponse {
    LoginCredentialResponse { progress: Some(told) }
}

fn shown(progress: Progress) -> Told {
    match progress {
        Progress::Open { url, until } => {
            Told::OpenUrl(OpenUrl { url: url.into(), expire_time: Some(timestamp(until)) })
        }
        Progress::Enter { prompt, interval, until } => Told::EnterCode(EnterCode {
            verification_uri: prompt.verification_uri.into(),
            verification_uri_complete: prompt
                .verification_uri_complete
                .map(String::from)
                .unwrap_or_default(),
            user_code: prompt.user_code,
            expire_time: Some(timestamp(until)),
            interval: prost_types::Duration::try_from(interval).ok(),
        }),
        Progress::Rejected(message) => Told::Rejected(Rejected { message }),
        Progress::Exchanging => Told::Exchanging(Exchanging {}),
    }
}

fn wanted(method: i32) -> Result<Option<LoginMethod>, Status> {
    match Method::try_from(method) {
        Ok(Method::Unspecified) => Ok(None),
        Ok(Method::AuthorizationCode) => Ok(Some(LoginMethod::AuthorizationCode)),
        Ok(Method::DeviceCode) => Ok(Some(LoginMethod::DeviceCode)),
        Err(_) => Err(unexpected(&format!("{method} is no way to log in"))),
    }
}

fn unexpected(message: &str) -> Status {
    status::new(Code::InvalidArgument, reason::INVALID_INPUT, message)
}

fn gone() -> Status {
    Status::cancelled("the login was cancelled")
}
