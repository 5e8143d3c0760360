//! One login, from the first request to the token.

use std::{future, io::Write, time::Duration};

use futures_util::stream;
use secrecy::{ExposeSecret as _, SecretString};
use tokend_proto::v1::{
    Credential, LoginCredentialRequest, LoginCredentialResponse, LoginMethod,
    login_credential_request::{Listening, Start, Step},
    login_credential_response::{EnterCode, OpenUrl, Progress, Redirect},
};
use tokio::{
    process::Child,
    sync::{mpsc, oneshot},
    time::sleep,
};
use tonic::Streaming;
use url::Url;

use crate::{
    clock,
    daemon::{Daemon, answer},
    failure::Failure,
    login::{
        Desk, Problem,
        browser::safe,
        listener::{Arrival, Listener, with_free_port},
        page::Verdict,
        paste::{Lines, Pasted},
    },
    moment,
};

/// How often the time that is left is shown.
const TICK: Duration = Duration::from_secs(1);

/// What the person wants of a login.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wish {
    pub(crate) device: bool,
    pub(crate) paste: bool,
    pub(crate) no_browser: bool,
}

impl Wish {
    fn method(self) -> LoginMethod {
        if self.device {
            LoginMethod::DeviceCode
        } else if self.paste {
            LoginMethod::AuthorizationCode
        } else {
            LoginMethod::Unspecified
        }
    }
}

/// A login that is under way.
pub(crate) struct Session<W> {
    name: String,
    wish: Wish,
    desk: Desk<W>,
    steps: mpsc::Sender<LoginCredentialRequest>,
    answers: Streaming<LoginCredentialResponse>,
    listener: Option<Listener>,
    lines: Option<Lines>,
    browser: Option<Child>,
    /// Whether a browser was opened here.
    has_browser: bool,
    /// The browser that waits for what comes of its redirect.
    waiting: Option<oneshot::Sender<Verdict>>,
    /// When a code that is shown expires.
    expiry: Option<prost_types::Timestamp>,
    exchanging: bool,
    /// Whether the daemon is asked about a redirect.
    is_judged: bool,
}

/// What happens during a login.
enum Event {
    Answered(Box<Progress>),
    /// With something that a later version tells, and that isn't needed.
    AnsweredOtherwise,
    Arrived(Option<Arrival>),
    Typed(Option<Pasted>),
    BrowserEnded(bool),
    Ticked,
    Interrupted,
}

impl<W: Write> Session<W> {
    /// Begins a login.
    pub(crate) async fn begin(
        daemon: &Daemon,
        name: &str,
        wish: Wish,
        mut desk: Desk<W>,
    ) -> Result<Self, Failure> {
        let (steps, queue) = mpsc::channel(4);
        let queue = stream::unfold(queue, async |mut queue: mpsc::Receiver<_>| {
            queue.recv().await.map(|step| (step, queue))
        });
        let start = Start { name: name.to_owned(), method: wish.method().into() };
        // The queue is empty, so there is room.
        let _ = steps.send(LoginCredentialRequest { step: Some(Step::Start(start)) }).await;
        let mut service = daemon.credentials();
        let answers = tokio::select! {
            answers = answer(service.login_credential(queue)) => answers,
            () = &mut desk.interrupted => {
                return Err(Problem::Cancelled { exchanging: false }.of(name));
            }
        };
        let answers = answers.map_err(Failure::login(name))?;
        Ok(Self {
            name: name.to_owned(),
            wish,
            desk,
            steps,
            answers,
            listener: None,
            lines: None,
            browser: None,
            has_browser: false,
            waiting: None,
            expiry: None,
            exchanging: false,
            is_judged: false,
        })
    }

