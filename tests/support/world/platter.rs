//! What a disk keeps of files: all that was written if the daemon is killed, and no more
//! than was synced for sure if the power goes.
//!
//! A write that wasn't synced may be on the disk all the same: wholly, in some of its
//! sectors or not at all, whatever became of those before it.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Error, ErrorKind},
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
};

use tokend_core::{Random, SplitMix};

/// What a disk writes whole.
const SECTOR: usize = 512;

/// How the daemon or its machine ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The daemon is killed. All that it wrote is there.
    Kill,
    /// The power goes. What is left of what wasn't synced follows from the number.
    PowerCut(u64),
}

/// What can befall the disk at a write or a sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It is the last thing that the daemon wanted of the disk.
    End(Ending),
    /// From then on there is no room for more.
    Full,
    /// A write fails.
    WriteFails,
    /// The next sync fails, and what it was to sync is lost in part, as Linux does it
    /// (<https://wiki.postgresql.org/wiki/Fsync_Errors>); the number says which part.
    SyncFails(u64),
}

/// The files of one directory.
#[derive(Debug, Default)]
pub struct Platter {
    files: BTreeMap<PathBuf, Content>,
    /// What is to befall it, after how many more writes and syncs.
    coming: Option<(u64, Trouble)>,
    /// The number of a sync that is to fail.
    failing: Option<u64>,
    /// What has befallen it since this was last looked at.
    met: Option<Trouble>,
    ended: Option<Ending>,
    full: bool,
    /// All writes and syncs.
    operations: u64,
}

/// What is known of a file.
#[derive(Debug)]
struct Content {
    /// Another file of the same name is another.
    inode: u64,
    /// What is there for sure; `None` if the file itself may not be.
    durable: Option<Vec<u8>>,
    /// What was done since.
    pending: Vec<Change>,
    /// Whether something else can be read than what is there.
    lost: bool,
}

#[derive(Debug)]
enum Change {
    Write { at: u64, data: Vec<u8> },
    Resize(u64),
}

impl Platter {
    /// Has something happen at a write or sync, after so many others.
    pub fn expect(&mut self, after: u64, trouble: Trouble) {
        self.coming = Some((after, trouble));
    }

    /// Ends all trouble.
    pub fn heal(&mut self) {
        (self.coming, self.failing) = (None, None);
    }

    pub fn set_full(&mut self, full: bool) {
        self.full = full;
    }

    pub fn is_full(&self) -> bool {
        self.full
    }

    /// Returns how the daemon has ended, if it has.
    pub fn ended(&self) -> Option<Ending> {
        self.ended
    }

    /// Returns what has befallen it since this was last asked.
    pub fn take_met(&mut self) -> Option<Trouble> {
        self.met.take()
    }

    /// Counts all writes and syncs.
    pub fn operations(&self) -> u64 {
        self.operations
    }

    /// From now on nothing more is done for the daemon, which is about to be dropped.
    pub fn end(&mut self, ending: Ending) {
        self.ended.get_or_insert(ending);
    }

    /// Leaves in the files what the end has left of them, for the next start.
    pub fn settle(&mut self) -> io::Result<()> {
        if let Some(Ending::PowerCut(seed)) = self.ended.take() {
            let mut random = SplitMix::new(seed);
            for (path, content) in &mut self.files {
                content.lose(path, &mut random)?;
            }
        }
        self.coming = None;
        Ok(())
    }

    /// Takes files as durable whose names or contents were changed by others.
    pub fn forget(&mut self) {
        self.files.clear();
    }

    /// Takes note of a file that is opened, and that was made for it if `fresh`.
    pub fn opened(&mut self, path: &Path, file: &File, fresh: bool) -> io::Result<()> {
        let inode = file.metadata()?.ino();
        if self.files.get(path).is_some_and(|content| content.inode == inode) {
            return Ok(());
        }
        let durable = if fresh { None } else { Some(fs::read(path)?) };
        let content = Content { inode, durable, pending: Vec::new(), lost: false };
        self.files.insert(path.to_owned(), content);
        Ok(())
    }

    /// Fails if nothing is done any more.
    pub fn check(&self) -> io::Result<()> {
        match self.ended {
            Some(_) => Err(Error::other("the daemon has ended")),
            None => Ok(()),
        }
    }

    pub fn write(&mut self, path: &Path, file: &File, data: &[u8], at: u64) -> io::Result<()> {
        let trouble = self.operate()?;
        let change = Change::Write { at, data: data.to_vec() };
        match trouble {
            // It may have come so far.
            Some(Trouble::End(Ending::PowerCut(_))) => self.note(path, change),
            Some(Trouble::WriteFails) => {}
            _ if self.full && at + data.len() as u64 > file.metadata()?.len() => {
                // What SQLite is to take for a full disk.
                return Err(ErrorKind::WriteZero.into());
            }
            _ if self.ended.is_none() => {
                file.write_all_at(data, at)?;
                self.note(path, change);
                return Ok(());
            }
            _ => {}
        }
        Err(Error::other("no more is written"))
    }

