//! Who may do what, decided on what the kernel says of the process at the other end.

#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

mod support;

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use nix::unistd::geteuid;
use support::{Daemon, Place, assert_output, provider::Provider, text};

const SECRET: &str = "s3cret-Horse_Battery";

/// A user who has no name here, and no rights.
const STRANGER: u32 = 54_321;

/// A group that the stranger has beside its primary one.
const GROUP: u32 = 54_322;

/// Tells whether this is root, who alone can become someone else; continuous integration is.
fn is_root(what: &str) -> bool {
    let is_root = geteuid().is_root();
    if !is_root {
        eprintln!("skipped: only root can {what}; continuous integration is");
    }
    is_root
}

/// A place whose socket is open to a group, with the credential `api`, and a command for others.
struct Shared {
    place: Place,
    daemon: Daemon,
    cli: PathBuf,
    group: u32,
    _provider: Provider,
}

impl Shared {
    fn new(change: impl FnOnce(&mut Command)) -> Self {
        let (place, provider) = (Place::new(), Provider::issuing());
        place.configure("socket_group = \"daemon\"");
        let daemon = place.start_with(change);
        assert!(place.add("api", provider.url(), SECRET).status.success());
        let group = place.socket().metadata().unwrap().gid();
        // The checkout may be where strangers don't get. Not by this process: what it has open
        // for writing can't be run (ETXTBSY, execve(2)).
        let cli = place.path().join("tokend-cli");
        let copied = Command::new("cp").arg(support::binary("tokend-cli")).arg(&cli).status();
        assert!(copied.unwrap().success());
        Self { place, daemon, cli, group, _provider: provider }
    }

    /// Runs `tokend-cli` as someone who may connect and nothing else.
    fn as_stranger(&self, arguments: &[&str]) -> Output {
        self.as_stranger_by("\"$@\"", arguments)
    }

    /// Does so by a shell's script, which may do something else first, as root still.
    fn as_stranger_by(&self, script: &str, arguments: &[&str]) -> Output {
        self.run_as(&["--clear-groups".to_owned()], script, arguments)
    }

    /// Does so as someone who has a supplementary group.
    fn as_stranger_in(&self, group: u32, script: &str, arguments: &[&str]) -> Output {
        self.run_as(&[format!("--groups={group}")], script, arguments)
    }

    fn run_as(&self, groups: &[String], script: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new("setpriv");
        let (uid, gid) = (format!("--reuid={STRANGER}"), format!("--regid={}", self.group));
        command.args([uid, gid]).args(groups).arg(&self.cli).args(arguments);
        self.shell(script, &command).output().unwrap()
    }

    fn shell(&self, script: &str, program: &Command) -> Command {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", script, "sh"]).arg(program.get_program()).args(program.get_args());
        shell.env("TOKEND_SOCKET", self.place.socket()).env_remove("TOKEND_ADMIN_SOCKET");
        shell
    }

    fn grant(&self, reader: &str) {
        let granted = self.place.run(["grant", "api", reader]);
        assert!(granted.status.success(), "{}", text(&granted.stderr));
    }
}

/// A unit as the kernel shows it: a directory of the unified hierarchy of control groups.
struct Unit(PathBuf);

