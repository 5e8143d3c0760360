//! The command `tokend`: init, start, refusals to start, dev.

mod support;

use std::{
    fs,
    io::{BufRead, BufReader},
    iter,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown},
        net::UnixDatagram,
    },
    process::{Command, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use support::{Place, assert_output, binary, text};

#[test]
fn init_makes_a_store_once_and_leaves_it_alone_after_that() {
    let place = Place::empty();
    let (state, key) = (place.state(), place.state().join("key"));
    let made = place.init();
    let expected = format!(
        "made a store in {}\n\
         its key is {}: keep a copy in a safe place, without it the store is lost\n\
         next: start tokend, then `tokend-cli add`\n",
        state.display(),
        key.display(),
    );
    assert_output(&made, 0, &expected, "");
    assert_eq!(fs::metadata(&state).unwrap().mode() & 0o777, 0o700);
    for (path, _) in place.stored() {
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600, "{}", path.display());
    }

    let before = place.stored();
    let again = place.init();
    let expected = format!("there is a store in {} already; nothing changed\n", state.display());
    assert_output(&again, 0, &expected, "");
    assert_eq!(place.stored(), before);

    fs::remove_file(&key).unwrap();
    let without_key = place.init();
    assert_eq!(without_key.status.code(), Some(1));
    assert!(text(&without_key.stderr).contains("bring the key back"));
}

#[test]
fn init_takes_up_where_an_interrupted_one_stopped() {
    let place = Place::new();
    fs::remove_file(place.state().join("tokend.db")).unwrap();
    assert!(place.init().status.success());
    assert_eq!(place.start().end().code, Some(0));
}

#[test]
fn root_makes_a_store_that_the_daemons_user_can_use() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: only root can give files away; continuous integration is");
        return;
    }
    let place = Place::empty();
    let made = place.tokend(["init", "--user", "daemon"]);
    assert!(text(&made.stdout).contains("for user daemon"), "{}", text(&made.stderr));
    let user = nix::unistd::User::from_name("daemon").unwrap().unwrap();
    let stored = place.stored().into_iter().map(|(path, _)| path).chain([place.state()]);
    for path in stored {
        assert_eq!(fs::metadata(&path).unwrap().uid(), user.uid.as_raw(), "{}", path.display());
    }
    let key = fs::metadata(place.state().join("key")).unwrap();
    assert_eq!(key.mode() & 0o777, 0o600);

    // As systemd leaves it: the directory is the user's already.
    let place = Place::empty();
    fs::create_dir(place.state()).unwrap();
    fs::set_permissions(place.state(), fs::Permissions::from_mode(0o700)).unwrap();
    chown(place.state(), Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
    let made = place.tokend(["init", "--user", "daemon"]);
    assert!(made.status.success(), "{}", text(&made.stderr));

    let place = Place::empty();
    let unknown = place.tokend(["init", "--user", "no-such-user"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(text(&unknown.stderr).contains("there is no user \"no-such-user\""));
}

#[test]
fn without_a_store_the_daemon_says_how_to_make_one() {
    let place = Place::empty();
    let started = place.tokend::<&str>([]);
    assert_eq!(started.status.code(), Some(1));
    assert!(text(&started.stderr).contains("`tokend init`"), "{}", text(&started.stderr));
    let examined = place.tokend(["doctor"]);
    let said = text(&examined.stdout);
    assert!(said.contains("FAIL store: there is no store at "), "{said}");
    assert_eq!(examined.status.code(), Some(1));
}

#[test]
fn a_second_daemon_refuses_to_start_and_harms_nothing() {
    let place = Place::new();
    let daemon = place.start();
    let second = place.tokend::<&str>([]);
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second.stderr).contains("another tokend (pid "), "{}", text(&second.stderr));
    assert!(place.run(["status"]).status.success(), "the first one still serves");
    assert_eq!(daemon.end().code, Some(0));
}

#[test]
fn a_wrong_key_is_said_to_be_wrong_and_nothing_is_overwritten() {
    let (place, other) = (Place::new(), Place::new());
    fs::copy(other.state().join("key"), place.state().join("key")).unwrap();
    let before = place.stored();
    let started = place.tokend::<&str>([]);
    assert_eq!(started.status.code(), Some(1));
    let message = text(&started.stderr);
    assert!(message.contains("key") && message.contains("tokend.db"), "{message}");
    let after = place.stored();
    for (path, bytes) in &before {
        if path.extension().is_some_and(|extension| extension == "db") {
            assert!(after.contains(&(path.clone(), bytes.clone())), "{}", path.display());
        }
    }
}

