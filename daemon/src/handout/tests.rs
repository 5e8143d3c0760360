//! Handing out with a socket, an engine that does as it is told, and time that is simulated.

use std::{
    os::fd::{AsFd as _, OwnedFd},
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use jiff::Timestamp;
use rustix::net::{
    AddressFamily, Shutdown, SocketAddrUnix, SocketType, bind, connect, shutdown, socket,
};
use secrecy::SecretString;
use tempfile::TempDir;
use tokend_core::{BootId, BootTime, Moment, Refusal, Token, TokenId, after};
use tokend_provider::{Placement, Target};
use tokio::{io::AsyncReadExt as _, task::JoinHandle};

use super::*;
use crate::{credential::Grant, published::Presentation};

const LIMIT: Duration = Duration::from_secs(60);

/// A clock that stands: tokens here end by nothing but their length.
struct StillClock;

impl Clock for StillClock {
    fn now(&self) -> Moment {
        Moment { wall: start(), boot: BootTime(Duration::ZERO) }
    }

    fn boot_id(&self) -> BootId {
        BootId([0; 16])
    }
}

fn start() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

/// A socket that is served.
struct Bench {
    dir: TempDir,
    slots: Arc<Slots>,
    engine: mpsc::Receiver<Command>,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

impl Bench {
    fn new() -> Self {
        Self::after(Vec::new(), |_| false)
    }

    /// Serves those who wait since before, and keeps whoever waits at the end as it is told.
    fn after(waiting: Vec<UnixStream>, keep: fn(&UnixStream) -> bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join("s")).unwrap();
        let slots = Arc::new(Slots::default());
        let (commands, engine) = mpsc::channel(512);
        let handout = Handout {
            slots: Arc::clone(&slots),
            engine: commands,
            clock: Arc::new(StillClock),
            user: Some(rustix::process::geteuid().as_raw()),
            wait: watch::channel(LIMIT).1,
            keep: Arc::new(keep),
        };
        let (stop, stopping) = watch::channel(false);
        let grace = Duration::from_secs(3);
        let serving = tokio::spawn(handout.serve(listener, waiting, stopping, grace));
        Self { dir, slots, engine, stop, serving }
    }

    /// Makes a credential that has no token yet.
    fn make(&self, name: &str) -> Arc<Slot> {
        let name = name.parse().unwrap();
        let slot = Arc::new(Slot::new(name, crate::credential::Access::default(), Arc::default()));
        self.slots.insert(&slot);
        slot
    }

    /// Asks as systemd does for a unit.
    fn ask(&self, id: &str) -> Asking {
        ask(self.dir.path().join("s"), Some(&format!("unit/reports.service/{id}")))
    }

    /// Answers the next one who wants a token of the engine.
    async fn answer(&mut self, answer: Result<Arc<Published>, Error>) {
        match timeout(LIMIT, self.engine.recv()).await.expect("the engine is asked") {
            Some(Command::Acquire { reply, .. }) => assert!(reply.send(answer).is_ok()),
            other => panic!("{other:?}"),
        }
    }
}

/// A connection as systemd makes it.
struct Asking(UnixStream);

/// Connects with an abstract address, if there is one to be; a number that is new stands in
/// front of it.
fn ask(path: PathBuf, address: Option<&str>) -> Asking {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let own = socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
    if let Some(address) = address {
        let number = u64::from(std::process::id()) << 32 | LAST.fetch_add(1, Ordering::Relaxed);
        let address = format!("{number:x}/{address}");
        bind(&own, &SocketAddrUnix::new_abstract_name(address.as_bytes()).unwrap()).unwrap();
    }
    connect(&own, &SocketAddrUnix::new(path).unwrap()).unwrap();
    shutdown(&own, Shutdown::Write).unwrap();
    let stream = std::os::unix::net::UnixStream::from(own);
    stream.set_nonblocking(true).unwrap();
    Asking(UnixStream::from_std(stream).unwrap())
}

impl Asking {
    /// Reads to the end, as systemd does.
    async fn text(mut self) -> String {
        let mut text = String::new();
        self.0.read_to_string(&mut text).await.unwrap();
        text
    }

    /// Tells whether the end is still to come after a time.
    async fn is_open_after(&mut self, time: Duration) -> bool {
        timeout(time, self.0.read_u8()).await.is_err()
    }
}

fn published(value: &str) -> Published {
    let token = Token {
        id: TokenId([1; 16]),
        issued_at: start(),
        expires_at: Some(after(start(), Duration::from_secs(3_600))),
        refresh_at: None,
        taken_up: None,
        refreshes: None,
        session: None,
        payload: Grant {
            value: SecretString::from(value),
            token_type: None,
            refresh_token: None,
            secrets: [].into(),
            proven: [].into(),
            extras: [("tenant".to_owned(), SecretString::from("acme"))].into(),
        },
    };
    Published::new(Arc::new(token), |_| Presentation::default())
}

fn placed(targets: &[(Target, &str)]) -> Published {
    let placement = |(target, value): &(Target, &str)| Placement {
        target: target.clone(),
        value: SecretString::from(*value),
        writes_only: false,
    };
    let placements = targets.iter().map(placement).collect();
    let token = Arc::clone(published("t0ken").token());
    Published::new(token, |_| Presentation { placements, ..Presentation::default() })
}

fn down() -> Result<Arc<Published>, Error> {
    let retry_after = Duration::from_secs(20);
    Err(Refusal::Unavailable { retry_after, message: "503".to_owned() }.into())
}

fn from_now(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_held_is_handed_out_as_it_is_and_without_the_engine() {
    let mut bench = Bench::new();
    bench.make("api").publish(published("t0ken"));
    assert_eq!(bench.ask("api").text().await, "t0ken");
    assert_eq!(bench.ask("api.tenant").text().await, "acme");
    assert!(bench.engine.try_recv().is_err());
}

#[test]
fn header_lines_are_those_of_a_request() {
    let header = |name: &str| Target::Header(name.to_owned());
    let cookie = |name: &str| Target::Cookie(name.to_owned());
    let shown = |published: &Published| {
        let wanted = Wanted::parse("api.header").unwrap();
        wanted.form.of(published).map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
    };
    let all = [
        (cookie("a"), "1"),
        (header("Authorization"), "Bearer t0ken"),
        (header("X-Tenant"), "acme"),
        (cookie("b"), "2"),
    ];
    let expected = "Authorization: Bearer t0ken\nX-Tenant: acme\nCookie: a=1; b=2";
    assert_eq!(shown(&placed(&all)).as_deref(), Ok(expected));
    assert_eq!(shown(&placed(&all[..1])).as_deref(), Ok("Cookie: a=1"));
    let query = placed(&[(Target::Query("key".to_owned()), "t0ken")]);
    assert_eq!(shown(&query), Err(form::NotThere::Header));
}

#[tokio::test(start_paused = true)]
async fn a_start_waits_while_the_provider_is_down_and_is_handed_what_comes() {
    let mut bench = Bench::new();
    let slot = bench.make("api");
    let mut asking = bench.ask("api");
    bench.answer(down()).await;
    assert!(asking.is_open_after(from_now(10)).await);
    slot.publish(published("t0ken"));
    assert_eq!(timeout(from_now(1), asking.text()).await.unwrap(), "t0ken");
    assert!(bench.engine.try_recv().is_err(), "whoever waits asks no one");
}

#[tokio::test(start_paused = true)]
async fn the_engine_is_asked_again_when_it_tries_again_and_not_before() {
    let mut bench = Bench::new();
    let slot = bench.make("api");
    let mut asking = bench.ask("api");
    bench.answer(down()).await;
    slot.set_failing(true);
    assert!(asking.is_open_after(from_now(19)).await);
    assert!(bench.engine.try_recv().is_err());
    assert!(asking.is_open_after(from_now(2)).await);
    bench.answer(Ok(Arc::new(published("t0ken")))).await;
    assert_eq!(asking.text().await, "t0ken");
}

#[tokio::test(start_paused = true)]
async fn after_the_limit_there_is_nothing() {
    let mut bench = Bench::new();
    bench.make("api");
    let mut asking = bench.ask("api");
    for _ in 0..2 {
        bench.answer(down()).await;
    }
    assert!(asking.is_open_after(from_now(39)).await);
    assert_eq!(timeout(from_now(2), asking.text()).await.unwrap(), "");
    let problem = down().err();
    let denial = Denial::late("api".parse().unwrap(), LIMIT, problem);
    let said = "no token came within 60 s: the provider gives no token: 503";
    assert_eq!(denial.to_string(), said);
}

#[tokio::test(start_paused = true)]
async fn what_takes_a_person_or_too_long_is_not_waited_for() {
    let mut bench = Bench::new();
    bench.make("api");
    let message = || "invalid_grant".to_owned();
    for refusal in [
        Refusal::Rejected { message: message() },
        Refusal::LoginNeeded { message: message() },
        Refusal::Impossible { message: message() },
        Refusal::BudgetExhausted { retry_after: from_now(61) },
    ] {
        let asking = bench.ask("api");
        bench.answer(Err(refusal.into())).await;
        assert_eq!(timeout(from_now(1), asking.text()).await.unwrap(), "");
    }
    let retry_after = from_now(5);
    let mut asking = bench.ask("api");
    bench.answer(Err(Refusal::BudgetExhausted { retry_after }.into())).await;
    assert!(asking.is_open_after(from_now(4)).await, "that is soon enough");
}

#[tokio::test(start_paused = true)]
async fn a_credential_that_is_not_there_is_not_waited_for() {
    let mut bench = Bench::new();
    let slot = bench.make("api");
    slot.publish(published("t0ken"));
    for id in ["nothing", "API", "api.nothing", "api.header", ".header"] {
        assert_eq!(timeout(from_now(1), bench.ask(id).text()).await.unwrap(), "", "{id}");
    }
    slot.withdraw();
    let mut asking = bench.ask("api");
    bench.answer(down()).await;
    assert!(asking.is_open_after(from_now(5)).await);
    bench.slots.remove(&"api".parse().unwrap());
    assert_eq!(timeout(from_now(1), asking.text()).await.unwrap(), "", "it was removed");
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_come_as_systemd_gets_nothing() {
    let bench = Bench::new();
    bench.make("api").publish(published("t0ken"));
    let path = || bench.dir.path().join("s");
    for address in [None, Some("units/reports.service/api"), Some("unit/reports/api")] {
        assert_eq!(ask(path(), address).text().await, "", "{address:?}");
    }
}

#[test]
fn root_is_believed_by_all_and_a_user_by_a_daemon_of_theirs() {
    let handout = |user| Handout {
        slots: Arc::default(),
        engine: mpsc::channel(1).0,
        clock: Arc::new(StillClock),
        user,
        wait: watch::channel(LIMIT).1,
        keep: Arc::new(|_: &UnixStream| false),
    };
    let systems = [0, 990, 1_000].map(|uid| handout(None).believes(uid));
    assert_eq!(systems, [true, false, false]);
    let users = [0, 990, 1_000].map(|uid| handout(Some(1_000)).believes(uid));
    assert_eq!(users, [true, false, true]);
}

#[tokio::test(start_paused = true)]
async fn more_units_than_there_are_connections_are_all_served() {
    let mut bench = Bench::new();
    bench.make("api");
    let asking: Vec<_> = (0..MOST + 44).map(|_| bench.ask("api")).collect();
    for _ in 0..asking.len() {
        bench.answer(Ok(Arc::new(published("t0ken")))).await;
    }
    for asking in asking {
        assert_eq!(asking.text().await, "t0ken");
    }
}

#[tokio::test(start_paused = true)]
async fn units_that_are_stopped_while_they_wait_make_room_for_others() {
    let mut bench = Bench::new();
    bench.make("api");
    let stopped: Vec<_> = (0..MOST).map(|_| bench.ask("api")).collect();
    for _ in 0..MOST {
        bench.answer(down()).await;
    }
    drop(stopped);
    let asking = bench.ask("api");
    let answer = timeout(from_now(1), bench.answer(Ok(Arc::new(published("t0ken")))));
    answer.await.expect("it needn't wait until the others' time is up");
    assert_eq!(asking.text().await, "t0ken");
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_read_holds_up_no_one_and_is_let_go() {
    let bench = Bench::new();
    let long = "t".repeat(4_000_000);
    bench.make("long").publish(published(&long));
    bench.make("api").publish(published("t0ken"));
    let slow = bench.ask("long");
    assert_eq!(timeout(from_now(1), bench.ask("api").text()).await.unwrap(), "t0ken");
    assert_eq!(bench.ask("long").text().await.len(), long.len(), "who reads gets all of it");
    sleep(LONGEST_WRITE).await;
    assert!(slow.text().await.len() < long.len(), "it was let go");
}

#[tokio::test(start_paused = true)]
async fn the_daemons_end_is_the_end_of_all_waits() {
    let mut bench = Bench::new();
    bench.make("api");
    let asking = bench.ask("api");
    bench.answer(down()).await;
    bench.stop.send_replace(true);
    assert_eq!(timeout(from_now(1), asking.text()).await.unwrap(), "");
    timeout(from_now(1), bench.serving).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_waits_when_the_daemon_is_restarted_is_answered_by_the_next_one() {
    static KEPT: Mutex<Vec<OwnedFd>> = Mutex::new(Vec::new());
    let keep = |stream: &UnixStream| {
        KEPT.lock().unwrap().push(stream.as_fd().try_clone_to_owned().unwrap());
        true
    };
    let refusal = Refusal::LoginNeeded { message: "invalid_grant".to_owned() };
    let answers = [(Ok(Arc::new(published("t0ken"))), "t0ken"), (Err(refusal.into()), "")];
    for (answer, expected) in answers {
        let mut bench = Bench::after(Vec::new(), keep);
        bench.make("api");
        let mut asking = bench.ask("api");
        bench.answer(down()).await;
        bench.stop.send_replace(true);
        timeout(from_now(1), bench.serving).await.unwrap().unwrap();
        assert!(asking.is_open_after(from_now(5)).await);

        let kept = KEPT.lock().unwrap().pop().unwrap();
        let waiting = kept.try_clone().unwrap().into();
        let mut next = Bench::after(vec![UnixStream::from_std(waiting).unwrap()], keep);
        next.make("api");
        next.answer(answer).await;
        assert_eq!(timeout(from_now(1), asking.text()).await.unwrap(), expected);
        drop(kept);
    }
}

#[test]
fn systemd_keeps_as_many_connections_as_there_are() {
    for unit in ["system", "user"] {
        let path = format!("{}/../systemd/{unit}/tokend.service", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.contains(&format!("\nFileDescriptorStoreMax={MOST}\n")), "{unit}");
    }
}
