//! A disk of a megabyte that is really full, and then grows.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tokend_proto::reason;
use tonic::Code;
use tonic_types::StatusExt as _;

use super::{
    healing::{outlives, works_again},
    support::{Daemon, text},
    world::{KEYED, LIMITED, ROTATING, SLIDING, World, block_on, examine},
};

/// Has the command run in a mount namespace where its state is on a small disk of its own.
fn on_a_small_disk(world: &World, command: &mut Command, then: &str) {
    let inside = format!(
        r#"cp -a "$0" "$0.before" && mount -t tmpfs -o size=1m,mode=700 tmpfs "$0" &&
           cp -a "$0.before/." "$0" && {then}"#
    );
    let mut wrapped = Command::new("unshare");
    wrapped.args(["--mount", "sh", "-c", &inside]).arg(world.place.state());
    wrapped.arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
    wrapped.env_remove("TOKEND_LOG").env_remove("NOTIFY_SOCKET");
    *command = wrapped;
}

/// Where the daemon's state is for others.
fn state(world: &World, daemon: &Daemon) -> PathBuf {
    format!("/proc/{}/root{}", daemon.pid(), world.place.state().display()).into()
}

fn fill(world: &World, daemon: &Daemon) {
    let mut file = File::create(state(world, daemon).join("filler")).unwrap();
    for size in [65_536, 4_096, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
}

fn grow(world: &World, daemon: &Daemon) {
    let mut command = Command::new("nsenter");
    command.args(["--target", &daemon.pid().to_string(), "--mount", "mount", "-o"]);
    command.arg("remount,size=8m").arg(world.place.state());
    assert!(command.status().unwrap().success());
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn on_a_full_disk_held_tokens_are_served_and_when_it_grows_all_goes_on() {
    if !is_root() {
        return;
    }
    let world = World::new();
    world.furnish();
    let mut daemon =
        world.place.start_with(|command| on_a_small_disk(&world, command, r#"exec "$@""#));
    // A token is on its way when the disk fills up.
    let before = world.far.books().count(ROTATING);
    world.far.hold();
    let number = world.far.requests();
    let (world_ref, runtime) = (&world, tokio::runtime::Runtime::new().unwrap());
    let coming = runtime.spawn({
        let near = runtime.block_on(async { world_ref.near() });
        async move { near.refresh(ROTATING).await }
    });
    world.far.wait_for_requests(number + 1);
    fill(&world, &daemon);
    world.far.release();
    let refused = runtime.block_on(coming).unwrap().unwrap_err();
    assert_full(&refused);
    daemon.wait_for_log("the token isn't served yet");

    let url = world.far.token_url("cli");
    let url = url.strip_suffix("/token").unwrap();
    let added = world.place.add("by-hand", url, "s3cret-Horse_Battery");
    assert_eq!(added.status.code(), Some(4), "{}", text(&added.stderr));
    assert!(text(&added.stderr).contains("no space left"), "{}", text(&added.stderr));
    block_on(async {
        let near = world.near();
        assert_full(&near.create(world.passing("late")).await.unwrap_err());
        assert_full(&near.replace_secret().await.unwrap_err());
        assert_full(&near.hand_in().await.unwrap_err());
        assert_full(&near.refresh(KEYED).await.unwrap_err());
        for name in [ROTATING, LIMITED, KEYED, SLIDING] {
            near.read(name).await.unwrap();
        }
    });
    assert_eq!(world.known().served[ROTATING], 1, "what isn't stored isn't served");
    let problems = world.problems();
    assert!(problems.iter().any(|problem| problem.contains("no space left")), "{problems:?}");

    grow(&world, &daemon);
    daemon.wait_for_log("the store can be written again");
    // The token that came meanwhile is stored, and no other was asked for.
    block_on(async {
        let near = world.near();
        while world.known().served[ROTATING] == 1 {
            near.read(ROTATING).await.unwrap();
        }
    });
    assert_eq!(world.far.books().count(ROTATING), before + 1);
    works_again(&world);
    assert_eq!(world.problems(), [""; 0]);

    // The disk goes with the daemon; what a kill would leave is taken from it before.
    daemon.signal(nix::sys::signal::Signal::SIGSTOP);
    for file in fs::read_dir(state(&world, &daemon)).unwrap() {
        let file = file.unwrap();
        if file.file_name() != "filler" {
            fs::copy(file.path(), world.place.state().join(file.file_name())).unwrap();
        }
    }
    outlives(&world, daemon);
}

#[track_caller]
fn assert_full(status: &tonic::Status) {
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    let info = status.get_details_error_info();
    assert_eq!(info.map(|info| info.reason).as_deref(), Some(reason::STORE_FULL), "{status:?}");
}

#[test]
fn started_on_a_full_disk_it_serves_what_it_holds() {
    if !is_root() {
        return;
    }
    let world = World::new();
    world.furnish();
    // A kill has left a log.
    let daemon = world.place.start();
    world.judge();
    daemon.kill();
    let then = r#"{ cat /dev/zero >"$0/filler" 2>/dev/null; exec "$@"; }"#;
    let daemon = world.place.start_with(|command| on_a_small_disk(&world, command, then));
    block_on(async {
        let near = world.near();
        for name in [ROTATING, LIMITED, KEYED, SLIDING] {
            near.read(name).await.unwrap();
        }
        // The log that was left made some room as it went.
        let mut number = 0;
        let refused = loop {
            number += 1;
            if let Err(refused) = near.create(world.passing(&format!("late-{number}"))).await {
                break refused;
            }
            assert!(number < 1_000, "nothing is refused");
        };
        assert_full(&refused);
    });
    grow(&world, &daemon);
    works_again(&world);
    world.judge();
    assert_eq!(daemon.end().code, Some(0));
}

#[test]
fn a_store_that_is_to_be_upgraded_on_a_full_disk_stays_as_it_is_until_there_is_room() {
    if is_root() {
        for log_is_full in [false, true] {
            upgrade_on_a_full_disk(log_is_full);
        }
    }
}

/// Has a database be as the tokend before made it.
const UNDO: &str = "
    CREATE TABLE undone AS
        SELECT row.number, row.id, credential.id AS credential, account.id AS account, counts,
            planned, reserved_wall_ms, reserved_boot_ms, reserved.id AS reserved_boot_id,
            within_ms, request, settled_wall_ms, settled_boot_ms, settled.id AS settled_boot_id,
            date_ms, outcome
        FROM issuances AS row
        JOIN ledger_credentials AS credential ON credential.number = row.credential
        JOIN ledger_accounts AS account ON account.number = row.account
        JOIN ledger_boots AS reserved ON reserved.number = row.reserved_boot
        LEFT JOIN ledger_boots AS settled ON settled.number = row.settled_boot;
    DROP TABLE issuances;
    ALTER TABLE undone RENAME TO issuances;
    DROP TABLE ledger_accounts;
    DROP TABLE ledger_credentials;
    DROP TABLE ledger_boots;
    PRAGMA user_version = 5;
";

/// Whether or not what is in its log has to go into the database first.
fn upgrade_on_a_full_disk(log_is_full: bool) {
    let world = World::new();
    world.furnish();
    let (state, log) = (world.place.state(), "tokend.db-wal");
    let database = state.join("tokend.db");
    let connection = rusqlite::Connection::open(&database).unwrap();
    connection.execute_batch(UNDO).unwrap();
    if log_is_full {
        let more = "CREATE TABLE more (x); INSERT INTO more VALUES (zeroblob(100000));";
        connection.execute_batch(more).unwrap();
        connection.execute_batch("DROP TABLE more").unwrap();
        // Whoever closes the database takes the log away.
        fs::copy(state.join(log), world.place.path().join(log)).unwrap();
        let kept = fs::read(&database).unwrap();
        drop(connection);
        fs::write(&database, kept).unwrap();
        fs::rename(world.place.path().join(log), state.join(log)).unwrap();
        fs::set_permissions(state.join(log), fs::Permissions::from_mode(0o600)).unwrap();
    } else {
        drop(connection);
    }
    let then = r#"{ cat /dev/zero >"$0/filler" 2>/dev/null; "$@"; echo "it ended with $?";
        cp -a "$0/." "$0.after"; rm "$0/filler" "$0.after/filler"; exec "$@"; }"#;
    let mut daemon = world.place.launch(|command| on_a_small_disk(&world, command, then));
    let line = daemon.wait_for_log("no space left for");
    assert!(line.contains("tokend.db.before-v6"), "{line}");
    daemon.wait_for_log("it ended with 1");
    daemon.wait_for_log("serving");
    let names = |directory: &Path| {
        let names = fs::read_dir(directory).unwrap().map(|file| file.unwrap().file_name());
        names.filter(|name| *name != log).collect::<BTreeSet<_>>()
    };
    let after = state.with_file_name("state.after");
    assert_eq!(names(&after), names(&state), "nothing is left of the attempt");
    let version = |directory: &Path| {
        examine(directory);
        let bytes = fs::read(directory.join("tokend.db")).unwrap();
        // Where SQLite keeps `user_version`.
        u32::from_be_bytes(bytes[60..64].try_into().unwrap())
    };
    assert!(version(&after) <= 5);
    world.judge();
    let copy = format!("/proc/{}/root{}", daemon.pid(), state.display());
    let copy = fs::read(Path::new(&copy).join("tokend.db.before-v6")).unwrap();
    assert_eq!(copy[60..64], 5_u32.to_be_bytes(), "the copy is of the store before");
    assert_eq!(daemon.end().code, Some(0));
}