impl Unit {
    fn new(name: &str) -> Self {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let unified = mounts.lines().find_map(|line| {
            let mut fields = line.split(' ').skip(1);
            fields.next().filter(|_| fields.next() == Some("cgroup2"))
        });
        let path = Path::new(unified.expect("there is a unified hierarchy")).join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// Returns a script that runs its arguments as a part of the unit.
    fn script(&self) -> String {
        format!("echo $$ >'{}/cgroup.procs' && exec \"$@\"", self.0.display())
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

/// Wraps the daemon into a namespace of process ids, from which no other process can be seen.
fn apart(command: &mut Command) {
    let mut wrapped = Command::new("unshare");
    wrapped.args(["--pid", "--fork", "--kill-child", "--mount-proc"]);
    wrapped.arg(command.get_program()).args(command.get_args());
    wrapped.env_remove("TOKEND_LOG").env_remove("NOTIFY_SOCKET");
    *command = wrapped;
}

#[test]
fn whoever_is_denied_is_told_what_an_operator_would_type_and_the_audit_log_who_it_was() {
    if !is_root("become someone else") {
        return;
    }
    let mut shared = Shared::new(|_| ());
    let added = shared.daemon.wait_for_log("action=\"add\"");
    assert!(added.contains("outcome=\"done\" credential=\"api\" uid=0 pid="), "{added}");
    let issued = shared.daemon.wait_for_log("action=\"issue\"");
    assert!(issued.contains("outcome=\"issued\" credential=\"api\""), "{issued}");

    let denied = shared.as_stranger(&["get", "api"]);
    assert_eq!(denied.status.code(), Some(3));
    let way_out = format!("`tokend-cli grant api user:{STRANGER}`");
    assert!(text(&denied.stderr).contains(&way_out), "{}", text(&denied.stderr));
    let line = shared.daemon.wait_for_log("action=\"read\" outcome=\"denied\"");
    assert!(line.contains("tokend::audit"), "{line}");
    assert!(line.contains(&format!("credential=\"api\" uid={STRANGER} pid=")), "{line}");
    assert!(line.contains("door=\"tokend.sock\""), "{line}");
    // Nor can one tell by the log what is there.
    shared.as_stranger(&["get", "nothing"]);
    let line = shared.daemon.wait_for_log("outcome=\"denied\" credential=\"nothing\"");
    assert!(line.contains(&format!("uid={STRANGER}")), "{line}");

    shared.grant(&format!("uid:{STRANGER}"));
    let line = shared.daemon.wait_for_log("action=\"grant\"");
    assert!(line.contains("outcome=\"done\" credential=\"api\" uid=0"), "{line}");
    for _ in 0..3 {
        assert_output(&shared.as_stranger(&["get", "api"]), 0, "token-1-c0ffee\n", "");
    }
    let line = shared.daemon.wait_for_log("action=\"read\" outcome=\"granted\"");
    assert!(line.contains(&format!("uid={STRANGER}")) && !line.contains("count="), "{line}");
    let rest = shared.daemon.end().log;
    let counted = rest.lines().filter(|line| line.contains("outcome=\"granted\""));
    let counted: Vec<_> = counted.collect();
    assert!(counted.len() == 1 && counted[0].ends_with("count=2"), "{rest}");
    assert!(!rest.contains("c0ffee") && !rest.contains(SECRET), "{rest}");
}

#[test]
fn what_operators_do_with_keys_and_limits_is_in_the_audit_log() {
    let place = Place::new();
    let mut daemon = place.start();
    for (arguments, action, outcome) in [
        (&["backup", "-"][..], "backup", "done"),
        (&["key", "rotate"][..], "key rotate", "done"),
        (&["key", "change-source", "--to", "credential:none"], "key change-source", "failed"),
        (&["budget", "accept", "--used", "0", "--all"], "budget accept", "failed"),
    ] {
        assert_eq!(place.run(arguments).status.success(), outcome == "done", "{arguments:?}");
        let line = daemon.wait_for_log(&format!("tokend::audit: action=\"{action}\""));
        assert!(line.contains(&format!("outcome=\"{outcome}\" uid=")), "{line}");
        assert!(line.contains("door=\"admin.sock\""), "{line}");
    }
}

#[test]
fn of_a_process_in_another_pid_namespace_the_user_counts_and_nothing_else() {
    if !is_root("make namespaces") {
        return;
    }
    let mut shared = Shared::new(apart);
    let unit = Unit::new(&format!("tokend-test-{}-apart.service", std::process::id()));
    let name = unit.0.file_name().unwrap().to_str().unwrap().to_owned();
    shared.grant(&format!("unit:{name}"));
    shared.grant(&format!("gid:{GROUP}"));
    let get = |shared: &Shared| shared.as_stranger_in(GROUP, &unit.script(), &["get", "api"]);
    assert_eq!(get(&shared).status.code(), Some(3));
    let line = shared.daemon.wait_for_log("outcome=\"denied\"");
    assert!(line.contains(&format!("uid={STRANGER} pid=unknown door=")), "{line}");
    let nobody = shared.place.run(["access", "api", "--as", "nobody"]);
    assert!(text(&nobody.stdout).contains("run it as another user: nobody stands for everyone"));
    let explained = shared.place.run(["access", "api", "--as", "daemon"]);
    let explained = text(&explained.stdout);
    assert!(explained.contains("pid unknown in the log"), "{explained}");
    assert!(explained.contains(&format!("processes of unit:{name}")), "{explained}");

    shared.grant(&format!("uid:{STRANGER}"));
    assert_output(&get(&shared), 0, "token-1-c0ffee\n", "");
}

#[test]
fn a_unit_reads_what_was_granted_to_it_whoever_it_runs_as() {
    if !is_root("make control groups") {
        return;
    }
    let shared = Shared::new(|_| ());
    let own = std::process::id();
    let unit = Unit::new(&format!("tokend-test-{own}@1.service"));
    let other = Unit::new(&format!("tokend-test-{own}.service"));
    let get = |unit: &Unit| shared.as_stranger_by(&unit.script(), &["get", "api"]);

    assert_eq!(get(&unit).status.code(), Some(3));
    shared.grant(&format!("unit:tokend-test-{own}@*.service"));
    assert_output(&get(&unit), 0, "token-1-c0ffee\n", "");
    // What it calls a part of its own isn't what it is.
    let part = Unit(unit.0.join("tokend.service"));
    fs::create_dir(&part.0).unwrap();
    assert_output(&get(&part), 0, "token-1-c0ffee\n", "");
    assert_eq!(get(&other).status.code(), Some(3));
    let forged = Unit(other.0.join(unit.0.file_name().unwrap()));
    fs::create_dir(&forged.0).unwrap();
    assert_eq!(get(&forged).status.code(), Some(3));
    assert_eq!(shared.as_stranger(&["get", "api"]).status.code(), Some(3));

    let shown = text(&shared.place.run(["show", "api"]).stdout);
    assert!(shown.contains(&format!("unit:tokend-test-{own}@*.service")), "{shown}");
    let template = shared.place.run(["grant", "api", "unit:worker@.service"]);
    assert_eq!(template.status.code(), Some(2), "{}", text(&template.stderr));
    assert!(text(&template.stderr).contains("worker@*.service"), "{}", text(&template.stderr));
}

#[test]
fn a_refresher_has_the_token_replaced_by_the_callers_socket_and_a_reader_has_not() {
    if !is_root("become someone else") {
        return;
    }
    let shared = Shared::new(|_| ());
    let reader = format!("uid:{STRANGER}");
    assert_eq!(shared.as_stranger(&["refresh", "api"]).status.code(), Some(3));
    shared.grant(&reader);
    let refused = shared.as_stranger(&["refresh", "api"]);
    assert_eq!(refused.status.code(), Some(3));
    let way_out = format!("`tokend-cli grant api {reader} --refresh`");
    assert!(text(&refused.stderr).contains(&way_out), "{}", text(&refused.stderr));
    assert_output(&shared.as_stranger(&["get", "api"]), 0, "token-1-c0ffee\n", "");

    let granted = format!("api can be read by {reader}\nthe token can be replaced by {reader}\n");
    assert_output(&shared.place.run(["grant", "api", &reader, "--refresh"]), 0, &granted, "");
    let shown = text(&shared.place.run(["show", "api"]).stdout);
    assert!(shown.contains(&format!("refreshers  {reader}")), "{shown}");
    assert_output(
        &shared.as_stranger(&["refresh", "api"]),
        0,
        "refreshed api, expires in 1h\n",
        "",
    );
    assert_output(&shared.as_stranger(&["get", "api"]), 0, "token-2-c0ffee\n", "");
    let causes = text(&shared.place.run(["issuances", "api"]).stdout);
    assert!(causes.contains("wanted"), "{causes}");

    // Four in a row and no more, though an operator still may.
    for _ in 0..3 {
        assert_eq!(shared.as_stranger(&["refresh", "api"]).status.code(), Some(0));
    }
    let again = shared.as_stranger(&["refresh", "api"]);
    assert_eq!(again.status.code(), Some(4), "{}", text(&again.stderr));
    assert!(text(&again.stderr).contains("as often as may be"), "{}", text(&again.stderr));
    assert_eq!(shared.place.run(["refresh", "api"]).status.code(), Some(0));

    // Only that is taken away; then all of it.
    let taken = shared.place.run(["revoke-access", "api", &reader, "--refresh"]);
    assert_output(&taken, 0, &format!("api can be read by {reader}\n"), "");
    let stranger = shared.place.run(["revoke-access", "api", &reader, "--refresh"]);
    assert!(text(&stranger.stderr).contains("isn't among the refreshers of api"));
    assert_eq!(shared.as_stranger(&["refresh", "api"]).status.code(), Some(3));
    shared.grant(&reader);
    assert_output(&shared.as_stranger(&["get", "api"]), 0, "token-6-c0ffee\n", "");
}
