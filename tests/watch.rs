//! Streams of tokens with the real binaries: what one caller hands over or an operator
//! changes reaches all who watch.

#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

mod support;

use std::{os::unix::process::CommandExt, process::Command, time::Duration};

use nix::{sys::signal::Signal, unistd::geteuid};
use support::{
    PATIENCE, Place, assert_output, canary,
    provider::{Provider, Reply},
    text,
};
use tokend_client::{Client, Error, ExposeSecret, Rotation, Submission, Update, Watch};

const SECRET: &str = "s3cret-Horse_Battery";

/// The daemon promises to end within this, whatever clients do.
const END: Duration = Duration::from_secs(5);

/// Adds a credential of an API whose answers may bring newer tokens.
fn add(place: &Place, name: &str, provider: &Provider) {
    let url = format!("url={}/graphql", provider.url());
    let add = ["add", name, "--provider", "toggle", "--secret-stdin", "password"];
    let variables = ["--var", "email=me@example.com", "--var", &url];
    let added = place.run_with_input(add.into_iter().chain(variables), SECRET);
    assert!(added.status.success(), "{}", text(&added.stderr));
}

/// A provider whose n-th token is `tn`.
fn sliding() -> Provider {
    Provider::scripted(|number, _| {
        Reply::json(200, "{}").with("x-authorization", format!("Bearer t{number}-c0ffee"))
    })
}

/// Runs what a program does that holds a client.
fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(work)
}

async fn next(watch: &mut Watch) -> Result<Update, Error> {
    let update = tokio::time::timeout(PATIENCE, watch.next()).await;
    update.expect("an update comes").expect("the stream goes on")
}

/// Returns an update as text: the token, or the reason why there is none.
async fn told(watch: &mut Watch) -> String {
    let update = next(watch).await.unwrap();
    let what = match update.token() {
        Ok(token) => canary::told(token.value().expose_secret()),
        Err(error) => error.reason().unwrap_or_default().to_owned(),
    };
    format!("{} {what}", update.name())
}

#[test]
fn a_token_that_one_caller_hands_over_reaches_a_watcher_at_once() {
    let (place, provider) = (Place::new(), sliding());
    let _daemon = place.start();
    add(&place, "api", &provider);
    block_on(async {
        let (one, other) = (Client::at(place.socket()), Client::at(place.socket()));
        let mut watch = other.watch(["api", "none"]).await.unwrap();
        let mut all = other.watch([""; 0]).await.unwrap();
        assert_eq!(told(&mut watch).await, "api t1-c0ffee");
        assert_eq!(told(&mut watch).await, "none CREDENTIAL_NOT_FOUND");
        assert_eq!(told(&mut all).await, "api t1-c0ffee");

        let token = one.token("api").await.unwrap();
        let rotation = Rotation::of_id(token.id(), canary::real("newer-c0ffee").into());
        let submitted = one.submit_rotation("api", rotation).await.unwrap();
        assert_eq!(submitted, Submission::Accepted);
        assert_eq!(told(&mut watch).await, "api newer-c0ffee");
        assert_eq!(told(&mut all).await, "api newer-c0ffee");

        // An issued one, one that comes later, and the end of it.
        assert!(place.run(["refresh", "api"]).status.success());
        assert_eq!(told(&mut watch).await, "api t2-c0ffee");
        add(&place, "none", &provider);
        while told(&mut watch).await != "none t3-c0ffee" {}
        assert!(place.run(["remove", "api", "--yes"]).status.success());
        let mut seen = told(&mut watch).await;
        while seen != "api CREDENTIAL_NOT_FOUND" {
            seen = told(&mut watch).await;
        }
    });
}

#[test]
fn a_watcher_does_not_hold_the_daemons_end_and_hears_of_it() {
    let (place, provider) = (Place::new(), sliding());
    let daemon = place.start();
    add(&place, "api", &provider);
    block_on(async {
        let mut watch = Client::at(place.socket()).watch(["api"]).await.unwrap();
        assert_eq!(told(&mut watch).await, "api t1-c0ffee");
        daemon.signal(Signal::SIGTERM);
        let end = next(&mut watch).await.unwrap_err();
        assert_eq!(end.reason(), Some("SHUTTING_DOWN"), "{end:?}");
        assert!(end.is_transient());
        assert!(watch.next().await.is_none());
    });
    assert_eq!(daemon.end_within(END).code, Some(0));
}

#[test]
fn who_may_read_may_not_submit_until_an_operator_says_so() {
    const STRANGER: u32 = 54_321;
    if !geteuid().is_root() {
        eprintln!("skipped: only root can become someone else; continuous integration is");
        return;
    }
    let (place, provider) = (Place::new(), sliding());
    place.configure("socket_group = \"daemon\"");
    let _daemon = place.start();
    add(&place, "api", &provider);
    let own = place.path().join("tokend-cli");
    // A file that this process has open for writing can't be run (ETXTBSY, execve(2)).
    let copied = Command::new("cp").arg(support::binary("tokend-cli")).arg(&own).status().unwrap();
    assert!(copied.success());
    let as_stranger = |arguments: &[&str], input: &str| {
        let group = std::os::unix::fs::MetadataExt::gid(&place.socket().metadata().unwrap());
        let text = format!("printf %s '{input}' | {} {}", own.display(), arguments.join(" "));
        let mut command = Command::new("/bin/sh");
        command.env("TOKEND_SOCKET", place.socket()).args(["-c", &text]);
        command.uid(STRANGER).gid(group).output().unwrap()
    };
    let reader = format!("uid:{STRANGER}");

    assert!(place.run(["grant", "api", &reader]).status.success());
    assert_output(&as_stranger(&["get", "api"], ""), 0, "t1-c0ffee\n", "");
    let refused = as_stranger(&["rotate", "api"], "wrong");
    assert_eq!(refused.status.code(), Some(3), "{}", text(&refused.stderr));
    let way_out = format!("`tokend-cli grant api {reader} --submit`");
    assert!(text(&refused.stderr).contains(&way_out), "{}", text(&refused.stderr));
    assert_output(&place.run(["get", "api"]), 0, "t1-c0ffee\n", "");

    let granted =
        format!("api can be read by {reader}\nnewer tokens can be submitted by {reader}\n");
    assert_output(&place.run(["grant", "api", &reader, "--submit"]), 0, &granted, "");
    let shown = text(&place.run(["show", "api"]).stdout);
    assert!(shown.contains(&format!("submitters  {reader}")), "{shown}");
    assert_output(&as_stranger(&["rotate", "api"], "newer-c0ffee"), 0, "", "");
    assert_output(&place.run(["get", "api"]), 0, "newer-c0ffee\n", "");

    // Who submits may read; who is to read no more submits no more.
    let revoked = place.run(["revoke-access", "api", &reader]);
    assert_output(&revoked, 0, "api can be read by root and tokend's own user only\n", "");
    assert_eq!(as_stranger(&["get", "api"], "").status.code(), Some(3));
    assert_eq!(as_stranger(&["rotate", "api"], "wrong").status.code(), Some(3));
    let stranger = place.run(["revoke-access", "api", &reader, "--submit"]);
    assert_eq!(stranger.status.code(), Some(2), "{}", text(&stranger.stderr));
    assert!(text(&stranger.stderr).contains("isn't among the submitters of api"));
}
