use std::{collections::BTreeSet, path::PathBuf, sync::Mutex as Plain};

use http::{Method, Request};
use http_body_util::BodyExt as _;
use tokend_core::{BootId, Moment as Now};

use super::*;
use crate::{
    crowds::Size,
    metrics::{
        counters::{Counts, Spread},
        family::{Family, families},
    },
};

/// A clock that goes on by a second each time that it is read.
#[derive(Debug, Default)]
struct Ticking(Plain<u64>);

impl Clock for Ticking {
    fn now(&self) -> Now {
        let mut seconds = self.0.lock().unwrap();
        *seconds += 1;
        let wall = Timestamp::UNIX_EPOCH + Duration::from_secs(*seconds);
        Now { wall, boot: BootTime(Duration::from_secs(*seconds)) }
    }

    fn boot_id(&self) -> BootId {
        BootId([0; 16])
    }
}

fn looks() -> (Arc<Looks>, mpsc::Receiver<Command>) {
    let (engine, commands) = mpsc::channel(4);
    let view = View {
        engine,
        slots: Arc::default(),
        clock: Arc::new(Ticking::default()),
        calls: Arc::default(),
        crowds: Arc::default(),
        counters: Arc::default(),
        state_dir: "/nowhere".into(),
        started_at: Timestamp::UNIX_EPOCH,
        problems: Box::new(|| 1),
    };
    (Arc::new(Looks::new(view)), commands)
}

/// An engine without credentials.
async fn answer_all(mut commands: mpsc::Receiver<Command>) {
    while let Some(command) = commands.recv().await {
        match command {
            Command::List { reply, .. } => drop(reply.send(Ok(Vec::new()))),
            Command::Budgets { reply } => drop(reply.send(Ok(Vec::new()))),
            Command::Problems { reply } => drop(reply.send(Ok(vec!["p".to_owned()]))),
            Command::Revocations { reply } => drop(reply.send(Ok(Vec::new()))),
            Command::LedgerRows { reply } => drop(reply.send(Ok(12))),
            other => panic!("nobody asks for {other:?}"),
        }
    }
}

async fn get(looks: &Arc<Looks>, request: Request<()>) -> (u16, String, String) {
    let response = page::answer(&request, looks).await;
    let status = response.status().as_u16();
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, kind, String::from_utf8(body.to_vec()).unwrap())
}

fn request(path: &str, host: &str, accept: &str) -> Request<()> {
    let request = Request::builder().uri(path).header("host", host).header("accept", accept);
    request.body(()).unwrap()
}

fn scene() -> Scene {
    let credential = Credential {
        name: "api".to_owned(),
        provider: "demo".to_owned(),
        state: "fresh",
        is_held: true,
        needs_login: false,
        failures: 0,
        expires_in: Some(-2.5),
        refresh_in: Some(60.0),
        retry_in: Some(5.0),
    };
    let limit = Limit {
        account: "a/\"b\"".to_owned(),
        bound: "50/12h".to_owned(),
        count: Some(50),
        used: 3,
        remaining: 47,
        reserved: 12,
        frees_in: Some(Duration::from_secs(9)),
    };
    let counts = Counts {
        issuances: [(("demo".to_owned(), "aging", "issued"), 7)].into(),
        latencies: [("demo".to_owned(), Spread::default())].into(),
        rejections: [("refreshed", 2)].into(),
        revocations: [("revoked", 1)].into(),
        expiries: [("yes", 1)].into(),
        last_reload: Some((Timestamp::from_second(9).unwrap(), false)),
        ..Counts::default()
    };
    Scene {
        up: true,
        credentials: vec![credential],
        limits: vec![limit],
        last_day: vec![("a".to_owned(), 4)],
        crowds: vec![("tokend.sock".to_owned(), Size { connections: 5, users: 2, calls: 3 })],
        store_bytes: Some(4_096),
        ledger_rows: Some(12),
        calls: Arc::<Calls>::default().counted(),
        counts,
        process: Process::look(Timestamp::UNIX_EPOCH),
        ..Scene::default()
    }
}

#[test]
fn a_scrape_says_how_things_are_in_both_forms() {
    let open = Form::Open.write(&scene());
    let classic = Form::Classic.write(&scene());
    for line in [
        "tokend_token_expiry_seconds{credential=\"api\",provider=\"demo\"} -2.5\n",
        "tokend_credential_state{credential=\"api\",state=\"fresh\"} 1.0\n",
        "tokend_credential_state{credential=\"api\",state=\"limited\"} 0.0\n",
        "tokend_limit_used{account=\"a/\\\"b\\\"\",limit=\"50/12h\"} 3.0\n",
        "tokend_issuances_total{provider=\"demo\",cause=\"aging\",outcome=\"issued\"} 7.0\n",
        "tokend_acquire_latency_seconds_bucket{le=\"+Inf\"} 0\n",
        "tokend_store_writable 1.0\n",
        "tokend_connections{socket=\"tokend.sock\"} 5.0\n",
        "tokend_callers{socket=\"tokend.sock\"} 2.0\n",
        "tokend_open_calls{socket=\"tokend.sock\"} 3.0\n",
        "tokend_ledger_rows 12.0\n",
        "tokend_last_reload_used 0.0\n",
        "tokend_last_reload_time_seconds 9.0\n",
    ] {
        assert!(open.contains(line), "{line}{open}");
        assert!(classic.contains(line), "{line}{classic}");
    }
    assert!(open.contains("# TYPE tokend_issuances counter\n"));
    assert!(open.ends_with("# EOF\n"));
    assert!(classic.contains("# TYPE tokend_issuances_total counter\n"));
    assert!(!classic.contains("# EOF") && !classic.contains("# UNIT"));
}

