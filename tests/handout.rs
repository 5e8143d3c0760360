//! Units that load a token from the daemon's socket as they start, asked for as systemd does
//! (`load_credential`, src/core/exec-credential.c).

#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

mod support;

use std::{
    fs,
    io::Read as _,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        net::UnixStream,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use rustix::{
    net::{AddressFamily, Shutdown, SocketAddrUnix, SocketType, bind, connect, shutdown, socket},
    process::{Uid, geteuid, getpid},
    thread::set_thread_res_uid,
};
use support::{
    PASSPHRASE, Place, canary, contains, disguises,
    provider::{Provider, Reply, issued},
    text,
};

const SECRET: &str = "s3cret-Horse_Battery";

fn units(place: &Place) -> PathBuf {
    place.runtime().join("credentials.sock")
}

/// Connects for a unit, as systemd does: it binds the address, connects, and has nothing to
/// say itself.
fn connect_for(path: &Path, unit: &str, id: &str) -> UnixStream {
    static LAST: AtomicU64 = AtomicU64::new(0);
    // The numbers of all tests that run at once differ.
    let process = u64::try_from(getpid().as_raw_nonzero().get()).unwrap();
    let number = process << 32 | LAST.fetch_add(1, Ordering::Relaxed);
    let own = socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
    let address = format!("{number:x}/unit/{unit}/{id}");
    bind(&own, &SocketAddrUnix::new_abstract_name(address.as_bytes()).unwrap()).unwrap();
    connect(&own, &SocketAddrUnix::new(path).unwrap()).unwrap();
    shutdown(&own, Shutdown::Write).unwrap();
    let stream = UnixStream::from(own);
    stream.set_read_timeout(Some(support::PATIENCE)).unwrap();
    stream
}

/// Returns what systemd puts into the unit's credential.
fn load(path: &Path, id: &str) -> String {
    let mut text = String::new();
    connect_for(path, "reports.service", id).read_to_string(&mut text).unwrap();
    canary::told(&text)
}

#[test]
fn a_unit_loads_its_token_in_the_form_that_it_asks_for() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let mut daemon = place.start();
    assert!(place.add("api", provider.url(), SECRET).status.success());
    assert_eq!(load(&units(&place), "api"), "token-1-c0ffee");
    assert_eq!(load(&units(&place), "api.header"), "Authorization: Bearer token-1-c0ffee");
    let line = daemon.wait_for_log("token handed out");
    assert!(line.contains("reports.service"), "{line}");
    let mode = fs::metadata(units(&place)).unwrap().mode();
    assert_eq!(mode & 0o777, 0o600, "for systemd alone");
    let ended = daemon.end();
    assert_eq!(ended.code, Some(0));
    for secret in [SECRET, "token-1-c0ffee"] {
        let leaks = |form: &Vec<u8>| contains(ended.log.as_bytes(), form);
        assert!(!disguises(secret).iter().any(leaks), "{}", ended.log);
    }
    assert!(!units(&place).exists());
}

