//! A credential as a file declares it.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use serde_json::Value;
use tokend_proto::v1::{Credential, SecretInfo, credential::RefreshPolicy, secret_source::Source};

use crate::output::{Output, is_unsafe};

/// Writes what makes the same credential again, but for the secrets that only the store has.
pub(super) fn write(output: &mut Output<impl Write>, credential: &Credential) -> io::Result<()> {
    let name = &credential.name;
    writeln!(output, "[credential.{name}]")?;
    writeln!(output, "provider = {}", text(&credential.provider))?;
    let lists = [
        ("readers", &credential.readers),
        ("submitters", &credential.submitters),
        ("refreshers", &credential.refreshers),
        ("limits", &credential.limits),
    ];
    for (key, values) in lists.into_iter().filter(|(_, values)| !values.is_empty()) {
        writeln!(output, "{key} = {}", list(values))?;
    }
    match credential.refresh_policy() {
        RefreshPolicy::Unspecified | RefreshPolicy::Always => {}
        RefreshPolicy::Used => writeln!(output, "refresh = \"used\"")?,
        RefreshPolicy::OnDemand => writeln!(output, "refresh = \"on-demand\"")?,
    }
    if !credential.variables.is_empty() {
        writeln!(output, "\n[credential.{name}.variables]")?;
    }
    for (key, value) in &credential.variables {
        writeln!(output, "{key} = {}", text(value))?;
    }
    if !credential.secrets.is_empty() {
        writeln!(output, "\n[credential.{name}.secrets]")?;
    }
    for SecretInfo { name, source, .. } in &credential.secrets {
        match source.as_ref().and_then(|it| it.source.as_ref()) {
            Some(Source::File(path)) => writeln!(output, "{name} = {{ file = {} }}", text(path))?,
            Some(Source::Command(command)) => {
                let seconds = command.max_age.as_ref().map_or(300, |age| age.seconds);
                let words = list(&command.words);
                writeln!(output, "{name} = {{ command = {words}, max_age = \"{seconds}s\" }}")?;
            }
            None => writeln!(
                output,
                "# the store has it: {name} = {{ file, credential, env or command = \"..\" }}"
            )?,
        }
    }
    Ok(())
}

fn list(values: &[String]) -> String {
    let values: Vec<String> = values.iter().map(|value| text(value)).collect();
    format!("[{}]", values.join(", "))
}

/// Returns a text as TOML has it, which escapes as JSON does.
fn text(value: &str) -> String {
    let mut written = String::new();
    for character in Value::from(value).to_string().chars() {
        if is_unsafe(character) {
            write!(written, "\\U{:08x}", u32::from(character)).expect("a string takes any text");
        } else {
            written.push(character);
        }
    }
    written
}
