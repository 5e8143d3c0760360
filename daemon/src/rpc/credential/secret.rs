//! Secrets as operators give them, and what they are told of those that are stored.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use jiff::Timestamp;
use secrecy::SecretString;
use tokend_proto::v1::{self, SecretInfo, secret_source};
use tokend_provider::{Inputs, Library};
use tonic::Status;

use super::invalid;
use crate::{
    credential::{MAX_AGE, Replacement, Source},
    engine::{Error, Snapshot},
    ports::Sources,
    published::timestamp,
    rpc::{apart, status},
};

/// A command that is run more often than this has no pause.
const LEAST_AGE: Duration = Duration::from_secs(1);

/// What operators give of secrets.
pub(super) struct Given {
    pub(super) secrets: BTreeMap<String, String>,
    pub(super) expire_times: BTreeMap<String, prost_types::Timestamp>,
    pub(super) sources: BTreeMap<String, v1::SecretSource>,
}

impl Given {
    /// Reads the secrets that sources hold.
    pub(super) async fn take(self, reader: &Arc<dyn Sources>) -> Result<Replacement, Status> {
        let Self { secrets, expire_times, sources } = self;
        let mut secrets: BTreeMap<String, SecretString> =
            secrets.into_iter().map(|(name, secret)| (name, secret.into())).collect();
        let expire_times = expire_times
            .into_iter()
            .map(|(name, time)| Ok((name.clone(), parse_time(&name, time)?)))
            .collect::<Result<_, Status>>()?;
        let mut parsed = BTreeMap::new();
        for (name, source) in sources {
            let source = parse_source(&name, source)?;
            let reading = reader.read(source.clone()).await;
            let reading = reading.map_err(|_| status::of(&Error::Stopping))?;
            let read = reading.map_err(|problem| invalid(format!("no {name}: {problem}")))?;
            if secrets.insert(name.clone(), read.secret).is_some() {
                return Err(invalid(format!("{name} is given twice: by itself and by its source")));
            }
            parsed.insert(name, source);
        }
        Ok(Replacement { secrets, expire_times, sources: parsed })
    }
}

fn parse_time(name: &str, time: prost_types::Timestamp) -> Result<Timestamp, Status> {
    Timestamp::new(time.seconds, time.nanos)
        .map_err(|_| invalid(format!("{name} can't end at {time}")))
}

fn parse_source(name: &str, source: v1::SecretSource) -> Result<Source, Status> {
    let relative = |path: &str| {
        invalid(format!("the source of {name} has to be an absolute path, which {path:?} isn't"))
    };
    match source.source {
        Some(secret_source::Source::File(path)) if path.starts_with('/') => {
            Ok(Source::File(PathBuf::from(path)))
        }
        Some(secret_source::Source::File(path)) => Err(relative(&path)),
        Some(secret_source::Source::Command(command)) => {
            let program = command.words.first().map_or("", String::as_str);
            if !program.starts_with('/') {
                return Err(relative(program));
            }
            let max_age = match command.max_age {
                None => MAX_AGE,
                Some(age) => {
                    Duration::try_from(age).ok().filter(|age| *age >= LEAST_AGE).ok_or_else(
                        || invalid(format!("the max_age of {name} has to be a second at least")),
                    )?
                }
            };
            Ok(Source::Command { words: command.words, max_age })
        }
        None => Err(invalid(format!("the source of {name} is empty"))),
    }
}

/// Tries the keys among the secrets of a credential that is to be. What else is wrong with
/// it, the engine says.
pub(in crate::rpc) async fn try_keys(
    library: Arc<Library>,
    provider: String,
    inputs: Inputs,
) -> Result<(), Status> {
    apart(move || {
        let Some(definition) = library.get(&provider) else { return Ok(()) };
        let Ok(accepted) = definition.accept(inputs) else { return Ok(()) };
        definition.try_keys(&accepted).map_err(|error| status::of(&Error::from(error)))
    })
    .await
}

/// Returns what is known of a credential's secrets beside their values.
pub(super) fn infos(snapshot: &Snapshot) -> Vec<SecretInfo> {
    let supply = &snapshot.credential.supply;
    let info = |name: &String| SecretInfo {
        name: name.clone(),
        expire_time: supply.expire_times.get(name).copied().map(timestamp),
        source: supply.sources.get(name).map(source),
        unproven: supply.former.contains_key(name),
        problems: snapshot.secret_problems.get(name).cloned().unwrap_or_default(),
    };
    snapshot.credential.secrets.keys().map(info).collect()
}

fn source(source: &Source) -> v1::SecretSource {
    let source = match source {
        Source::File(path) => secret_source::Source::File(path.display().to_string()),
        Source::Command { words, max_age } => {
            let max_age = prost_types::Duration::try_from(*max_age).ok();
            secret_source::Source::Command(secret_source::Command { words: words.clone(), max_age })
        }
    };
    v1::SecretSource { source: Some(source) }
}
