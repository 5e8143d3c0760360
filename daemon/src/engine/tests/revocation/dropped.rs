//! Revocations that an operator gives up while the provider is asked.

use super::*;

#[test]
fn a_dropped_revocation_is_not_tried_again() {
    let mut bench = bench();
    let mut revoked = bench.revoke();
    bench.written_down();
    let id = bench.pending()[0].revocation.id;
    let mut dropped = bench.ask(|reply| Command::DropRevocation { id, author: AUTHOR, reply });
    let told = revoked.try_recv().unwrap();
    assert!(matches!(told, Err(Error::NotDone { .. })), "{told:?}");
    bench.ended();
    assert!(dropped.try_recv().unwrap().is_ok());
    bench.end_errand(failed("down"));
    assert!(bench.writes.0.borrow().is_empty() && bench.pending().is_empty());
}

#[test]
fn one_that_is_dropped_and_stays_on_a_full_disk_is_not_tried_beside_the_attempt_under_way() {
    let mut bench = bench();
    let _revoked = bench.revoke();
    bench.written_down();
    let id = bench.pending()[0].revocation.id;
    let mut dropped = bench.ask(|reply| Command::DropRevocation { id, author: AUTHOR, reply });
    bench.answer_write(Err(StoreFailure { full: true, message: "disk full".to_owned() }));
    assert!(matches!(dropped.try_recv().unwrap(), Err(Error::Store(failure)) if failure.full));
    bench.pass(30);
    assert_eq!(bench.asked(), 1, "the first isn't answered yet");
    bench.end_errand(failed("down"));
    assert!(matches!(bench.done(), Write::Attempt(_)));
    bench.pass(60);
    assert_eq!(bench.asked(), 1, "it goes on");
}
