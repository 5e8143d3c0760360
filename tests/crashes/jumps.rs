//! A wall clock that jumps, while the time since boot goes on as it is: libfaketime stands
//! between the daemon and the one, and doesn't reach the other.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use tokend_proto::v1::Credential;

use super::{
    far::LIFE,
    support::Daemon,
    world::{KEYED, ROTATING, SLIDING, World, block_on},
};

/// Its limit is for half a day, which no check lasts.
const SCARCE: &str = "scarce";
const SCARCE_LIMIT: usize = 5;

/// What the wall clock is set to, in libfaketime's words.
const JUMPS: [&str; 9] = [
    "+40m",
    "+3h",
    "-3h",
    "+13h",
    "+370d",
    "-370d",
    // It goes on from here, past the end of 32 bits.
    "@2038-01-19 03:14:05",
    // It stands still.
    "2026-06-01 12:00:00",
    "+0",
];

/// How many requests one jump may cost an account: a token that has ended by the clock is
/// replaced, and once more as the clock goes on from there.
const MOST: usize = 2;

/// Sets the clock of a daemon while it runs.
pub(crate) fn running() {
    let world = furnished();
    let clock = set(&world, "+0");
    let daemon = start(&world, &clock);
    for jump in JUMPS {
        set(&world, jump);
        look(&world, jump);
    }
    assert_eq!(daemon.end().code, Some(0));
}

/// Sets the clock while the daemon is down.
pub(crate) fn between() {
    let world = furnished();
    for jump in JUMPS {
        let clock = set(&world, jump);
        let daemon = start(&world, &clock);
        look(&world, jump);
        daemon.kill();
        world.examine();
    }
}

/// Sets the clock back while the machine is down: what is in the ledger is from the future.
pub(crate) fn at_another_boot() {
    let world = furnished();
    for jump in ["-13h", "-370d"] {
        let clock = set(&world, jump);
        let boot = world.place.path().join("boot_id");
        fs::write(&boot, "0b007000-0000-4000-8000-000000000000\n").unwrap();
        let daemon = world.place.start_with(|command| {
            disguise(command, &clock);
            let mut wrapped = Command::new("unshare");
            let inside = r#"mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@""#;
            wrapped.args(["--mount", "sh", "-c", inside]).arg(&boot);
            wrapped.arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
            wrapped.env_remove("TOKEND_LOG").env_remove("NOTIFY_SOCKET");
            *command = wrapped;
        });
        look(&world, jump);
        daemon.kill();
    }
}

fn furnished() -> World {
    let world = World::new();
    world.furnish();
    let daemon = world.place.start();
    block_on(async {
        let credential = world.basic(SCARCE, "oauth2-client-credentials");
        let limits = vec![format!("{SCARCE_LIMIT}/12h")];
        world.near().add(Credential { limits, ..credential }, "client_secret", "s").await;
        world.near().read(SCARCE).await.unwrap();
    });
    assert_eq!(daemon.end().code, Some(0));
    world
}

/// Sets the clock, and returns the file that does.
fn set(world: &World, jump: &str) -> PathBuf {
    let path = world.place.path().join("clock");
    // It is read at any moment.
    let draft = path.with_extension("new");
    fs::write(&draft, format!("{jump}\n")).unwrap();
    fs::rename(draft, &path).unwrap();
    path
}

fn start(world: &World, clock: &Path) -> Daemon {
    world.place.start_with(|command| disguise(command, clock))
}

fn disguise(command: &mut Command, clock: &Path) {
    // Of the daemon alone.
    let mut wrapped = Command::new("env");
    wrapped.arg(format!("LD_PRELOAD={}", library().display()));
    wrapped.arg(format!("FAKETIME_TIMESTAMP_FILE={}", clock.display()));
    wrapped.args(["FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"]);
    wrapped.arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
    wrapped.env_remove("TOKEND_LOG").env_remove("NOTIFY_SOCKET");
    *command = wrapped;
}

/// Returns where Debian has the library: in a directory of this kind of machine's.
fn library() -> PathBuf {
    let places = fs::read_dir("/usr/lib").unwrap().map(|place| place.unwrap().path());
    let mut paths = places.map(|place| place.join("faketime/libfaketimeMT.so.1"));
    paths.find(|path| path.exists()).expect("libfaketime is installed")
}

/// Reads and refreshes, and looks at what that costs at the provider.
fn look(world: &World, jump: &str) {
    let count = |name: &str| world.far.books().count(name);
    let before = [KEYED, ROTATING].map(count);
    block_on(async {
        let near = world.near();
        for _ in 0..20 {
            for name in [KEYED, ROTATING] {
                let life = near.remaining(name).await.unwrap_or_else(|it| panic!("{jump}: {it}"));
                let most = Duration::from_secs(LIFE);
                assert!(!life.is_zero() && life <= most, "{jump}: {name} lives for {life:?}");
            }
            near.read(SLIDING).await.unwrap();
            // They may be refused.
            let _ = near.read(SCARCE).await;
        }
        for _ in 0..SCARCE_LIMIT {
            let _ = near.refresh(SCARCE).await;
        }
    });
    let asked = [KEYED, ROTATING].map(count);
    for (before, asked) in before.into_iter().zip(asked) {
        assert!(asked - before <= MOST, "{jump}: {} requests", asked - before);
    }
    let scarce = count(SCARCE);
    println!("  {jump}: {asked:?} requests, {scarce} of {SCARCE_LIMIT}");
    assert!(scarce <= SCARCE_LIMIT, "{jump}: {scarce} requests, {SCARCE_LIMIT} are allowed");
    world.audit();
}