    pub fn resize(&mut self, path: &Path, file: &File, size: u64) -> io::Result<()> {
        let trouble = self.operate()?;
        // What is asked for ahead of writes isn't given: they make room by themselves.
        if size >= file.metadata()?.len() {
            return self.check();
        }
        if let Some(Trouble::End(Ending::PowerCut(_))) = trouble {
            self.note(path, Change::Resize(size));
        }
        self.check()?;
        file.set_len(size)?;
        self.note(path, Change::Resize(size));
        Ok(())
    }

    pub fn sync(&mut self, path: &Path) -> io::Result<()> {
        self.operate()?;
        self.check()?;
        let Some(content) = self.files.get_mut(path) else { return Ok(()) };
        let changes = std::mem::take(&mut content.pending);
        let durable = content.durable.get_or_insert_default();
        let Some(seed) = self.failing.take() else {
            for change in &changes {
                change.apply(durable);
            }
            return Ok(());
        };
        // What can't be written is dropped, and no later sync brings it back.
        let mut random = SplitMix::new(seed);
        for change in &changes {
            if matches!(change, Change::Resize(_)) || random.fraction() < 0.5 {
                change.apply(durable);
            }
        }
        content.lost = true;
        self.met = Some(Trouble::SyncFails(seed));
        Err(Error::other("it can't be synced"))
    }

    pub fn removed(&mut self, path: &Path) {
        self.files.remove(path);
    }

    fn note(&mut self, path: &Path, change: Change) {
        if let Some(content) = self.files.get_mut(path) {
            content.pending.push(change);
        }
    }

    /// Counts an operation, and returns what befalls it.
    fn operate(&mut self) -> io::Result<Option<Trouble>> {
        self.check()?;
        self.operations += 1;
        match &mut self.coming {
            Some((0, trouble)) => {
                let trouble = *trouble;
                self.coming = None;
                match trouble {
                    Trouble::End(ending) => self.ended = Some(ending),
                    Trouble::Full => self.full = true,
                    Trouble::SyncFails(seed) => {
                        self.failing = Some(seed);
                        return Ok(None);
                    }
                    Trouble::WriteFails => {}
                }
                self.met = Some(trouble);
                Ok(Some(trouble))
            }
            Some((left, _)) => {
                *left -= 1;
                Ok(None)
            }
            None => Ok(None),
        }
    }
}

/// How much of what wasn't synced is on the disk.
#[derive(Clone, Copy)]
enum Left {
    Nothing,
    All,
    /// What was done until some point, which may be within a write.
    Until(usize),
    /// Anything.
    Some,
}

impl Content {
    /// Leaves in the file what a power cut leaves of it.
    fn lose(&mut self, path: &Path, random: &mut SplitMix) -> io::Result<()> {
        let changes = std::mem::take(&mut self.pending);
        if changes.is_empty() && self.durable.is_some() && !std::mem::take(&mut self.lost) {
            return Ok(());
        }
        let left = match below(random, 5) {
            0 => Left::Nothing,
            1 => Left::All,
            2 => Left::Until(below(random, changes.len() + 1)),
            _ => Left::Some,
        };
        if self.durable.is_none() && matches!(left, Left::Nothing) {
            return fs::remove_file(path);
        }
        let durable = self.durable.get_or_insert_default();
        for (place, change) in changes.iter().enumerate() {
            match left {
                Left::All => change.apply(durable),
                Left::Until(end) if place < end => change.apply(durable),
                Left::Until(end) if place == end => change.tear(durable, random),
                Left::Nothing | Left::Until(_) => {}
                Left::Some => match below(random, 4) {
                    0 => {}
                    1 => change.tear(durable, random),
                    _ => change.apply(durable),
                },
            }
        }
        fs::write(path, durable)
    }
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write { at, data } => put(content, *at, data),
            Self::Resize(size) => content.resize(length(*size), 0),
        }
    }

    /// Does it in some of the sectors.
    fn tear(&self, content: &mut Vec<u8>, random: &mut SplitMix) {
        let Self::Write { at, data } = self else { return };
        let (mut at, mut rest) = (*at, &data[..]);
        while !rest.is_empty() {
            let whole = SECTOR - length(at) % SECTOR;
            let (sector, others) = rest.split_at(whole.min(rest.len()));
            if random.fraction() < 0.5 {
                put(content, at, sector);
            }
            at += sector.len() as u64;
            rest = others;
        }
    }
}

fn put(content: &mut Vec<u8>, at: u64, data: &[u8]) {
    let (at, end) = (length(at), length(at) + data.len());
    if content.len() < end {
        content.resize(end, 0);
    }
    content[at..end].copy_from_slice(data);
}

fn length(size: u64) -> usize {
    usize::try_from(size).expect("files here are small")
}

fn below(random: &mut SplitMix, end: usize) -> usize {
    let mut bytes = [0; 8];
    random.fill(&mut bytes);
    usize::try_from(u64::from_be_bytes(bytes) % end as u64).expect("it is below a usize")
}
