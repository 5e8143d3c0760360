//! Definitions and what comes of them as the contract shows them.

use tokend_proto::v1::{
    self, DefinitionProblem, Explanation, Provider, ProviderInput, RemoteOperation,
    TryDefinitionResponse,
    try_definition_response::{Event, Finding},
};
use tokend_provider::{Definition, DefinitionError, Input, LoginMethod, Remote};

use crate::ports::Spoken;

/// Returns a definition as the contract shows it, without its text.
pub(super) fn provider(definition: &Definition) -> Provider {
    Provider {
        name: definition.name().to_owned(),
        title: definition.title().to_owned(),
        documentation: definition.documentation().unwrap_or_default().to_owned(),
        source: definition.source().to_string(),
        inputs: definition.inputs().iter().map(input).collect(),
        definition: String::new(),
        operations: definition.remotes().iter().map(operation).collect(),
        logins: definition.login_methods().map(|method| login(method).into()).collect(),
    }
}

fn login(method: LoginMethod) -> v1::LoginMethod {
    match method {
        LoginMethod::AuthorizationCode => v1::LoginMethod::AuthorizationCode,
        LoginMethod::DeviceCode => v1::LoginMethod::DeviceCode,
    }
}

fn operation(remote: &Remote) -> RemoteOperation {
    RemoteOperation {
        name: remote.name().to_owned(),
        description: remote.description().to_owned(),
        arguments: remote.arguments().iter().map(input).collect(),
    }
}

fn input(input: &Input) -> ProviderInput {
    ProviderInput {
        name: input.name.clone(),
        description: input.description.clone(),
        secret: input.secret,
        required: input.required,
        default_value: input.default.clone().unwrap_or_default(),
        choices: input.choices.clone(),
    }
}

/// Returns what is wrong with a definition.
pub(super) fn problem(error: &DefinitionError) -> DefinitionProblem {
    let number = |number: Option<usize>| number.map_or(0, |n| u32::try_from(n).unwrap_or(u32::MAX));
    DefinitionProblem {
        message: error.to_string(),
        line: number(error.line()),
        column: number(error.column()),
    }
}

/// Returns what is sent for one purpose.
pub(super) fn explanation(explanation: tokend_provider::Explanation) -> Explanation {
    let tokend_provider::Explanation { purpose, when, requests } = explanation;
    Explanation { purpose, when: when.unwrap_or_default(), requests }
}

/// Returns what went to and fro.
pub(super) fn spoken(spoken: Spoken) -> TryDefinitionResponse {
    event(match spoken {
        Spoken::Request(text) => Event::Request(text),
        Spoken::Answer(text) => Event::Answer(text),
    })
}

/// Returns what was found in an answer.
pub(super) fn finding((name, value): (String, String)) -> TryDefinitionResponse {
    event(Event::Finding(Finding { name, value }))
}

pub(super) fn event(event: Event) -> TryDefinitionResponse {
    TryDefinitionResponse { event: Some(event) }
}