    /// Goes through with it, and returns the credential that has a token now.
    pub(crate) async fn finish(mut self) -> Result<Credential, Failure> {
        let end = self.go_on().await;
        let verdict = match &end {
            Ok(_) => Verdict::Done { credential: self.name.clone() },
            Err(failure) => Verdict::Failed(failure.to_string()),
        };
        if let Some(waiting) = self.waiting.take() {
            // A browser that went away needs no page.
            let _ = waiting.send(verdict);
        }
        // The daemon must know first: a login that is cancelled ends there at once.
        let Self { steps, answers, listener, lines, mut desk, .. } = self;
        drop((steps, answers, lines));
        if let Some(listener) = listener {
            listener.finish().await;
        }
        desk.screen.stop_counting().map_err(Failure::Terminal)?;
        end
    }

    async fn go_on(&mut self) -> Result<Credential, Failure> {
        loop {
            match self.next().await? {
                Event::Answered(progress) => match *progress {
                    Progress::Done(credential) => return Ok(credential),
                    progress => self.follow(progress).await?,
                },
                Event::AnsweredOtherwise => {}
                Event::Arrived(Some(Arrival { url, reply })) => {
                    self.waiting = Some(reply);
                    self.hand_over(&url).await;
                }
                Event::Arrived(None) => self.listener = None,
                Event::Typed(Some(pasted)) => self.take(pasted).await?,
                Event::Typed(None) => {
                    self.lines = None;
                    if self.listener.is_none() && !self.exchanging && !self.is_judged {
                        return Err(Problem::NothingPasted.of(&self.name));
                    }
                }
                Event::BrowserEnded(well) => {
                    self.browser = None;
                    if !well && !self.exchanging {
                        self.tell("no browser could be opened; open the URL yourself")?;
                    }
                }
                Event::Ticked => self.tick()?,
                Event::Interrupted => {
                    return Err(Problem::Cancelled { exchanging: self.exchanging }.of(&self.name));
                }
            }
        }
    }

    async fn next(&mut self) -> Result<Event, Failure> {
        let Self {
            answers, listener, lines, browser, waiting, expiry, exchanging, desk, name, ..
        } = self;
        let arrival = async {
            match listener {
                // One at a time: the browser before waits for its page.
                Some(listener) if waiting.is_none() && !*exchanging => listener.next().await,
                _ => future::pending().await,
            }
        };
        let typed = async {
            match lines {
                Some(lines) => lines.lines.recv().await,
                None => future::pending().await,
            }
        };
        let ended = async {
            match browser {
                Some(browser) => browser.wait().await.is_ok_and(|status| status.success()),
                None => future::pending().await,
            }
        };
        let tick = async {
            match expiry {
                Some(_) => sleep(TICK).await,
                None => future::pending().await,
            }
        };
        Ok(tokio::select! {
            biased;
            () = &mut desk.interrupted => Event::Interrupted,
            answer = answers.message() => match answer {
                Ok(Some(answer)) => {
                    answer.progress.map_or(Event::AnsweredOtherwise, |it| Event::Answered(it.into()))
                }
                Ok(None) => {
                    let error = tokend_client::Error::BadAnswer("the login ended without a token");
                    return Err(Failure::login(name)(error));
                }
                Err(status) => return Err(Failure::login(name)(status.into())),
            },
            arrival = arrival => Event::Arrived(arrival),
            pasted = typed => Event::Typed(pasted),
            well = ended => Event::BrowserEnded(well),
            () = tick => Event::Ticked,
        })
    }

