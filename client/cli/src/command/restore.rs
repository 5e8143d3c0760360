//! `restore`: puts a backup in the place of the store while tokend serves.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use futures_util::stream::{self, Stream};
use nix::sys::signal::Signal;
use ring::digest;
use secrecy::ExposeSecret as _;
use serde_json::json;
use tokend_proto::v1::{
    GetStatusRequest, GetStatusResponse, RestoreBegin, RestoreEnd, RestoreStoreRequest,
    RestoreStoreResponse, restore_store_request::Part,
};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};

use crate::{
    arguments::Restore,
    ask::{self, Terminal},
    daemon::{Daemon, answer, answer_within},
    exit::Exit,
    failure::Failure,
    json,
    output::{Output, printable},
    passphrase::Prompt,
    signals::Signals,
};

/// A store of hundreds of thousands of rows is sent and read through within this.
const PATIENCE: Duration = Duration::from_secs(600);

/// Outlasts the end of what is under way, and the start.
const RETURN: Duration = Duration::from_secs(120);

/// Who asks again doesn't keep the daemon from starting.
const PAUSE: Duration = Duration::from_millis(100);

/// So many parts are read ahead.
const AHEAD: usize = 2;

/// So much is in a part.
const PART: usize = 64 * 1_024;

/// Why nothing, or not all, was done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    /// The backup can't be read.
    #[error("can't read {}; nothing has changed", path.display())]
    Unread { path: PathBuf, source: io::Error },
    /// Two things are to come on standard input.
    #[error("standard input can't be both: give the backup as a file")]
    BothOnInput,
    /// A signal came before all was sent.
    #[error("cancelled; nothing has changed")]
    Cancelled,
    /// A signal came then.
    #[error(
        "cancelled, but tokend has the whole backup and may go on with it: `tokend-cli status` \
         tells by the time since it started"
    )]
    CancelledLate,
    /// The daemon has accepted it and doesn't answer.
    #[error(
        "tokend goes on with the backup and isn't back yet: its log says why; what it doesn't end \
         now its next start does"
    )]
    NotBack,
}

pub(super) async fn run(
    daemon: &Daemon,
    restore: &Restore,
    output: &mut Output<impl Write>,
) -> Result<Exit, Failure> {
    let path = &*restore.file;
    let is_input = path == Path::new("-");
    if is_input && restore.input.prompt() == Prompt::Input {
        return Err(Problem::BothOnInput.into());
    }
    let unread = |source| Problem::Unread { path: path.to_owned(), source };
    let backup: Box<dyn Read + Send> =
        if is_input { Box::new(io::stdin()) } else { Box::new(File::open(path).map_err(unread)?) };
    // Nobody should be asked if no one can do it.
    let before = answer(daemon.admin().get_status(GetStatusRequest {})).await?;
    if !restore.yes && !is_confirmed(path, &before)? {
        writeln!(output, "the store is left as it was")?;
        return Ok(Exit::Done);
    }
    let mut begin = RestoreBegin::default();
    if before.key_source == "passphrase" && !before.locked {
        let passphrase = restore.input.prompt().present()?;
        passphrase.expose_secret().clone_into(&mut begin.passphrase);
    }
    let wanted = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];
    let mut signals = Signals::receive(&wanted).map_err(Failure::Start)?;
    let sent = Sent::default();
    let parts = sent.parts(begin, backup).map_err(Failure::Start)?;
    let work = async {
        let call = async { daemon.admin().restore_store(parts).await };
        let restored = answer_within(PATIENCE, call).await;
        if let Some(source) = sent.failure() {
            return Err(unread(source).into());
        }
        let restored = restored?;
        let now = successor(daemon, &before).await.ok_or(Problem::NotBack)?;
        Ok::<_, Failure>((restored, now.locked))
    };
    let (restored, is_locked) = tokio::select! {
        done = work => done?,
        _ = signals.next() => {
            let is_late = sent.is_whole();
            return Err(if is_late { Problem::CancelledLate } else { Problem::Cancelled }.into());
        }
    };
    if restore.form.json {
        json::write(output, &value(&restored, is_locked))?;
    } else {
        tell(output, &restored, path, is_locked)?;
    }
    Ok(Exit::Done)
}

fn is_confirmed(path: &Path, before: &GetStatusResponse) -> Result<bool, Failure> {
    let path = path.display();
    let Some(mut terminal) = Terminal::open() else {
        let deed = "putting a backup in the place of the store".to_owned();
        return Err(Failure::Unconfirmed { deed, command: format!("tokend-cli restore {path}") });
    };
    let question = format!(
        "put {path} in the place of the store in {} ({}), and start tokend anew on it?",
        before.state_directory,
        credentials(before.credentials.len() as u64)
    );
    ask::confirm(&question, &mut terminal).map_err(Failure::Terminal)
}

/// Waits for the daemon that started after another.
async fn successor(daemon: &Daemon, before: &GetStatusResponse) -> Option<GetStatusResponse> {
    let asked = async {
        loop {
            match answer(daemon.admin().get_status(GetStatusRequest {})).await {
                Ok(now) if now.start_time != before.start_time => return now,
                // It ends, or isn't there for a moment.
                _ => sleep(PAUSE).await,
            }
        }
    };
    timeout(RETURN, asked).await.ok()
}

