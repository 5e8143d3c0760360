//! `providers`: the APIs that tokend knows, what each needs, and help to write more.

mod check;
mod draft;
mod explain;
mod show;
mod trial;

use std::io::Write;

use tokend_proto::v1::GetDefinitionSchemaRequest;

use crate::{
    arguments::{Providers, ProvidersCommand, Shown},
    daemon::{Daemon, answer},
    exit::Exit,
    failure::Failure,
    output::Output,
};

pub(super) async fn run(
    daemon: &Daemon,
    providers: Providers,
    output: &mut Output<impl Write>,
) -> Result<Exit, Failure> {
    let Providers { command, name, definition, form } = providers;
    let command = command.unwrap_or(match name {
        Some(name) => ProvidersCommand::Show(Shown { name, definition, form }),
        None => ProvidersCommand::List { form },
    });
    match command {
        ProvidersCommand::List { form } => show::list(daemon, &form, output).await?,
        ProvidersCommand::Show(shown) => show::show(daemon, shown, output).await?,
        ProvidersCommand::Check(checked) => return check::run(daemon, checked, output).await,
        ProvidersCommand::Explain(explain) => return explain::run(daemon, explain, output).await,
        ProvidersCommand::Try(candidate) => return trial::run(daemon, *candidate, output).await,
        ProvidersCommand::Schema => {
            let request = GetDefinitionSchemaRequest {};
            let schema = answer(daemon.providers().get_definition_schema(request)).await?;
            writeln!(output, "{}", schema.schema_json)?;
        }
    }
    output.flush()?;
    Ok(Exit::Done)
}
