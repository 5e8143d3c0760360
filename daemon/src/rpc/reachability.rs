//! Whether providers can be reached, as operators are told.

use std::{collections::BTreeMap, sync::Arc};

use tokend_core::Name;
use tokend_proto::v1::{self, CheckReachabilityResponse};
use tokend_provider::{AcceptedInputs, Definition};
use tonic::Status;
use url::Url;

use super::{Context, apart, status};
use crate::{
    engine::{Approach, Command, Error},
    ports::{Dated, Destination, Probed},
    published::timestamp,
};

/// How many issuances are looked through for what providers' clocks say.
const LATELY: usize = 500;

/// A credential, and where its requests go.
struct Asked {
    name: Name,
    urls: Vec<Url>,
    inputs: Option<Arc<AcceptedInputs>>,
    note: String,
}

/// Looks at all of them.
pub(super) async fn check(context: &Context) -> Result<CheckReachabilityResponse, Status> {
    let approaches = context.ask(|reply| Command::Approaches { reply }).await?;
    // Requests are made up to see where they would go, of any number of credentials.
    let all = apart(move || Ok(approaches.into_iter().map(Asked::of).collect::<Vec<_>>())).await?;
    let destinations = all.iter().flat_map(Asked::destinations).collect();
    let probed = context.prober.probe(destinations).await;
    let mut probed = probed.ok_or_else(|| status::of(&Error::Stopping))?.into_iter();
    let look = |reply| Command::Issuances { name: None, before: None, limit: LATELY, reply };
    let mut clocks = BTreeMap::new();
    for issuance in context.ask(look).await? {
        if let (Some(name), Some(dated)) = (issuance.credential, issuance.entry.dated) {
            // The latest comes first.
            clocks.entry(name).or_insert(dated);
        }
    }
    let credentials = all.into_iter().map(|asked| {
        let dated = clocks.get(&asked.name).copied();
        let found: Vec<_> = probed.by_ref().take(asked.urls.len()).collect();
        asked.message(&found, dated)
    });
    Ok(CheckReachabilityResponse { credentials: credentials.collect() })
}

impl Asked {
    fn of(Approach { name, dance }: Approach) -> Self {
        match dance {
            Ok((definition, inputs)) => {
                let urls = definition.destinations(&inputs);
                let note = if urls.is_empty() { note(&definition, &inputs) } else { "" }.to_owned();
                Self { name, urls, inputs: Some(inputs), note }
            }
            Err(note) => Self { name, urls: Vec::new(), inputs: None, note },
        }
    }

    fn destinations(&self) -> impl Iterator<Item = Destination> {
        let own =
            self.inputs.iter().flat_map(|inputs| self.urls.iter().map(move |url| (url, inputs)));
        own.map(|(url, inputs)| Destination { url: url.clone(), inputs: Arc::clone(inputs) })
    }

    fn message(self, probed: &[Probed], dated: Option<Dated>) -> v1::Reachability {
        let destinations =
            self.urls.iter().zip(probed).map(|(url, probed)| destination(url, probed));
        v1::Reachability {
            name: self.name.to_string(),
            destinations: destinations.collect(),
            note: self.note,
            clock_ahead: dated.map(|dated| ahead(&dated)),
            clock_time: dated.map(|dated| timestamp(dated.here)),
        }
    }
}

/// Says why nobody is asked.
fn note(definition: &Definition, inputs: &AcceptedInputs) -> &'static str {
    if definition.is_static(inputs) {
        "its token is one of its secrets"
    } else if definition.runs_a_program(inputs) {
        "its tokens are brought by a program"
    } else {
        "only an answer tells where its tokens are asked for, or nobody is asked"
    }
}

fn destination(url: &Url, probed: &Probed) -> v1::Destination {
    let host = url.host_str().unwrap_or_default();
    let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let (problem, note) = match probed {
        Probed::Reached => (String::new(), ""),
        Probed::ProxyReached => {
            (String::new(), "only its proxy was looked at, which wants a password first")
        }
        Probed::Unreachable(problem) => (problem.clone(), ""),
    };
    v1::Destination { host, problem, note: note.to_owned() }
}

/// Returns how far the provider's clock is ahead. Its Date has whole seconds.
fn ahead(Dated { here, there }: &Dated) -> prost_types::Duration {
    let seconds = there.as_second().saturating_sub(here.as_second());
    prost_types::Duration { seconds, nanos: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_behind_is_ahead_by_less_than_nothing() {
        let dated = |here: &str, there: &str| Dated {
            here: here.parse().unwrap(),
            there: there.parse().unwrap(),
        };
        let (earlier, later) = ("2026-01-01T00:00:00.9Z", "2026-01-01T00:01:00Z");
        assert_eq!(ahead(&dated(earlier, later)).seconds, 60);
        assert_eq!(ahead(&dated(later, earlier)).seconds, -60);
        assert_eq!(ahead(&dated(earlier, "2026-01-01T00:00:00Z")).seconds, 0);
    }
}
