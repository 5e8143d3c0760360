//! The values of what is needed: from flags, else from the person at the terminal.

use std::{collections::BTreeMap, io};

use secrecy::{ExposeSecret as _, SecretString};
use tokend_proto::v1::{Provider, ProviderInput, RemoteOperation, SecretSource};

use crate::{
    ask::{self, Person as _, Terminal},
    failure::Failure,
    input::{self, Flag, Origin, Plan},
    secret,
};

/// The values of a definition's inputs, or of an operation's arguments.
#[derive(Default)]
pub(super) struct Values {
    pub(super) variables: BTreeMap<String, String>,
    pub(super) secrets: BTreeMap<String, String>,
    pub(super) sources: BTreeMap<String, SecretSource>,
    /// When secrets end.
    pub(super) expire_times: BTreeMap<String, prost_types::Timestamp>,
}

impl Values {
    /// Adds the value of an input.
    pub(super) fn put(&mut self, input: &ProviderInput, value: &SecretString) {
        let values = if input.secret { &mut self.secrets } else { &mut self.variables };
        values.insert(input.name.clone(), value.expose_secret().to_owned());
    }
}

/// Gathers what a definition needs.
pub(super) fn gather(provider: &Provider, flags: Vec<Flag>) -> Result<Values, Failure> {
    let terminal = Terminal::open();
    let plan = input::plan(provider, flags, terminal.is_some())?;
    carry_out(plan, terminal)
}

/// Gathers secrets alone: those that flags give, and those of these names.
pub(super) fn secrets(
    provider: &Provider,
    flags: Vec<Flag>,
    names: Vec<String>,
) -> Result<Values, Failure> {
    let terminal = Terminal::open();
    let plan = input::secrets(provider, flags, names, terminal.is_some())?;
    carry_out(plan, terminal)
}

/// Gathers what an operation needs.
pub(super) fn arguments(
    operation: &RemoteOperation,
    texts: Vec<String>,
) -> Result<BTreeMap<String, String>, Failure> {
    let terminal = Terminal::open();
    let plan = input::arguments(operation, texts, terminal.is_some())?;
    Ok(carry_out(plan, terminal)?.variables)
}

fn carry_out(plan: Plan<'_>, mut terminal: Option<Terminal>) -> Result<Values, Failure> {
    let mut values = Values::default();
    for (input, origin) in plan.given {
        let value = match origin {
            Origin::CommandLine(value) => value.into(),
            Origin::Secret(place) => secret::read(&input.name, &place, &mut io::stdin())?,
            Origin::Source(source) => {
                values.sources.insert(input.name.clone(), source);
                continue;
            }
        };
        values.put(input, &value);
    }
    if let Some(person) = terminal.as_mut().filter(|_| !plan.asked.is_empty()) {
        if plan.asked.iter().any(|input| input.secret) {
            person.tell("secrets aren't shown while you type").map_err(Failure::Terminal)?;
        }
        for input in plan.asked {
            if let Some(value) = ask::ask(input, person).map_err(Failure::Terminal)? {
                values.put(input, &value);
            }
        }
    }
    Ok(values)
}
