//! Writes metrics to a file, whole each time.

use std::{
    fs::{self, Permissions},
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::Arc,
    time::Duration,
};

use tempfile::Builder;
use tokio::{sync::oneshot, time::sleep};
use tracing::{info, warn};

use super::{Form, Looks};

/// Agents read the file about as often.
const PAUSE: Duration = Duration::from_secs(15);

/// Others are to read it.
const MODE: u32 = 0o644;

/// Writes the file again and again, and once more at the end, when nothing is served.
pub(super) async fn write(path: &Path, looks: &Arc<Looks>, mut ended: oneshot::Receiver<()>) {
    let mut failing = false;
    loop {
        if let Ok(scene) = looks.scene().await {
            let written = replace(path, &Form::Classic.write(&scene));
            match (&written, failing) {
                (Err(problem), false) => {
                    warn!(path = %path.display(), "metrics aren't written: {problem}");
                }
                (Ok(()), true) => {
                    info!(path = %path.display(), "metrics are written again");
                }
                _ => {}
            }
            failing = written.is_err();
        }
        tokio::select! {
            () = sleep(PAUSE) => {}
            _ = &mut ended => break,
        }
    }
    if let Err(problem) = replace(path, &Form::Classic.write(&looks.view.at_the_end())) {
        warn!(path = %path.display(), "metrics tell nothing of the end: {problem}");
    }
}

/// Puts a file with this text in the place of the one before.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    let mut file = Builder::new().prefix(".tokend-metrics").tempfile_in(directory)?;
    file.write_all(text.as_bytes())?;
    fs::set_permissions(file.path(), Permissions::from_mode(MODE))?;
    file.persist(path)?;
    Ok(())
}
