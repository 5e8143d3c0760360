use std::{collections::BTreeMap, path::Path};

use tokend_proto::v1::{Destination, Reachability};

use super::{
    Answers, Daemon, Disk, Finding, Holder, Level, Machine, Process, SocketFile, StoreState,
    examine,
    gather::{hands_over, is_heard, limit, number, settings},
};

/// A machine as it should be.
fn sound() -> Machine {
    let socket =
        |path: &str| SocketFile { path: path.into(), mode: Some(0o660), is_heard: Some(true) };
    Machine {
        version: "1".to_owned(),
        state_dir: "/s".into(),
        store: StoreState::Held(Holder { pid: Some(7) }),
        key_source: "file:/s/key".to_owned(),
        disk: Some(Disk { free: 1 << 40, files: 1_000, store: 100_000 }),
        now: "2026-01-02T00:00:00Z".parse().unwrap(),
        written_at: Some("2026-01-01T00:00:00Z".parse().unwrap()),
        synchronised: Some(true),
        process: Some(Process {
            pid: 7,
            program: "/usr/bin/tokend".to_owned(),
            locked: Some(100),
            resident: Some(90),
            tracer: Some(0),
            dumps_core: Some(false),
            descriptors: Some((20, 1_024)),
        }),
        daemon: Daemon::Told(Box::new(Answers {
            version: "1".to_owned(),
            is_locked: false,
            problems: Vec::new(),
            providers: Ok(vec![asking("a", "", 1), asking("b", "", -1)]),
        })),
        sockets: vec![socket("/r/tokend.sock"), socket("/r/admin.sock")],
        group: Some(("tokend-clients".to_owned(), Some(vec!["ann".to_owned()]))),
        has_authorities: true,
        unit: settings("LoadState=loaded\nPrivateUsers=no\n"),
        socket_units: BTreeMap::from([("tokend.socket".to_owned(), "enabled".to_owned())]),
        ..Machine::default()
    }
}

/// A credential whose provider was looked at, and how far its clock is ahead.
fn asking(name: &str, problem: &str, ahead: i64) -> Reachability {
    Reachability {
        name: name.to_owned(),
        destinations: vec![Destination {
            host: "auth.example.com".to_owned(),
            problem: problem.to_owned(),
            note: String::new(),
        }],
        note: String::new(),
        clock_ahead: Some(prost_types::Duration { seconds: ahead, nanos: 0 }),
        clock_time: Some(prost_types::Timestamp { seconds: 1_767_225_600, nanos: 0 }),
    }
}

/// What the daemon has said.
fn answers(machine: &mut Machine) -> &mut Answers {
    let Daemon::Told(answers) = &mut machine.daemon else { panic!("none was asked") };
    answers
}

/// What is found beside what is as it should be.
fn found(change: impl FnOnce(&mut Machine)) -> Vec<Finding> {
    let mut machine = sound();
    change(&mut machine);
    examine(&machine).into_iter().filter(|finding| finding.level > Level::Ok).collect()
}

#[track_caller]
fn assert_found(level: Level, part: &str, change: impl FnOnce(&mut Machine)) {
    let found = found(change);
    let [finding] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(finding.level, level, "{finding}");
    assert!(finding.to_string().contains(part), "{finding}");
}

#[test]
fn a_sound_machine_has_nothing_but_what_is_well() {
    let all = examine(&sound());
    assert!(all.iter().all(|finding| finding.level == Level::Ok), "{all:?}");
    assert!(all.len() >= 10, "{all:?}");
    let lines: Vec<_> = all.iter().map(ToString::to_string).collect();
    assert!(lines.contains(
        &"ok   store: /s is in use by tokend (pid 7), which checks it itself".to_owned()
    ));
}

#[test]
fn the_unit_that_is_shipped_is_set_up_as_it_should_be() {
    let shipped = include_str!("../../../systemd/system/tokend.service");
    let shipped = shipped.replace("StartLimitIntervalSec=", "StartLimitIntervalUSec=");
    let shipped = shipped.replace("WatchdogSec=", "WatchdogUSec=");
    let found = found(|it| {
        it.unit = settings(&shipped);
        it.unit.insert("LoadState".to_owned(), "loaded".to_owned());
        assert_eq!(it.unit["NoNewPrivileges"], "yes", "it is read");
        assert_ne!(it.unit["WatchdogUSec"], "0", "it is on");
    });
    assert_eq!(found, []);
}