#[tokio::test]
async fn it_is_read_at_its_path_by_its_own_address_and_not_otherwise() {
    let (looks, commands) = looks();
    tokio::spawn(answer_all(commands));
    let (status, kind, text) = get(&looks, request("/metrics", "127.0.0.1:9464", "*/*")).await;
    assert_eq!((status, kind.as_str()), (200, "text/plain; version=0.0.4; charset=utf-8"));
    assert!(text.contains("tokend_up 1.0\n") && text.contains("tokend_problems 2.0\n"), "{text}");
    let open = "application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1";
    let (status, kind, _) = get(&looks, request("/metrics", "[::1]:9464", open)).await;
    assert_eq!(status, 200);
    assert_eq!(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    for (path, host, expected) in [
        ("/", "localhost:9464", 404),
        ("/metrics/x", "localhost:9464", 404),
        ("/metrics", "tokens.example:9464", 403),
        ("/metrics", "192.0.2.1:9464", 403),
        ("/metrics", "", 403),
    ] {
        let (status, _, text) = get(&looks, request(path, host, "*/*")).await;
        assert_eq!(status, expected, "{path} {host}");
        assert!(!text.contains("tokend_"));
    }
    let mut posted = request("/metrics", "localhost", "*/*");
    *posted.method_mut() = Method::POST;
    assert_eq!(get(&looks, posted).await.0, 405);
}

#[tokio::test(start_paused = true)]
async fn those_who_connect_and_say_nothing_end_and_whoever_asks_has_a_turn() {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
    };
    let (looks, commands) = looks();
    tokio::spawn(answer_all(commands));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(page::serve(listener, looks));
    let mut silent = Vec::new();
    for _ in 0..page::MOST {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: keep-alive\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    // It ends, whatever was asked for.
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let mut nothing = String::new();
    for mut stream in silent {
        let ended = stream.read_to_string(&mut nothing).await;
        assert!(ended.is_err() || !nothing.contains("200"), "{nothing}");
    }
}

#[tokio::test]
async fn whoever_asks_and_leaves_has_nothing_begin_anew() {
    let (looks, mut commands) = looks();
    for _ in 0..3 {
        let asked = get(&looks, request("/metrics", "localhost", "*/*"));
        // It waits for the engine, and is gone.
        tokio::select! {
            biased;
            _ = asked => panic!("nobody has answered"),
            () = tokio::task::yield_now() => {}
        }
    }
    let Some(Command::List { reply, .. }) = commands.recv().await else { panic!("it is asked") };
    assert!(reply.send(Ok(Vec::new())).is_ok(), "somebody waits for it");
    tokio::spawn(answer_all(commands));
    assert_eq!(get(&looks, request("/metrics", "localhost", "*/*")).await.0, 200);
}

#[tokio::test]
async fn when_the_engine_has_ended_it_says_so() {
    let (looks, commands) = looks();
    drop(commands);
    let (status, _, text) = get(&looks, request("/metrics", "localhost", "*/*")).await;
    assert_eq!((status, text.as_str()), (503, "tokend is shutting down\n"));
}

#[tokio::test]
async fn a_file_is_whole_and_readable_and_tells_of_the_end() {
    use std::os::unix::fs::PermissionsExt as _;
    let (looks, commands) = looks();
    tokio::spawn(answer_all(commands));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tokend.prom");
    let (end, ended) = oneshot::channel();
    drop(end);
    file::write(&path, &looks, ended).await;
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("tokend_up 0.0\n"), "{text}");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o644);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing else is left");
}

/// Returns a file of the project's.
fn read(path: &str) -> String {
    let top = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::read_to_string(top.join(path)).unwrap()
}

/// Returns the words of a text that begin like a metric's name.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let ours = words.filter(|it| it.starts_with("tokend_") || it.starts_with("process_"));
    ours.map(str::to_owned).collect()
}

#[test]
fn the_documented_metrics_are_those_that_there_are() {
    let page = read("docs/monitoring.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let documented: BTreeSet<_> =
        rows.map(|(name, _)| name.to_owned()).filter(|name| named(name).contains(name)).collect();
    let there: BTreeSet<_> = families(&scene())
        .iter()
        .map(|family| family.full_name().trim_end_matches("_bucket").to_owned())
        .collect();
    assert_eq!(documented, there);
}

#[test]
fn alerts_and_the_dashboard_name_metrics_that_there_are() {
    let there: BTreeSet<_> = families(&scene()).iter().map(Family::full_name).collect();
    assert!(families(&scene()).iter().all(|family| !family.samples.is_empty()));
    for path in ["docs/monitoring/alerts.yml", "docs/monitoring/dashboard.json"] {
        let named = named(&read(path));
        assert!(named.len() > 5, "{path} names metrics: {named:?}");
        let strangers: Vec<_> = named.difference(&there).collect();
        assert!(strangers.is_empty(), "{path} names {strangers:?}");
    }
}
