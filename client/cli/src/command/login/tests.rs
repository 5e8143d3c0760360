//! `login` against a daemon and a browser of the test's own.

use std::{
    io,
    sync::{Arc, Mutex},
};

use clap::Parser as _;
use futures_util::FutureExt as _;
use prost_types::Timestamp;
use tokend_proto::{
    reason,
    v1::{
        Credential, LoginCredentialResponse, LoginMethod,
        login_credential_request::{Listening, Step},
        login_credential_response::{EnterCode, Exchanging, OpenUrl, Progress, Redirect, Rejected},
    },
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UnixListener},
    sync::{mpsc, oneshot},
};
use tonic::{Code, Status};
use url::Url;

use super::*;
use crate::{
    arguments::{Arguments, Command},
    caller::Caller,
    command::add::tests::fake::{Fake, Said, Saying, refusal, serve},
    exit::Exit,
    login::{Desk, Lines, Pasted, Place, Screen},
};

/// What a person sees.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<u8>>>);

impl Seen {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Seen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A person and their surroundings.
struct Scene {
    seen: Seen,
    desk: Desk<Seen>,
    /// Where URLs that are opened go.
    opened: mpsc::UnboundedReceiver<Url>,
    paste: mpsc::Sender<Pasted>,
    interrupt: oneshot::Sender<()>,
}

fn scene() -> Scene {
    let seen = Seen::default();
    let (open, opened) = mpsc::unbounded_channel();
    let (paste, lines) = mpsc::channel(4);
    let (interrupt, interrupted) = oneshot::channel::<()>();
    let mut lines = Some(lines);
    let desk = Desk {
        place: Place { display: true, ..Place::default() },
        open: Box::new(move |_, url| {
            open.send(url.clone()).unwrap();
            Ok(None)
        }),
        screen: Screen::of_a_test(seen.clone(), None, false),
        person: true,
        paste: Box::new(move || Lines::of_a_test(lines.take().expect("read once"))),
        interrupted: async move {
            if interrupted.await.is_err() {
                std::future::pending::<()>().await;
            }
        }
        .boxed_local(),
        now: || Timestamp { seconds: 1_000, nanos: 0 },
    };
    Scene { seen, desk, opened, paste, interrupt }
}

/// A daemon that goes through a login as `script` does.
fn daemon<F>(script: impl Fn(Said, Saying) -> F + Send + Sync + 'static) -> Fake
where
    F: Future<Output = ()> + Send + 'static,
{
    Fake {
        login: Some(Arc::new(move |said, saying| script(said, saying).boxed())),
        ..Fake::default()
    }
}

async fn login(fake: &Fake, flags: &[&str], desk: Desk<Seen>) -> (Result<(), Failure>, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("admin.sock");
    serve(fake.clone(), UnixListener::bind(&path).unwrap());
    let words = ["tokend-cli", "login", "a"].iter().chain(flags);
    let Some(Command::Login(login)) = Arguments::try_parse_from(words).unwrap().command else {
        panic!("not read as login");
    };
    let mut output = Output::of_a_test(Vec::new(), false);
    let done = run(&Daemon::at(path), &login, desk, &mut output).await;
    (done, String::from_utf8(output.into_writer()).unwrap())
}

async fn next(said: &mut Said) -> Step {
    said.message().await.unwrap().expect("the command goes on").step.expect("a step is said")
}

async fn say(saying: &Saying, progress: Progress) {
    saying.send(Ok(LoginCredentialResponse { progress: Some(progress) })).await.unwrap();
}

async fn start(said: &mut Said) -> LoginMethod {
    let Step::Start(start) = next(said).await else { panic!("it begins with a start") };
    assert_eq!(start.name, "a");
    start.method()
}

async fn send_to(said: &mut Said, saying: &Saying, uri: &str, any_port: bool) -> String {
    let loopback = uri.starts_with("http://");
    say(saying, Progress::Redirect(Redirect { uri: uri.to_owned(), loopback, any_port })).await;
    let Step::Listening(Listening { redirect_uri }) = next(said).await else {
        panic!("it says where it listens");
    };
    let mut url = Url::parse("https://login.example/authorize?state=st4te").unwrap();
    url.query_pairs_mut().append_pair("redirect_uri", &redirect_uri);
    let expire_time = Some(Timestamp { seconds: 1_600, nanos: 0 });
    say(saying, Progress::OpenUrl(OpenUrl { url: url.into(), expire_time })).await;
    redirect_uri
}

async fn done(saying: &Saying) {
    say(saying, Progress::Exchanging(Exchanging {})).await;
    let credential = Credential { name: "a".to_owned(), ..Credential::default() };
    say(saying, Progress::Done(credential)).await;
}

/// Goes where an authorization server would send the browser.
async fn follow(authorize: &Url, query: &str) -> String {
    let (_, target) = authorize.query_pairs().find(|(name, _)| name == "redirect_uri").unwrap();
    let target = Url::parse(&target).unwrap();
    let (host, port) = (target.host_str().unwrap(), target.port().unwrap());
    let mut stream = TcpStream::connect((host, port)).await.unwrap();
    let request = format!("GET {}?{query} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n", target.path());
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).await.unwrap();
    page
}

#[tokio::test]
async fn a_browser_that_comes_back_ends_the_login() {
    let fake = daemon(async |mut said, saying| {
        assert_eq!(start(&mut said).await, LoginMethod::Unspecified);
        let uri = send_to(&mut said, &saying, "http://127.0.0.1:0/callback", true).await;
        let Step::RedirectUrl(url) = next(&mut said).await else { panic!("no redirect came") };
        assert_eq!(url, format!("{uri}?code=c0de&state=st4te"));
        done(&saying).await;
    });
    let Scene { seen, desk, mut opened, paste: _paste, interrupt: _interrupt } = scene();
    let browser = tokio::spawn(async move {
        let url = opened.recv().await.unwrap();
        follow(&url, "code=c0de&state=st4te").await
    });
    let (ended, shown) = login(&fake, &[], desk).await;
    ended.unwrap();
    assert_eq!(shown, "logged in: a\nprint a token: tokend-cli get a\n");
    let page = browser.await.unwrap();
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("<h1>Logged in</h1>"), "{page}");
    let seen = seen.text();
    assert!(
        seen.contains("\n  https://login.example/authorize?state=st4te&redirect_uri="),
        "{seen}"
    );
    assert!(seen.contains("the login is given up in 10m"), "{seen}");
    assert!(!seen.contains("c0de") && !page.contains("c0de"), "{seen}");
}