/// How much was sent of a backup.
#[derive(Debug, Clone, Default)]
struct Sent {
    is_whole: Arc<AtomicBool>,
    failure: Arc<Mutex<Option<io::Error>>>,
}

impl Sent {
    fn is_whole(&self) -> bool {
        self.is_whole.load(SeqCst)
    }

    fn failure(&self) -> Option<io::Error> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Sends a backup. If it can't be read to its end, what is sent has none.
    ///
    /// It is read on a thread of its own, which ends with the process at the latest: what waits
    /// for a pipe holds up neither the connection nor a signal.
    fn parts(
        &self,
        begin: RestoreBegin,
        backup: impl Read + Send + 'static,
    ) -> io::Result<impl Stream<Item = RestoreStoreRequest> + Send + 'static> {
        let (sender, receiver) = mpsc::channel(AHEAD);
        let sent = self.clone();
        let hand_on = move |part| sender.blocking_send(part).is_ok();
        thread::Builder::new().name("backup".to_owned()).spawn(move || {
            // The stream ends with `hand_on`, and who sees its end looks for the failure.
            if let Err(error) = sent.read(begin, backup, &hand_on) {
                *sent.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            }
        })?;
        Ok(stream::unfold(receiver, |mut receiver| async move {
            let part = receiver.recv().await?;
            Some((RestoreStoreRequest { part: Some(part) }, receiver))
        }))
    }

    /// Reads a backup as long as someone takes it.
    fn read(
        &self,
        begin: RestoreBegin,
        mut backup: impl Read,
        send: impl Fn(Part) -> bool,
    ) -> io::Result<()> {
        let (mut size, mut hash) = (0, digest::Context::new(&digest::SHA256));
        let mut next = Part::Begin(begin);
        while send(next) {
            let mut data = vec![0; PART];
            let length = backup.read(&mut data)?;
            if length == 0 {
                let sha256 = hash.finish().as_ref().to_vec();
                self.is_whole.store(true, SeqCst);
                send(Part::End(RestoreEnd { size, sha256 }));
                break;
            }
            data.truncate(length);
            hash.update(&data);
            size += length as u64;
            next = Part::Data(data);
        }
        Ok(())
    }
}

fn credentials(number: u64) -> String {
    if number == 1 { "1 credential".to_owned() } else { format!("{number} credentials") }
}

fn value(restored: &RestoreStoreResponse, is_locked: bool) -> serde_json::Value {
    json!({
        "credentials": restored.credentials,
        "state_directory": restored.state_directory,
        "locked": is_locked,
    })
}

fn tell(
    out: &mut impl Write,
    restored: &RestoreStoreResponse,
    path: &Path,
    is_locked: bool,
) -> io::Result<()> {
    let state = printable(&restored.state_directory);
    let path = path.display().to_string();
    writeln!(
        out,
        "the store in {state} is that of {} from now on: {}, and tokend has started anew\n\
         the one before is beside it, as tokend.db.replaced- and the time: remove it once you \
         don't need it, with all that it holds\n\
         what was used of limits since the backup counts as all, unless you say how much it was: \
         `tokend-cli budget accept`",
        printable(&path),
        credentials(restored.credentials)
    )?;
    if is_locked {
        writeln!(out, "tokend waits for the passphrase: `tokend-cli unlock` gives it")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;

    use super::*;

    /// Fails behind its first bytes.
    struct Torn(bool);

    impl Read for Torn {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if std::mem::replace(&mut self.0, true) {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            buffer[..3].copy_from_slice(b"abc");
            Ok(3)
        }
    }

    async fn sent(backup: impl Read + Send + 'static) -> (Vec<Part>, Sent) {
        let sent = Sent::default();
        let parts = sent.parts(RestoreBegin::default(), backup).unwrap().collect::<Vec<_>>().await;
        (parts.into_iter().filter_map(|it| it.part).collect(), sent)
    }

    #[tokio::test]
    async fn a_backup_is_sent_with_an_end_only_if_it_was_read_to_its_own() {
        let (parts, whole) = sent(&b"abcdef"[..]).await;
        let sha256 = digest::digest(&digest::SHA256, b"abcdef").as_ref().to_vec();
        let begin = Part::Begin(RestoreBegin::default());
        let end = Part::End(RestoreEnd { size: 6, sha256 });
        assert_eq!(parts, [begin.clone(), Part::Data(b"abcdef".to_vec()), end]);
        assert!(whole.is_whole() && whole.failure().is_none());

        let (parts, torn) = sent(Torn(false)).await;
        assert_eq!(parts, [begin, Part::Data(b"abc".to_vec())]);
        assert!(!torn.is_whole() && torn.failure().is_some());
    }

    #[test]
    fn what_is_kept_and_what_is_to_be_done_is_said() {
        let restored = RestoreStoreResponse { credentials: 2, state_directory: "/s".to_owned() };
        let told = |is_locked| {
            let mut out = Vec::new();
            tell(&mut out, &restored, Path::new("/b"), is_locked).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert!(
            told(false).starts_with("the store in /s is that of /b from now on: 2 credentials, ")
        );
        assert!(told(false).contains("tokend.db.replaced-"));
        assert_eq!((told(false).lines().count(), told(true).lines().count()), (3, 4));
    }
}
