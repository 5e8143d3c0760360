//! Secrets that files and commands yield.

use std::sync::Mutex;

use super::*;
use crate::{
    credential::{Source, Supply},
    ports::{Look, Reading, Sources, Supplied, Yield},
};

/// Sources that note what they are asked; the test answers.
#[derive(Debug, Default)]
struct Asked {
    minded: Mutex<Vec<Vec<String>>>,
    looks: Mutex<Vec<Look>>,
}

impl Sources for Asked {
    fn mind(&self, _: &Name, sources: &BTreeMap<String, Source>) {
        self.minded.lock().unwrap().push(sources.values().map(ToString::to_string).collect());
    }

    fn look(&self, _: &Name, look: Look) {
        self.looks.lock().unwrap().push(look);
    }

    fn read(&self, source: Source) -> oneshot::Receiver<Reading> {
        panic!("the engine reads nothing: {source}");
    }
}

impl Asked {
    fn looks(&self) -> Vec<Look> {
        std::mem::take(&mut *self.looks.lock().unwrap())
    }
}

fn file() -> Source {
    Source::File("/run/key".into())
}

fn command() -> Source {
    let words = ["/usr/bin/pass", "show", "api"].map(str::to_owned).to_vec();
    Source::Command { words, max_age: Duration::from_secs(300) }
}

/// A credential whose secret comes from a source.
fn bench(source: Source) -> (Bench, Arc<Asked>) {
    let mut stored = stored_with_token("api", "oauth2-client-credentials");
    let sources = [("client_secret".to_owned(), source)].into();
    stored.credential.supply = Supply { sources, ..Supply::default() };
    let mut bench = Bench::load(Loaded { credentials: vec![stored], ..Loaded::default() });
    let asked = Arc::new(Asked::default());
    bench.engine = bench.engine.with_sources(Arc::clone(&asked) as Arc<dyn Sources>);
    (bench, asked)
}

impl Bench {
    fn yielded(&mut self, source: Source, reading: Result<&str, &str>, look: Option<Look>) {
        let reading = match reading {
            Ok(secret) => Ok(Yield { secret: secret.into(), warning: None }),
            Err(problem) => Err(problem.to_owned()),
        };
        let readings = [("client_secret".to_owned(), (source, reading))].into();
        self.engine.supplied(Supplied { name: parsed("api"), readings, look });
    }
}

#[test]
fn what_a_source_yields_is_replaced_with_an_overlap_and_only_if_it_is_another() {
    let (mut bench, asked) = bench(file());
    assert_eq!(*asked.minded.lock().unwrap(), [["file /run/key"]]);
    bench.yielded(file(), Ok("hunter2"), None);
    assert!(bench.writes.0.borrow().is_empty());
    bench.yielded(file(), Ok("n3w"), None);
    let Write::Credential(stored) = bench.done() else { panic!("a credential was due") };
    assert_eq!(stored.secrets["client_secret"].expose_secret(), "n3w");
    assert_eq!(stored.supply.sources["client_secret"], file());
    assert_eq!(bench.former(), ["hunter2"]);
    bench.yielded(file(), Ok("n3w"), None);
    assert!(bench.writes.0.borrow().is_empty());
}

#[test]
fn a_source_that_yields_nothing_changes_nothing_and_is_told_of() {
    let (mut bench, _) = bench(file());
    bench.yielded(file(), Err("/run/key is empty"), None);
    assert!(bench.writes.0.borrow().is_empty());
    let problem = "no new client_secret of api, the last one holds: /run/key is empty";
    assert_eq!(bench.problems(), [problem]);
    bench.yielded(file(), Ok("hunter2"), None);
    assert!(bench.problems().is_empty());
}

#[test]
fn a_source_that_a_person_has_replaced_is_not_heard_any_more() {
    let (mut bench, asked) = bench(file());
    bench.set("by hand");
    assert_eq!(asked.minded.lock().unwrap().last(), Some(&Vec::new()));
    bench.yielded(file(), Ok("late"), None);
    assert!(bench.writes.0.borrow().is_empty());
    let stored = bench.shown().credential;
    assert_eq!(stored.secrets["client_secret"].expose_secret(), "by hand");
}

#[test]
fn an_issuance_waits_for_a_command_and_is_sent_with_what_it_printed() {
    let (mut bench, asked) = bench(command());
    let mut refreshed = bench.ask(|reply| Command::Refresh { name: parsed("api"), reply });
    assert_eq!(asked.looks(), [Look::Issuance]);
    assert!(bench.writes.0.borrow().is_empty(), "nothing is reserved yet");
    bench.yielded(command(), Ok("n3w"), Some(Look::Issuance));
    assert!(matches!(bench.done(), Write::Credential(_)));
    assert!(matches!(bench.done(), Write::Reserve(_)));
    assert_eq!(bench.asked_with(), "n3w");
    bench.issue("second", 3_600);
    bench.done();
    assert!(refreshed.try_recv().unwrap().is_ok());

    // One that fails, and one that hangs, hold nothing up.
    bench.ask(|reply| Command::Refresh { name: parsed("api"), reply });
    bench.yielded(command(), Err("/usr/bin/pass failed"), Some(Look::Issuance));
    assert!(matches!(bench.done(), Write::Reserve(_)));
    bench.issue("third", 3_600);
    bench.done();
    bench.ask(|reply| Command::Refresh { name: parsed("api"), reply });
    bench.pass(21);
    assert!(matches!(bench.done(), Write::Reserve(_)));
}

#[test]
fn after_a_refusal_the_source_is_looked_at_and_another_secret_is_tried_at_once() {
    let (mut bench, asked) = bench(command());
    bench.ask(|reply| Command::Refresh { name: parsed("api"), reply });
    bench.yielded(command(), Ok("hunter2"), Some(Look::Issuance));
    bench.done();
    bench.deny();
    bench.done();
    assert_eq!(asked.looks(), [Look::Issuance, Look::Refusal]);
    // Until it prints another, it is run from time to time.
    bench.yielded(command(), Ok("hunter2"), Some(Look::Refusal));
    assert_eq!(asked.looks(), [Look::Refusal]);
    assert!(bench.writes.0.borrow().is_empty());
    bench.pass(3_700);
    bench.yielded(command(), Ok("n3w"), Some(Look::Refusal));
    assert!(matches!(bench.done(), Write::Credential(_)));
    assert_eq!(asked.looks(), [Look::Issuance]);
    bench.yielded(command(), Ok("n3w"), Some(Look::Issuance));
    assert!(matches!(bench.done(), Write::Reserve(_)));
    assert_eq!(bench.asked_with(), "n3w");
}

#[test]
fn what_the_definition_does_not_take_of_a_source_is_told_of_once_and_holds_nothing_up() {
    let (mut bench, _) = bench(command());
    bench.ask(|reply| Command::Refresh { name: parsed("api"), reply });
    bench.yielded(command(), Ok(""), Some(Look::Issuance));
    assert!(matches!(bench.done(), Write::Reserve(_)));
    let [problem] = &bench.problems()[..] else { panic!("one problem was due") };
    assert!(problem.starts_with("the client_secret of api that command /usr/bin/pass holds isn't"));
}
