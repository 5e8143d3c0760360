//! A copy of the store, as the contract sends it.

use std::io::{self, Read};

use futures_util::{StreamExt as _, stream::BoxStream};
use ring::digest;
use tokend_proto::v1::{BackupStoreResponse, BackupSummary, backup_store_response::Part};
use tokio::sync::mpsc;
use tonic::{Code, Status};

use super::{Context, apart, status};
use crate::{
    engine::{Command, Error},
    ports::StoreCopy,
};

/// What is sent, part after part.
pub(super) type Parts = BoxStream<'static, Result<BackupStoreResponse, Status>>;

/// So much is in a part.
const PART: usize = 64 * 1_024;

/// So many parts are read ahead.
const AHEAD: usize = 2;

/// Has the store copied and checked, and returns the copy in parts. It is read no faster than
/// they are taken, on a thread where no caller waits for anything else.
pub(super) async fn parts(context: &Context) -> Result<Parts, Status> {
    let failed = |failure| status::of(&Error::Store(failure));
    let unchecked = context.backups.copy().await;
    let unchecked = unchecked.map_err(|_| status::of(&Error::Stopping))?.map_err(failed)?;
    let copy = apart(move || unchecked().map_err(failed)).await?;
    let moved = context.ask(|reply| Command::KeySource { reply }).await?;
    let about = &context.about;
    let key_source = moved.unwrap_or_else(|| about.key_source.clone());
    let state_directory = about.state_dir.display().to_string();
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || {
        let summary = BackupSummary { key_source, state_directory, ..summary(&copy) };
        let send = |part| {
            // Whoever has gone wants no more.
            sender.blocking_send(part).map_err(|_| io::ErrorKind::BrokenPipe.into())
        };
        if let Err(error) = read(copy, summary, |part| send(Ok(part))) {
            let message = format!("the copy of the store can't be read: {error}");
            let reason = tokend_proto::reason::STORE_UNAVAILABLE;
            let _ = send(Err(status::new(Code::Unavailable, reason, message)));
        }
    });
    let next = |mut receiver: mpsc::Receiver<_>| async move {
        receiver.recv().await.map(|part| (part, receiver))
    };
    Ok(futures_util::stream::unfold(receiver, next).boxed())
}

fn summary(copy: &StoreCopy) -> BackupSummary {
    BackupSummary {
        size: copy.size,
        schema_version: u32::try_from(copy.contents.schema).unwrap_or_default(),
        credentials: copy.contents.credentials,
        key_id: copy.contents.key_id.clone(),
        ..BackupSummary::default()
    }
}

/// Reads a copy to its end, and says what was read.
fn read(
    mut copy: StoreCopy,
    summary: BackupSummary,
    mut send: impl FnMut(BackupStoreResponse) -> io::Result<()>,
) -> io::Result<()> {
    let mut hash = digest::Context::new(&digest::SHA256);
    loop {
        let mut data = vec![0; PART];
        let length = copy.file.read(&mut data)?;
        if length == 0 {
            break;
        }
        data.truncate(length);
        hash.update(&data);
        send(BackupStoreResponse { part: Some(Part::Data(data)) })?;
    }
    let sha256 = hash.finish().as_ref().to_vec();
    let summary = BackupSummary { sha256, ..summary };
    send(BackupStoreResponse { part: Some(Part::Summary(summary)) })
}
