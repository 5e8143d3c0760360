//! One look at a file, or one run of a command.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::{fs::OFlags, process::geteuid};
use secrecy::SecretString;
use tokend_provider::Program;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::{
    credential::Source,
    ports::{Reading, Yield},
    program,
};

/// No API takes a longer secret; what is named by mistake may have no end.
const LONGEST: usize = 64 * 1_024;

/// A file system or a command that takes longer hangs. An issuance can wait for it, and has
/// to be sent within 45 seconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// What anyone but the owner and its group needs to read a file, or anyone but the owner to
/// change it.
const OTHERS: u32 = 0o026;

/// Reads a source.
pub(super) async fn read(source: Source) -> Reading {
    match source {
        Source::File(path) => {
            let shown = path.display().to_string();
            let reading = tokio::task::spawn_blocking(move || file(&path));
            match timeout(PATIENCE, reading).await {
                Ok(Ok(reading)) => reading,
                Ok(Err(_)) => Err(format!("reading {shown} failed; see the log")),
                Err(_) => {
                    Err(format!("reading {shown} takes longer than {} seconds", PATIENCE.as_secs()))
                }
            }
        }
        Source::Command { words, .. } => command(words).await,
    }
}

fn file(path: &PathBuf) -> Reading {
    let shown = path.display();
    let failed = |error: io::Error| format!("can't read {shown}: {error}");
    // Of what isn't a file, opening could wait for someone who writes.
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits();
    let flags = i32::try_from(flags).expect("flags of open(2) are an int");
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(failed)?;
    let warning = check(&file, path)?;
    // It doesn't grow, which would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST + 3));
    // One more for each byte of the line break, and one that is too many.
    file.take(LONGEST as u64 + 3).read_to_end(&mut bytes).map_err(failed)?;
    Ok(Yield { secret: secret(&bytes, &shown.to_string())?, warning })
}

/// Returns what is wrong with a file that is read all the same.
fn check(file: &File, path: &Path) -> Result<Option<String>, String> {
    let shown = path.display();
    let metadata = file.metadata().map_err(|error| format!("can't read {shown}: {error}"))?;
    if !metadata.is_file() {
        return Err(format!("{shown} isn't a file"));
    }
    if ![0, geteuid().as_raw()].contains(&metadata.uid()) {
        return Ok(Some(format!(
            "{shown} belongs neither to root nor to this daemon's user, but to uid {}: run `chown` \
             on it",
            metadata.uid()
        )));
    }
    let is_open = metadata.permissions().mode() & OTHERS != 0;
    Ok(is_open.then(|| format!("others can read or change {shown}: run `chmod go-w,o-r` on it")))
}

async fn command(words: Vec<String>) -> Reading {
    let path = words.first().cloned().unwrap_or_default();
    let input = Zeroizing::new(Vec::new());
    let program = Program { command: words, input, timeout: PATIENCE };
    let ended = program::run(&program).await.map_err(|error| error.to_string())?;
    match ended.code {
        Some(0) => {}
        // What it complains about may be the secret.
        Some(code) => {
            return Err(format!("{path} failed with exit status {code}; run it by itself"));
        }
        None => return Err(format!("{path} was killed by a signal; run it by itself")),
    }
    let secret = secret(&ended.output, &format!("what {path} printed"))?;
    Ok(Yield { secret, warning: None })
}

/// Returns a secret without the one line break that may be at its end.
fn secret(bytes: &[u8], what: &str) -> Result<SecretString, String> {
    let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let line =
        if line.len() < bytes.len() { line.strip_suffix(b"\r").unwrap_or(line) } else { line };
    if line.is_empty() {
        return Err(format!("{what} is empty"));
    }
    if line.len() > LONGEST {
        return Err(format!("{what} is longer than {} KiB, which is no secret", LONGEST / 1_024));
    }
    match std::str::from_utf8(line) {
        Ok(text) => Ok(SecretString::from(text)),
        Err(_) => Err(format!("{what} isn't text in UTF-8")),
    }
}
