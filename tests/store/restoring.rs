//! Backups that take the place of the store while tokend serves.

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    thread,
};

use nix::sys::signal::Signal;

use super::{
    SECRET, SPENT, add_limited, succeed,
    support::{PASSPHRASE, Place, assert_output, provider::Provider, text},
    told,
};

/// What a command ends with whose arguments are wrong.
const USAGE: Option<i32> = Some(2);

/// A place whose credential `api` has a newer token than its backup.
fn outdated(provider: &Provider) -> (Place, super::support::Daemon, PathBuf) {
    let place = Place::new();
    let daemon = place.start();
    add_limited(&place, "api", provider);
    let path = place.path().join("backup.db");
    succeed(&place, &["backup", &path.display().to_string()]);
    succeed(&place, &["refresh", "api"]);
    (place, daemon, path)
}

fn restore(place: &Place, backup: &Path) -> Output {
    place.cli().args(["restore", "--yes"]).arg(backup).output().unwrap()
}

/// The names of what lies in the state directory and begins like this.
fn beside(place: &Place, begin: &str) -> Vec<String> {
    let entries = fs::read_dir(place.state()).unwrap();
    let names = entries.map(|it| it.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with(begin)).collect()
}

#[test]
fn a_backup_takes_the_place_of_the_store_of_a_daemon_that_serves() {
    let provider = Provider::issuing();
    let (place, mut daemon, backup) = outdated(&provider);
    let unconfirmed = place.cli().arg("restore").arg(&backup).output().unwrap();
    assert_eq!(unconfirmed.status.code(), USAGE);
    assert!(told(&unconfirmed).contains(" --yes"), "{unconfirmed:?}");
    assert_output(&place.run(["get", "api"]), 0, "token-2-c0ffee\n", "");

    let asked = provider.requests().len();
    let restored = restore(&place, &backup);
    assert!(restored.status.success(), "{}", told(&restored));
    let (state, shown) = (place.state(), backup.display());
    let begin =
        format!("the store in {} is that of {shown} from now on: 1 credential, ", state.display());
    assert!(text(&restored.stdout).starts_with(&begin), "{}", text(&restored.stdout));
    // Whoever hears of it is served from what is restored.
    assert_output(&place.run(["get", "api"]), 0, "token-1-c0ffee\n", "");
    assert!(succeed(&place, &["status"]).contains("so its limits count as spent until"));
    assert_eq!(place.run(["refresh", "api"]).status.code(), SPENT);
    assert_eq!(provider.requests().len(), asked);
    let parts = ["action=\"restore\"", "start anew on a restored store"];
    let [line, _] = daemon.wait_for_logs(parts);
    assert!(line.contains("done"), "{line}");

    // The one before is as good as a backup, and it can be done again in the same process.
    let kept = beside(&place, "tokend.db.replaced-");
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert!(restore(&place, &state.join(&kept[0])).status.success());
    assert_output(&place.run(["get", "api"]), 0, "token-2-c0ffee\n", "");
    assert_eq!(beside(&place, "tokend.db.copy-"), Vec::<String>::new());
    assert_eq!(daemon.end().code, Some(0));
}

#[test]
fn who_connects_while_the_daemon_starts_anew_is_served() {
    let provider = Provider::issuing();
    let (place, daemon, backup) = outdated(&provider);
    let socket = fs::metadata(place.socket()).unwrap();
    thread::scope(|scope| {
        let (done, is_done) = std::sync::mpsc::channel::<()>();
        let gets = scope.spawn({
            let place = &place;
            move || {
                let mut number = 0;
                while is_done.try_recv().is_err() {
                    let got = place.run(["get", "api"]);
                    assert!(got.status.success(), "{}", told(&got));
                    number += 1;
                }
                number
            }
        });
        for _ in 0..3 {
            let restored = restore(&place, &backup);
            assert!(restored.status.success(), "{}", told(&restored));
        }
        done.send(()).unwrap();
        assert!(gets.join().unwrap() > 0);
    });
    assert_eq!(fs::metadata(place.socket()).unwrap().ino(), socket.ino(), "it is the same one");
    assert_eq!(daemon.end().code, Some(0));
    assert!(!place.socket().exists());
}

#[test]
fn what_is_no_whole_backup_for_this_key_changes_nothing() {
    let provider = Provider::issuing();
    let (place, daemon, backup) = outdated(&provider);
    let other = Place::new();
    let others = other.start();
    let foreign = place.path().join("foreign.db");
    succeed(&other, &["backup", &foreign.display().to_string()]);
    drop(others);
    let whole = fs::read(&backup).unwrap();
    let mut torn = whole.clone();
    torn[4_096..].fill(0x55);
    let mut newer = whole.clone();
    newer[60..64].copy_from_slice(&99_u32.to_be_bytes());
    let wrong_key =
        format!("the key file:{} doesn't open the backup", place.state().join("key").display());
    let foreign = fs::read(foreign).unwrap();
    for (what, bytes) in [
        ("the backup isn't a store of tokend", &b"nonsense"[..]),
        ("the backup isn't a store of tokend", b""),
        ("newer tokend", &newer),
        ("the backup is damaged", &whole[..whole.len() / 2]),
        ("the backup is damaged", &torn),
        (&wrong_key, &foreign),
    ] {
        let path = place.path().join("bad.db");
        fs::write(&path, bytes).unwrap();
        let refused = restore(&place, &path);
        assert!(matches!(refused.status.code(), Some(1 | 5)), "{refused:?}");
        assert!(told(&refused).contains(what), "{}", told(&refused));
        assert_eq!(beside(&place, "tokend.db."), Vec::<String>::new(), "{what}");
    }
    assert_output(&place.run(["get", "api"]), 0, "token-2-c0ffee\n", "");
    let pid = daemon.pid();
    assert!(succeed(&place, &["status", "--json"]).contains(&format!("\"pid\": {pid}")));
    assert_eq!(daemon.end().code, Some(0));
}

