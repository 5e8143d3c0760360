//! What the references of a declaration hold, as far as they can be read.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use secrecy::{ExposeSecret, SecretString};

use super::{Declaration, Reference};
use crate::{
    credential::{Declared, Source, Supplied},
    ports::Sources,
};

/// Where references lead that don't say it by themselves.
#[derive(Debug, Default)]
pub struct Surroundings {
    /// The directory with the credentials of the daemon's unit, if it has any.
    pub credentials: Option<PathBuf>,
    /// The variables that are referred to, as far as they are set.
    pub environment: BTreeMap<String, SecretString>,
}

impl Surroundings {
    /// Looks at the surroundings of this process. Its environment is as it was at its start.
    pub fn here(declarations: &[Declaration]) -> Self {
        let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        let variables = declarations.iter().flat_map(|it| it.secrets.values());
        let variables = variables.filter_map(|reference| match reference {
            Reference::Env(name) => Some(name),
            Reference::Source(_) | Reference::Credential(_) => None,
        });
        let value = |name: &String| Some((name.clone(), std::env::var(name).ok()?.into()));
        Self { credentials, environment: variables.filter_map(value).collect() }
    }
}

/// Reads what a declaration refers to. What is in `minded` the daemon reads by itself already.
/// Where it reads by itself from then on, what can't be read now may be there later.
pub async fn resolve(
    declaration: Declaration,
    minded: &BTreeMap<String, Source>,
    surroundings: &Surroundings,
    sources: &Arc<dyn Sources>,
    is_bound: bool,
) -> Declared {
    let mut secrets = BTreeMap::new();
    for (input, reference) in declaration.secrets {
        let supplied = match reference {
            Reference::Source(source) if minded.get(&input) == Some(&source) => Supplied::Minded,
            Reference::Source(source) => {
                let from = source.to_string();
                let remedy = "mend that, then have it read again";
                read(source.clone(), Some(source), from, remedy, sources).await
            }
            Reference::Credential(name) => credential(&name, surroundings, sources).await,
            Reference::Env(name) => variable(&name, surroundings),
        };
        secrets.insert(input, supplied);
    }
    let Declaration { name, provider, variables, place, .. } = declaration;
    let Declaration { readers, submitters, refreshers, policy, limits, .. } = declaration;
    let place = is_bound.then_some(place);
    Declared {
        name,
        provider,
        variables,
        secrets,
        readers,
        submitters,
        refreshers,
        policy,
        limits,
        place,
    }
}

/// Reads a credential of the daemon's unit. Its path is another after each start, so it isn't
/// minded.
async fn credential(
    name: &str,
    surroundings: &Surroundings,
    sources: &Arc<dyn Sources>,
) -> Supplied {
    let remedy = format!(
        "give tokend's unit `LoadCredentialEncrypted={name}:/..` (`systemctl edit tokend.service`) \
         and restart it"
    );
    let Some(directory) = &surroundings.credentials else {
        let problem = format!("tokend has no credentials of systemd's: {remedy}");
        return Supplied::Unreadable { source: None, problem };
    };
    let from = format!("credential {name}");
    read(Source::File(directory.join(name)), None, from, &remedy, sources).await
}

fn variable(name: &str, surroundings: &Surroundings) -> Supplied {
    let value = surroundings.environment.get(name);
    match value.filter(|value| !value.expose_secret().is_empty()) {
        Some(secret) => {
            Supplied::Read { secret: secret.clone(), source: None, from: format!("env {name}") }
        }
        None => Supplied::Unreadable {
            source: None,
            problem: format!(
                "the environment has no variable {name} with text in UTF-8: set it, and start \
                 tokend anew"
            ),
        },
    }
}

async fn read(
    source: Source,
    minded: Option<Source>,
    from: String,
    remedy: &str,
    sources: &Arc<dyn Sources>,
) -> Supplied {
    match sources.read(source).await {
        Ok(Ok(read)) => Supplied::Read { secret: read.secret, source: minded, from },
        Ok(Err(problem)) => {
            Supplied::Unreadable { source: minded, problem: format!("{problem}; {remedy}") }
        }
        Err(_) => Supplied::Unreadable { source: minded, problem: "tokend ends".to_owned() },
    }
}