#[tokio::test]
async fn a_redirect_of_another_login_is_told_and_the_right_one_is_waited_for() {
    let fake = daemon(async |mut said, saying| {
        start(&mut said).await;
        send_to(&mut said, &saying, "http://localhost/", true).await;
        for accepted in [false, true] {
            let Step::RedirectUrl(url) = next(&mut said).await else { panic!("no redirect came") };
            assert_eq!(url.ends_with("&state=st4te"), accepted, "{url}");
            if !accepted {
                let message = "it is of <another> login: its state differs".to_owned();
                say(&saying, Progress::Rejected(Rejected { message })).await;
            }
        }
        done(&saying).await;
    });
    let Scene { seen, desk, mut opened, paste: _paste, interrupt: _interrupt } = scene();
    let browser = tokio::spawn(async move {
        let url = opened.recv().await.unwrap();
        [follow(&url, "code=evil&state=x").await, follow(&url, "code=c0de&state=st4te").await]
    });
    login(&fake, &[], desk).await.0.unwrap();
    let [rejected, accepted] = browser.await.unwrap();
    assert!(rejected.starts_with("HTTP/1.1 400"), "{rejected}");
    assert!(rejected.contains("it is of &lt;another&gt; login"), "{rejected}");
    assert!(accepted.starts_with("HTTP/1.1 200"), "{accepted}");
    let seen = seen.text();
    assert!(seen.contains("not taken: it is of <another> login: its state differs\n"), "{seen}");
}

#[tokio::test]
async fn a_pasted_url_does_beside_the_port_and_what_is_none_is_not_sent() {
    let fake = daemon(async |mut said, saying| {
        start(&mut said).await;
        send_to(&mut said, &saying, "http://127.0.0.1/", true).await;
        let Step::RedirectUrl(url) = next(&mut said).await else { panic!("no redirect came") };
        assert_eq!(url, "http://127.0.0.1:1/?code=c0de");
        done(&saying).await;
    });
    let Scene { seen, mut desk, opened: _opened, paste, interrupt: _interrupt } = scene();
    desk.place.remote = true;
    for line in ["hunter2", "http://127.0.0.1:1/?code=c0de"] {
        paste.send(Pasted::Line(line.into())).await.unwrap();
    }
    login(&fake, &[], desk).await.0.unwrap();
    let seen = seen.text();
    assert!(seen.contains("this is an ssh session, so no browser is opened here"), "{seen}");
    assert!(seen.contains("ssh -L ") && seen.contains("not taken: paste the whole URL"), "{seen}");
    assert!(!seen.contains("c0de") && !seen.contains("hunter2"), "{seen}");
}

