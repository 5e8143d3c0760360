//! `backup`: copies the store while tokend serves.

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use nix::sys::signal::Signal;
use ring::digest;
use serde_json::json;
use tempfile::NamedTempFile;
use tokend_client::Error;
use tokend_proto::v1::{
    BackupStoreRequest, BackupStoreResponse, BackupSummary, backup_store_response::Part,
};
use tonic::Streaming;

use crate::{
    arguments::Backup,
    daemon::{Daemon, answer_within},
    exit::Exit,
    failure::Failure,
    json,
    output::{Output, printable},
    signals::Signals,
};

/// A store of hundreds of thousands of rows is read through within this.
const PATIENCE: Duration = Duration::from_secs(600);

/// The next part lies ready.
const PAUSE: Duration = Duration::from_secs(60);

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    /// Something has the name already.
    #[error("{} is there already: name another file, or have --force replace it", .0.display())]
    Exists(PathBuf),
    /// It can't be replaced by a file.
    #[error("{} is no file that could be replaced: name another", .0.display())]
    NotAFile(PathBuf),
    /// Standard output is a terminal.
    #[error("a copy of the store is nothing to read: name a file, or send it to a program")]
    Terminal,
    /// It ended before its end, or came with other bytes than were sent.
    #[error("the copy didn't come whole, and nothing of it is kept: try again")]
    NotWhole,
    /// A signal came.
    #[error("cancelled; nothing of the copy is kept")]
    Cancelled,
    /// The system refuses.
    #[error("can't write {}", path.display())]
    System { path: PathBuf, source: io::Error },
}

/// Where the copy goes.
enum Target<'a> {
    Output,
    File { path: &'a Path, directory: &'a Path, draft: NamedTempFile },
}

pub(super) async fn run(
    daemon: &Daemon,
    backup: &Backup,
    output: &mut Output<impl Write>,
) -> Result<Exit, Failure> {
    let wanted = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];
    let mut signals = Signals::receive(&wanted).map_err(Failure::Start)?;
    tokio::select! {
        taken = take(daemon, backup, output) => taken.map(|()| Exit::Done),
        _ = signals.next() => Err(Problem::Cancelled.into()),
    }
}

/// Takes a copy; whenever it is given up on, what it has written goes with it.
async fn take(
    daemon: &Daemon,
    backup: &Backup,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let mut target = Target::open(backup, output)?;
    let call = async { daemon.admin().backup_store(BackupStoreRequest {}).await };
    let mut parts = answer_within(PATIENCE, call).await?;
    let mut received = Received::default();
    while let Some(part) = next(&mut parts).await? {
        match part {
            Part::Data(data) => {
                target.write(&data, output)?;
                received.note(&data);
            }
            Part::Summary(summary) => received.summary = Some(summary),
        }
    }
    let summary = received.whole().ok_or(Problem::NotWhole)?;
    match target {
        Target::Output => {
            output.flush()?;
            // If no one reads it, the copy is as good.
            let _ = tell(&mut io::stderr(), &summary, None);
            Ok(())
        }
        Target::File { path, directory, draft } => {
            keep(draft, path, directory, backup.force)?;
            if backup.form.json {
                return Ok(json::write(output, &value(&summary, path))?);
            }
            Ok(tell(output, &summary, Some(path))?)
        }
    }
}

async fn next(parts: &mut Streaming<BackupStoreResponse>) -> Result<Option<Part>, Error> {
    let message = tokio::time::timeout(PAUSE, parts.message()).await;
    Ok(message.map_err(|_| Error::TimedOut)??.and_then(|message| message.part))
}

impl<'a> Target<'a> {
    fn open(backup: &'a Backup, output: &Output<impl Write>) -> Result<Self, Problem> {
        let path = &*backup.file;
        if path == Path::new("-") {
            return if output.is_terminal() { Err(Problem::Terminal) } else { Ok(Self::Output) };
        }
        match fs::symlink_metadata(path) {
            Ok(_) if !backup.force => return Err(Problem::Exists(path.to_owned())),
            Ok(there) if !there.is_file() => return Err(Problem::NotAFile(path.to_owned())),
            _ => {}
        }
        let directory = path.parent().filter(|it| *it != Path::new(""));
        let directory = directory.unwrap_or_else(|| Path::new("."));
        // Its owner alone can open it.
        let draft = NamedTempFile::with_prefix_in(".tokend-backup-", directory);
        Ok(Self::File { path, directory, draft: draft.map_err(system(path))? })
    }

    fn write(&mut self, data: &[u8], output: &mut Output<impl Write>) -> Result<(), Failure> {
        match self {
            Self::Output => Ok(output.write_all(data)?),
            Self::File { path, draft, .. } => Ok(draft.write_all(data).map_err(system(path))?),
        }
    }
}

/// Gives a copy its name, and returns when that is on the disk.
fn keep(draft: NamedTempFile, path: &Path, directory: &Path, force: bool) -> Result<(), Problem> {
    draft.as_file().sync_all().map_err(system(path))?;
    let kept = if force { draft.persist(path) } else { draft.persist_noclobber(path) };
    kept.map_err(|failed| match failed.error.kind() {
        io::ErrorKind::AlreadyExists => Problem::Exists(path.to_owned()),
        _ => system(path)(failed.error),
    })?;
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(system(path))
}

