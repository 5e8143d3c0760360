//! `key`: other keys for the store, while tokend serves.

use std::{
    borrow::Cow,
    io::{self, Write},
    time::Duration,
};

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use tokend_proto::v1::{
    ChangeKeySourceRequest, ChangeKeySourceResponse, GetStatusRequest, RotateDataKeyRequest,
    RotateDataKeyResponse,
};

use crate::{
    arguments::KeyCommand,
    daemon::{Daemon, answer, answer_within},
    failure::Failure,
    json,
    output::{Output, printable},
    passphrase::Prompt,
};

/// A store of hundreds of thousands of rows is sealed anew within this.
const PATIENCE: Duration = Duration::from_secs(600);

/// The source of a key that comes of a passphrase, as in tokend.toml.
const PASSPHRASE: &str = "passphrase";

pub(super) async fn run(
    daemon: &Daemon,
    command: KeyCommand,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    match command {
        KeyCommand::Rotate { input, form } => {
            let given = Passphrases::ask(daemon, input.prompt(), false).await?;
            let request = RotateDataKeyRequest { passphrase: given.present };
            let call = async { daemon.admin().rotate_data_key(request).await };
            let rotated = answer_within(PATIENCE, call).await?;
            if form.json {
                let value = json!({ "damaged": rotated.damaged });
                return Ok(json::write(output, &value)?);
            }
            rotate(output, &rotated)
        }
        KeyCommand::ChangeSource { to, input, form } => {
            let given = Passphrases::ask(daemon, input.prompt(), to == PASSPHRASE).await?;
            let (passphrase, new_passphrase) = (given.present, given.new);
            let request = ChangeKeySourceRequest { to, passphrase, new_passphrase };
            let call = async { daemon.admin().change_key_source(request).await };
            let changed = answer_within(PATIENCE, call).await?;
            if !changed.advice.is_empty() {
                // If no one reads it, it is no worse than it was.
                let _ = writeln!(io::stderr(), "tokend-cli: {}", printable(&changed.advice));
            }
            if form.json {
                let ChangeKeySourceResponse { source, former_source, changed, .. } = &changed;
                let value = json!({
                    "source": source, "former_source": former_source, "changed": changed
                });
                return Ok(json::write(output, &value)?);
            }
            change_source(output, &changed)
        }
    }
}

/// What `tokend` needs for another key: empty if it doesn't.
#[derive(Default)]
struct Passphrases {
    present: String,
    new: String,
}

impl Passphrases {
    /// Asks for what is needed, the new one if the key is to come of one.
    async fn ask(daemon: &Daemon, prompt: Prompt, is_to_be: bool) -> Result<Self, Failure> {
        let status = answer(daemon.admin().get_status(GetStatusRequest {})).await?;
        if status.locked {
            // Nobody is asked for what isn't looked at.
            return Ok(Self::default());
        }
        let mut passphrases = Self::default();
        if status.key_source == PASSPHRASE {
            passphrases.present = exposed(&prompt.present()?);
        }
        if is_to_be {
            passphrases.new = exposed(&prompt.new_one()?);
        }
        Ok(passphrases)
    }
}

/// Takes it out for the message, which is sent at once.
fn exposed(passphrase: &SecretString) -> String {
    passphrase.expose_secret().to_owned()
}

fn rotate(
    output: &mut Output<impl Write>,
    RotateDataKeyResponse { damaged, state_directory }: &RotateDataKeyResponse,
) -> Result<(), Failure> {
    let state = printable(state_directory);
    writeln!(output, "all in the store in {state} is sealed with a new data key")?;
    if *damaged > 0 {
        writeln!(
            output,
            "{damaged} damaged entries couldn't be opened before and stay so: the log of \
             tokend's next start tells which"
        )?;
    }
    Ok(())
}

fn change_source(
    output: &mut Output<impl Write>,
    changed: &ChangeKeySourceResponse,
) -> Result<(), Failure> {
    let state = printable(&changed.state_directory);
    let to = printable(&changed.source);
    let (is, keep) = match &*to {
        PASSPHRASE => {
            ("that of the passphrase".into(), "without the passphrase the store is lost; keep")
        }
        to => (Cow::from(to), "keep a copy of it in a safe place, and"),
    };
    let from = match &*changed.former_source {
        PASSPHRASE => "the passphrase before".into(),
        from => printable(from),
    };
    if changed.changed {
        writeln!(
            output,
            "the key of the store in {state} is {is} from now on\n\
             {keep} {from} as long as there are backups of the store from before"
        )?;
    } else {
        writeln!(output, "the key of the store in {state} is {is} already; nothing changed")?;
    }
    if !changed.configured {
        writeln!(output, "next: key_source = \"{to}\" in tokend.toml, before tokend starts again")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(write: impl FnOnce(&mut Output<Vec<u8>>)) -> String {
        let mut output = Output::of_a_test(Vec::new(), false);
        write(&mut output);
        String::from_utf8(output.into_writer()).unwrap()
    }

    #[test]
    fn a_change_says_what_is_to_be_written_unless_tokend_reads_that_already() {
        let mut changed = ChangeKeySourceResponse {
            source: "file:/new".to_owned(),
            former_source: "file:/old".to_owned(),
            changed: true,
            configured: false,
            state_directory: "/s".to_owned(),
            advice: String::new(),
        };
        assert_eq!(
            shown(|output| change_source(output, &changed).unwrap()),
            "the key of the store in /s is file:/new from now on\n\
             keep a copy of it in a safe place, and file:/old as long as there are backups of \
             the store from before\n\
             next: key_source = \"file:/new\" in tokend.toml, before tokend starts again\n"
        );
        (changed.changed, changed.configured) = (false, true);
        assert_eq!(
            shown(|output| change_source(output, &changed).unwrap()),
            "the key of the store in /s is file:/new already; nothing changed\n"
        );
    }

    #[test]
    fn a_passphrase_is_called_one_and_no_place() {
        let changed = ChangeKeySourceResponse {
            source: PASSPHRASE.to_owned(),
            former_source: PASSPHRASE.to_owned(),
            changed: true,
            configured: true,
            state_directory: "/s".to_owned(),
            advice: String::new(),
        };
        assert_eq!(
            shown(|output| change_source(output, &changed).unwrap()),
            "the key of the store in /s is that of the passphrase from now on\n\
             without the passphrase the store is lost; keep the passphrase before as long as \
             there are backups of the store from before\n"
        );
    }

    #[test]
    fn a_rotation_tells_of_what_stays_damaged() {
        for (damaged, lines) in [(0, 1), (2, 2)] {
            let rotated = RotateDataKeyResponse { damaged, state_directory: "/s".to_owned() };
            let text = shown(|output| rotate(output, &rotated).unwrap());
            assert_eq!(text.lines().count(), lines, "{text}");
        }
    }
}
