//! Callers who may have the token replaced.

use super::*;

impl Bench {
    pub(super) fn want(&mut self, id: u64, caller: u32) {
        let want = Want { waiter: WaiterId(id), caller: Caller(caller) };
        self.input(Input::Wanted(want));
    }

    /// The provider gives a new token.
    pub(super) fn renew(&mut self) {
        let issuance = self.reserve();
        self.issue(issuance, LIFE, "next");
        self.input(Input::Persisted(issuance));
    }
}

#[test]
fn a_refresher_gets_another_token_and_shares_it_with_all_who_want_one() {
    let mut bench = Bench::fresh();
    bench.want(1, 10);
    bench.want(2, 11);
    bench.ask(3, None);
    assert_eq!(bench.said(), ["reserve Wanted", "3 gets first"], "no one waits for it");
    bench.renew();
    let said = bench.said();
    assert_eq!(said, ["send", "persist next", "publish next", "1 gets next", "2 gets next"]);
}

#[test]
fn a_refresher_joins_what_is_under_way() {
    let mut bench = Bench::empty();
    bench.wake();
    bench.want(1, 10);
    assert_eq!(bench.said(), ["reserve Absent"]);
    bench.renew();
    assert_eq!(bench.said().pop().as_deref(), Some("1 gets next"));
}

#[test]
fn a_refresher_is_heard_four_times_and_then_once_an_hour_and_keeps_no_one_else_from_it() {
    let mut bench = Bench::fresh();
    let mut heard = 0;
    for second in 0..86_000_u64 {
        bench.want(second, 666);
        if let Activity::Issuing { .. } = bench.credential.activity {
            heard += 1;
            bench.renew();
        }
        bench.said();
        bench.pass(1);
    }
    assert_eq!(heard, 4 + 23);
    bench.want(1, 666);
    assert_eq!(bench.said(), ["1 refused: too soon"]);
    bench.want(2, 10);
    assert_eq!(bench.said(), ["reserve Wanted"]);
}

#[test]
fn a_refresher_ends_no_back_off_and_no_refusal() {
    for (verdict, told) in
        [(Verdict::Transient, "2 refused: unavailable"), (Verdict::Denied, "2 refused: rejected")]
    {
        let mut bench = Bench::fresh();
        bench.want(1, 10);
        let issuance = bench.reserve();
        bench.fail(issuance, verdict);
        bench.said();
        bench.want(2, 10);
        assert_eq!(bench.said(), [told]);
        bench.ask(3, None);
        assert_eq!(bench.said(), ["3 gets first"], "what is held is served on");
    }
}

#[test]
fn a_limit_that_allows_no_wish_is_no_fault_of_the_credentials() {
    let mut bench = Bench::fresh();
    bench.want(1, 10);
    let issuance = bench.issuance();
    let retry_after = Duration::from_secs(600);
    bench.input(Input::Refused { issuance, retry_after });
    assert_eq!(bench.said(), ["reserve Wanted", "1 refused: budget"]);
    assert_eq!(bench.state(), State::Fresh);
}

#[test]
fn one_who_wants_another_waits_for_the_one_that_an_api_has_handed_out() {
    let mut bench = Bench::fresh();
    let token_id = bench.credential.token.as_ref().unwrap().id;
    bench.input(Input::Rotated(Rotation {
        waiter: WaiterId(1),
        token_id,
        caller: Caller(10),
        lifetime: None,
        refreshable: false,
        session: None,
        payload: "newer",
    }));
    bench.want(2, 11);
    assert_eq!(bench.said(), ["keep newer"]);
    let id = bench.credential.rotations.coming().map(|token| token.id).unwrap();
    bench.input(Input::Kept(id));
    assert_eq!(bench.said(), ["publish newer", "1's is accepted", "2 gets newer"]);
}