fn system(path: &Path) -> impl FnOnce(io::Error) -> Problem {
    move |source| Problem::System { path: path.to_owned(), source }
}

/// What has come.
struct Received {
    size: u64,
    hash: digest::Context,
    summary: Option<BackupSummary>,
}

impl Default for Received {
    fn default() -> Self {
        Self { size: 0, hash: digest::Context::new(&digest::SHA256), summary: None }
    }
}

impl Received {
    fn note(&mut self, data: &[u8]) {
        self.size += data.len() as u64;
        self.hash.update(data);
    }

    /// Returns what it is, if all has come as it was sent.
    fn whole(self) -> Option<BackupSummary> {
        let summary = self.summary?;
        let is_whole = summary.size == self.size && summary.sha256 == self.hash.finish().as_ref();
        is_whole.then_some(summary)
    }
}

fn value(summary: &BackupSummary, path: &Path) -> serde_json::Value {
    let mut sha256 = String::new();
    for byte in &summary.sha256 {
        // A text takes all that it is given.
        let _ = write!(sha256, "{byte:02x}");
    }
    json!({
        "file": path.to_string_lossy(),
        "size": summary.size,
        "sha256": sha256,
        "schema_version": summary.schema_version,
        "credentials": summary.credentials,
        "key_source": summary.key_source,
        "key_id": summary.key_id,
    })
}

fn tell(out: &mut impl Write, summary: &BackupSummary, path: Option<&Path>) -> io::Result<()> {
    let BackupSummary { size, credentials, key_source, key_id, state_directory, .. } = summary;
    let state = printable(state_directory);
    let to = path.map(|path| path.display().to_string());
    let to = to.map_or_else(String::new, |path| format!(" to {}", printable(&path)));
    let number =
        if *credentials == 1 { "1 credential" } else { &format!("{credentials} credentials") };
    writeln!(
        out,
        "copied the store in {state}{to}: {number}, {size} bytes, read through and sound"
    )?;
    let key = match &*printable(key_source) {
        "passphrase" => "the passphrase of today opens it: without that".to_owned(),
        source => format!(
            "the key {source} opens it (id {}): keep a copy of that in another place; without it",
            printable(key_id)
        ),
    };
    writeln!(out, "{key} nobody can read it")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(data: &[u8]) -> BackupSummary {
        BackupSummary {
            size: data.len() as u64,
            sha256: digest::digest(&digest::SHA256, data).as_ref().to_vec(),
            credentials: 1,
            key_source: "file:/s/key".to_owned(),
            key_id: "00ff".to_owned(),
            state_directory: "/s".to_owned(),
            schema_version: 5,
        }
    }

    fn received(parts: &[&[u8]], summary: Option<BackupSummary>) -> Option<BackupSummary> {
        let mut received = Received { summary, ..Received::default() };
        for part in parts {
            received.note(part);
        }
        received.whole()
    }

    #[test]
    fn what_did_not_come_as_it_was_sent_is_no_backup() {
        let whole = summary(b"abcdef");
        assert!(received(&[b"abc", b"def"], Some(whole.clone())).is_some());
        assert!(received(&[b"abc", b"def"], None).is_none(), "it broke off");
        assert!(received(&[b"abc"], Some(whole.clone())).is_none());
        assert!(received(&[b"abc", b"deF"], Some(whole)).is_none());
    }

    #[test]
    fn a_backup_says_what_it_is_and_what_is_to_be_kept_with_it() {
        let told = |summary: &BackupSummary| {
            let mut out = Vec::new();
            tell(&mut out, summary, Some(Path::new("/b"))).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            told(&summary(b"abc")),
            "copied the store in /s to /b: 1 credential, 3 bytes, read through and sound\n\
             the key file:/s/key opens it (id 00ff): keep a copy of that in another place; \
             without it nobody can read it\n"
        );
        let many = BackupSummary {
            credentials: 2,
            key_source: "passphrase".to_owned(),
            ..summary(b"abc")
        };
        assert!(told(&many).contains(": 2 credentials,"));
        assert!(told(&many).ends_with("opens it: without that nobody can read it\n"));
    }

    #[test]
    fn nothing_is_replaced_unless_that_is_wanted_and_then_a_file_only() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("b");
        let draft = || NamedTempFile::new_in(directory.path()).unwrap();
        keep(draft(), &path, directory.path(), false).unwrap();
        let refused = keep(draft(), &path, directory.path(), false);
        assert!(matches!(refused, Err(Problem::Exists(_))));
        keep(draft(), &path, directory.path(), true).unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left beside");

        let output = Output::of_a_test(Vec::new(), true);
        let open = |file: &Path, force| {
            let backup = Backup {
                file: file.to_owned(),
                force,
                form: crate::arguments::Form { json: false },
            };
            Target::open(&backup, &output).map(drop)
        };
        assert!(matches!(open(&path, false), Err(Problem::Exists(_))));
        assert!(matches!(open(Path::new("/dev/null"), true), Err(Problem::NotAFile(_))));
        assert!(matches!(open(Path::new("-"), false), Err(Problem::Terminal)));
    }
}
