//! Exact texts and statuses.

use std::time::Duration;

use tokend_client::socket::Malformed;
use tonic::Code;

use super::*;

fn alice() -> Caller {
    Caller {
        uid: 1000,
        user: "alice".to_owned(),
        sudo: None,
        has_runtime_directory: true,
        told_by: None,
    }
}

fn daemon(error: Error) -> Failure {
    Failure::about("causely")(error)
}

fn not_running(path: &str) -> Failure {
    daemon(Error::DaemonNotRunning { path: path.into() })
}

#[track_caller]
fn assert_text(failure: &Failure, caller: &Caller, exit: Exit, lines: &[&str]) {
    assert_eq!(failure.text(caller).lines().collect::<Vec<_>>(), lines);
    assert_eq!(failure.exit(), exit);
}

#[test]
fn a_daemon_that_isnt_running() {
    let alice = alice();
    assert_text(
        &not_running("/run/user/1000/tokend/tokend.sock"),
        &alice,
        Exit::Unavailable,
        &[
            "tokend-cli: tokend isn't running: nothing answers on /run/user/1000/tokend/tokend.sock",
            "hint: start it: `systemctl --user start tokend`, or `tokend` in another terminal",
            "  to try tokend out, nothing to set up: `tokend dev`",
        ],
    );
    let system = not_running("/run/tokend/tokend.sock");
    let start = [
        "hint: start it: `systemctl --user start tokend` for a daemon of your own",
        "  or `sudo systemctl start tokend` for the system's",
        "  to try tokend out, nothing to set up: `tokend dev`",
    ];
    let first = "tokend-cli: tokend isn't running: nothing answers on /run/tokend/tokend.sock";
    assert_text(&system, &alice, Exit::Unavailable, &[first, start[0], start[1], start[2]]);

    let cron = Caller { has_runtime_directory: false, ..alice.clone() };
    assert_eq!(
        system.text(&cron).lines().take(3).collect::<Vec<_>>(),
        [
            first,
            "hint: XDG_RUNTIME_DIR isn't set, as under cron, and there is no \
             /run/user/1000/tokend/tokend.sock",
            "  to keep your own daemon running without a session: `loginctl enable-linger`",
        ]
    );
    let sudo = Some(("alice".to_owned(), "1000".to_owned()));
    let root = Caller { uid: 0, user: "root".to_owned(), sudo, ..cron };
    assert_text(
        &system,
        &root,
        Exit::Unavailable,
        &[
            first,
            "hint: under sudo this is the system's daemon: `sudo systemctl start tokend`",
            "  for that of alice: `sudo TOKEND_SOCKET=/run/user/1000/tokend/tokend.sock tokend-cli ..`",
        ],
    );
    let told = Caller { told_by: Some("TOKEND_SOCKET"), ..alice };
    assert_eq!(
        not_running("/tmp/x.sock").text(&told).lines().nth(1),
        Some("hint: TOKEND_SOCKET is set: does it name the right socket?")
    );
}

#[test]
fn a_socket_that_isnt_permitted() {
    let failure = |group: &str| {
        let group = Some(group.to_owned());
        daemon(Error::SocketNotPermitted { path: "/run/tokend/tokend.sock".into(), group })
    };
    assert_text(
        &failure("tokend"),
        &alice(),
        Exit::Unavailable,
        &[
            "tokend-cli: not permitted to use /run/tokend/tokend.sock, which belongs to the group tokend",
            "hint: join the group: `sudo usermod -aG tokend alice`",
            "  then log in again, or `newgrp tokend`: a session keeps the groups that it began with",
        ],
    );
    assert_text(
        &failure("root"),
        &alice(),
        Exit::Unavailable,
        &[
            "tokend-cli: not permitted to use /run/tokend/tokend.sock, which belongs to the group root",
            "hint: only its owner and root may use it: use sudo, or a socket of your own",
        ],
    );
}