#[test]
fn what_keeps_tokend_from_serving_fails() {
    use Level::Fail;
    assert_found(Fail, "bad.toml", |it| it.mistakes = vec!["bad.toml: line 3".to_owned()]);
    assert_found(Fail, "doesn't fit", |it| {
        it.store = StoreState::Unusable("the key doesn't fit".to_owned());
    });
    assert_found(Fail, "no key file", |it| {
        it.key_problem = Some("there is no key file".to_owned());
    });
    assert_found(Fail, "3 MiB are left", |it| {
        it.disk = Some(Disk { free: 3 << 20, files: 9, store: 0 });
    });
    assert_found(Fail, "the store was written at", |it| {
        it.now = "2020-01-01T00:00:00Z".parse().unwrap();
    });
    assert_found(Fail, "reads its memory", |it| it.process.as_mut().unwrap().tracer = Some(9));
    assert_found(Fail, "isn't there — `systemctl start", |it| {
        it.sockets[0].mode = None;
        it.sockets[0].is_heard = Some(false);
    });
    assert_found(Fail, "nobody listens", |it| it.sockets[1].is_heard = Some(false));
    assert_found(Fail, "ca-certificates", |it| it.has_authorities = false);
}

#[test]
fn what_should_be_otherwise_is_warned_of_with_what_to_do() {
    use Level::Warn;
    assert_found(Warn, "run this as root", |it| it.store = StoreState::Unseen);
    assert_found(Warn, "/r/tokend.sock is closed to this user — run this as root", |it| {
        it.sockets[0].mode = None;
        it.sockets[0].is_heard = None;
    });
    assert_found(Warn, "can't be seen from here: its memory", |it| it.process = None);
    assert_found(Warn, "shred --remove /s/key", |it| it.unused_key = Some("/s/key".into()));
    assert_found(Warn, "free some", |it| {
        it.disk = Some(Disk { free: 30 << 20, files: 1_000, store: 0 });
    });
    assert_found(Warn, "isn't kept by a time server", |it| it.synchronised = Some(false));
    assert_found(Warn, "systemctl restart tokend", |it| {
        it.process.as_mut().unwrap().program = "/usr/bin/tokend (deleted)".to_owned();
    });
    assert_found(Warn, "LimitMEMLOCK", |it| it.process.as_mut().unwrap().locked = Some(8));
    assert_found(Warn, "LimitCORE", |it| it.process.as_mut().unwrap().dumps_core = Some(true));
    assert_found(Warn, "900 of 1000", |it| {
        it.process.as_mut().unwrap().descriptors = Some((900, 1_000));
    });
    assert_found(Warn, "everyone may connect", |it| it.sockets[0].mode = Some(0o666));
    assert_found(Warn, "groupadd", |it| it.group = Some(("g".to_owned(), None)));
    assert_found(Warn, "has no members", |it| it.group = Some(("g".to_owned(), Some(vec![]))));
    assert_found(Warn, "PrivateUsers=yes: it hides who callers are — make it", |it| {
        it.unit.insert("PrivateUsers".to_owned(), "yes".to_owned());
        it.unit.insert("DropInPaths".to_owned(), "/etc/x.conf".to_owned());
    });
    assert_found(Warn, "daemon-reload", |it| {
        it.unit.insert("NeedDaemonReload".to_owned(), "yes".to_owned());
    });
    assert_found(Warn, "systemctl enable --now tokend.socket", |it| {
        it.socket_units.insert("tokend.socket".to_owned(), "disabled".to_owned());
    });
    assert_found(Warn, "holds what was removed", |it| {
        it.leftovers = vec!["/s/tokend.db.replaced-x".into()];
    });
    assert_found(Warn, "no watchdog", |it| {
        it.unit.insert("WatchdogUSec".to_owned(), "0".to_owned());
    });
    assert_found(Warn, "whether providers can be reached, weren't looked at", |it| {
        it.process = None;
        it.daemon = Daemon::Absent;
        it.store = StoreState::Sound { credentials: 1, key_fits: true };
    });
}

#[test]
fn of_what_is_hidden_from_a_user_nothing_is_said_but_that() {
    let hidden = found(|it| {
        it.store = StoreState::Unseen;
        (it.process, it.daemon) = (None, Daemon::Absent);
    });
    let [store, daemon] = hidden.as_slice() else { panic!("{hidden:?}") };
    assert_eq!((store.about, daemon.about), ("store", "daemon"));
    assert!(daemon.what.starts_with("whether it runs is hidden from this user: "), "{daemon}");
}

#[test]
fn what_the_daemon_says_of_itself_is_told() {
    use Level::{Fail, Warn};
    assert_found(Warn, "it is tokend 0.9, and this is tokend 1 — `systemctl restart", |it| {
        answers(it).version = "0.9".to_owned();
    });
    assert_found(Fail, "passphrase, and nothing is served — `tokend-cli unlock`", |it| {
        answers(it).is_locked = true;
    });
    assert_found(Warn, "warn daemon: needs a restart: key", |it| {
        answers(it).problems = vec!["needs a restart: key".to_owned()];
    });
    assert_found(Warn, "can't be asked how it is: Permission denied — run this as root", |it| {
        it.daemon = Daemon::Silent("Permission denied".to_owned());
    });
    assert_found(Warn, "nobody could look whether they can be reached: too old", |it| {
        answers(it).providers = Err("too old".to_owned());
    });
}