#[test]
fn a_name_that_another_user_forges_is_worth_nothing() {
    const STRANGER: u32 = 54_321;
    if !geteuid().is_root() {
        eprintln!("skipped: only root can become someone else; continuous integration is");
        return;
    }
    let (place, provider) = (Place::new(), Provider::issuing());
    let mut daemon = place.start();
    assert!(place.add("api", provider.url(), SECRET).status.success());
    // As if someone had opened what is closed.
    fs::set_permissions(place.runtime(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(units(&place), fs::Permissions::from_mode(0o666)).unwrap();
    let path = units(&place);
    let forger = thread::spawn(move || {
        // Of this thread alone (setresuid(2), "C library/kernel differences").
        let stranger = Some(Uid::from_raw(STRANGER));
        set_thread_res_uid(stranger, stranger, stranger).unwrap();
        load(&path, "api")
    });
    assert_eq!(forger.join().unwrap(), "");
    let line = daemon.wait_for_log("not systemd");
    let pid = getpid().as_raw_nonzero();
    assert!(line.contains(&format!("uid={STRANGER} pid={pid}")), "{line}");
    assert_eq!(load(&units(&place), "api"), "token-1-c0ffee", "root still is believed");
}

#[test]
fn while_the_provider_is_down_a_start_waits_for_the_limit_and_the_log_says_what_to_do() {
    let (place, provider) = (Place::new(), Provider::scripted(|_, _| Reply::json(503, "{}")));
    place.configure("unit_wait = \"1s\"");
    let mut daemon = place.start();
    let added = place.add("api", provider.url(), SECRET);
    assert!(text(&added.stdout).contains("added api"), "{}", text(&added.stderr));
    assert_eq!(load(&units(&place), "api"), "");
    daemon.wait_for_log("the unit's start waits for its token");
    let line = daemon.wait_for_log("the unit's credential is left empty");
    assert!(line.contains("ERROR") && line.contains("reports.service"), "{line}");
    assert!(line.contains("no token came within 1 s: the provider gives no token"), "{line}");
    assert!(line.contains("`tokend-cli show api`"), "{line}");
}

#[test]
fn a_start_is_handed_the_token_as_soon_as_the_provider_is_back() {
    let place = Place::new();
    let provider = Provider::scripted(|number, _| match number {
        1 => Reply::json(503, "{}"),
        _ => issued(number, 3_600),
    });
    let mut daemon = place.start();
    let added = place.add("api", provider.url(), SECRET);
    assert!(text(&added.stdout).contains("added api"), "{}", text(&added.stderr));
    let waiting = connect_for(&units(&place), "reports.service", "api");
    assert_eq!(canary::told(&std::io::read_to_string(waiting).unwrap()), "token-2-c0ffee");
    daemon.wait_for_log("token handed out");
}

#[test]
fn a_hundred_units_that_start_at_once_are_served_by_one_issuance() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let mut daemon = place.start();
    provider.close();
    // `add` waits for the first token too.
    let adding = thread::scope(|scope| {
        let adding = scope.spawn(|| place.add("api", provider.url(), SECRET));
        provider.wait_for_requests(1);
        let unit = |number| format!("worker@{number}.service");
        let waiting: Vec<_> =
            (0..100).map(|number| connect_for(&units(&place), &unit(number), "api")).collect();
        for _ in 0..=100 {
            daemon.wait_for_log("a caller waits");
        }
        provider.open();
        for stream in waiting {
            assert_eq!(canary::told(&std::io::read_to_string(stream).unwrap()), "token-1-c0ffee");
        }
        adding.join().unwrap()
    });
    assert!(adding.status.success(), "{}", text(&adding.stderr));
    assert_eq!(provider.requests().len(), 1);
}

#[test]
fn a_name_that_nobody_knows_is_answered_at_once_and_loudly() {
    let place = Place::new();
    let mut daemon = place.start();
    assert_eq!(load(&units(&place), "nothing"), "");
    let line = daemon.wait_for_log("there is no credential nothing");
    assert!(line.contains("ERROR") && line.contains("`tokend-cli list`"), "{line}");
}

#[test]
fn callers_who_connect_without_end_keep_neither_operators_nor_units_nor_providers_out() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let _daemon = place.start_with(|command| {
        let tokend = std::mem::replace(command, Command::new("sh"));
        command.args(["-c", "ulimit -n 256 && exec \"$0\" \"$@\""]);
        command.arg(tokend.get_program()).args(tokend.get_args()).stdin(Stdio::null());
        command.env_remove("TOKEND_LOG").env_remove("NOTIFY_SOCKET");
    });
    let connect = |_| UnixStream::connect(place.runtime().join("tokend.sock")).unwrap();
    let callers: Vec<_> = (0..300).map(connect).collect();
    let added = place.add("api", provider.url(), SECRET);
    assert!(added.status.success(), "{}", text(&added.stderr));
    assert_eq!(load(&units(&place), "api"), "token-1-c0ffee");
    drop(callers);
}

#[test]
fn a_unit_that_starts_while_the_store_is_locked_waits_for_the_passphrase() {
    let (place, provider) = (Place::with_passphrase(), Provider::issuing());
    let unlock = || {
        let unlocked = place.run_with_input(["unlock", "--passphrase-stdin"], PASSPHRASE);
        assert!(unlocked.status.success(), "{}", text(&unlocked.stderr));
    };
    let daemon = place.start_locked();
    unlock();
    assert!(place.add("api", provider.url(), SECRET).status.success());
    assert_eq!(daemon.end().code, Some(0));

    let _daemon = place.start_locked();
    let mut unit = connect_for(&units(&place), "reports.service", "api");
    unlock();
    let mut handed = String::new();
    unit.read_to_string(&mut handed).unwrap();
    assert_eq!(canary::told(&handed), "token-1-c0ffee");
}