#[tokio::test]
async fn a_fixed_port_that_is_taken_ends_it_unless_the_url_is_pasted() {
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://127.0.0.1:{}/cb", other.local_addr().unwrap().port());
    let registered = uri.clone();
    let fake = daemon(move |mut said, saying| {
        let registered = registered.clone();
        async move {
            if start(&mut said).await == LoginMethod::Unspecified {
                let redirect = Redirect { uri: registered, loopback: true, any_port: false };
                say(&saying, Progress::Redirect(redirect)).await;
                assert!(said.message().await.is_ok_and(|step| step.is_none()));
                return;
            }
            assert_eq!(send_to(&mut said, &saying, &registered, false).await, registered);
            let Step::RedirectUrl(_) = next(&mut said).await else { panic!("no redirect came") };
            done(&saying).await;
        }
    });
    let (ended, _) = login(&fake, &[], scene().desk).await;
    let failure = ended.unwrap_err();
    assert_eq!(failure.exit(), Exit::Failed);
    let hint = failure.hint(&Caller::default()).unwrap();
    assert!(hint.contains("tokend-cli login a --paste"), "{hint}");

    let Scene { desk, paste, opened: _opened, interrupt: _interrupt, .. } = scene();
    paste.send(Pasted::Line("?code=c0de".into())).await.unwrap();
    login(&fake, &["--paste"], desk).await.0.unwrap();
}

#[tokio::test]
async fn what_is_pasted_last_is_judged_before_the_end_of_the_input_counts() {
    for accepted in [true, false] {
        let fake = daemon(move |mut said, saying| async move {
            start(&mut said).await;
            send_to(&mut said, &saying, "https://app.example/cb", false).await;
            let Step::RedirectUrl(_) = next(&mut said).await else { panic!("no redirect came") };
            if accepted {
                done(&saying).await;
            } else {
                let message = "its state differs".to_owned();
                say(&saying, Progress::Rejected(Rejected { message })).await;
                assert!(said.message().await.is_ok_and(|step| step.is_none()));
            }
        });
        let Scene { desk, paste, opened: _opened, interrupt: _interrupt, .. } = scene();
        paste.send(Pasted::Line("?code=c0de".into())).await.unwrap();
        drop(paste);
        let (ended, _) = login(&fake, &[], desk).await;
        if accepted {
            ended.unwrap();
        } else {
            let failure = ended.unwrap_err();
            assert_eq!(failure.exit(), Exit::PersonNeeded);
            assert!(failure.to_string().contains("its state differs"), "{failure}");
        }
    }
}

#[tokio::test]
async fn a_redirect_to_another_machine_is_pasted_as_a_matter_of_course() {
    let fake = daemon(async |mut said, saying| {
        start(&mut said).await;
        let uri = "https://app.example/cb";
        assert_eq!(send_to(&mut said, &saying, uri, false).await, uri);
        assert!(said.message().await.is_ok_and(|step| step.is_none()));
    });
    let Scene { seen, desk, paste, opened: _opened, interrupt: _interrupt } = scene();
    drop(paste);
    let (ended, _) = login(&fake, &[], desk).await;
    assert_eq!(ended.unwrap_err().exit(), Exit::PersonNeeded);
    assert!(seen.text().contains("then paste the URL that it ends at"), "{}", seen.text());
}

#[tokio::test]
async fn a_code_is_shown_for_any_device() {
    let fake = daemon(async |mut said, saying| {
        assert_eq!(start(&mut said).await, LoginMethod::DeviceCode);
        let code = EnterCode {
            verification_uri: "https://login.example/device".to_owned(),
            user_code: "WDJB\u{1b}]0;x\u{7}-MJHT".to_owned(),
            expire_time: Some(Timestamp { seconds: 1_090, nanos: 0 }),
            ..EnterCode::default()
        };
        say(&saying, Progress::EnterCode(code)).await;
        done(&saying).await;
    });
    let Scene { seen, mut desk, opened: _opened, paste: _paste, interrupt: _interrupt } = scene();
    desk.screen = Screen::of_a_test(seen.clone(), Some(80), false);
    let (ended, shown) = login(&fake, &["--device", "--json"], desk).await;
    ended.unwrap();
    assert!(shown.contains("\"name\": \"a\""), "{shown}");
    let seen = seen.text();
    assert!(seen.contains("\n  WDJB\\u{1b}]0;x\\u{7}-MJHT\n"), "{seen}");
    assert!(seen.contains("the code expires in 1m 30s") && seen.contains('\u{2588}'), "{seen}");
}

