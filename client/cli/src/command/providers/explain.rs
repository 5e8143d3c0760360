//! `providers explain`: what a definition will send.

use std::io::{self, Write};

use serde_json::{Value, json};
use tokend_proto::v1::{ExplainDefinitionRequest, Explanation};

use crate::{
    arguments::Explain,
    command::providers::draft::{self, Draft},
    daemon::{Daemon, answer},
    exit::Exit,
    failure::Failure,
    input::Problem,
    json,
    output::{Output, printable},
};

pub(super) async fn run(
    daemon: &Daemon,
    explain: Explain,
    output: &mut Output<impl Write>,
) -> Result<Exit, Failure> {
    let draft = Draft::of(&explain.definition)?;
    if let Err(problem) = draft.look(daemon).await? {
        draft::complain(&problem);
        return Ok(Exit::Failed);
    }
    let Draft { name, definition, path } = draft;
    let mut request = ExplainDefinitionRequest { name, definition, path, ..Default::default() };
    for text in explain.variables {
        let (name, value) =
            text.split_once('=').ok_or(Problem::NoEquals { flag: "--var", value: "VALUE" })?;
        request.variables.insert(name.to_owned(), value.to_owned());
    }
    let explained = answer(daemon.providers().explain_definition(request)).await?;
    if explain.form.json {
        let values = explained.explanations.iter().map(object).collect();
        json::write(output, &Value::Array(values))?;
        output.flush()?;
        return Ok(Exit::Done);
    }
    for (number, explanation) in explained.explanations.iter().enumerate() {
        if number > 0 {
            writeln!(output)?;
        }
        write(output, explanation)?;
    }
    output.flush()?;
    Ok(Exit::Done)
}

fn object(Explanation { purpose, when, requests, .. }: &Explanation) -> Value {
    json!({ "purpose": purpose, "when": when, "requests": requests })
}

fn write(output: &mut Output<impl Write>, explanation: &Explanation) -> io::Result<()> {
    let purpose = printable(&explanation.purpose);
    match explanation.when.as_str() {
        "" => writeln!(output, "{purpose}:")?,
        when => writeln!(output, "{purpose}, if {}:", printable(when))?,
    }
    for (number, request) in explanation.requests.iter().enumerate() {
        if number > 0 {
            writeln!(output)?;
        }
        for line in request.lines() {
            writeln!(output, "{}", format!("  {}", printable(line)).trim_end())?;
        }
    }
    Ok(())
}
