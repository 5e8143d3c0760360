//! The file system that SQLite sees in a world: real files, and a platter that knows what
//! was written and what was synced.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, Once, PoisonError},
    time::Duration,
};

use sqlite_vfs::{DatabaseHandle, LockKind, OpenAccess, OpenOptions, Vfs, WalDisabled};
use tokend_core::{Random, SplitMix};

use super::platter::Platter;

/// All worlds' platters, by their directories.
static PLATTERS: Mutex<BTreeMap<PathBuf, Arc<Mutex<Platter>>>> = Mutex::new(BTreeMap::new());

/// A directory whose files are watched until this is dropped.
#[derive(Debug)]
pub struct Watched {
    directory: PathBuf,
    platter: Arc<Mutex<Platter>>,
}

impl Watched {
    /// Watches the files that SQLite opens in a directory from now on.
    pub fn new(directory: &Path) -> Self {
        static REGISTERED: Once = Once::new();
        REGISTERED.call_once(|| sqlite_vfs::register("watched", Files, true).unwrap());
        let platter = Arc::<Mutex<Platter>>::default();
        lock(&PLATTERS).insert(directory.to_owned(), Arc::clone(&platter));
        Self { directory: directory.to_owned(), platter }
    }

    pub fn platter(&self) -> MutexGuard<'_, Platter> {
        lock(&self.platter)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        lock(&PLATTERS).remove(&self.directory);
    }
}

/// A test that ended in a panic leaves things as they were.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Files;

/// An open file.
struct Handle {
    path: PathBuf,
    file: File,
    platter: Option<Arc<Mutex<Platter>>>,
    /// Nobody else wants one: the store has locked its directory.
    lock: LockKind,
}

impl Handle {
    fn platter(&self) -> Option<MutexGuard<'_, Platter>> {
        self.platter.as_deref().map(lock)
    }
}

fn platter(path: &Path) -> Option<Arc<Mutex<Platter>>> {
    lock(&PLATTERS).get(path.parent()?).cloned()
}

impl Vfs for Files {
    type Handle = Handle;

    fn open(&self, path: &str, options: OpenOptions) -> io::Result<Handle> {
        let path = PathBuf::from(path);
        let platter = platter(&path);
        if let Some(platter) = &platter {
            lock(platter).check()?;
        }
        let fresh = !path.exists();
        let mut how = File::options();
        // SQLite's own gives a log the permissions of its database.
        how.read(true).write(options.access != OpenAccess::Read).mode(0o600);
        how.create(options.access == OpenAccess::Create);
        how.create_new(options.access == OpenAccess::CreateNew);
        let file = how.open(&path)?;
        if let Some(platter) = &platter {
            lock(platter).opened(&path, &file, fresh)?;
        }
        Ok(Handle { path, file, platter, lock: LockKind::None })
    }

    fn delete(&self, path: &str) -> io::Result<()> {
        let path = Path::new(path);
        let platter = platter(path);
        if let Some(platter) = &platter {
            lock(platter).check()?;
        }
        fs::remove_file(path)?;
        if let Some(platter) = &platter {
            lock(platter).removed(path);
        }
        Ok(())
    }

    fn exists(&self, path: &str) -> io::Result<bool> {
        Path::new(path).try_exists()
    }

    fn temporary_name(&self) -> String {
        unreachable!("the store keeps what is temporary in memory")
    }

    fn random(&self, buffer: &mut [i8]) {
        let mut bytes = vec![0; buffer.len()];
        SplitMix::new(1).fill(&mut bytes);
        for (to, from) in buffer.iter_mut().zip(bytes) {
            *to = from.cast_signed();
        }
    }

    fn sleep(&self, duration: Duration) -> Duration {
        duration
    }
}

impl DatabaseHandle for Handle {
    type WalIndex = WalDisabled;

    fn size(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read_exact_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        if let Some(platter) = self.platter() {
            platter.check()?;
        }
        let mut done = 0;
        while done < buffer.len() {
            match self.file.read_at(&mut buffer[done..], offset + done as u64)? {
                0 => {
                    // SQLite wants zeros beyond the end (<https://sqlite.org/c3ref/io_methods.html>).
                    buffer[done..].fill(0);
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                length => done += length,
            }
        }
        Ok(())
    }

    fn write_all_at(&mut self, data: &[u8], offset: u64) -> io::Result<()> {
        match self.platter() {
            Some(mut platter) => platter.write(&self.path, &self.file, data, offset),
            None => self.file.write_all_at(data, offset),
        }
    }

    fn sync(&mut self, _: bool) -> io::Result<()> {
        self.platter().map_or(Ok(()), |mut platter| platter.sync(&self.path))
    }

    fn set_len(&mut self, size: u64) -> io::Result<()> {
        match self.platter() {
            Some(mut platter) => platter.resize(&self.path, &self.file, size),
            None => self.file.set_len(size),
        }
    }

    fn lock(&mut self, lock: LockKind) -> io::Result<bool> {
        self.lock = lock;
        Ok(true)
    }

    fn reserved(&mut self) -> io::Result<bool> {
        Ok(self.lock >= LockKind::Reserved)
    }

    fn current_lock(&self) -> io::Result<LockKind> {
        Ok(self.lock)
    }

    fn wal_index(&self, _: bool) -> io::Result<WalDisabled> {
        Ok(WalDisabled)
    }
}
