//! The search for secrets that all tests make finds them: in each form, and in each place.

#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

mod support;

#[path = "canary/programs.rs"]
mod programs;
#[path = "canary/refusals.rs"]
mod refusals;

use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::PermissionsExt as _,
    panic::{AssertUnwindSafe, catch_unwind},
    process::Command,
};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use nix::{sys::stat::Mode, unistd::mkfifo};
use support::{Cli, Daemon, Place, canary};

/// What a test hands in, and what a provider issues.
const SECRETS: [&str; 2] = ["s3cret-Horse_Battery", "token-1-c0ffee"];

/// Writes each byte of a text in a way of its own.
fn each(text: &str, write: impl Fn(u8) -> String) -> String {
    text.bytes().map(write).collect()
}

/// Returns what the failure of a test would say.
fn failure(act: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(act)).expect_err("the search finds nothing");
    *panic.downcast::<String>().unwrap()
}

#[test]
fn a_secret_is_found_in_whatever_form_and_whatever_is_around_it() {
    for secret in SECRETS.map(canary::real) {
        let bytes = secret.as_bytes();
        let written = [
            secret.clone(),
            each(&secret, |byte| format!("{byte:02x}")),
            each(&secret, |byte| format!("{byte:02X}")),
            each(&secret, |byte| format!("%{byte:02X}")),
            each(&secret, |byte| format!("\\u{byte:04x}")),
            format!("{bytes:?}"),
            format!("{bytes:x?}"),
        ];
        let encoded = (0..3).flat_map(|shift| {
            let text = [&b"id:"[..shift], bytes, b">?>?"].concat();
            [STANDARD.encode(&text), URL_SAFE_NO_PAD.encode(&text)]
        });
        for form in written.into_iter().chain(encoded) {
            let log = format!("TRACE sent {form}\nTRACE done\n");
            assert!(canary::find(log.as_bytes()).is_some(), "{form}");
            // Half of it says too much as well.
            assert!(canary::find(&form.as_bytes()[form.len() / 4..]).is_some(), "{form}");
        }
        assert!(canary::find(&bytes[..11]).is_none(), "what is the same in all secrets");
    }
}

#[test]
fn what_tokend_draws_itself_is_found_by_its_end() {
    let verifier = "of-which-the-first-part-is-no-secret.but-this-is-one-wholly";
    assert!(canary::find(verifier.as_bytes()).is_none());
    canary::learn(verifier.as_bytes());
    let shown = format!("code_verifier={}", STANDARD.encode(&verifier[20..]));
    assert!(canary::find(shown.as_bytes()).is_some());
}

#[test]
fn what_tests_write_and_what_programs_see_are_two_things() {
    for secret in SECRETS {
        let real = canary::real(secret);
        assert!(!real.contains("c0ffee") && !real.contains("Horse_Battery"));
        assert_eq!(canary::told(&real), secret);
        assert_eq!(
            canary::told_bytes(&[b"\xff", real.as_bytes()].concat())[1..],
            *secret.as_bytes()
        );
    }
}

#[test]
fn a_secret_in_a_file_of_the_daemons_fails_the_test() {
    for file in ["state/tokend.db-wal", "state/new/.tmp", "run/note", "cache/tokend.mark"] {
        let place = Place::new();
        let path = place.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, [b"\0\0\x01".as_slice(), canary::real(SECRETS[0]).as_bytes()].concat())
            .unwrap();
        let said = failure(|| drop(place));
        assert!(said.contains(file) && said.contains("as it is"), "{said}");
        assert!(canary::find(said.as_bytes()).is_none(), "it doesn't say the secret: {said}");
    }
}

#[test]
fn the_stores_key_in_another_file_than_its_own_fails_the_test() {
    let place = Place::new();
    drop(place.start());
    fs::copy(place.state().join("key"), place.state().join("key.copy")).unwrap();
    let said = failure(|| drop(place));
    assert!(said.contains("key.copy") && said.contains("base64"), "{said}");
}

/// Starts something that is no daemon, but says that it serves.
fn sham(place: &Place, words: &str, change: impl FnOnce(&mut Command)) -> Daemon {
    let script = place.path().join("sham");
    let pipe = place.path().join("sham.pipe");
    if !pipe.exists() {
        mkfifo(&pipe, Mode::S_IRWXU).unwrap();
    }
    fs::write(&script, format!("echo serving; {words}\nread forever < \"$0.pipe\"\n")).unwrap();
    place.start_with(|command| {
        *command = Command::new("sh");
        command.arg(script);
        change(command);
    })
}

#[test]
fn a_secret_in_the_log_fails_the_test_however_the_daemon_ends() {
    let place = Place::empty();
    let secret = canary::real(SECRETS[0]);
    let shown = each(&secret, |byte| format!("{byte:02x}"));
    let words = format!("echo {shown} >&2; echo done");
    let start = || {
        let mut daemon = sham(&place, &words, |_| ());
        daemon.wait_for_log("done");
        daemon
    };
    let ends: [fn(Daemon); 3] = [drop, Daemon::kill, |daemon| drop(daemon.end())];
    for end in ends {
        let daemon = start();
        let said = failure(|| end(daemon));
        assert!(said.contains("the daemon's log") && said.contains("in hex"), "{said}");
        assert!(canary::find(said.as_bytes()).is_none(), "it doesn't say the secret: {said}");
    }
}

#[test]
fn a_secret_in_the_daemons_arguments_or_environment_fails_the_test() {
    let place = Place::empty();
    let secret = canary::real(SECRETS[1]);
    let said = failure(|| {
        drop(sham(&place, "", |command| {
            command.arg(&secret);
        }));
    });
    assert!(said.contains("cmdline"), "{said}");
    let said = failure(|| {
        drop(sham(&place, "", |command| {
            command.env("TOKEN", &secret);
        }));
    });
    assert!(said.contains("environ"), "{said}");
}

#[test]
fn a_secret_that_the_command_prints_where_none_belongs_fails_the_test() {
    let place = Place::empty();
    // It stands for the command.
    let prints = |words: &str, verb: &str| {
        let sham = place.path().join("tokend-cli");
        fs::write(&sham, words).unwrap();
        fs::set_permissions(&sham, fs::Permissions::from_mode(0o700)).unwrap();
        let mut sham = Cli::new(Command::new(sham));
        // Whoever starts a program meanwhile holds the file open (ETXTBSY, execve(2)).
        while let Err(error) = sham.arg(verb).output() {
            assert_eq!(error.kind(), ErrorKind::ExecutableFileBusy, "{error}");
        }
    };
    let secret = canary::real(SECRETS[1]);
    let to_stdout = format!("#!/bin/sh\necho '{{\"value\": \"{secret}\"}}'\n");
    prints(&to_stdout, "get");
    for verb in ["status", "show", "reject"] {
        let said = failure(|| prints(&to_stdout, verb));
        assert!(said.contains(&format!("standard output of {verb}")), "{said}");
    }
    let said = failure(|| prints(&format!("#!/bin/sh\necho {secret} >&2\n"), "get"));
    assert!(said.contains("standard error of get"), "{said}");
    let said = failure(|| prints("#!/bin/sh\n", &secret));
    assert!(said.contains("the arguments"), "{said}");
}
