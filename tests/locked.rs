//! A daemon whose key comes of a passphrase: locked until someone gives it.

#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

mod support;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::net::UnixDatagram,
    process::{Output, Stdio},
};

use nix::sys::signal::Signal;
use support::{PASSPHRASE, PATIENCE, Place, assert_output, canary, contains, disguises, text};
use tokend_client::{Client, Error, ExposeSecret as _};

/// Wrong passphrases cost a second and more: how often it is looked whether they are over. A
/// look takes a process.
const LOOKS: usize = 10_000;

/// The token of the credential `static`.
const TOKEN: &str = "t0ken-Horse_Battery";

/// Runs what a program does that holds a client.
fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(work)
}

fn unlock(place: &Place, passphrase: &str) -> Output {
    place.run_with_input(["unlock", "--passphrase-stdin"], passphrase)
}

/// Makes a place with a passphrase, and with the credential `static` in it.
fn furnished() -> Place {
    let place = Place::with_passphrase();
    let daemon = place.start_locked();
    assert_output(&unlock(&place, PASSPHRASE), 0, "unlocked\n", "");
    let add = ["add", "static", "--provider", "static-bearer", "--var", "url=http://127.0.0.1"];
    let add = add.into_iter().chain(["--var", "user=me", "--secret-stdin", "token"]);
    let added = place.run_with_input(add, TOKEN);
    assert!(added.status.success(), "{}", text(&added.stderr));
    assert_eq!(daemon.end().code, Some(0));
    place
}

#[test]
fn nothing_is_served_until_the_passphrase_is_given_and_everything_then() {
    let place = furnished();
    let daemon = place.start_locked();
    let refused = "tokend-cli: tokend is locked: an operator has to give the passphrase of its store\n\
                   hint: `tokend-cli unlock` gives it; operators can: root and the user that \
                   tokend runs as\n";
    // What there is and what there isn't look alike.
    for arguments in [&["get", "static"][..], &["get", "nothing"], &["list"], &["show", "static"]] {
        assert_output(&place.run(arguments), 5, "", refused);
    }
    let status = place.run(["status"]);
    assert_eq!(status.status.code(), Some(0));
    let shown = text(&status.stdout);
    assert!(shown.ends_with(
        "\nlocked: nothing is served until `tokend-cli unlock` gives the passphrase of the store\n"
    ));
    assert!(text(&place.run(["status", "--json"]).stdout).contains("\"locked\": true"));

    let wrong = unlock(&place, "correct-h0rse");
    assert_eq!(wrong.status.code(), Some(5));
    assert!(text(&wrong.stderr).contains("that isn't the passphrase of"), "{:?}", wrong.stderr);
    assert_output(&place.run(["get", "static"]), 5, "", refused);
    // Another isn't tried at once.
    let opened = (0..LOOKS).map(|_| unlock(&place, &format!("{PASSPHRASE}\n"))).find(|tried| {
        let complaint = text(&tried.stderr);
        assert!(
            complaint.is_empty() || complaint.contains("no passphrase is tried"),
            "{complaint}"
        );
        tried.status.success()
    });
    assert_output(&opened.unwrap(), 0, "unlocked\n", "");
    assert_output(&place.run(["get", "static"]), 0, "t0ken-Horse_Battery\n", "");
    assert!(text(&place.run(["status", "--json"]).stdout).contains("\"locked\": false"));
    assert_output(&unlock(&place, "anything"), 0, "tokend isn't locked\n", "");

    let ended = daemon.end();
    assert_eq!(ended.code, Some(0));
    for outcome in ["failed", "done"] {
        assert!(ended.log.contains(&format!("action=\"unlock\" outcome=\"{outcome}\" uid=")));
    }
    for secret in [canary::real(PASSPHRASE), "correct-h0rse".to_owned()] {
        for form in disguises(&secret) {
            assert!(!contains(ended.log.as_bytes(), &form), "{}", ended.log);
            for (path, content) in place.stored() {
                assert!(!contains(&content, &form), "{}", path.display());
            }
        }
    }
}

