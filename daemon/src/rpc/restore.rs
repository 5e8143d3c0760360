//! Takes a backup, as the contract brings it, to where it is put in the place of the store.

use std::{
    io::{self, Read},
    time::Duration,
};

use ring::digest;
use secrecy::SecretString;
use tokend_proto::{
    reason,
    v1::{
        RestoreBegin, RestoreEnd, RestoreStoreRequest, RestoreStoreResponse,
        restore_store_request::Part,
    },
};
use tokio::{sync::mpsc, time::timeout};
use tonic::{Code, Status, Streaming};

use super::{Connection, Context, apart, status};
use crate::{
    audit::Change,
    engine::{Command, Error},
    ports::RestoreFailure,
};

/// So many parts are taken before they are written.
const AHEAD: usize = 2;

/// The next part lies ready, unless a person has to change disks.
const PAUSE: Duration = Duration::from_secs(60);

/// Has the backup checked and put in the place of the store, on a thread where no caller waits for
/// anything else. Once it is decided it is done, whether anyone waits for the answer or not.
pub(super) async fn restore(
    context: &Context,
    caller: &Connection,
    mut parts: Streaming<RestoreStoreRequest>,
) -> Result<RestoreStoreResponse, Status> {
    let change = Change::begin("restore", caller.who(), None);
    let Some(Part::Begin(RestoreBegin { passphrase })) = next(&mut parts).await else {
        let message = "a backup comes behind the message `begin`";
        return Err(status::new(Code::InvalidArgument, reason::BACKUP_UNUSABLE, message));
    };
    let passphrase = (!passphrase.is_empty()).then(|| SecretString::from(passphrase));
    let moved = context.ask(|reply| Command::KeySource { reply }).await?;
    let source = moved.unwrap_or_else(|| context.about.key_source.clone());
    let (sender, receiver) = mpsc::channel(AHEAD);
    // If it isn't read to its end, or doesn't come to it, the other side notices.
    let feed = async move {
        while let Some(part) = next(&mut parts).await {
            let is_end = matches!(part, Part::End(_));
            if sender.send(part).await.is_err() || is_end {
                break;
            }
        }
    };
    let store = context.restores.clone();
    let work = apart(move || {
        let restored = store.restore(&mut Backup::new(receiver), &source, passphrase);
        change.end(restored.is_ok());
        restored.map_err(failed)
    });
    let ((), contents) = tokio::join!(feed, work);
    Ok(RestoreStoreResponse {
        credentials: contents?.credentials,
        state_directory: context.about.state_dir.display().to_string(),
    })
}

async fn next(parts: &mut Streaming<RestoreStoreRequest>) -> Option<Part> {
    timeout(PAUSE, parts.message()).await.ok()?.ok()??.part
}

fn failed(failure: RestoreFailure) -> Status {
    let message = failure.to_string();
    match failure {
        RestoreFailure::Unusable(_) => {
            status::new(Code::InvalidArgument, reason::BACKUP_UNUSABLE, message)
        }
        RestoreFailure::Misfit(_) => {
            status::new(Code::FailedPrecondition, reason::KEY_UNUSABLE, message)
        }
        RestoreFailure::WrongPassphrase(_) => {
            status::new(Code::PermissionDenied, reason::WRONG_PASSPHRASE, message)
        }
        RestoreFailure::Store(failure) => status::of(&Error::Store(failure)),
        RestoreFailure::Stopping => status::new(Code::Unavailable, reason::SHUTTING_DOWN, message),
    }
}

/// A backup as it comes, which ends only if it has come as it was sent.
struct Backup {
    parts: mpsc::Receiver<Part>,
    data: io::Cursor<Vec<u8>>,
    size: u64,
    hash: digest::Context,
    is_whole: bool,
}

impl Backup {
    fn new(parts: mpsc::Receiver<Part>) -> Self {
        let (data, hash) = (io::Cursor::default(), digest::Context::new(&digest::SHA256));
        Self { parts, data, size: 0, hash, is_whole: false }
    }
}

impl Read for Backup {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let length = self.data.read(buffer)?;
            if length > 0 || self.is_whole || buffer.is_empty() {
                return Ok(length);
            }
            match self.parts.blocking_recv() {
                Some(Part::Data(data)) => {
                    self.size += data.len() as u64;
                    self.hash.update(&data);
                    self.data = io::Cursor::new(data);
                }
                Some(Part::End(RestoreEnd { size, sha256 })) => {
                    let hash = self.hash.clone().finish();
                    self.is_whole = size == self.size && sha256 == hash.as_ref();
                    if !self.is_whole {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Some(Part::Begin(_)) | None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parts: Vec<Part>) -> io::Result<Vec<u8>> {
        let (sender, receiver) = mpsc::channel(parts.len().max(1));
        for part in parts {
            sender.try_send(part).unwrap();
        }
        drop(sender);
        let mut bytes = Vec::new();
        Backup::new(receiver).read_to_end(&mut bytes).map(|_| bytes)
    }

    #[test]
    fn what_did_not_come_as_it_was_sent_has_no_end() {
        let sha256 = digest::digest(&digest::SHA256, b"abcdef").as_ref().to_vec();
        let end = |size| Part::End(RestoreEnd { size, sha256: sha256.clone() });
        let data = |text: &str| Part::Data(text.into());
        let begin = || Part::Begin(RestoreBegin::default());
        assert_eq!(read(vec![data("abc"), data(""), data("def"), end(6)]).unwrap(), b"abcdef");
        for parts in [
            vec![],
            vec![data("abcdef")],
            vec![data("abc"), end(6)],
            vec![data("abcdef"), end(7)],
            vec![data("abcdeF"), end(6)],
            vec![data("abc"), begin(), data("def"), end(6)],
        ] {
            let failed = read(parts).unwrap_err();
            assert_eq!(failed.kind(), io::ErrorKind::UnexpectedEof);
        }
    }
}
