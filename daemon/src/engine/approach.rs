//! What it takes to look whether providers can be reached.

use std::sync::Arc;

use tokend_core::{Name, Random};
use tokend_provider::{AcceptedInputs, Definition};

use super::{Engine, dance::Dance};
use crate::ports::{Clock, Issuer, Store};

/// A credential, and what its requests are made of.
#[derive(Debug)]
pub struct Approach {
    /// The credential.
    pub name: Name,
    /// How its dance goes and what goes into it, or why there is none.
    pub dance: Result<(Arc<Definition>, Arc<AcceptedInputs>), String>,
}

impl<C: Clock, R: Random, I: Issuer, S: Store> Engine<C, R, I, S> {
    /// Returns those of all credentials, in the order of their names.
    pub(super) fn approaches(&self) -> Vec<Approach> {
        let approach = |(name, entry): (&Name, &super::Entry)| Approach {
            name: name.clone(),
            dance: match &entry.routine {
                Ok(routine) => routine
                    .dance(&entry.credential)
                    .map(|Dance { definition, inputs }| (definition, inputs))
                    .map_err(|problem| problem.to_string()),
                Err(problem) => Err(problem.to_string()),
            },
        };
        self.entries.iter().map(approach).collect()
    }
}
