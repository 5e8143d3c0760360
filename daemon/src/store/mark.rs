//! A mark outside of the database that says how far it had come, so that an older one in
//! its place is noticed.
//!
//! The database counts the batches that let something be sent. The count goes into the mark
//! after it is on disk and before anything is sent. A database that is behind the mark was
//! restored from a backup: what has been sent since, it doesn't know.
//!
//! The mark is kept beside the database, and, where there is a place for it, in another
//! directory as well: whoever restores the whole state directory restores the first.
//!
//! A mark file has two lines of one length, written in turn, so that a power cut spoils at
//! most the one that is being written: `tokend-mark-v1`, the count and a tag by which a mark
//! of another store is told from this one's.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use super::{envelope::Vault, privacy};

/// The file's name beside the database.
pub(super) const MARK: &str = "tokend.mark";

const PREFIX: &str = "tokend-mark-v1";

/// The length of a line: the prefix, 20 digits, a tag of 32 and what is between them.
const LINE: usize = PREFIX.len() + 1 + 20 + 1 + 32 + 1;

/// The marks of one store.
pub(super) struct Marks {
    files: Vec<Mark>,
}

/// One of them.
struct Mark {
    path: PathBuf,
    file: Option<File>,
    /// Whether nothing may be sent without it.
    needed: bool,
}

impl Marks {
    /// Takes the marks beside the database and, if there is such a place, elsewhere.
    pub(super) fn new(directory: &Path, elsewhere: Option<&Path>) -> Self {
        let mark = |path, needed| Mark { path, file: None, needed };
        let mut files = vec![mark(directory.join(MARK), true)];
        files.extend(elsewhere.map(|path| mark(path.to_owned(), false)));
        Self { files }
    }

    /// Returns the highest count that a mark of this store says; 0 if there is none.
    pub(super) fn read(&mut self, vault: &Vault) -> io::Result<u64> {
        let mut highest = 0;
        for mark in &mut self.files {
            match mark.read(vault) {
                Ok(count) => highest = highest.max(count),
                Err(error) => mark.fail(&error)?,
            }
        }
        Ok(highest)
    }

    /// Writes a count, and returns when it is on disk.
    pub(super) fn write(&mut self, vault: &Vault, count: u64) -> io::Result<()> {
        for mark in &mut self.files {
            if let Err(error) = mark.write(vault, count) {
                mark.fail(&error)?;
            }
        }
        Ok(())
    }
}

impl Mark {
    fn read(&mut self, vault: &Vault) -> io::Result<u64> {
        let file = match File::options().read(true).write(true).open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(error),
        };
        let mut text = Vec::new();
        (&file).take(2 * LINE as u64).read_to_end(&mut text)?;
        self.file = Some(file);
        let count = text.chunks(LINE).filter_map(|line| parse(line, vault)).max();
        if count.is_none() && !text.is_empty() {
            tracing::warn!(path = %self.path.display(),
                "the mark isn't this store's, and is written anew");
        }
        Ok(count.unwrap_or_default())
    }

    fn write(&mut self, vault: &Vault, count: u64) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(create(&self.path)?),
        };
        let line = format!("{PREFIX} {count:020} {:032x}\n", tag(vault, count));
        file.write_all_at(line.as_bytes(), count % 2 * LINE as u64)?;
        file.sync_data()
    }

    /// Goes on without a mark that isn't needed.
    fn fail(&mut self, error: &io::Error) -> io::Result<()> {
        if self.needed {
            let path = self.path.display();
            return Err(io::Error::new(error.kind(), format!("{path}: {error}")));
        }
        tracing::warn!(path = %self.path.display(), %error,
            "no mark outside of the state directory: that it is restored from a backup as a \
             whole goes unnoticed");
        self.file = None;
        Ok(())
    }
}

/// Makes a mark file, and its directory if that isn't there.
fn create(path: &Path) -> io::Result<File> {
    let directory = path.parent().unwrap_or(path);
    privacy::create_directory(directory)?;
    // What can't be opened for writing isn't ours.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = privacy::create(path)?;
    file.set_len(2 * LINE as u64)?;
    file.sync_all()?;
    File::open(directory)?.sync_all()?;
    Ok(file)
}

fn parse(line: &[u8], vault: &Vault) -> Option<u64> {
    let line = std::str::from_utf8(line).ok()?.strip_prefix(PREFIX)?.strip_suffix('\n')?;
    let (count, tagged) = line.strip_prefix(' ')?.split_once(' ')?;
    let count = count.parse().ok()?;
    (u128::from_str_radix(tagged, 16).ok()? == tag(vault, count)).then_some(count)
}

fn tag(vault: &Vault, count: u64) -> u128 {
    u128::from_be_bytes(vault.tag(format!("{PREFIX} {count}").as_bytes()))
}