#[test]
fn clients_that_came_while_it_was_locked_are_served_once_it_is_not() {
    let place = furnished();
    let metrics = place.path().join("tokend.prom");
    let line = format!("metrics = '{}'", metrics.display());
    place.configure(&line);
    let _daemon = place.start_locked();
    block_on(async {
        let once = Client::builder().socket(place.socket()).cache(false).build().unwrap();
        let error = once.token("static").await.unwrap_err();
        assert!(matches!(error, Error::StoreLocked { .. }) && error.is_transient(), "{error:?}");
        let error = once.watch(["static"]).await.unwrap_err();
        assert!(matches!(error, Error::StoreLocked { .. }), "{error:?}");
        let keeping = Client::at(place.socket());
        let mut subscription = keeping.subscribe("static").unwrap();
        assert!(matches!(keeping.token("static").await, Err(Error::StoreLocked { .. })));

        assert_output(&unlock(&place, PASSPHRASE), 0, "unlocked\n", "");
        // On the connection that there is, and without another attempt.
        let token = once.token("static").await.unwrap();
        assert_eq!(canary::told(token.value().expose_secret()), TOKEN);
        // It has a part in what monitoring is told.
        let told = (0..LOOKS).find_map(|_| {
            assert!(place.run(["get", "static"]).status.success());
            fs::read_to_string(&metrics).ok()
        });
        let told = told.unwrap();
        assert!(told.contains("tokend_callers{socket=\"tokend.sock\"} 1.0\n"), "{told}");
        let told = tokio::time::timeout(PATIENCE, async {
            while subscription.changed().await.is_err() {}
        });
        told.await.unwrap();
        let token = keeping.token("static").await.unwrap();
        assert_eq!(canary::told(token.value().expose_secret()), TOKEN);
    });
}

#[test]
fn programs_that_start_while_it_is_locked_wait() {
    let place = furnished();
    let _daemon = place.start_locked();
    let file = place.path().join("token");
    let sink = ["sink".as_ref(), "static".as_ref(), file.as_os_str()];
    let script = "case $STATIC_TOKEN in t0ken-?*) ;; *) exit 1 ;; esac";
    let exec = ["exec", "static", "--", "sh", "-c", script];
    let mut waiting = Vec::new();
    for arguments in [&sink[..], &exec.map(std::ffi::OsStr::new)] {
        let mut command = place.cli();
        let mut child = command.args(arguments).stderr(Stdio::piped()).spawn().unwrap();
        let mut complaint = String::new();
        let mut complaints = BufReader::new(child.stderr.take().unwrap());
        complaints.read_line(&mut complaint).unwrap();
        assert!(complaint.contains("is locked"), "{complaint}");
        assert!(complaint.ends_with("; it is tried again\n"), "{complaint}");
        waiting.push((child, complaints));
    }
    assert_output(&unlock(&place, PASSPHRASE), 0, "unlocked\n", "");
    let (mut exec, _) = waiting.pop().unwrap();
    let executed = exec.wait().unwrap();
    let (mut sink, _) = waiting.pop().unwrap();
    let written = (0..LOOKS).any(|_| {
        assert!(place.run(["get", "static"]).status.success());
        fs::read_to_string(&file).is_ok_and(|text| canary::told(text.trim_end()) == TOKEN)
    });
    // Whatever went wrong, nothing is left behind.
    sink.kill().unwrap();
    sink.wait().unwrap();
    assert!(executed.success() && written);
}

#[test]
fn it_keeps_a_second_daemon_out_and_its_end_leaves_the_store_as_it_was() {
    let place = furnished();
    let stored = || {
        let all = place.stored().into_iter();
        all.filter(|(path, _)| !path.ends_with("tokend.lock")).collect::<Vec<_>>()
    };
    let before = stored();
    let is_untouched = || {
        let after = stored();
        before.iter().all(|file| after.contains(file))
    };
    let daemon = place.start_locked();
    let second = place.tokend::<&str>([]);
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second.stderr).contains("another tokend (pid "), "{}", text(&second.stderr));
    assert_eq!(place.run(["get", "static"]).status.code(), Some(5), "the first one is there");
    daemon.kill();
    assert!(is_untouched());
    let daemon = place.start_locked();
    assert_eq!(daemon.end_by(Signal::SIGTERM, PATIENCE).code, Some(0));
    assert!(is_untouched());
    assert!(!place.socket().exists());
}