#[tokio::test]
async fn only_what_is_safe_is_opened_or_shown_as_a_place_to_go() {
    for url in ["javascript:alert(1)", "file:///etc/passwd", "http://login.example/"] {
        let fake = daemon(move |mut said, saying| async move {
            start(&mut said).await;
            let open = OpenUrl { url: url.to_owned(), expire_time: None };
            say(&saying, Progress::OpenUrl(open)).await;
            assert!(said.message().await.is_ok_and(|step| step.is_none()));
        });
        let Scene { desk, mut opened, .. } = scene();
        let (ended, _) = login(&fake, &[], desk).await;
        assert!(ended.unwrap_err().to_string().contains("isn't opened"), "{url}");
        assert!(opened.try_recv().is_err());
    }
}

#[tokio::test]
async fn a_login_that_is_cancelled_ends_at_the_daemon_too() {
    let (left, gone) = oneshot::channel();
    let left = Arc::new(Mutex::new(Some(left)));
    let fake = daemon(move |mut said, saying| {
        let left = left.lock().unwrap().take();
        async move {
            start(&mut said).await;
            send_to(&mut said, &saying, "http://127.0.0.1/", true).await;
            assert!(!matches!(said.message().await, Ok(Some(_))));
            left.unwrap().send(()).unwrap();
        }
    });
    let Scene { desk, mut opened, paste: _paste, interrupt, .. } = scene();
    let person = tokio::spawn(async move {
        opened.recv().await.unwrap();
        interrupt.send(()).unwrap();
    });
    let (ended, shown) = login(&fake, &[], desk).await;
    let failure = ended.unwrap_err();
    assert_eq!(failure.to_string(), "cancelled; nothing has changed");
    assert_eq!((failure.exit(), shown.as_str()), (Exit::Cancelled, ""));
    person.await.unwrap();
    gone.await.unwrap();
}

#[tokio::test]
async fn how_a_login_failed_is_told_with_what_to_do() {
    for (code, reason, exit, hint) in [
        (
            Code::NotFound,
            reason::CREDENTIAL_NOT_FOUND,
            Exit::NotFound,
            "tokend-cli add a --provider",
        ),
        (Code::Aborted, reason::LOGIN_DECLINED, Exit::PersonNeeded, "tokend-cli login a"),
        (Code::DeadlineExceeded, reason::LOGIN_EXPIRED, Exit::PersonNeeded, "tokend-cli login a"),
        (Code::Aborted, reason::LOGIN_UNDER_WAY, Exit::Failed, "Ctrl-C"),
        (Code::FailedPrecondition, reason::LOGIN_UNSUPPORTED, Exit::Usage, "tokend-cli show a"),
    ] {
        let fake = daemon(move |mut said, saying| async move {
            start(&mut said).await;
            saying.send(Err(refusal(code, reason, "why"))).await.unwrap();
        });
        let failure = login(&fake, &[], scene().desk).await.0.unwrap_err();
        assert_eq!((failure.to_string().as_str(), failure.exit()), ("why", exit), "{reason}");
        let told = failure.hint(&Caller::default()).unwrap();
        assert!(told.contains(hint), "{reason}: {told}");
    }
    let silent = daemon(async |mut said, _| {
        start(&mut said).await;
    });
    let failure = login(&silent, &[], scene().desk).await.0.unwrap_err();
    assert!(failure.to_string().contains("without a token"), "{failure}");
    let old = Fake::default();
    assert!(login(&old, &[], scene().desk).await.0.is_err());
}

#[tokio::test]
async fn a_provider_that_refuses_the_code_is_told_to_the_browser() {
    let fake = daemon(async |mut said, saying| {
        start(&mut said).await;
        send_to(&mut said, &saying, "http://127.0.0.1/", true).await;
        next(&mut said).await;
        say(&saying, Progress::Exchanging(Exchanging {})).await;
        let refused: Status =
            refusal(Code::FailedPrecondition, reason::CREDENTIAL_REJECTED, "the provider says: no");
        saying.send(Err(refused)).await.unwrap();
    });
    let Scene { desk, mut opened, paste: _paste, interrupt: _interrupt, .. } = scene();
    let browser = tokio::spawn(async move {
        let url = opened.recv().await.unwrap();
        follow(&url, "code=c0de&state=st4te").await
    });
    let failure = login(&fake, &[], desk).await.0.unwrap_err();
    assert_eq!(failure.exit(), Exit::PersonNeeded);
    let page = browser.await.unwrap();
    assert!(page.contains("<h1>Not logged in</h1>") && page.contains("the provider says: no"));
}
