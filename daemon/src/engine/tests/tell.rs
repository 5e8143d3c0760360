//! What is told of what happens.

use std::sync::Mutex;

use tokend_core::{Cause, Verdict};
use tokend_provider::Failure;

use super::*;
use crate::{
    log::Log,
    ports::{Event, Happening, Listener, event},
};

/// Keeps what it hears.
#[derive(Debug, Default)]
pub(super) struct Ear(Mutex<Vec<Event>>);

impl Listener for Ear {
    fn hear(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

impl Ear {
    pub(super) fn listen(bench: &mut Bench) -> Arc<Self> {
        let ear = Arc::<Self>::default();
        bench.engine.heard_by(vec![Arc::clone(&ear) as Arc<dyn Listener>]);
        ear
    }

    pub(super) fn take(&self) -> Vec<Happening> {
        let events = std::mem::take(&mut *self.0.lock().unwrap());
        events.into_iter().map(|event| event.what).collect()
    }
}

#[test]
fn a_token_is_told_of_when_it_is_served_with_why_it_was_wanted() {
    let mut bench = Bench::new();
    let ear = Ear::listen(&mut bench);
    assert_eq!(ear.take(), [Happening::Started { credentials: 0 }]);
    bench.create("api");
    assert!(ear.take().is_empty(), "it isn't on disk");
    bench.done();
    let [Happening::Changed(event::Change::Created(_), doer)] = &ear.take()[..] else {
        panic!("it is there");
    };
    assert_eq!(doer.uid(), Some(0));
    bench.done();
    bench.issue("first", 3_600);
    assert!(ear.take().is_empty(), "it isn't on disk");
    bench.done();
    let [Happening::Issued { cause: Cause::Absent, took, expires_at, .. }] = ear.take()[..] else {
        panic!("it is served");
    };
    assert_eq!(took, Duration::from_millis(50));
    assert_eq!(expires_at, Some(after(start(), Duration::from_secs(3_600))));
    let event = bench.grant("api", 1_000, None);
    bench.done();
    drop(event);
    let [Happening::Changed(event::Change::Access(shared), _)] = &ear.take()[..] else {
        panic!("it is on disk");
    };
    assert_eq!(shared.readers.as_deref(), Some("uid:1000"));
}

#[test]
fn that_a_token_was_issued_is_logged_once_with_a_listener_and_without() {
    for is_heard in [false, true] {
        let (log, _logging) = Log::of_this_thread();
        let mut bench = Bench::new();
        let _ear = is_heard.then(|| Ear::listen(&mut bench));
        bench.create("api");
        bench.done();
        bench.done();
        log.take();
        bench.issue("first", 3_600);
        assert_eq!(log.take(), "", "it isn't on disk");
        bench.done();
        let token_id = bench.slots.get("api").and_then(|slot| slot.token_id()).unwrap();
        let line = format!(
            "INFO tokend::audit: action=\"issue\" outcome=\"issued\" credential=\"api\" \
             token_id=\"{token_id}\"\n"
        );
        assert_eq!(log.take().trim_start(), line);
    }
}

#[test]
fn a_stored_token_is_no_news_and_its_end_is_once() {
    let credentials = vec![stored_with_token("api", "no-such-provider")];
    let mut bench = Bench::load(Loaded { credentials, ..Loaded::default() });
    let ear = Ear::listen(&mut bench);
    assert_eq!(ear.take(), [Happening::Started { credentials: 1 }]);
    bench.pass(3_599);
    assert!(ear.take().is_empty());
    bench.pass(2);
    let at = after(start(), Duration::from_secs(3_600));
    assert_eq!(ear.take(), [Happening::Expired { at, used: false }]);
    bench.pass(60);
    assert!(ear.take().is_empty());
}

#[test]
fn a_token_that_has_a_successor_does_not_end_for_anyone() {
    let mut bench = Bench::with_token("api");
    let ear = Ear::listen(&mut bench);
    bench.acquire("api");
    bench.pass(2_161);
    // What was missed is made up for within a minute.
    bench.pass(60);
    bench.done();
    bench.issue("second", 3_600);
    bench.done();
    bench.pass(2_000);
    let told = ear.take();
    let is_issued = |it: &Happening| matches!(it, Happening::Issued { cause: Cause::Aging, .. });
    assert!(is_issued(&told[1]) && told.len() == 2, "{told:?}");
}

#[test]
fn a_failure_is_told_with_what_follows() {
    let mut bench = Bench::new();
    let ear = Ear::listen(&mut bench);
    bench.create("api");
    bench.done();
    bench.done();
    ear.take();
    let job = bench.jobs.0.borrow_mut().remove(0);
    let failed = Failure::new(tokend_provider::Verdict::Transient, "HTTP 503");
    bench.engine.issued(ports::Issuance {
        name: job.name,
        issuance: job.issuance,
        sent_at: bench.clock.now().wall,
        took: Duration::from_millis(7),
        fate: Fate::Answered,
        outcome: Outcome::Failed(failed),
    });
    let [Happening::Failed { cause, verdict, message, took, consecutive, retry_at, .. }] =
        &ear.take()[..]
    else {
        panic!("it failed");
    };
    assert_eq!(
        (*cause, *verdict, message.as_str()),
        (Cause::Absent, Verdict::Transient, "HTTP 503")
    );
    assert_eq!((*took, *consecutive), (Duration::from_millis(7), 1));
    assert!(retry_at.is_some_and(|at| at > start()));
}

#[test]
fn that_the_store_fails_is_told_once_until_it_is_well() {
    let mut bench = Bench::new();
    let ear = Ear::listen(&mut bench);
    let full = || Err(StoreFailure { full: true, message: "disk full".to_owned() });
    for _ in 0..2 {
        bench.create("api");
        bench.answer_write(full());
        let problems = bench.ask(|reply| Command::Problems { reply }).try_recv().unwrap();
        assert_eq!(problems.unwrap(), ["nothing can be stored: disk full"]);
    }
    bench.create("api");
    bench.done();
    let problems = bench.ask(|reply| Command::Problems { reply }).try_recv().unwrap();
    assert_eq!(problems.unwrap(), [""; 0]);
    let message = "disk full".to_owned();
    let told = ear.take();
    assert_eq!(told[1..3], [Happening::StoreFailed { message }, Happening::StoreRecovered]);
    assert!(matches!(told[3], Happening::Changed(..)) && told.len() == 4, "{told:?}");
}
