//! Runs programs that others have written, within bounds.

mod group;
mod permit;

use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use bytes::{BufMut, Bytes};
use tokend_provider::{Ended, Program};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
    time::sleep,
};
use zeroize::Zeroizing;

use self::{
    group::Group,
    permit::{PermitError, permit},
};

/// How many bytes a program may print: no token is larger.
const MAX_OUTPUT: usize = 64 * 1_024;

/// How long others may hold the output of a program that has ended.
const GRACE: Duration = Duration::from_secs(1);

/// How many bytes of a program's complaints are kept: enough for its first words.
const MAX_ERRORS: usize = 4 * 1_024;

/// A program's environment.
pub(crate) type Surroundings = BTreeMap<&'static str, OsString>;

/// A program that didn't get to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProgramError {
    /// It isn't to be run.
    #[error(transparent)]
    NotPermitted(#[from] PermitError),
    /// The system can't run it.
    #[error("can't run {}: {source}", .path.display())]
    NotStarted { path: PathBuf, source: io::Error },
    /// It was killed.
    #[error("{} didn't end within {} seconds", .path.display(), .after.as_secs_f64())]
    TimedOut { path: PathBuf, after: Duration },
    /// It was killed.
    #[error("{} printed more than {} KiB", .path.display(), MAX_OUTPUT / 1_024)]
    TooMuchOutput { path: PathBuf },
    /// It was killed.
    #[error("can't talk to {}: {source}", .path.display())]
    Broken { path: PathBuf, source: io::Error },
}

impl ProgramError {
    /// Tells whether the program has run, and may have reached the provider.
    pub(crate) fn was_started(&self) -> bool {
        !matches!(self, Self::NotPermitted(_) | Self::NotStarted { .. })
    }

    /// Tells whether the machine has no room for another process (EAGAIN, fork(2)).
    pub(crate) fn is_local(&self) -> bool {
        matches!(self, Self::NotStarted { source, .. } if source.kind() == ErrorKind::WouldBlock)
    }
}

/// Checks whether a program would be run.
pub(crate) fn check(path: &Path) -> Result<(), ProgramError> {
    permit(path)?;
    Ok(())
}

/// Runs a program of a dance. Nothing of the daemon's surroundings is its business.
pub(crate) async fn run(program: &Program) -> Result<Ended, ProgramError> {
    let home = env::var_os("HOME").map(|home| ("HOME", home));
    let others = [("PATH", "/usr/bin:/bin"), ("LANG", "C.UTF-8")];
    let others = others.map(|(name, value)| (name, value.into()));
    run_within(program, &home.into_iter().chain(others).collect()).await
}

/// Runs a program until it has ended and nobody holds its output any more. What it has
/// left behind in its process group is killed if it holds the output for longer than
/// [`GRACE`]; all are killed if they take too long or aren't waited for any more.
pub(crate) async fn run_within(
    program: &Program,
    surroundings: &Surroundings,
) -> Result<Ended, ProgramError> {
    let mut words = program.command.iter();
    let path = PathBuf::from(words.next().map_or("", String::as_str));
    let file = permit(&path)?;
    let mut child = match prepare(&file, &path, words.as_slice(), surroundings).spawn() {
        Ok(child) => child,
        Err(source) => return Err(ProgramError::NotStarted { path, source }),
    };
    let group = Group::led_by(&child);
    let ended = tokio::select! {
        ended = talk(&mut child, program, &path) => ended,
        never = group.end_with_its_leader(GRACE) => match never {},
        () = sleep(program.timeout) => {
            Err(ProgramError::TimedOut { path, after: program.timeout })
        }
    };
    if ended.is_err() {
        group.kill();
        // It leaves no zombie.
        let _ = child.wait().await;
    }
    group.release();
    ended
}

fn prepare(file: &Path, name: &Path, arguments: &[String], surroundings: &Surroundings) -> Command {
    let mut command = Command::new(file);
    // Some find out by their name what they are to do.
    command.arg0(name).args(arguments).current_dir("/").process_group(0).kill_on_drop(true);
    command.env_clear().envs(surroundings);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

async fn talk(child: &mut Child, program: &Program, path: &Path) -> Result<Ended, ProgramError> {
    let broken = |source| ProgramError::Broken { path: path.to_owned(), source };
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let tell = async {
        let Some(mut stdin) = stdin else { return Ok(()) };
        match stdin.write_all(&program.input).await {
            // It may know already what it is asked for.
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(broken(error)),
            _ => Ok(()),
        }
    };
    let listen = async {
        let output = read(stdout, MAX_OUTPUT + 1).await.map_err(broken)?.0;
        if output.len() > MAX_OUTPUT {
            return Err(ProgramError::TooMuchOutput { path: path.to_owned() });
        }
        Ok(output)
    };
    let hear = async {
        let (errors, stderr) = read(stderr, MAX_ERRORS).await.map_err(broken)?;
        if let Some(mut rest) = stderr {
            tokio::io::copy(&mut rest, &mut tokio::io::sink()).await.map_err(broken)?;
        }
        Ok(errors)
    };
    let ((), output, errors) = tokio::try_join!(tell, listen, hear)?;
    let status = child.wait().await.map_err(broken)?;
    Ok(Ended { code: status.code(), output, errors })
}

/// Reads so many bytes, or all that there are, and gives the stream back.
async fn read<R: AsyncRead + Unpin>(
    stream: Option<R>,
    most: usize,
) -> io::Result<(Bytes, Option<R>)> {
    let Some(mut stream) = stream else { return Ok((Bytes::new(), None)) };
    // It doesn't grow, which would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(most));
    let mut room = (&mut *bytes).limit(most);
    while room.has_remaining_mut() && stream.read_buf(&mut room).await? > 0 {}
    Ok((Bytes::from_owner(bytes), Some(stream)))
}

#[cfg(test)]
mod tests;
