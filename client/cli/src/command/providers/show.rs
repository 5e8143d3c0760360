//! `providers list` and `show`: the APIs that tokend knows, and what each needs.

use std::io::{self, Write};

use serde_json::Value;
use tokend_proto::v1::{
    GetProviderRequest, ListProvidersRequest, LoginMethod, Provider, ProviderInput, RemoteOperation,
};

use crate::{
    arguments::{Form, Shown},
    daemon::{Daemon, answer},
    failure::Failure,
    json,
    output::{Output, printable},
    table::{self, Cell, Tone},
};

pub(super) async fn list(
    daemon: &Daemon,
    form: &Form,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let list = answer(daemon.providers().list_providers(ListProvidersRequest {})).await?;
    if form.json {
        let values = list.providers.iter().map(json::provider).collect();
        return Ok(json::write(output, &Value::Array(values))?);
    }
    let row = |provider: &Provider| {
        [(&provider.name).into(), (&provider.title).into(), (&provider.source).into()]
    };
    let rows = list.providers.iter().map(row).collect();
    Ok(table::write(output, ["NAME", "TITLE", "SOURCE"], rows)?)
}

pub(super) async fn show(
    daemon: &Daemon,
    shown: Shown,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let Shown { name, definition, form } = shown;
    let provider = answer(daemon.providers().get_provider(GetProviderRequest { name })).await?;
    if form.json {
        return Ok(json::write(output, &json::provider(&provider))?);
    }
    if definition {
        for line in provider.definition.lines() {
            writeln!(output, "{}", printable(line))?;
        }
        return Ok(());
    }
    Ok(write(output, &provider)?)
}

fn write(output: &mut Output<impl Write>, provider: &Provider) -> io::Result<()> {
    let name = printable(&provider.name);
    writeln!(output, "{name}: {}", printable(&provider.title))?;
    if !provider.documentation.is_empty() {
        writeln!(output, "documentation: {}", printable(&provider.documentation))?;
    }
    writeln!(output, "source: {}", printable(&provider.source))?;
    let logins: Vec<_> = provider.logins().filter_map(way).collect();
    if !logins.is_empty() {
        writeln!(output, "login: {}", logins.join(", or "))?;
    }
    writeln!(output)?;
    if !provider.inputs.is_empty() {
        let rows = provider.inputs.iter().map(row).collect();
        table::write(output, ["INPUT", "NEEDED", "DESCRIPTION"], rows)?;
        writeln!(output)?;
    }
    if !provider.operations.is_empty() {
        let row = |it: &RemoteOperation| [Cell::from(&it.name), Cell::from(&it.description)];
        let rows = provider.operations.iter().map(row).collect();
        table::write(output, ["OPERATION", "DESCRIPTION"], rows)?;
        writeln!(output)?;
    }
    writeln!(output, "to add one, being asked for the inputs:")?;
    writeln!(output, "  tokend-cli add NAME --provider {name}")?;
    writeln!(output, "the definition itself:")?;
    writeln!(output, "  tokend-cli providers show {name} --definition")
}

/// Returns how a person logs in; `None` of a way of a later version.
fn way(method: LoginMethod) -> Option<&'static str> {
    match method {
        LoginMethod::AuthorizationCode => Some("in a browser"),
        LoginMethod::DeviceCode => Some("by a code, on any device (--device)"),
        LoginMethod::Unspecified => None,
    }
}

fn row(input: &ProviderInput) -> [Cell; 3] {
    let needed = match (input.secret, input.required && input.default_value.is_empty()) {
        (true, true) => "yes, secret",
        (false, true) => "yes",
        (true, false) => "secret",
        (false, false) => "",
    };
    let mut description = input.description.clone();
    if !input.choices.is_empty() {
        description = format!("{description} (one of {})", input.choices.join(", "));
    }
    if !input.default_value.is_empty() {
        description = format!("{description} [{}]", input.default_value);
    }
    [(&input.name).into(), Cell::new(needed, Tone::Plain), description.trim().into()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_what_a_provider_needs() {
        let provider = Provider {
            name: "acme".to_owned(),
            title: "Acme Cloud".to_owned(),
            source: "built-in".to_owned(),
            inputs: vec![
                ProviderInput {
                    name: "client_secret".to_owned(),
                    description: "from the console".to_owned(),
                    secret: true,
                    required: true,
                    ..ProviderInput::default()
                },
                ProviderInput {
                    name: "region".to_owned(),
                    required: true,
                    default_value: "eu".to_owned(),
                    choices: vec!["eu".to_owned(), "us".to_owned()],
                    ..ProviderInput::default()
                },
            ],
            ..Provider::default()
        };
        let mut output = Output::of_a_test(Vec::new(), false);
        write(&mut output, &provider).unwrap();
        assert_eq!(
            String::from_utf8(output.into_writer()).unwrap(),
            "acme: Acme Cloud\n\
             source: built-in\n\
             \n\
             INPUT          NEEDED       DESCRIPTION\n\
             client_secret  yes, secret  from the console\n\
             region         -            (one of eu, us) [eu]\n\
             \n\
             to add one, being asked for the inputs:\n  \
               tokend-cli add NAME --provider acme\n\
             the definition itself:\n  \
               tokend-cli providers show acme --definition\n"
        );
    }
}
