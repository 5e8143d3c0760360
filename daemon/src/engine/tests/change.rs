//! Changes to stored credentials.

use super::*;

#[test]
fn what_the_disk_does_not_take_is_not_there() {
    let mut bench = Bench::new();
    let mut created = bench.create("api");
    let full = || Err(StoreFailure { full: true, message: "disk full".to_owned() });
    bench.answer_write(full());
    assert!(matches!(created.try_recv().unwrap(), Err(Error::Store(failure)) if failure.full));
    assert!(bench.slots.get("api").is_none());

    let mut bench = Bench::with_token("api");
    let mut removed = bench.remove("api");
    bench.answer_write(full());
    assert!(matches!(removed.try_recv().unwrap(), Err(Error::Store(_))));
    assert_eq!(bench.value("api").as_deref(), Some("first"));
}

#[test]
fn changes_to_one_credential_are_made_one_after_the_other() {
    let mut bench = Bench::with_token("api");
    let etag = Some(bench.etag("api"));
    let mut first = bench.grant("api", 1, etag.clone());
    let mut second = bench.grant("api", 2, etag);
    let mut third = bench.grant("api", 3, None);
    assert_eq!(bench.writes.0.borrow().len(), 1);
    bench.done();
    assert_eq!(first.try_recv().unwrap().unwrap().credential.revision, 2);
    let mismatch = second.try_recv().unwrap();
    assert!(matches!(mismatch, Err(Error::EtagMismatch(_))), "{mismatch:?}");
    bench.done();
    let third = third.try_recv().unwrap().unwrap();
    assert_eq!(third.credential.readers, [user(1), user(3)]);
    assert_eq!(bench.slots.get("api").unwrap().access().readers, [user(1), user(3)]);
}

#[test]
fn an_etag_does_not_outlive_its_credential() {
    let mut bench = Bench::with_token("api");
    let old = bench.etag("api");
    bench.remove("api");
    bench.done();
    bench.create("api");
    bench.done();
    bench.done();
    let stale = bench.grant("api", 1, Some(old)).try_recv().unwrap();
    assert!(matches!(stale, Err(Error::EtagMismatch(_))), "{stale:?}");
}

#[test]
fn two_who_create_the_same_name_do_not_both_succeed() {
    let mut bench = Bench::new();
    let (mut first, mut second) = (bench.create("api"), bench.create("api"));
    bench.done();
    assert!(first.try_recv().unwrap().is_ok());
    assert!(matches!(second.try_recv().unwrap(), Err(Error::Exists(_))));
}

#[test]
fn granting_again_changes_nothing_and_a_stranger_cannot_be_revoked() {
    let mut bench = Bench::with_token("api");
    bench.grant("api", 1, None);
    bench.done();
    let mut again = bench.grant("api", 1, None);
    assert_eq!(again.try_recv().unwrap().unwrap().credential.revision, 2);
    let revoke = |reply| {
        let (name, readers) = (parsed("api"), vec![user(9)]);
        Command::Change(
            Change::Revoke { name, etag: None, readers, role: Role::Reader, reply },
            AUTHOR,
        )
    };
    let mut revoked = bench.ask(revoke);
    assert!(matches!(revoked.try_recv().unwrap(), Err(Error::ReaderNotFound { .. })));
    assert!(bench.writes.0.borrow().is_empty());
}

#[test]
fn whoever_waits_for_a_removed_credential_is_told_and_late_answers_only_settle_what_was_asked_for()
{
    let mut bench = Bench::new();
    bench.create("api");
    bench.done();
    bench.done();
    let mut waiting = bench.acquire("api");
    let mut removed = bench.remove("api");
    bench.done();
    assert!(removed.try_recv().unwrap().is_ok());
    let told = waiting.try_recv().unwrap();
    assert!(matches!(told, Err(Error::Refused(Refusal::Removed))), "{told:?}");
    bench.issue("late", 3_600);
    let Write::Failure { fate: Fate::Answered, .. } = bench.done() else { panic!("it counts") };
    assert!(bench.writes.0.borrow().is_empty());
    assert!(matches!(bench.acquire("api").try_recv().unwrap(), Err(Error::NotFound(_))));
}
