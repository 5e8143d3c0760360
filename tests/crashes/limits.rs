//! Limits of the daemon's process: of files' sizes, descriptors, threads and memory.

use std::{
    fs,
    os::unix::{fs::chown, process::CommandExt as _},
    process::{Command, Stdio},
};

use rustix::{
    process::{Pid, Resource, Rlimit, Uid, geteuid, getrlimit, prlimit},
    thread::set_thread_res_uid,
};

use tokend_proto::reason;
use tonic_types::StatusExt as _;

use super::{
    healing::{outlives, works_again},
    world::{KEYED, ROTATING, SLIDING, World, block_on},
};

/// A user who isn't root, for whom alone there is a limit of threads.
const ANN: u32 = 54_321;

fn limit(pid: u32, resource: Resource, limit: Rlimit) -> Rlimit {
    prlimit(Pid::from_raw(pid.cast_signed()), resource, limit).unwrap()
}

/// Has the command begin with a limit.
fn begin_with(command: &mut Command, limit: &str) {
    let mut wrapped = Command::new("sh");
    wrapped.args(["-c", &format!("ulimit {limit} && exec \"$0\" \"$@\"")]);
    wrapped.arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
    wrapped.env_remove("TOKEND_LOG").env_remove("NOTIFY_SOCKET");
    *command = wrapped;
}

#[test]
fn beyond_the_limit_of_a_files_size_writes_are_refused_and_tokend_lives() {
    let world = World::new();
    world.furnish();
    let mut daemon = world.place.start();
    let size = fs::metadata(world.place.state().join("tokend.db")).unwrap().len();
    let small = Rlimit { current: Some(size + 2_000), maximum: None };
    let had = limit(daemon.pid(), Resource::Fsize, small);
    block_on(async {
        let near = world.near();
        let mut number = 0;
        let refused = loop {
            number += 1;
            if let Err(refused) = near.create(world.passing(&format!("more-{number}"))).await {
                break refused;
            }
            assert!(number < 1_000, "nothing is refused");
        };
        assert_eq!(refused.code(), tonic::Code::Unavailable, "{refused:?}");
        assert!(refused.message().contains("size of files"), "{refused:?}");
        for name in [ROTATING, KEYED, SLIDING] {
            near.read(name).await.unwrap();
        }
    });
    daemon.wait_for_log("the store can't be written");
    limit(daemon.pid(), Resource::Fsize, had);
    works_again(&world);
    outlives(&world, daemon);
}

#[test]
fn without_descriptors_it_does_not_start_and_says_so() {
    let world = World::new();
    world.furnish();
    for number in [5, 9, 14, 20, 26] {
        let limit = format!("-n {number}");
        let mut daemon = world.place.launch(|command| begin_with(command, &limit));
        // All that it says until it ends.
        let said = daemon.logs("serving").unwrap_err();
        assert!(said.contains("Too many open files"), "{number} descriptors: {said}");
        assert_eq!(daemon.end().code, Some(1), "{number} descriptors");
    }
    world.examine();
    let _daemon = world.place.start();
    world.judge();
}

#[test]
fn without_memory_it_ends_and_the_store_is_whole() {
    let world = World::new();
    world.furnish();
    for thousands in [50, 58, 66, 74, 90] {
        let limit = format!("-v {thousands}000");
        let mut daemon = world.place.launch(|command| begin_with(command, &limit));
        if daemon.logs("serving").is_ok() {
            block_on(async {
                let near = world.near();
                for _ in 0..3 {
                    let _ = near.refresh(ROTATING).await;
                    let _ = near.replace_secret().await;
                    let _ = near.back_up().await;
                }
            });
        }
        daemon.kill();
        world.examine();
        let daemon = world.place.start();
        world.judge();
        daemon.kill();
    }
}

#[test]
fn without_threads_it_serves_what_it_holds_and_refreshes_once_there_are_some() {
    if !geteuid().is_root() {
        return;
    }
    let world = World::new();
    world.furnish();
    let place = world.place.path();
    // Where the binary lies may be closed to others.
    let binary = place.join("tokend");
    fs::copy(super::support::binary("tokend"), &binary).unwrap();
    let below = [world.place.state(), world.place.runtime()].into_iter();
    let files = below.clone().flat_map(|it| fs::read_dir(it).into_iter().flatten());
    let files: Vec<_> = files.map(|it| it.unwrap().path()).chain(below).collect();
    for path in files.iter().map(AsRef::as_ref).chain([place]) {
        chown(path, Some(ANN), Some(ANN)).unwrap();
    }
    let mut daemon = world.place.start_with(|command| {
        let mut other = Command::new(&binary);
        other.args(command.get_args()).uid(ANN).stdin(Stdio::null());
        other.env_remove("TOKEND_LOG").env_remove("NOTIFY_SOCKET");
        *command = other;
    });
    let pid = daemon.pid();
    std::thread::scope(|scope| {
        let ann = scope.spawn(|| {
            // Not even root may set another's limits in any container, nor trusts his sockets.
            let user = Some(Uid::from_raw(ANN));
            set_thread_res_uid(user, user, user).unwrap();
            let had = getrlimit(Resource::Nproc);
            limit(pid, Resource::Nproc, Rlimit { current: Some(1), ..had });
            block_on(async {
                let near = world.near();
                for name in [ROTATING, KEYED] {
                    // To look up a host takes a thread, too.
                    if let Err(refused) = near.refresh(name).await {
                        assert_eq!(refused.code(), tonic::Code::Unavailable, "{refused:?}");
                        let why = refused.get_details_error_info().map(|info| info.reason);
                        assert_eq!(why.as_deref(), Some(reason::MACHINE_EXHAUSTED), "{refused:?}");
                        assert!(refused.message().contains("TasksMax="), "{refused:?}");
                    }
                    near.read(name).await.unwrap();
                }
            });
            daemon.wait_for_log("no thread for another provider can be started");
            limit(pid, Resource::Nproc, had);
            block_on(async {
                let near = world.near();
                for name in [ROTATING, KEYED] {
                    while near.refresh(name).await.is_err() {
                        near.read(name).await.unwrap();
                    }
                }
            });
        });
        ann.join().unwrap();
    });
    let ended = daemon.end();
    assert_eq!(ended.code, Some(0), "{}", ended.log);
}
