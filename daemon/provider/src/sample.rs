//! What the tests are made of.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jiff::Timestamp;

use crate::{
    AcceptedInputs, Ambient, Answer, Definition, Exchange, Held, Inputs, Operation, Outcome,
    Request, Source, Step,
};

/// The time at which the exchanges of the tests start.
pub(crate) fn now() -> Timestamp {
    "2025-06-01T12:00:00Z".parse().unwrap()
}

/// What surrounds the exchanges of the tests.
pub(crate) fn ambient() -> Ambient {
    Ambient { now: now(), entropy: [7; 32] }
}

pub(crate) fn definition(text: &str) -> Arc<Definition> {
    match Definition::parse("acme", Source::File("acme.toml".into()), text) {
        Ok(definition) => Arc::new(definition),
        Err(error) => panic!("{error}"),
    }
}

pub(crate) fn inputs(variables: &[(&str, &str)], secrets: &[(&str, &str)]) -> Inputs {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Inputs {
        variables: variables.iter().map(own).collect(),
        secrets: secrets.iter().map(own).map(|(name, value)| (name, value.into())).collect(),
    }
}

pub(crate) fn accept(definition: &Definition, inputs: Inputs) -> Arc<AcceptedInputs> {
    Arc::new(definition.accept(inputs).unwrap())
}

pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Answer {
    let header = |(name, value): &(&str, &str)| {
        let name: HeaderName = name.parse().unwrap();
        (name, HeaderValue::from_str(value).unwrap())
    };
    Answer {
        status: StatusCode::from_u16(status).unwrap(),
        headers: headers.iter().map(header).collect::<HeaderMap>(),
        body: body.as_ref().to_vec().into(),
    }
}

/// Starts an exchange that asks for a token, which sends a request first.
pub(crate) fn start(
    definition: &Arc<Definition>,
    inputs: &Arc<AcceptedInputs>,
) -> (Exchange, Request) {
    start_from(definition, inputs, Operation::Issue, None)
}

/// Starts any exchange.
pub(crate) fn start_from(
    definition: &Arc<Definition>,
    inputs: &Arc<AcceptedInputs>,
    operation: Operation,
    held: Option<&Held>,
) -> (Exchange, Request) {
    match Exchange::start(definition, inputs, operation, held, ambient()) {
        Ok(Step::Send(exchange, request)) => (*exchange, request),
        Ok(Step::Run(_, program)) => panic!("runs {program:?}"),
        Ok(Step::Ask(..) | Step::Poll(..)) => panic!("asks a person"),
        Ok(Step::Done(outcome)) => panic!("ended before it started: {outcome:?}"),
        Err(error) => panic!("{error}"),
    }
}

/// Runs an exchange of one request.
pub(crate) fn run(
    definition: &Arc<Definition>,
    inputs: &Arc<AcceptedInputs>,
    answer: &Answer,
) -> Outcome {
    match start(definition, inputs).0.answer(answer, now()) {
        Step::Done(outcome) => outcome,
        other => panic!("goes on with {other:?}"),
    }
}

/// A definition that says as little as one can, with a secret to lose.
pub(crate) const PLAIN: &str = r#"
title = "Acme"
[secrets.password]
description = "The password"
[issue]
url = "https://auth.acme.example/login"
form = { password = "{{ secret.password }}" }
[output]
token = "body.token"
"#;