#[test]
fn what_the_daemon_says_no_to() {
    let message = "what it says".to_owned();
    let table: [(Error, Exit, Option<&str>); 8] = [
        (
            Error::NotPermitted { message: message.clone() },
            Exit::NotFound,
            Some("hint: an operator can see why: `tokend-cli access causely --as alice`"),
        ),
        (
            Error::NotFound { reason: "CREDENTIAL_NOT_FOUND".to_owned(), message: message.clone() },
            Exit::NotFound,
            Some("hint: `tokend-cli list` shows all there are"),
        ),
        (
            Error::BudgetExhausted {
                message: message.clone(),
                retry_after: Some(Duration::from_secs(750)),
            },
            Exit::BudgetSpent,
            Some("hint: the next is allowed in 12m"),
        ),
        (
            Error::Unavailable {
                reason: "PROVIDER_UNAVAILABLE".to_owned(),
                message: message.clone(),
                retry_after: Some(Duration::from_millis(4_500)),
            },
            Exit::Unavailable,
            Some("hint: tokend tries again by itself in 5s"),
        ),
        (
            Error::Unavailable {
                reason: "SHUTTING_DOWN".to_owned(),
                message: message.clone(),
                retry_after: None,
            },
            Exit::Unavailable,
            None,
        ),
        (
            Error::CredentialRejected { message: message.clone() },
            Exit::PersonNeeded,
            Some("hint: mend it at the provider, then `tokend-cli refresh causely`"),
        ),
        (
            Error::LoginNeeded { message: message.clone() },
            Exit::PersonNeeded,
            Some("hint: log in again: `tokend-cli login causely`"),
        ),
        (
            Error::Refused {
                code: Code::AlreadyExists,
                reason: Some("CREDENTIAL_EXISTS".to_owned()),
                message,
            },
            Exit::Failed,
            Some(
                "hint: `tokend-cli show causely` shows it; to put another in its place, \
                 `tokend-cli remove causely` first",
            ),
        ),
    ];
    for (error, exit, hint) in table {
        let failure = daemon(error);
        let text = failure.text(&alice());
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("tokend-cli: what it says"));
        assert_eq!(lines.next(), hint);
        assert_eq!(failure.exit(), exit, "{failure:?}");
    }
}

#[test]
fn sources_are_joined_and_nothing_steers_the_terminal() {
    let malformed = Malformed { variable: "TOKEND_SOCKET", value: "x\u{1b}[2J".into() };
    assert_text(
        &Error::from(malformed).into(),
        &alice(),
        Exit::Usage,
        &[
            "tokend-cli: TOKEND_SOCKET must be an absolute path or a unix:// URI, not \"x\\u{1b}[2J\"",
        ],
    );
    let source = io::Error::new(io::ErrorKind::InvalidInput, "too long").into();
    assert_text(
        &daemon(Error::Unreachable { path: "/x".into(), source }),
        &alice(),
        Exit::Unavailable,
        &["tokend-cli: can't connect to /x: too long"],
    );
    assert_text(
        &daemon(Error::Disconnected(Status::unavailable("h2 says something"))),
        &alice(),
        Exit::Unavailable,
        &["tokend-cli: lost the connection to tokend"],
    );
    let message = "\u{1b}]0;owned\u{7}\n".to_owned();
    assert_text(
        &Failure::FirstToken {
            error: Error::CredentialDamaged { message },
            credential: "a".to_owned(),
        },
        &alice(),
        Exit::PersonNeeded,
        &[
            "tokend-cli: a is stored, but has no token yet: \\u{1b}]0;owned\\u{7}\\n",
            "hint: restore the store from a backup, or `tokend-cli remove a` and add it again",
        ],
    );
}

#[test]
fn a_unit_without_its_kind_is_told_it() {
    let failure = Failure::NotAReader("reports.service".to_owned());
    assert_eq!(failure.hint(&alice()).as_deref(), Some("unit:reports.service"));
}

#[test]
fn a_reader_without_its_kind_is_told_both() {
    assert_text(
        &Failure::NotAReader("alice".to_owned()),
        &alice(),
        Exit::Usage,
        &[
            "tokend-cli: a reader is user:NAME, group:NAME, uid:NUMBER, gid:NUMBER or \
             unit:NAME.service, not \"alice\"",
            "hint: user:alice or group:alice",
        ],
    );
}

#[test]
fn root_is_kept_from_something_by_a_listener_only() {
    let root = Caller { uid: 0, user: "root".to_owned(), ..alice() };
    let failure = daemon(Error::NotPermitted { message: "what it says".to_owned() });
    assert_text(
        &failure,
        &root,
        Exit::NotFound,
        &[
            "tokend-cli: what it says",
            "hint: this is the socket of a listener, with a fixed list of credentials: \
             `tokend-cli list` shows them; an operator can add to it in tokend.toml, or let you in \
             if it is on it: docs/containers.md",
        ],
    );
}
