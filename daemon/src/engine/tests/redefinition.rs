//! Other provider definitions, while tokens are served and asked for.

use tokend_provider::{Definition, Source};

use super::*;
use crate::ports::{Redefined, Redefinition};

impl Bench {
    fn redefine(&mut self, library: Library) -> Redefined {
        let redefinition = Redefinition {
            definitions: Arc::new(library),
            revoke_at_the_end: false,
            notices: None,
            key_source: String::new(),
        };
        let mut answer = self.ask(|reply| Command::Redefine { redefinition, reply });
        for _ in 0..10 {
            self.engine.wake();
        }
        answer.try_recv().unwrap().unwrap()
    }

    /// Returns the definitions that hold, with more in the one of `api`.
    fn with(&self, name: &str, more: &str) -> Library {
        let now = self.engine.definitions().now();
        let text = format!("{}\n{more}", now.get(name).unwrap().text());
        let mut library = Library::clone(&now);
        library.insert(Definition::parse(name, Source::File("/d.toml".into()), &text).unwrap());
        library
    }
}

/// A limit that no definition has.
const LIMIT: &str = "[[limits]]\ncount = 77\nwindow = '1h'\n";

#[test]
fn what_was_reserved_by_one_definition_is_not_sent_by_another() {
    let mut bench = Bench::new();
    let provider = credential("api").provider;
    bench.create("api");
    bench.done();
    let before = bench.engine.definitions().now().get(&provider).unwrap();
    let library = bench.with(&provider, LIMIT);
    assert_eq!(bench.redefine(library).changed, [parsed("api")]);
    // Its reservation comes now.
    bench.done();
    assert!(Arc::ptr_eq(&bench.jobs.0.borrow()[0].definition, &before));
    bench.issue("first", 3_600);
    bench.done();

    let _answer = bench.ask(|reply| Command::Refresh { name: parsed("api"), reply });
    let Write::Reserve(reservation) = bench.done() else { panic!("it is reserved") };
    assert!(reservation.account.limits.iter().any(|limit| limit.count.get() == 77));
    let after = bench.engine.definitions().now().get(&provider).unwrap();
    let jobs = bench.jobs.0.borrow();
    assert!(Arc::ptr_eq(&jobs.last().unwrap().definition, &after));
}

#[test]
fn nothing_is_asked_for_because_of_another_definition_and_the_token_is_served_on() {
    let mut bench = Bench::new();
    let provider = credential("api").provider;
    bench.create("api");
    bench.done();
    bench.done();
    bench.issue("first", 3_600);
    bench.done();
    let jobs = bench.jobs.0.borrow().len();
    let served = |bench: &Bench| {
        let token = bench.slots.get("api").unwrap().published().unwrap();
        token.token().payload.value.expose_secret().to_owned()
    };
    let same = Library::clone(&bench.engine.definitions().now());
    assert_eq!(bench.redefine(same), Redefined::default());
    let changed = bench.with(&provider, LIMIT);
    bench.redefine(changed);
    assert_eq!(served(&bench), "first");
    let mut without = Library::clone(&bench.engine.definitions().now());
    without.remove(&provider);
    let unusable = bench.redefine(without).unusable;
    assert!(unusable[0].1.contains("there is no provider definition"), "{unusable:?}");
    assert_eq!(served(&bench), "first");
    assert!(bench.writes.0.borrow().is_empty());
    assert_eq!(bench.jobs.0.borrow().len(), jobs);
}

#[test]
fn many_credentials_go_over_a_few_at_a_time() {
    let mut bench = Bench::new();
    let provider = credential("api").provider;
    let all: Vec<String> = (0..50).map(|number| format!("api-{number:02}")).collect();
    for name in &all {
        bench.create(name);
    }
    while !bench.writes.0.borrow().is_empty() {
        bench.done();
    }
    let library = bench.with(&provider, LIMIT);
    let redefinition = Redefinition {
        definitions: Arc::new(library),
        revoke_at_the_end: false,
        notices: None,
        key_source: String::new(),
    };
    let mut answer = bench.ask(|reply| Command::Redefine { redefinition, reply });
    assert!(answer.try_recv().is_err());
    assert_eq!(bench.engine.idle(), Duration::ZERO);
    for _ in 0..10 {
        bench.engine.wake();
    }
    assert_eq!(answer.try_recv().unwrap().unwrap().changed.len(), all.len());
    assert_ne!(bench.engine.idle(), Duration::ZERO);
}