#[test]
fn the_service_manager_is_told_that_it_is_there_and_locked() {
    let place = Place::with_passphrase();
    let path = place.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let hear = || {
        let mut buffer = [0; 256];
        let length = manager.recv(&mut buffer).unwrap();
        text(&buffer[..length])
    };
    let daemon = place.start_locked_with(|command| {
        command.env("NOTIFY_SOCKET", &path);
    });
    assert_eq!(hear(), "READY=1\n");
    assert_eq!(hear(), "STATUS=locked: run `tokend-cli unlock`\n");
    assert_output(&unlock(&place, PASSPHRASE), 0, "unlocked\n", "");
    assert_eq!(hear(), "STATUS=starting: opening the store\nEXTEND_TIMEOUT_USEC=600000000\n");
    let serving = "STATUS=serving no credentials yet: `tokend-cli add` adds one\n";
    assert_eq!(hear(), serving);
    assert_eq!(hear(), "READY=1\n");
    assert_eq!(daemon.end().code, Some(0));
    assert_eq!(hear(), "STOPPING=1\nSTATUS=stopping\n");
}

#[test]
fn a_hangup_waits_until_it_is_unlocked_and_has_the_configuration_read_then() {
    let place = furnished();
    let mut daemon = place.start_locked();
    if fs::File::open("/dev/tty").is_ok() {
        assert_eq!(daemon.end_by(Signal::SIGHUP, PATIENCE).code, Some(0));
        return;
    }
    let definition = "title = 'Late'\nsecrets.token.description = 'it'\nissue.local = true\n\
                      output.token = 'secret.token'\nlifetime.default = 'never'\n";
    place.define("late", definition);
    let refused = place.run(["reload"]);
    assert_eq!(refused.status.code(), Some(5));
    assert!(text(&refused.stderr).contains("tokend is locked"), "{refused:?}");
    daemon.signal(Signal::SIGHUP);
    assert_eq!(place.run(["get", "static"]).status.code(), Some(5), "it is there and locked");
    assert_output(&unlock(&place, PASSPHRASE), 0, "unlocked\n", "");
    daemon.wait_for_log("the configuration is to be read again: SIGHUP");
    daemon.wait_for_log("provider late: new");
    assert_output(&place.run(["get", "static"]), 0, &format!("{TOKEN}\n"), "");
    assert_eq!(daemon.end().code, Some(0));
}

#[test]
fn a_passphrase_takes_the_place_of_a_key_and_of_another_passphrase() {
    let place = Place::new();
    let state = place.state();
    let (state, key) = (state.display(), place.state().join("key"));
    let short = "tokend: this passphrase is short: whoever has a copy of the store can try all of \
                 its length; six words that dice have chosen are beyond that\n";
    let change = |from: &str, to: &str, input: &str| {
        let (from, to) = (format!("--from={from}"), format!("--to={to}"));
        let change = ["key", "change-source", &from, &to, "--passphrase-stdin"];
        place.tokend_with_input(change, input)
    };
    let file = format!("file:{}", key.display());
    let expected = format!(
        "the key of the store in {state} is that of the passphrase from now on\n\
         without the passphrase the store is lost; keep {file} as long as there are backups of \
         the store from before\n\
         next: key_source = \"passphrase\" in tokend.toml, then start tokend\n"
    );
    assert_output(&change(&file, "passphrase", "first\n"), 0, &expected, short);
    let refused = place.tokend::<&str>([]);
    assert!(text(&refused.stderr).contains("key_source = \"passphrase\""), "{refused:?}");
    place.configure("key_source = 'passphrase'");
    // Nobody is asked on a terminal that isn't there.
    let nobody = place.tokend(["key", "rotate"]);
    assert!(text(&nobody.stderr).contains("--passphrase-stdin"), "{nobody:?}");

    let wrong = change("passphrase", "passphrase", "frist\nsecond-Horse_Battery\n");
    assert_eq!(wrong.status.code(), Some(1));
    assert!(text(&wrong.stderr).contains("that isn't the passphrase of"), "{wrong:?}");
    let changed = change("passphrase", "passphrase", "first\nsecond-Horse_Battery\n");
    assert!(text(&changed.stdout).contains("keep the passphrase before as long"), "{changed:?}");
    let again = change("passphrase", "passphrase", "first\nsecond-Horse_Battery\n");
    assert!(text(&again.stdout).ends_with("already; nothing changed\n"), "{again:?}");
    let rotated = ["key", "rotate", "--passphrase-stdin"];
    assert!(place.tokend_with_input(rotated, "second-Horse_Battery").status.success());

    let daemon = place.start_locked();
    assert_output(&unlock(&place, "second-Horse_Battery"), 0, "unlocked\n", "");
    assert_eq!(daemon.end().code, Some(0));
    let back = change("passphrase", &file, "second-Horse_Battery\n");
    assert!(back.status.success(), "{back:?}");
    let empty = change(&file, "passphrase", "\n");
    assert_output(&empty, 1, "", "tokend: the passphrase is empty\n");
    let started = place.tokend::<&str>([]);
    assert!(text(&started.stderr).contains("comes of no passphrase"), "{started:?}");
}