#[test]
fn a_credential_of_systemd_is_the_key_without_a_key_file() {
    let place = Place::new();
    let credentials = place.key_as_credential();
    let handed = |command: &mut Command| {
        command.env("CREDENTIALS_DIRECTORY", &credentials);
    };
    assert_eq!(place.start_with(handed).end().code, Some(0));
    assert!(!place.state().join("key").exists());
    let without = place.tokend::<&str>([]);
    assert_eq!(without.status.code(), Some(1));
    assert!(text(&without.stderr).contains("there is no key file"), "{}", text(&without.stderr));

    place.configure("key_source = 'credential:tokend-key'");
    let without = place.tokend::<&str>([]);
    assert_eq!(without.status.code(), Some(1));
    let message = text(&without.stderr);
    assert!(message.contains("LoadCredentialEncrypted=tokend-key:"), "{message}");
    assert_eq!(place.start_with(handed).end().code, Some(0));
}

#[test]
fn with_a_wrong_credential_nothing_starts_and_the_state_stays_as_it_is() {
    let (place, other) = (Place::new(), Place::new());
    let credential = place.key_as_credential().join("tokend-key");
    let right = fs::read(&credential).unwrap();
    fs::set_permissions(&credential, fs::Permissions::from_mode(0o600)).unwrap();
    let wrong = fs::read(other.state().join("key")).unwrap();
    let before = place.stored();
    for (content, complaint) in [
        (&wrong[..], "the key doesn't fit"),
        (&right[..right.len() / 2], "isn't a key file of tokend"),
        (b"", "isn't a key file of tokend"),
    ] {
        fs::write(&credential, content).unwrap();
        let mut command = Command::new(binary("tokend"));
        command.arg("--config").arg(place.config());
        command.env("CREDENTIALS_DIRECTORY", credential.parent().unwrap());
        let started = command.output().unwrap();
        assert_eq!(started.status.code(), Some(1));
        assert!(text(&started.stderr).contains(complaint), "{}", text(&started.stderr));
        for (path, bytes) in before.iter().filter(|(path, _)| !path.ends_with("tokend.lock")) {
            assert!(fs::read(path).unwrap() == *bytes, "{}", path.display());
        }
    }
}

#[test]
fn init_makes_a_store_for_the_key_that_systemd_hands_over() {
    let (place, other) = (Place::empty(), Place::new());
    place.configure("key_source = 'credential:tokend-key'");
    assert_eq!(place.init().status.code(), Some(1));
    assert!(!place.state().exists(), "nothing was made");
    let credentials = other.key_as_credential();
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap();
    let mut command = Command::new(binary("tokend"));
    command.arg("--config").arg(place.config()).args(["init", "--user", &user.name]);
    let made = command.env("CREDENTIALS_DIRECTORY", &credentials).output().unwrap();
    let said = text(&made.stdout);
    assert!(said.contains("its key is the credential tokend-key of systemd"), "{said}");
    assert!(!place.state().join("key").exists());
    let daemon = place.start_with(|command| {
        command.env("CREDENTIALS_DIRECTORY", &credentials);
    });
    assert_eq!(daemon.end().code, Some(0));
}

#[test]
fn another_source_of_the_key_is_taken_up_and_the_key_before_opens_nothing_any_more() {
    let place = Place::new();
    let new = place.path().join("new-key");
    let to = format!("--to=file:{}", new.display());
    let change = ["key", "change-source", &to];
    let daemon = place.start();
    let refused = place.tokend(change);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("another tokend"), "{}", text(&refused.stderr));
    assert_eq!(daemon.end().code, Some(0));

    // It made the key, and goes on from there.
    let key = fs::read(&new).unwrap();
    assert_eq!(fs::metadata(&new).unwrap().mode() & 0o777, 0o600);
    let (state, new) = (place.state(), new.display());
    let (state, old) = (state.display(), place.state().join("key"));
    let next = format!("next: key_source = \"file:{new}\" in tokend.toml, then start tokend\n");
    let expected = format!(
        "the key of the store in {state} is file:{new} from now on\n\
         keep a copy of it in a safe place, and file:{} as long as there are backups of the \
         store from before\n{next}",
        old.display(),
    );
    assert_output(&place.tokend(change), 0, &expected, "");
    assert!(fs::read(place.path().join("new-key")).unwrap() == key);
    let started = place.tokend::<&str>([]);
    assert!(text(&started.stderr).contains("the key doesn't fit"), "{}", text(&started.stderr));
    let again =
        format!("the key of the store in {state} is file:{new} already; nothing changed\n{next}");
    assert_output(&place.tokend(change), 0, &again, "");

    fs::remove_file(&old).unwrap();
    place.configure(&format!("key_source = 'file:{new}'"));
    assert_eq!(place.start().end().code, Some(0));
    let unknown = place.tokend(["key", "change-source", "--to=tpm"]);
    let expected = "tokend: \"tpm\" is no source of a key; give file:/PATH, \
                    credential:NAME or passphrase\n";
    assert_output(&unknown, 1, "", expected);
}

