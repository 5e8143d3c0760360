//! Has credentials made as files declare them.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::future::join_all;
use tokend_core::Name;
use tokio::sync::{mpsc, oneshot};
use tracing::error;

use crate::{
    credential::{Place, Supplied},
    declared::{Declaration, Mistake, Surroundings, resolve},
    engine::{Action, Author, Bound, Change, Command, Error, Reply},
    ports::Sources,
};

/// A refresh can come between a look at a credential and its change, but not time and again.
const ATTEMPTS: usize = 5;

/// What came of all declarations.
#[derive(Debug, Default)]
pub(super) struct TakenUp {
    /// What has changed, in words.
    pub(super) changes: Vec<String>,
    /// What isn't as it is declared or isn't declared any more, a sentence each.
    pub(super) problems: Vec<String>,
}

/// What came of a declaration.
struct Outcome {
    /// What has changed, in words.
    change: Option<String>,
    /// What is wrong, a sentence each.
    problems: Vec<String>,
}

/// Takes up what files declare; or if there are mistakes in them, has status tell of these and
/// leaves all as it is.
pub(super) async fn take_up(
    engine: &mpsc::Sender<Command>,
    sources: &Arc<dyn Sources>,
    read: Result<Vec<Declaration>, Vec<Mistake>>,
) -> TakenUp {
    let declarations = match read {
        Ok(declarations) => declarations,
        Err(mistakes) => {
            for mistake in &mistakes {
                error!("{mistake}");
            }
            let problems = mistakes.iter().map(|mistake| {
                format!("declared credentials are left as they are stored: {mistake}")
            });
            bind(engine, Bound { places: None, problems: problems.collect() }).await;
            return TakenUp::default();
        }
    };
    let places = declarations.iter().map(|it| (it.name.clone(), it.place.clone()));
    let places: BTreeMap<_, _> = places.collect();
    // From here on nobody changes by hand what is about to be changed.
    let undeclared =
        bind(engine, Bound { places: Some(places.clone()), problems: Vec::new() }).await;
    let surroundings = Surroundings::here(&declarations);
    let all = declarations.into_iter().map(|it| declare(engine, sources, &surroundings, it));
    let (mut changes, mut problems) = (Vec::new(), Vec::new());
    for outcome in join_all(all).await {
        changes.extend(outcome.change);
        problems.extend(outcome.problems);
    }
    if !problems.is_empty() {
        bind(engine, Bound { places: Some(places), problems: problems.clone() }).await;
    }
    problems.extend(undeclared);
    TakenUp { changes, problems }
}

/// Makes one as it is declared.
async fn declare(
    engine: &mpsc::Sender<Command>,
    sources: &Arc<dyn Sources>,
    surroundings: &Surroundings,
    declaration: Declaration,
) -> Outcome {
    let (name, place) = (declaration.name.clone(), declaration.place.clone());
    let mut problems = Vec::new();
    for _ in 0..ATTEMPTS {
        let get = |reply| Command::Get { name: name.clone(), reply };
        let minded = match ask(engine, get).await {
            Ok(snapshot) => snapshot.credential.supply.sources.clone(),
            Err(_) => BTreeMap::new(),
        };
        let declared = resolve(declaration.clone(), &minded, surroundings, sources, true).await;
        problems = declared
            .secrets
            .iter()
            .filter_map(|(input, supplied)| match supplied {
                // Of a source that is minded its own note tells.
                Supplied::Unreadable { source: None, problem } => {
                    Some(format!("the last {input} of {name} holds: {problem}"))
                }
                _ => None,
            })
            .collect();
        let declared = Box::new(declared);
        let plan = |reply| Command::Plan { declared: declared.clone(), reply };
        let plan = match ask(engine, plan).await {
            Ok(plan) if plan.action == Action::Leave => return Outcome { change: None, problems },
            Ok(plan) => plan,
            Err(error) => return Outcome::failed(&name, &place, &error.to_string()),
        };
        let done = match plan.action {
            Action::Create => "made",
            Action::Anew => "made anew, for another account",
            Action::Change | Action::Leave => "changed",
        };
        let change = |reply| {
            let change = Change::Declare { declared, etag: plan.etag, reply };
            Command::Change(change, own())
        };
        match ask(engine, change).await {
            Ok(_) => {
                return Outcome { change: Some(format!("credential {name}: {done}")), problems };
            }
            Err(Error::EtagMismatch(_)) => {}
            Err(error) => return Outcome::failed(&name, &place, &error.to_string()),
        }
    }
    problems.extend(Outcome::failed(&name, &place, "it changes all the time").problems);
    Outcome { change: None, problems }
}

impl Outcome {
    fn failed(name: &Name, place: &Place, problem: &str) -> Self {
        let problem = format!("{name} isn't as {place} declares it: {problem}");
        Self { change: None, problems: vec![problem] }
    }
}

/// Whoever may write the files speaks by the daemon itself.
fn own() -> Author {
    let pid = rustix::process::getpid().as_raw_nonzero().get();
    Author { uid: rustix::process::geteuid().as_raw(), pid: Some(pid) }
}

/// Returns what isn't declared any more, a sentence each.
async fn bind(engine: &mpsc::Sender<Command>, bound: Bound) -> Vec<String> {
    // An engine that ends binds no one.
    ask(engine, |reply| Command::Bind { bound, reply }).await.unwrap_or_default()
}

async fn ask<T>(
    engine: &mpsc::Sender<Command>,
    command: impl FnOnce(Reply<T>) -> Command,
) -> Result<T, Error> {
    let (reply, answer) = oneshot::channel();
    engine.send(command(reply)).await.map_err(|_| Error::Stopping)?;
    answer.await.unwrap_or(Err(Error::Stopping))
}
