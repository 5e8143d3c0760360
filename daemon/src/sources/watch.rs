//! Watches the directories of files: what replaces a file by another, or a symbolic link on
//! the way to it, is seen there.

use std::{
    collections::{BTreeMap, BTreeSet},
    future, io,
    mem::MaybeUninit,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use rustix::{
    fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags},
    io::Errno,
};
use tokio::io::unix::AsyncFd;
use tracing::warn;

/// How many bytes of events are read at once.
const BUFFER: usize = 4 * 1_024;

/// Watches directories. Where the system doesn't let it, nothing is ever seen, and files
/// are looked at by the clock alone.
#[derive(Debug)]
pub(super) struct Watch {
    inotify: Option<AsyncFd<OwnedFd>>,
    /// What is watched, by the kernel's number for it.
    watched: BTreeMap<i32, PathBuf>,
}

impl Watch {
    /// Starts with nothing to watch.
    pub(super) fn new() -> Self {
        let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC);
        let inotify = inotify.map_err(io::Error::from).and_then(register);
        let inotify = inotify.inspect_err(|error| {
            warn!("files with secrets are looked at twice a minute: no watch: {error}");
        });
        Self { inotify: inotify.ok(), watched: BTreeMap::new() }
    }

    /// Watches these directories from now on, as far as they are there.
    pub(super) fn set(&mut self, directories: &BTreeSet<PathBuf>) {
        let Some(inotify) = &self.inotify else { return };
        self.watched.retain(|number, directory| {
            let stays = directories.contains(directory);
            if !stays {
                // An error means that it has gone by itself.
                let _ = inotify::remove_watch(inotify, *number);
            }
            stays
        });
        let flags = WatchFlags::CLOSE_WRITE
            | WatchFlags::CREATE
            | WatchFlags::MOVE
            | WatchFlags::DELETE
            | WatchFlags::ATTRIB
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::ONLYDIR;
        for directory in directories {
            if self.watched.values().any(|watched| watched == directory) {
                continue;
            }
            // One that isn't there yet is tried again by the clock.
            if let Ok(number) = inotify::add_watch(inotify, directory, flags) {
                self.watched.insert(number, directory.clone());
            }
        }
    }

    /// Waits until something happens, and returns the directories where it did.
    pub(super) async fn changed(&mut self) -> BTreeSet<PathBuf> {
        let Some(inotify) = &self.inotify else { return future::pending().await };
        loop {
            let Ok(mut ready) = inotify.readable().await else { return future::pending().await };
            let read = ready.try_io(|inotify| Ok(read(inotify.get_ref())?));
            // Not ready after all.
            let Ok(Ok(events)) = read else { continue };
            let mut changed = BTreeSet::new();
            for (number, flags) in events {
                if flags.contains(ReadFlags::QUEUE_OVERFLOW) {
                    changed.extend(self.watched.values().cloned());
                }
                let gone = ReadFlags::IGNORED | ReadFlags::MOVE_SELF;
                if flags.intersects(gone) {
                    // Another may have its path.
                    if flags.contains(ReadFlags::MOVE_SELF) {
                        let _ = inotify::remove_watch(inotify, number);
                    }
                    changed.extend(self.watched.remove(&number));
                } else {
                    changed.extend(self.watched.get(&number).cloned());
                }
            }
            return changed;
        }
    }
}

#[expect(
    deprecated,
    reason = "its successor is unsafe to call, for the sake of other types: this one stays open and \
              is what it is"
)]
fn register(inotify: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::new(inotify)
}

/// Reads all events that there are.
fn read(inotify: &OwnedFd) -> Result<Vec<(i32, ReadFlags)>, Errno> {
    let mut buffer = [MaybeUninit::uninit(); BUFFER];
    let mut reader = inotify::Reader::new(inotify, &mut buffer);
    let mut events = Vec::new();
    loop {
        match reader.next() {
            Ok(event) => events.push((event.wd(), event.events())),
            Err(Errno::WOULDBLOCK) if !events.is_empty() => return Ok(events),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
}

/// No path leads over more links (`path_resolution(7)` has 40).
const MOST_LINKS: usize = 40;

/// Returns the directories in which a change can make a path lead to something else: its
/// own, or the nearest above that is there, those of the symbolic links on the way, and the one
/// of the file that it leads to.
pub(super) fn directories(path: &Path) -> BTreeSet<PathBuf> {
    let file = path.canonicalize().ok();
    let nearest = path.ancestors().skip(1).find(|place| place.is_dir());
    let ends = [path.parent(), nearest, file.as_deref().and_then(Path::parent)];
    let mut all: BTreeSet<PathBuf> = ends.into_iter().flatten().map(Path::to_owned).collect();
    let mut way = path.to_owned();
    for _ in 0..MOST_LINKS {
        // The first link from the root on.
        let places: Vec<&Path> = way.ancestors().collect();
        let link = places.iter().rev().find_map(|place| Some((*place, place.read_link().ok()?)));
        let Some((place, target)) = link else { break };
        let (Some(directory), Ok(rest)) = (place.parent(), way.strip_prefix(place)) else { break };
        all.insert(directory.to_owned());
        let led = directory.join(target);
        way = if rest.as_os_str().is_empty() { led } else { led.join(rest) };
    }
    all
}