#[test]
fn a_new_data_key_leaves_the_key_as_it_is_and_all_that_is_stored_is_served() {
    let place = Place::new();
    let daemon = place.start();
    let add = ["add", "static", "--provider", "static-bearer", "--var", "url=http://127.0.0.1"];
    let added = place.run_with_input(
        add.into_iter().chain(["--var", "user=me", "--secret-stdin", "token"]),
        "s3cret-Horse_Battery",
    );
    assert!(added.status.success(), "{}", text(&added.stderr));
    let refused = place.tokend(["key", "rotate"]);
    assert!(text(&refused.stderr).contains("another tokend"), "{}", text(&refused.stderr));
    assert_eq!(daemon.end().code, Some(0));
    let expected =
        format!("all in the store in {} is sealed with a new data key\n", place.state().display());
    for _ in 0..2 {
        assert_output(&place.tokend(["key", "rotate"]), 0, &expected, "");
    }
    let daemon = place.start();
    assert_output(&place.run(["get", "static"]), 0, "s3cret-Horse_Battery\n", "");
    assert_eq!(daemon.end().code, Some(0));
}

#[test]
fn root_changes_the_key_as_the_user_whose_store_it_is() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: only root can give files away; continuous integration is");
        return;
    }
    let place = Place::empty();
    assert!(place.tokend(["init", "--user", "daemon"]).status.success());
    let mut from = format!("--from=file:{}", place.state().join("key").display());
    // The first is where the daemon's user can't make a file.
    for new in ["new-key", "state/new-key"] {
        let new = place.path().join(new);
        let to = format!("--to=file:{}", new.display());
        let changed = place.tokend(["key", "change-source", &from, &to]);
        assert!(changed.status.success(), "{}", text(&changed.stderr));
        from = format!("--from=file:{}", new.display());
        let user = nix::unistd::User::from_name("daemon").unwrap().unwrap();
        let made = fs::metadata(&new).unwrap();
        assert_eq!((made.uid(), made.mode() & 0o777), (user.uid.as_raw(), 0o600));
        for (path, _) in place.stored() {
            assert_eq!(fs::metadata(&path).unwrap().uid(), user.uid.as_raw(), "{}", path.display());
        }
    }
}

#[test]
fn a_mistake_in_the_configuration_is_shown_with_its_line() {
    let place = Place::new();
    place.configure("socket_gruop = 'x'");
    let started = place.tokend::<&str>([]);
    assert_eq!(started.status.code(), Some(1));
    let message = text(&started.stderr);
    let complaint = "tokend.toml:5:1: unknown key `socket_gruop`, did you mean `socket_group`?\n";
    assert!(message.contains(complaint), "{message}");
}

#[test]
fn check_shows_what_is_wrong_with_a_definition() {
    let place = Place::empty();
    let path = place.path().join("mine.toml");
    fs::write(&path, "title = 'Mine'\nisue = 1\n").unwrap();
    let checked = place.tokend([&"check".into(), &path.clone().into_os_string()]);
    assert_eq!(checked.status.code(), Some(1));
    let message = text(&checked.stderr);
    assert!(message.contains("mine.toml") && message.contains("did you mean `issue`"), "{message}");

    fs::write(
        &path,
        "title = 'Mine'\n[issue]\nurl = 'https://a.example'\n[output]\ntoken = 'body.t'\n",
    )
    .unwrap();
    assert_output(&place.tokend([&"check".into(), &path.into_os_string()]), 0, "", "");
}

#[test]
fn simulate_shows_how_a_definitions_limits_would_do_and_draws_it() {
    let place = Place::new();
    place.define(
        "acme",
        "title = 'Acme'\nsecrets.key.description = 'the key'\n\
         issue.url = 'https://api.acme.example/{{ secret.key }}'\noutput.token = 'body.token'\n\
         lifetime.default = '24h'\nlimits = [{ count = 10, window = '8h' }]\n",
    );
    let chart = place.path().join("chart.svg");
    let svg = chart.display().to_string();
    let shown =
        place.tokend(["simulate", "acme", "--days", "30", "--limit", "40/1d", "--svg", &svg]);
    let table = text(&shown.stdout);
    assert_eq!(shown.status.code(), Some(0), "{}", text(&shown.stderr));
    assert!(table.starts_with("10 per 8 h and 40 per 24 h, tokens that live 24 h\n"), "{table}");
    for row in ["tokend ", "10 s before the end", "at half the life", "at best, by foresight"] {
        assert!(table.lines().any(|line| line.starts_with(row)), "{row}: {table}");
    }
    assert!(fs::read_to_string(&chart).unwrap().starts_with("<svg"));

    let unknown = place.tokend(["simulate", "acmee"]);
    let expected = "tokend: there is no provider definition \"acmee\"; did you mean \"acme\"?\n";
    assert_output(&unknown, 1, "", expected);
}

