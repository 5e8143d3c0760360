//! `providers check`: what is wrong with definitions, if anything is.

use std::io::Write;

use serde_json::{Value, json};

use crate::{
    arguments::Checked,
    command::providers::draft::{self, Draft},
    daemon::Daemon,
    exit::Exit,
    failure::Failure,
    json,
    output::Output,
};

pub(super) async fn run(
    daemon: &Daemon,
    checked: Checked,
    output: &mut Output<impl Write>,
) -> Result<Exit, Failure> {
    let (mut exit, mut findings) = (Exit::Done, Vec::new());
    for path in &checked.files {
        let problem = Draft::read(path)?.look(daemon).await?.err();
        if problem.is_some() {
            exit = Exit::Failed;
        }
        if checked.form.json {
            let message = problem.map(|problem| problem.message);
            findings.push(json!({ "path": path.display().to_string(), "problem": message }));
        } else if let Some(problem) = problem {
            draft::complain(&problem);
        }
    }
    if checked.form.json {
        json::write(output, &Value::Array(findings))?;
        output.flush()?;
    }
    Ok(exit)
}
