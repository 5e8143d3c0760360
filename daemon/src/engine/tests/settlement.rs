//! Ends of issuances that the store can't write.

use tokend_core::{IssuanceId, Verdict};

use super::*;

fn full() -> Result<ports::Reply, StoreFailure> {
    Err(StoreFailure { full: true, message: "disk full".to_owned() })
}

/// A credential whose first issuance is under way.
fn asking() -> Bench {
    let mut bench = Bench::new();
    bench.create("api");
    bench.done();
    bench.done();
    bench
}

/// The provider throttles the oldest job.
fn throttle(bench: &mut Bench) -> IssuanceId {
    let job = bench.jobs.0.borrow_mut().remove(0);
    let mut failure = tokend_provider::Failure::new(tokend_provider::Verdict::Limited, "slow down");
    failure.retry_after = Some(tokend_provider::RetryAfter::After(Duration::from_secs(300)));
    bench.engine.issued(ports::Issuance {
        name: job.name,
        issuance: job.issuance,
        sent_at: bench.clock.now().wall,
        took: Duration::from_millis(50),
        fate: Fate::Answered,
        outcome: Outcome::Failed(failure),
    });
    job.issuance
}

/// Returns which issuance a write settles, and the limits that it tells of.
fn settled(write: Write) -> (IssuanceId, Vec<tokend_core::Quota>) {
    match write {
        Write::Failure { issuance, settled, failure, .. } => {
            assert_eq!(failure.verdict, Verdict::Limited);
            (issuance, settled.quotas)
        }
        other => panic!("a settlement was due: {other:?}"),
    }
}

#[test]
fn one_that_could_not_be_written_is_written_by_itself_within_a_minute() {
    let mut bench = asking();
    let issuance = throttle(&mut bench);
    for _ in 0..4 {
        let (which, quotas) = settled(bench.answer_write(full()));
        assert_eq!((which, quotas.len()), (issuance, 1));
        assert!(bench.writes.0.borrow().is_empty(), "it isn't tried again at once");
        assert!(bench.engine.idle() > Duration::ZERO);
        bench.pass(61);
    }
    assert_eq!(settled(bench.done()).0, issuance);
    bench.pass(50);
    assert!(bench.writes.0.borrow().is_empty(), "it is written once");
}

#[test]
fn what_could_not_be_written_goes_ahead_of_the_next_reservation() {
    let mut bench = asking();
    let issuance = throttle(&mut bench);
    settled(bench.answer_write(full()));
    let _forced = bench.ask(|reply| Command::Refresh { name: parsed("api"), reply });
    assert_eq!(settled(bench.done()).0, issuance);
    assert!(matches!(bench.done(), Write::Reserve(_)));
}

#[test]
fn what_could_not_be_written_has_a_last_chance_at_the_end() {
    let mut bench = asking();
    let issuance = throttle(&mut bench);
    settled(bench.answer_write(full()));
    bench.engine.stop();
    assert!(!bench.engine.is_quiet(), "the end waits for it");
    assert_eq!(settled(bench.answer_write(full())).0, issuance);
    assert!(bench.engine.is_quiet(), "and not for ever");
    assert!(bench.engine.idle() > Duration::ZERO);
}

#[test]
fn of_too_many_the_oldest_are_left_to_count() {
    const MANY: usize = 300;
    const KEPT: usize = 256;
    let mut bench = asking();
    let mut all = Vec::new();
    for _ in 0..MANY {
        all.push(throttle(&mut bench));
        while !bench.writes.0.borrow().is_empty() {
            settled(bench.answer_write(full()));
        }
        let _forced = bench.ask(|reply| Command::Refresh { name: parsed("api"), reply });
        while !matches!(bench.writes.0.borrow()[0], (_, Write::Reserve(_))) {
            settled(bench.answer_write(full()));
        }
        bench.done();
    }
    bench.pass(61);
    let written: Vec<IssuanceId> = (0..KEPT).map(|_| settled(bench.done()).0).collect();
    assert_eq!(written, all[MANY - KEPT..], "in their order");
    assert!(bench.writes.0.borrow().is_empty());
}

#[test]
fn what_is_under_way_for_one_that_is_removed_is_settled_when_its_answer_comes() {
    let mut bench = asking();
    let _removed = bench.remove("api");
    bench.done();
    // Another of its name has nothing to do with it.
    let _created = bench.create("api");
    bench.done();
    bench.done();
    let issuance = throttle(&mut bench);
    let (which, quotas) = settled(bench.done());
    assert_eq!((which, quotas.len()), (issuance, 1), "others of the account are to know");
    let other = throttle(&mut bench);
    assert!(other != issuance);
    assert_eq!(settled(bench.done()).0, other);
    assert!(bench.writes.0.borrow().is_empty(), "each is settled once");
}

#[test]
fn what_was_never_sent_for_one_that_is_removed_does_not_count() {
    let mut bench = asking();
    let _removed = bench.remove("api");
    bench.done();
    let job = bench.jobs.0.borrow_mut().remove(0);
    let failure =
        tokend_provider::Failure::new(tokend_provider::Verdict::Transient, "can't connect");
    bench.engine.issued(ports::Issuance {
        name: job.name,
        issuance: job.issuance,
        sent_at: bench.clock.now().wall,
        took: Duration::from_millis(50),
        fate: Fate::Unsent,
        outcome: Outcome::Failed(failure),
    });
    let Write::Failure { issuance, fate: Fate::Unsent, .. } = bench.done() else {
        panic!("it is settled")
    };
    assert_eq!(issuance, job.issuance);
}

#[test]
fn a_token_that_comes_while_its_credential_is_removed_is_settled_though_it_is_not_stored() {
    for is_noticed in [false, true] {
        let mut bench = asking();
        let issuance = bench.jobs.0.borrow()[0].issuance;
        if is_noticed {
            // It couldn't be written, and nobody wants it any more.
            bench.issue("late", 3_600);
            assert!(matches!(bench.answer_write(full()), Write::Token { .. }));
        }
        let _removed = bench.remove("api");
        if !is_noticed {
            bench.issue("late", 3_600);
        }
        assert!(matches!(bench.done(), Write::Remove(_)));
        if !is_noticed {
            // There is no credential that it could be written for.
            let none = StoreFailure { full: false, message: "no credential".to_owned() };
            assert!(matches!(bench.answer_write(Err(none)), Write::Token { .. }));
        }
        let Write::Failure { issuance: which, fate: Fate::Answered, .. } = bench.done() else {
            panic!("it is settled")
        };
        assert_eq!(which, issuance);
        assert!(bench.writes.0.borrow().is_empty(), "once");
    }
}
