//! Programs that hold the Rust client, with the real daemon: what they are served through
//! kills, replacements and revocations, and whom they believe.

#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

mod support;

use std::{
    fs::Permissions,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::Path,
};

use nix::unistd::geteuid;
use support::{PATIENCE, Place, canary, provider::Provider, text};
use tokend_client::{Client, Error, ExposeSecret, Rejection, Ruling, Subscription, Token};

const SECRET: &str = "s3cret-Horse_Battery";

/// A user that no one here is.
const STRANGER: u32 = 54_321;

/// Runs what a program does that holds a client.
fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(work)
}

fn value(token: &Token) -> String {
    canary::told(token.value().expose_secret())
}

/// Waits for what a subscription tells next.
async fn changed(subscription: &mut Subscription) -> Result<Token, Error> {
    tokio::time::timeout(PATIENCE, subscription.changed()).await.expect("something changes")
}

#[test]
fn a_token_is_served_through_kill_9_and_what_comes_after_it_arrives() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let daemon = place.start();
    assert!(place.add("api", provider.url(), SECRET).status.success());
    block_on(async {
        let client = Client::at(place.socket());
        assert_eq!(value(&client.token("api").await.unwrap()), "token-1-c0ffee");
        let mut subscription = client.subscribe("api").unwrap();

        daemon.kill();
        for _ in 0..3 {
            assert_eq!(value(&client.token("api").await.unwrap()), "token-1-c0ffee");
        }
        // What isn't held is missed at once.
        let error = client.token("other").await.unwrap_err();
        assert!(matches!(error, Error::DaemonNotRunning { .. }), "{error:?}");

        let _daemon = place.start();
        assert!(place.run(["refresh", "api"]).status.success());
        let newer = changed(&mut subscription).await.unwrap();
        assert_eq!(value(&newer), "token-2-c0ffee");
        assert_eq!(value(&client.token("api").await.unwrap()), "token-2-c0ffee");
    });
    assert_eq!(provider.requests().len(), 2);
}

#[test]
fn a_replaced_or_revoked_token_leaves_every_program() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let _daemon = place.start();
    assert!(place.add("api", provider.url(), SECRET).status.success());
    block_on(async {
        let client = Client::at(place.socket());
        let first = client.token("api").await.unwrap();
        let mut subscription = client.subscribe("api").unwrap();
        let other = Client::at(place.socket());
        assert_eq!(value(&other.token("api").await.unwrap()), value(&first));

        // One is refused; the other hears of what comes of it.
        let rejection = Rejection::of(&first).status(401);
        let ruling = other.report_rejection("api", rejection).await.unwrap();
        assert!(matches!(ruling, Ruling::Refreshed), "{ruling:?}");
        assert_eq!(value(&other.token("api").await.unwrap()), "token-2-c0ffee");
        assert_eq!(value(&changed(&mut subscription).await.unwrap()), "token-2-c0ffee");
        assert_eq!(value(&client.token("api").await.unwrap()), "token-2-c0ffee");

        let revoked = place.run(["revoke", "api", "--local", "--yes"]);
        assert!(revoked.status.success(), "{}", text(&revoked.stderr));
        let error = changed(&mut subscription).await.unwrap_err();
        assert_eq!(error.reason(), Some("NO_TOKEN"));
        assert!(client.cached("api").is_none());

        // A hundred tasks bring one issuance.
        let before = provider.requests().len();
        let ask = |_| {
            let client = client.clone();
            tokio::spawn(async move { client.token("api").await })
        };
        let tasks: Vec<_> = (0..100).map(ask).collect();
        for task in tasks {
            assert_eq!(value(&task.await.unwrap().unwrap()), "token-3-c0ffee");
        }
        assert_eq!(provider.requests().len(), before + 1);
    });
}

#[test]
fn a_daemon_of_a_stranger_is_believed_only_if_it_is_named() {
    if !geteuid().is_root() {
        eprintln!("skipped: only root can become someone else; continuous integration is");
        return;
    }
    let place = Place::new();
    give(place.path(), STRANGER);
    let _daemon = place.start_with(|command| {
        command.uid(STRANGER).gid(STRANGER);
    });
    let socket = place.socket();

    let told = place.run(["get", "api"]);
    assert_eq!(told.status.code(), Some(4), "{}", text(&told.stderr));
    let error = text(&told.stderr);
    assert!(error.contains(&format!("belongs to uid {STRANGER}")), "{error}");
    let told = place.cli().args(["get", "api"]).env("TOKEND_SERVER_UID", "54321").output().unwrap();
    assert_eq!(told.status.code(), Some(3), "{}", text(&told.stderr));

    block_on(async {
        let error = Client::at(&socket).token("api").await.unwrap_err();
        assert!(matches!(error, Error::UntrustedSocket { uid: STRANGER, .. }), "{error:?}");
        assert!(!error.is_transient());
        let client = Client::builder().socket(&socket).server_uid(STRANGER).build().unwrap();
        let error = client.token("api").await.unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }), "{error:?}");

        // A directory of root's doesn't make a server of root's.
        give(&place.runtime(), 0);
        let error = Client::at(&socket).token("api").await.unwrap_err();
        assert!(matches!(error, Error::UntrustedServer { uid: STRANGER, .. }), "{error:?}");

        // Nor does a server that is believed make up for a directory that others can write.
        std::fs::set_permissions(place.runtime(), Permissions::from_mode(0o1777)).unwrap();
        let client = Client::builder().socket(&socket).server_uid(STRANGER).build().unwrap();
        let error = client.token("api").await.unwrap_err();
        assert!(matches!(error, Error::UntrustedSocket { mode: 0o1777, .. }), "{error:?}");
    });
}

/// Gives a directory with all that is in it to a user.
fn give(path: &Path, uid: u32) {
    std::os::unix::fs::chown(path, Some(uid), Some(uid)).unwrap();
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            give(&entry.unwrap().path(), uid);
        }
    }
}