    async fn follow(&mut self, progress: Progress) -> Result<(), Failure> {
        match progress {
            Progress::Redirect(redirect) => self.listen(redirect).await,
            Progress::OpenUrl(open) => self.open(&open),
            Progress::EnterCode(code) => self.enter(&code),
            Progress::Rejected(rejected) => {
                let message = rejected.message;
                self.is_judged = false;
                if self.listener.is_none() && self.lines.is_none() {
                    return Err(Problem::NotTaken(message).of(&self.name));
                }
                self.tell(&format!("not taken: {message}"))?;
                if self.lines.is_some() {
                    self.tell("log in by the URL above, or paste the URL that it ended at again")?;
                } else {
                    self.tell("log in by the URL above; still waiting")?;
                }
                if let Some(waiting) = self.waiting.take() {
                    // A browser that went away needs no page.
                    let _ = waiting.send(Verdict::Rejected(message));
                }
                Ok(())
            }
            Progress::Exchanging(_) => {
                self.exchanging = true;
                self.expiry = None;
                self.tell("the login has come in; asking for the token")
            }
            Progress::Done(_) => Ok(()),
        }
    }

    /// Listens where the browser will be sent back to, if that is this machine.
    async fn listen(&mut self, redirect: Redirect) -> Result<(), Failure> {
        let Redirect { uri, loopback, any_port } = redirect;
        let redirect_uri = if loopback {
            let local = Url::parse(&uri).map_err(|_| Problem::NotOurs.of(&self.name))?;
            if !self.wish.paste {
                let listener = Listener::bind(local, any_port).await;
                let listener = listener.map_err(|problem| problem.of(&self.name))?;
                self.listener.insert(listener).uri().to_string()
            } else if any_port {
                let local = with_free_port(local).await;
                local.map_err(|problem| problem.of(&self.name))?.into()
            } else {
                uri
            }
        } else {
            uri
        };
        self.send(Step::Listening(Listening { redirect_uri })).await;
        Ok(())
    }

    fn open(&mut self, open: &OpenUrl) -> Result<(), Failure> {
        let url = self.safe(&open.url)?;
        if self.wish.no_browser {
            self.tell("open this URL in a browser:")?;
        } else if let Some(why) = self.desk.place.obstacle() {
            self.tell(&format!("{why}, so no browser is opened here; open this URL in one:"))?;
        } else if let Ok(browser) = (self.desk.open)(&self.desk.place, &url) {
            self.browser = browser;
            self.has_browser = true;
            self.tell("your browser opens; if it doesn't, open this URL in it:")?;
        } else {
            self.tell("no browser was found; open this URL in one:")?;
        }
        self.desk.screen.url(&url).map_err(Failure::Terminal)?;
        self.say_how_it_comes_back()?;
        if let Some(end) = &open.expire_time {
            let ahead = moment::ahead(&(self.desk.now)(), end, &clock::zone());
            self.tell(&format!("the login is given up {ahead}"))?;
        }
        Ok(())
    }

    /// Says how what the browser brings gets here, and begins to read what is pasted.
    fn say_how_it_comes_back(&mut self) -> Result<(), Failure> {
        let elsewhere = !self.has_browser;
        let port =
            self.listener.as_ref().and_then(|listener| listener.uri().port_or_known_default());
        // Standard input that nobody types on may be anything, unless the URL is to come there.
        if port.is_none() || self.desk.person {
            self.lines = Some((self.desk.paste)());
        }
        match (port, self.lines.is_some()) {
            (None, _) => self.tell(
                "then paste the URL that it ends at, from the address bar, and press Enter; it \
                 isn't shown here",
            ),
            (Some(port), true) if elsewhere => self.tell(&format!(
                "on another machine the browser ends at an error: paste the URL from its address \
                 bar and press Enter; it isn't shown here\n\
                 or, before you log in, on the machine with the browser: \
                 ssh -L {port}:127.0.0.1:{port} HOST"
            )),
            (Some(port), false) if elsewhere => self.tell(&format!(
                "before you log in, on the machine with the browser: \
                 ssh -L {port}:127.0.0.1:{port} HOST"
            )),
            (Some(_), true) => self.tell(
                "if it ends at an error, paste the URL from the address bar and press Enter; it \
                 isn't shown here",
            ),
            (Some(_), false) => Ok(()),
        }
    }

