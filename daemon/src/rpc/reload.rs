//! Reloads of the configuration, as operators ask for them and are told of them.

use tokend_proto::v1::{self, ReloadResponse};
use tokio::sync::oneshot;
use tonic::Status;

use super::{Connection, Context, Standing, status};
use crate::{
    audit,
    engine::Error,
    ports::{FailedReload, Mistake, Reload, Reloaded},
    published::timestamp,
};

/// Has the configuration read again, and waits for what comes of it.
pub(super) async fn reload(
    context: &Context,
    caller: &Connection,
) -> Result<ReloadResponse, Status> {
    let change = audit::Change::begin("reload", caller.who(), None);
    let (reply, answer) = oneshot::channel();
    let stopping = || status::of(&Error::Stopping);
    context.reloads.send(Reload { reply }).await.map_err(|_| stopping())?;
    let answer = answer.await.map_err(|_| stopping())?;
    change.end(answer.is_ok());
    Ok(match answer {
        Ok(Reloaded { changes, needs_restart }) => {
            ReloadResponse { changes, needs_restart, mistakes: Vec::new() }
        }
        Err(mistakes) => ReloadResponse {
            mistakes: mistakes.iter().map(mistake).collect(),
            ..ReloadResponse::default()
        },
    })
}

/// Says in what the daemon doesn't go by what is on the disk.
pub(super) fn problems(standing: &Standing) -> impl Iterator<Item = String> {
    let failed = standing.failed.as_ref().map(|failed| {
        format!(
            "what runs isn't what is on the disk: the last reload failed at {:.0}, because of {}; \
             mend it, then `tokend-cli reload`",
            failed.at,
            failed.summary()
        )
    });
    let needs_restart = standing.needs_restart.iter().map(|it| format!("needs a restart: {it}"));
    failed.into_iter().chain(needs_restart)
}

/// Writes a reload that failed.
pub(super) fn failed(FailedReload { at, mistakes }: &FailedReload) -> v1::FailedReload {
    let mistakes = mistakes.iter().map(mistake).collect();
    v1::FailedReload { time: Some(timestamp(*at)), mistakes }
}

fn mistake(Mistake { path, place, message }: &Mistake) -> v1::Mistake {
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    v1::Mistake {
        file: path.as_ref().map(|path| path.display().to_string()).unwrap_or_default(),
        line: place.as_ref().map_or(0, |place| number(place.line())),
        column: place.as_ref().map_or(0, |place| number(place.column())),
        message: message.clone(),
        excerpt: place.as_ref().map(ToString::to_string).unwrap_or_default(),
    }
}
