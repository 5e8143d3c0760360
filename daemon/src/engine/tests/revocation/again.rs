//! Tokens that a provider gives once more though they are to be ended.

use super::*;

#[test]
fn a_token_that_is_given_once_more_is_not_served_until_it_has_ended_and_another_comes() {
    let mut bench = bench();
    let _revoked = bench.revoke();
    bench.written_down();
    let mut acquired = bench.acquire("api");
    assert!(matches!(bench.done(), Write::Reserve(_)));
    bench.issue("stored", 3_600);
    let Write::Failure { failure, .. } = bench.done() else { panic!("it isn't stored") };
    assert_eq!(failure.message, "the provider gave the token once more that is to be revoked");
    assert!(acquired.try_recv().unwrap().is_err());
    assert_eq!(bench.value("api"), None);

    bench.end_errand(Outcome::Revoked);
    bench.ended();
    bench.pass(600);
    bench.acquire("api");
    assert!(matches!(bench.done(), Write::Reserve(_)));
    bench.issue("second", 3_600);
    bench.done();
    assert_eq!(bench.value("api").as_deref(), Some("second"));
}

#[test]
fn a_token_that_comes_once_more_when_it_has_ended_meanwhile_is_not_served() {
    let mut bench = bench();
    let _revoked = bench.revoke();
    bench.written_down();
    let mut acquired = bench.acquire("api");
    assert!(matches!(bench.done(), Write::Reserve(_)));
    bench.end_errand(Outcome::Revoked);
    bench.ended();
    bench.issue("stored", 3_600);
    let Write::Failure { failure, .. } = bench.done() else { panic!("it isn't stored") };
    assert_eq!(failure.message, "the provider gave the token once more that was revoked meanwhile");
    assert!(acquired.try_recv().unwrap().is_err());
    assert_eq!(bench.value("api"), None);
}