    fn enter(&mut self, code: &EnterCode) -> Result<(), Failure> {
        let url = self.safe(&code.verification_uri)?;
        let complete = match code.verification_uri_complete.as_str() {
            "" => url.clone(),
            complete => self.safe(complete)?,
        };
        self.tell("open this URL on any device:")?;
        self.desk.screen.url(&url).map_err(Failure::Terminal)?;
        self.tell("and enter the code:")?;
        self.tell(&format!("  {}", code.user_code))?;
        self.desk.screen.qr_code(&complete).map_err(Failure::Terminal)?;
        if let Some(end) = &code.expire_time {
            let ahead = moment::ahead(&(self.desk.now)(), end, &clock::zone());
            self.tell(&format!("the code expires {ahead}"))?;
        }
        self.expiry = code.expire_time;
        Ok(())
    }

    async fn take(&mut self, pasted: Pasted) -> Result<(), Failure> {
        match pasted {
            Pasted::TooLong => self.tell("not taken: that is too long for a URL"),
            // One is being looked at, which has come in by itself.
            Pasted::Line(_) if self.exchanging => Ok(()),
            Pasted::Line(line) => {
                if looks_like_a_redirect(&line) {
                    self.hand_over(&line).await;
                    Ok(())
                } else {
                    self.tell("not taken: paste the whole URL, with what stands behind its `?`")
                }
            }
        }
    }

    fn tick(&mut self) -> Result<(), Failure> {
        let Some(end) = &self.expiry else { return Ok(()) };
        self.desk.screen.count_down(&(self.desk.now)(), end).map_err(Failure::Terminal)
    }

    /// Hands what the browser was led back with to the daemon, which says what it is.
    async fn hand_over(&mut self, redirect: &SecretString) {
        self.is_judged = true;
        self.send(Step::RedirectUrl(redirect.expose_secret().to_owned())).await;
    }

    async fn send(&mut self, step: Step) {
        // If the daemon has ended the login, its answer says why.
        let _ = self.steps.send(LoginCredentialRequest { step: Some(step) }).await;
    }

    fn safe(&self, url: &str) -> Result<Url, Failure> {
        safe(url).ok_or_else(|| {
            // Its beginning says enough; the rest may be of the login.
            let shown = url.chars().take(40).collect();
            Problem::Unsafe(shown).of(&self.name)
        })
    }

    fn tell(&mut self, text: &str) -> Result<(), Failure> {
        self.desk.screen.tell(text).map_err(Failure::Terminal)
    }
}

/// Tells a URL with a query, or a query alone, from what is pasted by mistake: a password,
/// say, which no one should be sent.
fn looks_like_a_redirect(line: &SecretString) -> bool {
    let line = line.expose_secret();
    let query = line.split_once('?').map_or(line, |(_, query)| query);
    query.contains('=') && !line.contains(char::is_whitespace)
}

impl Problem {
    /// Says which credential it is about.
    pub(crate) fn of(self, credential: &str) -> Failure {
        Failure::LoginHere { problem: self, credential: credential.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_no_redirect_is_not_sent() {
        for (line, is_one) in [
            ("http://127.0.0.1:1/callback?code=1&state=2", true),
            ("code=1&state=2", true),
            ("?code=1", true),
            ("http://127.0.0.1:1/callback", false),
            ("hunter2", false),
            ("my pass=phrase with spaces", false),
        ] {
            assert_eq!(looks_like_a_redirect(&line.into()), is_one, "{line}");
        }
    }

    #[test]
    fn only_what_is_said_is_asked_for() {
        let wish = Wish::default();
        assert_eq!(wish.method(), LoginMethod::Unspecified);
        assert_eq!(Wish { device: true, ..wish }.method(), LoginMethod::DeviceCode);
        assert_eq!(Wish { paste: true, ..wish }.method(), LoginMethod::AuthorizationCode);
        assert_eq!(Wish { no_browser: true, ..wish }.method(), LoginMethod::Unspecified);
    }
}