#[test]
fn a_passphrase_comes_changes_and_goes_while_tokend_serves() {
    let place = Place::new();
    let daemon = place.start();
    let state = place.state().display().to_string();
    let run = |arguments: &[&str], input: &str| {
        let all = ["key"].iter().chain(arguments).chain(&["--passphrase-stdin"]);
        place.run_with_input(all, input)
    };
    let key = format!("file:{}", place.state().join("key").display());
    let next = |source: &str| {
        format!("next: key_source = \"{source}\" in tokend.toml, before tokend starts again\n")
    };
    let is_new = format!(
        "the key of the store in {state} is that of the passphrase from now on\n\
         without the passphrase the store is lost; keep"
    );
    let changed = format!(
        "{is_new} {key} as long as there are backups of the store from before\n{}",
        next("passphrase")
    );
    let short = "tokend-cli: this passphrase is short: whoever has a copy of the store can try \
                 all of its length; six words that dice have chosen are beyond that\n";
    let to = ["change-source", "--to", "passphrase"];
    assert_output(&run(&to, "first\nmore\n"), 0, &changed, short);
    assert!(text(&place.run(["status"]).stdout).contains("only if key_source = \"passphrase\""));
    place.configure("key_source = 'passphrase'");

    // The daemon doesn't keep it, and nobody is asked on a terminal that isn't there.
    let nobody = place.run(["key", "rotate"]);
    assert_eq!(nobody.status.code(), Some(2));
    assert!(text(&nobody.stderr).contains("--passphrase-stdin"), "{nobody:?}");
    let rotated = format!("all in the store in {state} is sealed with a new data key\n");
    assert_output(&run(&["rotate"], "first\nmore\n"), 0, &rotated, "");
    let second = format!("first\n{PASSPHRASE}\n");
    let changed = format!(
        "{is_new} the passphrase before as long as there are backups of the store from before\n{}",
        next("passphrase")
    );
    assert_output(&run(&to, &second), 0, &changed, "");
    let wrong = run(&["rotate"], "first\n");
    assert_eq!(wrong.status.code(), Some(5));
    assert!(text(&wrong.stderr).contains("that isn't the passphrase of"), "{wrong:?}");
    let ended = daemon.end();
    assert_eq!(ended.code, Some(0));
    for done in [
        "action=\"key change-source\" outcome=\"done\" uid=",
        "action=\"key rotate\" outcome=\"done\" uid=",
        "action=\"key rotate\" outcome=\"failed\" uid=",
    ] {
        assert!(ended.log.contains(done), "{}", ended.log);
    }
    for form in disguises(&canary::real(PASSPHRASE)) {
        assert!(!contains(ended.log.as_bytes(), &form), "{}", ended.log);
    }

    let daemon = place.start_locked();
    let locked = run(&to, &second);
    assert_eq!(locked.status.code(), Some(5));
    assert!(text(&locked.stderr).contains("tokend is locked"), "{locked:?}");
    // Whatever stands behind the line of the passphrase is none of it.
    let entry = format!("{PASSPHRASE}\nurl: tokend\n");
    assert_output(&unlock(&place, &entry), 0, "unlocked\n", "");
    let back = run(&["change-source", "--to", &key], PASSPHRASE);
    let moved = format!(
        "the key of the store in {state} is {key} from now on\n\
         keep a copy of it in a safe place, and the passphrase before as long as there are \
         backups of the store from before\n{}",
        next(&key)
    );
    assert_output(&back, 0, &moved, "");
    assert_eq!(daemon.end().code, Some(0));
}
