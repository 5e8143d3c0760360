//! Has credentials made as files declare them.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::future::join_all;
use tokio::sync::{mpsc, oneshot};
use tracing::{error, warn};

use crate::{
    credential::Supplied,
    declared::{Declaration, Mistake, Surroundings, resolve},
    engine::{Action, Author, Bound, Change, Command, Error, Reply},
    ports::Sources,
};

/// A refresh can come between a look at a credential and its change, but not time and again.
const ATTEMPTS: usize = 5;

/// Takes up what files declare; or if there are mistakes in them, has status tell of these and
/// leaves all as it is.
pub(super) async fn take_up(
    engine: &mpsc::Sender<Command>,
    sources: &Arc<dyn Sources>,
    read: Result<Vec<Declaration>, Vec<Mistake>>,
) {
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
            return;
        }
    };
    let places = declarations.iter().map(|it| (it.name.clone(), it.place.clone()));
    let places: BTreeMap<_, _> = places.collect();
    // From here on nobody changes by hand what is about to be changed.
    bind(engine, Bound { places: Some(places.clone()), problems: Vec::new() }).await;
    let surroundings = Surroundings::here(&declarations);
    let all = declarations.into_iter().map(|it| declare(engine, sources, &surroundings, it));
    let problems: Vec<String> = join_all(all).await.into_iter().flatten().collect();
    for problem in &problems {
        warn!("{problem}");
    }
    if !problems.is_empty() {
        bind(engine, Bound { places: Some(places), problems }).await;
    }
}

/// Makes one as it is declared, and returns what is wrong.
async fn declare(
    engine: &mpsc::Sender<Command>,
    sources: &Arc<dyn Sources>,
    surroundings: &Surroundings,
    declaration: Declaration,
) -> Vec<String> {
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
            Ok(plan) if plan.action == Action::Leave => return problems,
            Ok(plan) => plan,
            Err(error) => return vec![format!("{name} isn't as {place} declares it: {error}")],
        };
        let change = |reply| {
            let change = Change::Declare { declared, etag: plan.etag, reply };
            Command::Change(change, own())
        };
        match ask(engine, change).await {
            Ok(_) => return problems,
            Err(Error::EtagMismatch(_)) => {}
            Err(error) => return vec![format!("{name} isn't as {place} declares it: {error}")],
        }
    }
    problems.push(format!("{name} isn't as {place} declares it: it changes all the time"));
    problems
}

/// Whoever may write the files speaks by the daemon itself.
fn own() -> Author {
    let pid = rustix::process::getpid().as_raw_nonzero().get();
    Author { uid: rustix::process::geteuid().as_raw(), pid: Some(pid) }
}

async fn bind(engine: &mpsc::Sender<Command>, bound: Bound) {
    // An engine that ends binds no one.
    let _ = ask(engine, |reply| Command::Bind { bound, reply }).await;
}

async fn ask<T>(
    engine: &mpsc::Sender<Command>,
    command: impl FnOnce(Reply<T>) -> Command,
) -> Result<T, Error> {
    let (reply, answer) = oneshot::channel();
    engine.send(command(reply)).await.map_err(|_| Error::Stopping)?;
    answer.await.unwrap_or(Err(Error::Stopping))
}