#[test]
fn what_breaks_off_on_its_way_leaves_nothing_and_changes_nothing() {
    let provider = Provider::issuing();
    let (place, mut daemon, backup) = outdated(&provider);
    let whole = fs::read(&backup).unwrap();
    let begin = || {
        let mut cli = place.cli();
        cli.args(["restore", "--yes", "-"]);
        let mut cli = cli.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut input = cli.stdin.take().unwrap();
        input.write_all(&whole[..whole.len() / 2]).unwrap();
        // It lies there as soon as the daemon has begun to write.
        while beside(&place, "tokend.db.copy-").is_empty() {
            thread::yield_now();
        }
        (cli, input)
    };
    let (mut cli, input) = begin();
    let pid = nix::unistd::Pid::from_raw(i32::try_from(cli.id()).unwrap());
    nix::sys::signal::kill(pid, Signal::SIGTERM).unwrap();
    assert_eq!(cli.wait().unwrap().code(), Some(130));
    drop(input);
    let mut said = String::new();
    cli.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains("nothing has changed"), "{said}");
    let line = daemon.wait_for_log("action=\"restore\"");
    assert!(!line.contains("done"), "{line}");
    while !beside(&place, "tokend.db.copy-").is_empty() {
        thread::yield_now();
    }

    let (mut cli, input) = begin();
    daemon.kill();
    assert_eq!(cli.wait().unwrap().code(), Some(4));
    drop(input);
    let daemon = place.start();
    assert_eq!(beside(&place, "tokend.db."), Vec::<String>::new());
    assert_output(&place.run(["get", "api"]), 0, "token-2-c0ffee\n", "");
    assert_eq!(daemon.end().code, Some(0));
}

#[test]
fn a_daemon_that_is_killed_while_it_starts_anew_has_done_it_wholly_or_not_at_all() {
    let provider = Provider::issuing();
    let (place, mut daemon, backup) = outdated(&provider);
    let mut is_done = Vec::new();
    for moment in ["action=\"restore\"", "start anew on a restored store", "shut down", "serving"] {
        let mut cli = place.cli();
        cli.args(["restore", "--yes"]).arg(&backup);
        let mut cli = cli.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        daemon.wait_for_log(moment);
        daemon.kill();
        let _ = cli.kill();
        let _ = cli.wait();
        daemon = place.start();
        let got = place.run(["get", "api"]);
        let token = text(&got.stdout);
        assert!(["token-1-c0ffee\n", "token-2-c0ffee\n"].contains(&&*token), "{got:?}");
        is_done.push(token == "token-1-c0ffee\n");
        assert_eq!(beside(&place, "tokend.db.restored"), Vec::<String>::new());
        assert_eq!(beside(&place, "tokend.db.copy-"), Vec::<String>::new());
    }
    // What was answered is done.
    assert!(is_done[1..].iter().all(|it| *it), "{is_done:?}");
    assert_eq!(daemon.end().code, Some(0));
}

#[test]
fn a_store_with_a_passphrase_is_restored_by_whoever_gives_it_and_is_locked_then() {
    let place = Place::with_passphrase();
    let daemon = place.start_locked();
    let unlock = || place.run_with_input(["unlock", "--passphrase-stdin"], PASSPHRASE);
    assert!(unlock().status.success());
    let provider = Provider::issuing();
    assert!(place.add("api", provider.url(), SECRET).status.success());
    let backup = place.path().join("backup.db").display().to_string();
    succeed(&place, &["backup", &backup]);
    succeed(&place, &["remove", "api", "--keep-token", "--yes"]);
    let restore = ["restore", "--yes", "--passphrase-stdin", &backup];
    let wrong = place.run_with_input(restore, "correct-h0rse");
    assert_eq!(wrong.status.code(), Some(5), "{wrong:?}");
    assert!(told(&wrong).contains("that isn't the passphrase of the backup"), "{wrong:?}");
    let restored = place.run_with_input(restore, PASSPHRASE);
    assert!(restored.status.success(), "{}", told(&restored));
    assert!(text(&restored.stdout).contains("`tokend-cli unlock` gives it"), "{restored:?}");
    assert!(unlock().status.success());
    assert!(succeed(&place, &["list"]).contains("api"));
    assert_eq!(daemon.end().code, Some(0));
}