#[test]
fn providers_are_told_of_once_for_all_who_ask_them() {
    let lines = |all: Vec<Reachability>| -> Vec<String> {
        let mut machine = sound();
        answers(&mut machine).providers = Ok(all);
        let all = examine(&machine).into_iter();
        all.filter(|it| it.about == "provider").map(|it| it.to_string()).collect()
    };
    let well = |name: &str| asking(name, "", 0);
    let all = ["a", "b", "c", "d", "e"].map(well).into();
    assert_eq!(
        lines(all),
        ["ok   provider: auth.example.com can be reached for a, b, c and 2 more"]
    );
    let mut static_one = well("s");
    static_one.destinations.clear();
    assert_eq!(lines(vec![static_one]), [""; 0]);
    let fails = lines(vec![well("a"), asking("b", "dns error: no such name", 0)]);
    assert_eq!(fails[0], "ok   provider: auth.example.com can be reached for a");
    let [_, fail] = fails.as_slice() else { panic!("{fails:?}") };
    let begin =
        "FAIL provider: auth.example.com can't be reached for b: dns error: no such name — ";
    assert!(fail.starts_with(begin) && fail.ends_with("name servers"), "{fail}");
    for (problem, remedy) in [
        ("invalid peer certificate: UnknownIssuer", "ca-certificates"),
        ("tcp connect error: Connection refused (os error 111)", "firewall"),
        ("no connection came about in 5 s", "firewall"),
    ] {
        let fail = lines(vec![asking("b", problem, 0)]).remove(0);
        let (_, told) = fail.split_once(" — ").unwrap();
        assert!(told.contains(remedy), "{fail}");
    }
}

#[test]
fn the_clock_is_held_against_the_provider_that_differs_most() {
    assert_found(Level::Warn, "it was 40 s behind that of the provider of b at 2026-01-01", |it| {
        answers(it).providers = Ok(vec![asking("a", "", -39), asking("b", "", 40)]);
    });
    assert_found(Level::Warn, "it was 30 s ahead of that of the provider of a", |it| {
        answers(it).providers = Ok(vec![asking("a", "", -30), asking("b", "", 0)]);
    });
    assert_eq!(found(|it| answers(it).providers = Ok(vec![asking("a", "", 29)])), []);
}

#[test]
fn a_socket_that_listens_is_told_from_one_that_is_connected() {
    let table = "Num       RefCount Protocol Flags    Type St Inode Path\n\
                 0000: 00000002 00000000 00010000 0001 01 11 /r/tokend.sock\n\
                 0000: 00000003 00000000 00000000 0001 03 12 /r/admin.sock\n\
                 0000: 00000003 00000000 00000000 0001 03 13\n";
    assert!(is_heard(table, Path::new("/r/tokend.sock")));
    assert!(!is_heard(table, Path::new("/r/admin.sock")));
}

#[test]
fn what_the_kernel_and_systemd_print_is_read() {
    let status = "Name:\ttokend\nTracerPid:\t0\nVmLck:\t    1024 kB\nVmRSS:\t 2048 kB\n";
    assert_eq!(number(status, "VmLck:"), Some(1_024));
    assert_eq!(number(status, "VmSwap:"), None);
    let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                  Max core file size        0                    unlimited            bytes\n\
                  Max open files            1024                 16384                files\n";
    assert_eq!(limit(limits, "Max core file size"), Some("0"));
    assert_eq!(limit(limits, "Max open files"), Some("1024"));
    let unit = settings("LoadState=loaded\nExecStart={ path=/usr/bin/tokend }\n");
    assert_eq!(unit["ExecStart"], "{ path=/usr/bin/tokend }");
}

#[test]
fn a_unit_hands_over_what_its_files_say_unless_a_later_one_takes_it_back() {
    let unit = "# /usr/lib/systemd/system/tokend.service\n[Service]\n\
        #LoadCredentialEncrypted=tokend-key:/commented\nLoadCredential=other:/o\n";
    assert!(!hands_over(unit, "tokend-key"));
    let drop_in = "[Service]\nLoadCredentialEncrypted=tokend-key:/etc/tokend/key.cred\n";
    assert!(hands_over(&format!("{unit}{drop_in}"), "tokend-key"));
    let taken_back = format!("{unit}{drop_in}[Service]\nLoadCredentialEncrypted=\n");
    assert!(!hands_over(&taken_back, "tokend-key"));
    assert!(hands_over(&taken_back, "other"));
}
