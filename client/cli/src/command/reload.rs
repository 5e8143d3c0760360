//! `reload`: has tokend read its configuration again.

use std::io::Write;

use serde_json::json;
use tokend_proto::v1::{Mistake, ReloadRequest, ReloadResponse};

use crate::{
    arguments::Form,
    daemon::{Daemon, answer},
    exit::Exit,
    failure::Failure,
    json,
    output::{Output, printable},
};

pub(super) async fn run(
    daemon: &Daemon,
    form: &Form,
    output: &mut Output<impl Write>,
) -> Result<Exit, Failure> {
    let reloaded = answer(daemon.admin().reload(ReloadRequest {})).await?;
    if form.json {
        json::write(
            output,
            &json!({
                "changes": reloaded.changes,
                "needs_restart": reloaded.needs_restart,
                "mistakes": reloaded.mistakes.iter().map(json::mistake).collect::<Vec<_>>(),
            }),
        )?;
    } else {
        write(output, &reloaded)?;
    }
    output.flush()?;
    Ok(if reloaded.mistakes.is_empty() { Exit::Done } else { Exit::Failed })
}

fn write(output: &mut Output<impl Write>, reloaded: &ReloadResponse) -> std::io::Result<()> {
    let ReloadResponse { changes, needs_restart, mistakes } = reloaded;
    if !mistakes.is_empty() {
        let mut complaints = std::io::stderr().lock();
        for mistake in mistakes {
            writeln!(complaints, "{}", shown(mistake))?;
        }
        return writeln!(complaints, "tokend-cli: nothing has changed: mend this, then reload");
    }
    for change in changes {
        writeln!(output, "{}", printable(change))?;
    }
    if changes.is_empty() {
        writeln!(output, "nothing has changed")?;
    }
    for it in needs_restart {
        writeln!(output, "needs a restart: {}", printable(it))?;
    }
    Ok(())
}

/// Shows a mistake as a compiler would: its place, what is wrong, and the line.
fn shown(mistake: &Mistake) -> String {
    let Mistake { file, line, column, message, excerpt } = mistake;
    let mut place = printable(file).into_owned();
    if *line > 0 {
        place.push_str(&format!(":{line}:{column}"));
    }
    let place = if place.is_empty() { String::new() } else { format!("{place}: ") };
    let excerpt: String = excerpt.lines().map(|line| format!("\n{}", printable(line))).collect();
    format!("{place}{}{excerpt}", printable(message))
}
