//! `import` against a daemon of the test's own.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use clap::Parser as _;
use tokio::net::UnixListener;

use super::*;
use crate::{
    arguments::{Arguments, Command},
    command::add::tests::fake::{Fake, serve},
    exit::Exit,
};

fn caller() -> Caller {
    Caller { uid: u32::MAX - 1, user: "alice".to_owned(), ..Caller::default() }
}

async fn run_import(fake: &Fake, words: &[&str]) -> (Result<(), Failure>, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("admin.sock");
    serve(fake.clone(), UnixListener::bind(&path).unwrap());
    let words = ["tokend-cli", "import", "a", "--reader", "user:bob"].iter().chain(words);
    let Some(Command::Import(import)) = Arguments::try_parse_from(words).unwrap().command else {
        panic!("not read as import");
    };
    let mut output = Output::of_a_test(Vec::new(), false);
    let done = run(&Daemon::at(path), import, &caller(), &mut output).await;
    (done, String::from_utf8(output.into_writer()).unwrap())
}

fn file(directory: &Path, name: &str, text: &str) -> String {
    let path = directory.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path.display().to_string()
}

fn fake() -> Fake {
    Fake {
        optional: vec![("issuer", false), ("scope", false), ("refresh_token", true)],
        ..Fake::default()
    }
}

const ACCOUNT: &str = r#"{
    "name": "work", "issuer_url": "https://login.example/", "client_id": "c1",
    "client_secret": "s3cret-c", "refresh_token": "s3cret-r", "scope": "openid",
    "cert_path": "/etc/ssl/cert.pem"
}"#;

#[tokio::test]
async fn an_account_of_oidc_agent_becomes_a_credential() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(directory.path(), "work.json", ACCOUNT);
    let fake = fake();
    let (done, shown) = run_import(&fake, &["--oidc-agent", &path]).await;
    done.unwrap();
    assert_eq!(
        shown,
        "took: issuer from issuer_url, client_id, client_secret (secret), scope, \
         refresh_token (secret); left: cert_path, name\n\
         added a (oidc-login)\nfirst token: ok, expires in 59m\nprint a token: tokend-cli get a\n"
    );
    let created = fake.created.lock().unwrap();
    let [request] = created.as_slice() else { panic!("{created:?}") };
    let credential = request.credential.as_ref().unwrap();
    assert_eq!(credential.provider, "oidc-login");
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let variables = [
        pair("client_id", "c1"),
        pair("issuer", "https://login.example/"),
        pair("scope", "openid"),
    ];
    assert_eq!(credential.variables, variables.into());
    let secrets = [pair("client_secret", "s3cret-c"), pair("refresh_token", "s3cret-r")];
    assert_eq!(request.secrets, secrets.into());
}

#[tokio::test]
async fn a_dry_run_tells_and_stores_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(directory.path(), "work.json", ACCOUNT);
    let fake = fake();
    let (done, shown) = run_import(&fake, &["--oidc-agent", &path, "--dry-run"]).await;
    done.unwrap();
    assert!(shown.ends_with("nothing was stored; without --dry-run: a (oidc-login)\n"), "{shown}");
    let (done, shown) = run_import(&fake, &["--oidc-agent", &path, "--dry-run", "--json"]).await;
    done.unwrap();
    let value: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(value["took"][0]["input"], "issuer");
    assert!(value["credential"].is_null() && !shown.contains("s3cret"), "{shown}");
    assert!(fake.created.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_flag_wins_over_what_the_file_says_and_another_provider_may_be_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(directory.path(), "work.json", ACCOUNT);
    let fake = fake();
    let words = ["--oidc-agent", &path, "-p", "mine", "--var", "scope=other", "--json"];
    let (done, shown) = run_import(&fake, &words).await;
    done.unwrap();
    let value: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(value["credential"]["variables"]["scope"], "other");
    assert_eq!(value["credential"]["provider"], "mine");
    assert_eq!(value["left"], serde_json::json!(["scope", "cert_path", "name"]));
    assert!(!shown.contains("s3cret"), "{shown}");
}

#[tokio::test]
async fn an_env_file_is_taken_by_the_names_in_it() {
    let directory = tempfile::tempdir().unwrap();
    let text = "ACME_CLIENT_ID=c1\nACME_CLIENT_SECRET='s3cret'\nACME_PERMS=read\nDEBUG=1\n";
    let path = file(directory.path(), ".env", text);
    let fake = fake();
    let words = ["--env", &path, "-p", "acme", "--map", "ACME_PERMS=scope"];
    let (done, shown) = run_import(&fake, &words).await;
    done.unwrap();
    let took = "took: client_id from ACME_CLIENT_ID, client_secret (secret) from \
        ACME_CLIENT_SECRET, scope from ACME_PERMS; left: DEBUG\n";
    assert!(shown.starts_with(took), "{shown}");

    let path = file(directory.path(), "two.env", "A_CLIENT_ID=1\nB_CLIENT_ID=2\n");
    let (done, _) = run_import(&fake, &["--env", &path, "-p", "acme"]).await;
    let failure = done.unwrap_err();
    assert_eq!(failure.exit(), Exit::Usage);
    assert!(failure.hint(&caller()).unwrap().contains("--map A_CLIENT_ID=client_id"));

    let path = file(directory.path(), "none.env", "DEBUG=1\n");
    let failure = run_import(&fake, &["--env", &path, "-p", "acme"]).await.0.unwrap_err();
    assert!(failure.hint(&caller()).unwrap().contains("--map VARIABLE=INPUT"), "{failure}");
    assert_eq!(fake.created.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_missing_is_asked_for_by_its_flag() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(directory.path(), ".env", "CLIENT_ID=c1\n");
    let fake = fake();
    let words = ["--env", &path, "-p", "acme"];
    // The tests may run on a terminal, where the person is asked.
    if crate::ask::Terminal::open().is_none() {
        let failure = run_import(&fake, &words).await.0.unwrap_err();
        assert!(failure.to_string().contains("client_secret"), "{failure}");
    }
    let flags = [&words[..], &["--secret-command", "client_secret=echo s3cret"]].concat();
    run_import(&fake, &flags).await.0.unwrap();
    assert_eq!(fake.created.lock().unwrap()[0].secrets["client_secret"], "s3cret");
}

#[tokio::test]
async fn a_secret_is_no_argument_and_standard_input_is_read_once() {
    let fake = fake();
    let words = ["--refresh-token", "s3cret", "-p", "acme"];
    let failure = run_import(&fake, &words).await.0.unwrap_err();
    let told = format!("{failure} {:?}", failure.hint(&caller()));
    assert!(failure.exit() == Exit::Usage && !told.contains("s3cret"), "{told}");
    let words = ["--refresh-token", "-p", "acme", "--secret-stdin", "client_secret"];
    let failure = run_import(&fake, &words).await.0.unwrap_err();
    assert!(failure.to_string().contains("can't be read twice"), "{failure}");
    assert!(fake.created.lock().unwrap().is_empty());
}

#[tokio::test]
async fn names_in_a_file_do_not_steer_the_terminal() {
    let directory = tempfile::tempdir().unwrap();
    let text = r#"{"issuer_url": "https://a.example", "client_id": "c", "\u001b[2J": "x",
        "client_secret": "s", "refresh_token": "r"}"#;
    let path = file(directory.path(), "x.json", text);
    let (done, shown) = run_import(&fake(), &["--oidc-agent", &path, "--dry-run"]).await;
    done.unwrap();
    assert!(shown.contains("left: \\u{1b}[2J\n") && !shown.contains('\u{1b}'), "{shown}");
}
