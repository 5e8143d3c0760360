//! `remote`: what can be done at the provider besides tokens.

mod result;

use std::{io::Write, time::Duration};

use serde_json::Value;
use tokend_client::Error;
use tokend_proto::v1::{
    GetCredentialRequest, GetProviderRequest, Provider, RemoteOperation, RunRemoteOperationRequest,
};

use crate::{
    arguments::Remote,
    command::values,
    daemon::{Daemon, answer, answer_within},
    failure::Failure,
    json,
    output::{Output, printable},
    table::{self, Cell},
};

/// Outlasts the daemon's own limit on one dance.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn run(
    daemon: &Daemon,
    remote: Remote,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let Remote { name, operation, arguments, form } = remote;
    let request = GetCredentialRequest { name: name.clone() };
    let call = answer(daemon.credentials().get_credential(request)).await;
    let credential = call.map_err(Failure::about(&name))?;
    let request = GetProviderRequest { name: credential.provider };
    let provider = answer(daemon.providers().get_provider(request)).await?;
    let Some(operation) = operation else {
        return list(&name, &provider, form.json, output);
    };
    let Some(operation) = provider.operations.iter().find(|known| known.name == operation) else {
        let provider = provider.name;
        return Err(Failure::NoOperation { provider, name: operation, credential: name });
    };
    let request = RunRemoteOperationRequest {
        name: name.clone(),
        operation: operation.name.clone(),
        arguments: values::arguments(operation, arguments)?,
    };
    let call = answer_within(PATIENCE, daemon.credentials().run_remote_operation(request)).await;
    let answer = call.map_err(Failure::about(&name))?;
    let result: Value = serde_json::from_str(&answer.result_json)
        .map_err(|_| Error::BadAnswer("the result isn't JSON"))?;
    if form.json {
        return Ok(json::write(output, &result)?);
    }
    Ok(result::write(output, &result)?)
}

fn list(
    name: &str,
    provider: &Provider,
    json: bool,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    if json {
        let operations = provider.operations.iter().map(json::operation).collect();
        return Ok(json::write(output, &Value::Array(operations))?);
    }
    if provider.operations.is_empty() {
        let provider = printable(&provider.name);
        writeln!(output, "the definition of {provider} has no [remote]: nothing can be done")?;
        return Ok(());
    }
    let rows = provider.operations.iter().map(row).collect();
    table::write(output, ["OPERATION", "ARGUMENTS", "DESCRIPTION"], rows)?;
    writeln!(output, "\nto do one: tokend-cli remote {name} OPERATION [--arg ARGUMENT=VALUE]..")?;
    Ok(())
}

fn row(operation: &RemoteOperation) -> [Cell; 3] {
    let argument = |input: &tokend_proto::v1::ProviderInput| {
        let is_needed = input.required && input.default_value.is_empty();
        if is_needed { input.name.clone() } else { format!("[{}]", input.name) }
    };
    let arguments: Vec<String> = operation.arguments.iter().map(argument).collect();
    [(&operation.name).into(), arguments.join(" ").into(), (&operation.description).into()]
}
