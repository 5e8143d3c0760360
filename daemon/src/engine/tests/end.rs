//! The end of the daemon.

use super::*;

#[test]
fn a_reservation_that_comes_at_the_end_is_not_sent() {
    let mut bench = Bench::new();
    bench.create("api");
    bench.done();
    bench.engine.stop();
    bench.done();
    assert!(bench.jobs.0.borrow().is_empty());
    let write = bench.done();
    let Write::Failure { fate: Fate::Unsent, failure, .. } = write else { panic!("{write:?}") };
    assert_eq!(failure.verdict, tokend_core::Verdict::Local, "the next one isn't to wait for that");
    assert!(bench.engine.is_quiet());
}

#[test]
fn a_token_that_could_not_be_written_has_a_last_chance_at_the_end() {
    let mut bench = Bench::new();
    bench.create("api");
    bench.done();
    bench.done();
    bench.issue("first", 3_600);
    bench.answer_write(Err(StoreFailure { full: true, message: "disk full".to_owned() }));
    bench.engine.stop();
    assert!(matches!(bench.done(), Write::Token { .. }));
    assert!(bench.engine.is_quiet());
}

#[test]
fn whoever_still_waits_at_the_end_is_told() {
    let mut bench = Bench::new();
    bench.create("api");
    bench.done();
    let mut waiting = bench.acquire("api");
    bench.engine.stop();
    bench.engine.dismiss();
    let told = waiting.try_recv().unwrap();
    assert!(matches!(told, Err(Error::Stopping)), "{told:?}");
}

#[test]
fn what_is_paid_for_is_stored_even_at_the_end_but_nothing_new_begins() {
    let mut bench = Bench::new();
    bench.create("api");
    bench.done();
    bench.done();
    bench.engine.stop();
    assert!(!bench.engine.is_quiet());
    let told = bench.acquire("api").try_recv().unwrap();
    assert!(matches!(told, Err(Error::Stopping)), "{told:?}");
    bench.issue("first", 3_600);
    assert!(matches!(bench.done(), Write::Token { .. }));
    assert!(bench.engine.is_quiet());
    bench.pass(86_400);
    assert!(bench.writes.0.borrow().is_empty());
}
