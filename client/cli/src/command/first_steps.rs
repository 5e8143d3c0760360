//! No command at all: whether the daemon is there, and what to do next.

use std::{io::Write, time::Duration};

use tokend_client::{Client, Error, socket};
use tokio::time::timeout;

use crate::{caller::Caller, failure::Failure, output::Output};

/// A person who doesn't know yet what this is doesn't wait for long.
const PATIENCE: Duration = Duration::from_secs(5);

const STEPS: &str = "
  tokend dev                               try it with a demo provider, nothing to set up
  tokend-cli providers list                the APIs that it knows, and what each needs
  tokend-cli add NAME --provider PROVIDER  store a credential; asks for what it needs
  tokend-cli grant NAME user:USER          let a user's programs have its tokens
  tokend-cli get NAME                      print a token
  tokend-cli exec NAME -- PROGRAM          run a program with a token in its environment
  tokend-cli status                        how all credentials are, and what to do
  tokend-cli top                           the same, as it changes
  tokend-cli budget                        how much of the providers' limits is used
  tokend doctor                            what keeps tokend from serving on this machine

`tokend-cli --help` lists all commands, exit statuses and variables.
";

pub(super) async fn run(caller: &Caller, output: &mut Output<impl Write>) -> Result<(), Failure> {
    writeln!(output, "tokend keeps API tokens fresh and serves them to local programs.\n")?;
    let path = socket::callers(&socket::Process).map_err(Error::from)?;
    let client = Client::builder().cache(false).build()?;
    match timeout(PATIENCE, client.list()).await.unwrap_or(Err(Error::TimedOut)) {
        Ok(credentials) => {
            let readable = match credentials.len() {
                0 => "there is no credential yet that you may read",
                1 => "`tokend-cli list` shows the credential that you may read",
                _ => "`tokend-cli list` shows the credentials that you may read",
            };
            writeln!(output, "tokend is running on {}; {readable}", path.display())?;
        }
        Err(error) => {
            let failure = Failure::from(error);
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::STEPS;
    use crate::arguments::Arguments;

    #[test]
    fn each_step_is_a_command() {
        let commands = Arguments::command();
        let steps = STEPS.lines().filter_map(|line| line.trim_start().strip_prefix("tokend-cli "));
        let steps: Vec<_> = steps.filter_map(|step| step.split_whitespace().next()).collect();
        assert!(steps.len() > 5, "{steps:?}");
        for step in steps {
            assert!(commands.find_subcommand(step).is_some(), "{step}");
        }
    }
}