#[test]
fn the_service_manager_is_told_how_the_daemon_is_from_its_start_to_its_end() {
    let place = Place::new();
    let path = place.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(support::PATIENCE)).unwrap();
    let hear = || {
        let mut buffer = [0; 256];
        let length = manager.recv(&mut buffer).unwrap();
        text(&buffer[..length])
    };
    let daemon = place.start_with(|command| {
        command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "1500000");
    });
    assert_eq!(
        hear(),
        "STATUS=starting: opening the store\nEXTEND_TIMEOUT_USEC=600000000\n\
         WATCHDOG_USEC=600000000\n"
    );
    // The engine goes already while what is declared is taken up.
    assert_eq!(
        hear(),
        "WATCHDOG_USEC=1500000\nWATCHDOG=1\n\
         STATUS=serving no credentials yet: `tokend-cli add` adds one\n"
    );
    let next = iter::repeat_with(hear).find(|told| told != "WATCHDOG=1\n");
    assert_eq!(next.unwrap(), "READY=1\n");
    assert_eq!(hear(), "WATCHDOG=1\n", "though nothing happens");
    assert!(place.run(["status"]).status.success());
    assert_eq!(daemon.end().code, Some(0));
    let last = iter::repeat_with(hear).find(|told| told != "WATCHDOG=1\n");
    assert_eq!(last.unwrap(), "STOPPING=1\nSTATUS=stopping\n");
    let last = iter::repeat_with(hear).find(|told| told != "WATCHDOG=1\n");
    assert_eq!(last.unwrap(), "STATUS=stopped\n");
}

#[test]
fn dev_runs_a_command_beside_a_daemon_and_ends_with_its_code() {
    support::binary("tokend-cli");
    let dev = |script: &str| {
        let mut command = Command::new(binary("tokend"));
        command.args(["dev", "--", "sh", "-c", script]);
        command.env_remove("TOKEND_SOCKET").env_remove("TOKEND_ADMIN_SOCKET").output().unwrap()
    };
    let token = dev("tokend-cli get demo && tokend-cli get demo-graphql --header");
    assert_eq!(token.status.code(), Some(0), "{}", text(&token.stderr));
    let printed = text(&token.stdout);
    let lines: Vec<&str> = printed.lines().collect();
    assert!(lines[0].starts_with("demo-"), "{printed}");
    assert!(lines[1].starts_with("Authorization: Bearer demo-"), "{printed}");
    assert_eq!(lines.len(), 2, "the command's output stands alone: {printed}");

    assert_eq!(dev("exit 7").status.code(), Some(7));
    assert_eq!(dev("kill -KILL $$").status.code(), Some(128 + 9));
    let missing = Command::new(binary("tokend")).args(["dev", "--", "no-such-command"]).output();
    assert_eq!(missing.unwrap().status.code(), Some(1));
}

#[test]
fn dev_ends_and_cleans_up_whatever_its_command_does() {
    for signal in [Signal::SIGTERM, Signal::SIGHUP] {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new(binary("tokend"));
        command.args([
            "dev",
            "--",
            "sh",
            "-c",
            "trap '' TERM; echo up; exec tail -f /dev/null >/dev/null",
        ]);
        let mut dev = command.env("TMPDIR", dir.path()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(dev.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "up\n");
        let pid = Pid::from_raw(i32::try_from(dev.id()).unwrap());
        kill(pid, signal).unwrap();
        assert_eq!(dev.wait().unwrap().code(), Some(128 + 9), "{signal}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}

#[test]
fn exit_codes_do_not_depend_on_who_reads_the_complaints() {
    let place = Place::empty();
    let full = || fs::File::options().write(true).open("/dev/full").unwrap();
    let mut daemon = Command::new(binary("tokend"));
    daemon.args(["--config", "/nowhere"]).stderr(full());
    assert_eq!(daemon.status().unwrap().code(), Some(1));
    let mut get = place.cli();
    get.args(["get", "api"]).stderr(full());
    assert_eq!(get.status().unwrap().code(), Some(4));
}

#[test]
fn dev_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(binary("tokend"));
    command.args(["dev", "--", "true"]).env("TMPDIR", dir.path());
    assert!(command.status().unwrap().success());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}
