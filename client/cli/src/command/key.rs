//! `key`: other keys for the store, while tokend serves.

use std::{io::Write, time::Duration};

use serde_json::json;
use tokend_proto::v1::{
    ChangeKeySourceRequest, ChangeKeySourceResponse, RotateDataKeyRequest, RotateDataKeyResponse,
};

use crate::{
    arguments::KeyCommand,
    daemon::{Daemon, answer_within},
    failure::Failure,
    json,
    output::{Output, printable},
};

/// A store of hundreds of thousands of rows is sealed anew within this.
const PATIENCE: Duration = Duration::from_secs(600);

pub(super) async fn run(
    daemon: &Daemon,
    command: KeyCommand,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    match command {
        KeyCommand::Rotate { form } => {
            let call = async { daemon.admin().rotate_data_key(RotateDataKeyRequest {}).await };
            let rotated = answer_within(PATIENCE, call).await?;
            if form.json {
                let value = json!({ "damaged": rotated.damaged });
                return Ok(json::write(output, &value)?);
            }
            rotate(output, &rotated)
        }
        KeyCommand::ChangeSource { to, form } => {
            let request = ChangeKeySourceRequest { to };
            let call = async { daemon.admin().change_key_source(request).await };
            let changed = answer_within(PATIENCE, call).await?;
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
    let (to, from) = (printable(&changed.source), printable(&changed.former_source));
    if changed.changed {
        writeln!(output, "the key of the store in {state} is {to} from now on")?;
        writeln!(
            output,
            "keep a copy of it in a safe place, and {from} as long as there are backups of the \
             store from before"
        )?;
    } else {
        writeln!(output, "the key of the store in {state} is {to} already; nothing changed")?;
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
    fn a_rotation_tells_of_what_stays_damaged() {
        for (damaged, lines) in [(0, 1), (2, 2)] {
            let rotated = RotateDataKeyResponse { damaged, state_directory: "/s".to_owned() };
            let text = shown(|output| rotate(output, &rotated).unwrap());
            assert_eq!(text.lines().count(), lines, "{text}");
        }
    }
}
