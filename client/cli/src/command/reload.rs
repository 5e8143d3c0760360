//! `reload`: has tokend read its configuration again.

use std::{io::Write, iter};

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
    let file = printable(file);
    let place = match (file.is_empty(), *line) {
        (true, _) => String::new(),
        (false, 0) => format!("{file}: "),
        (false, line) => format!("{file}:{line}:{column}: "),
    };
    let first = format!("{place}{}", printable(message));
    let excerpt = excerpt.lines().map(printable);
    let lines: Vec<_> = iter::once(first.into()).chain(excerpt).collect();
    lines.join("\n")
}
