//! Two daemons on one state directory.

use std::{fs, os::unix::fs::MetadataExt as _};

use super::{
    support::text,
    world::{World, block_on},
};

#[test]
fn a_second_daemon_says_whose_the_store_is_and_touches_neither_it_nor_the_sockets() {
    let world = World::new();
    world.furnish();
    let daemon = world.place.start();
    let sockets = || {
        let files = fs::read_dir(world.place.runtime()).unwrap().map(|file| {
            let file = file.unwrap();
            let metadata = file.metadata().unwrap();
            (file.file_name(), metadata.ino(), metadata.mode(), metadata.ctime_nsec())
        });
        let mut files: Vec<_> = files.collect();
        files.sort();
        files
    };
    let before = (sockets(), world.place.stored());
    let second = world.place.tokend::<&str>([]);
    assert_eq!(second.status.code(), Some(1));
    let expected = format!(
        "tokend: another tokend (pid {}) uses {}: stop it first\n",
        daemon.pid(),
        world.place.state().display()
    );
    assert!(text(&second.stderr).ends_with(&expected), "{}", text(&second.stderr));
    assert!((sockets(), world.place.stored()) == before, "something was touched");
    block_on(async { world.near().compare_strictly().await });
    assert_eq!(daemon.end().code, Some(0));
}
