//! What is done for credentials that no one uses, or whose tokens an API refuses.

use super::*;

fn on_demand() -> Terms {
    Terms { policy: Policy::OnDemand, ..Terms::default() }
}

fn fails(bench: &mut Bench) {
    let issuance = bench.reserve();
    bench.fail(issuance, Verdict::Transient);
    bench.said();
    bench.pass_to_deadline();
    bench.wake();
}

#[test]
fn where_no_token_was_ever_held_a_failure_is_not_mended_unasked() {
    let mut bench = Bench::load_with(None, History::default(), on_demand());
    bench.ask(1, None);
    fails(&mut bench);
    assert!(bench.said().is_empty());
}

#[test]
fn a_token_that_an_api_refused_is_replaced_whoever_uses_it() {
    let mut bench = Bench::fresh_with(on_demand());
    let token_id = bench.credential.token.as_ref().unwrap().id;
    let (waiter, caller) = (WaiterId(1), Caller(1));
    bench.input(Input::Reported(Report { waiter, token_id, caller }));
    fails(&mut bench);
    assert_eq!(bench.said(), ["reserve Rejected"]);
}

#[test]
fn what_was_used_a_day_ago_is_not_used_any_more() {
    for (secs, reserved) in [(86_399, &["reserve Absent"][..]), (86_400, &[])] {
        let mut bench = Bench::fresh_with(Terms { policy: Policy::Used, ..Terms::default() });
        bench.demand.last_use = Some(bench.now.boot);
        bench.pass(secs);
        bench.wake();
        assert_eq!(bench.said(), reserved);
    }
}
