//! No command at all: whether the daemon is there, and what to do next.

use std::{
    io::{ErrorKind, Write},
    os::unix::net::UnixStream,
};

use tokend_client::{Error, socket};

use crate::{caller::Caller, failure::Failure, output::Output};

const STEPS: &str = "
  tokend dev                               try it with a demo provider, nothing to set up
  tokend-cli providers list                the APIs that it knows, and what each needs
  tokend-cli add NAME --provider PROVIDER  store a credential; asks for what it needs
  tokend-cli get NAME                      print a token
  tokend-cli exec NAME -- PROGRAM          run a program with a token in its environment
  tokend-cli status                        how all credentials are, and what to do
  tokend-cli budget                        how much of the providers' limits is used

`tokend-cli --help` lists all commands, exit statuses and variables.
";

pub(super) fn run(caller: &Caller, output: &mut Output<impl Write>) -> Result<(), Failure> {
    writeln!(output, "tokend keeps API tokens fresh and serves them to local programs.\n")?;
    let path = socket::callers(&socket::Process).map_err(Error::from)?;
    match UnixStream::connect(&path) {
        Ok(_) => writeln!(output, "tokend is running on {}", path.display())?,
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            writeln!(output, "this user isn't permitted to use {}", path.display())?;
        }
        Err(_) => {
            let failure = Failure::from(Error::DaemonNotRunning { path });
            writeln!(output, "{failure}")?;
            if let Some(hint) = failure.hint(caller) {
                writeln!(output, "{hint}")?;
            }
        }
    }
    output.write_all(STEPS.as_bytes())?;
    output.flush()?;
    Ok(())
}
