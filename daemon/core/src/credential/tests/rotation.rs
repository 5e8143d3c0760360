//! Newer tokens that an API has handed to callers.

use super::*;
use crate::{Session, TokenId};

impl Bench {
    fn held(&self) -> TokenId {
        self.credential.token.as_ref().unwrap().id
    }

    /// A caller hands over a newer token in the place of this one.
    fn rotate(&mut self, id: u64, token_id: TokenId, payload: &'static str) {
        self.rotate_as(7, id, token_id, payload);
    }

    pub(super) fn rotate_as(
        &mut self,
        user: u32,
        id: u64,
        token_id: TokenId,
        payload: &'static str,
    ) {
        let rotation = newer(id, token_id, None);
        self.input(Input::Rotated(Rotation { caller: Caller(user), payload, ..rotation }));
    }

    /// Acts while others of the same provider go first.
    fn queue(
        &mut self,
        act: impl FnOnce(&mut Credential<&'static str>, &mut Turn<'_, &'static str>),
    ) {
        let (now, demand, latency, effects) = (self.now, self.demand, self.latency, Vec::new());
        let mut turn = Turn { now, random: &mut self.random, demand, latency, effects };
        act(&mut self.credential, &mut turn);
        self.effects.extend(turn.effects);
    }

    fn coming(&self) -> TokenId {
        self.credential.rotations.coming().expect("one is on its way to the disk").id
    }

    pub(super) fn keep(&mut self) {
        self.input(Input::Kept(self.coming()));
    }

    pub(super) fn lose(&mut self) {
        let failure = StoreFailure { full: true, message: "disk full".to_owned() };
        self.input(Input::Unkept { token_id: self.coming(), failure });
    }

    fn refuse(&mut self, id: u64) {
        let (waiter, token_id, caller) = (WaiterId(id), self.held(), Caller(8));
        self.input(Input::Reported(Report { waiter, token_id, caller }));
    }
}

/// What a caller hands over in the place of a token.
pub(super) fn newer(
    id: u64,
    token_id: TokenId,
    session: Option<Session>,
) -> Rotation<&'static str> {
    let (waiter, caller, refreshable, payload) = (WaiterId(id), Caller(7), false, "second");
    let lifetime = Some(Lifetime::For(Duration::from_secs(LIFE)));
    Rotation { waiter, token_id, caller, lifetime, refreshable, session, payload }
}

#[test]
fn a_newer_token_is_on_disk_before_anyone_sees_it_and_costs_no_issuance() {
    let mut bench = Bench::fresh();
    let first = bench.held();
    bench.pass(LIFE / 2 - 1);
    bench.rotate(1, first, "second");
    bench.ask(2, None);
    assert_eq!(bench.said(), ["keep second", "2 gets first"]);
    bench.keep();
    bench.ask(3, None);
    assert_eq!(bench.said(), ["publish second", "1's is accepted", "3 gets second"]);
    assert_ne!(bench.held(), first);
    // Its life has begun anew.
    bench.pass(LIFE / 2 - 1);
    bench.wake();
    assert!(bench.said().is_empty());
    bench.pass_to_deadline();
    bench.wake();
    assert_eq!(bench.said(), ["reserve Aging"]);
}

#[test]
fn of_several_in_one_tokens_place_the_first_counts() {
    let mut bench = Bench::fresh();
    let first = bench.held();
    bench.rotate(1, first, "second");
    bench.rotate_as(8, 2, first, "third");
    assert_eq!(bench.said(), ["keep second"]);
    bench.keep();
    bench.rotate(3, first, "third");
    let expected = ["publish second", "1's is accepted", "2's is superseded", "3's is superseded"];
    assert_eq!(bench.said(), expected);
    bench.rotate(4, bench.held(), "third");
    bench.keep();
    assert_eq!(bench.said(), ["keep third", "publish third", "4's is accepted"]);
}

#[test]
fn one_that_only_brings_another_extra_lives_as_long_as_the_one_before() {
    let mut bench = Bench::fresh();
    let before = Token::clone(bench.credential.token.as_ref().unwrap());
    bench.pass(100);
    let rotation = newer(1, before.id, None);
    bench.input(Input::Rotated(Rotation { lifetime: None, ..rotation }));
    bench.keep();
    let after = Token::clone(bench.credential.token.as_ref().unwrap());
    assert_eq!(Token { id: after.id, payload: "second", ..before.clone() }, after);
    assert_ne!(before.id, after.id);
}

#[test]
fn an_issuance_under_way_goes_on_and_whichever_comes_later_counts() {
    let mut bench = Bench::fresh();
    let first = bench.held();
    bench.pass_to_deadline();
    let issuance = bench.wake_and_reserve();
    bench.rotate(1, first, "rotated");
    bench.issue(issuance, LIFE, "issued");
    bench.keep();
    assert_eq!(
        bench.said(),
        [
            "reserve Aging",
            "send",
            "keep rotated",
            "persist issued",
            "publish rotated",
            "1's is accepted"
        ]
    );
    bench.input(Input::Persisted(issuance));
    assert_eq!(bench.said(), ["publish issued"]);
}

#[test]
fn one_that_comes_while_another_token_is_written_is_superseded_by_it() {
    let mut bench = Bench::fresh();
    bench.pass_to_deadline();
    let issuance = bench.wake_and_reserve();
    bench.issue(issuance, LIFE, "issued");
    bench.rotate(1, bench.held(), "rotated");
    bench.said();
    bench.input(Input::Persisted(issuance));
    assert_eq!(bench.said(), ["publish issued", "1's is superseded"]);

    let mut bench = Bench::fresh();
    bench.pass_to_deadline();
    let issuance = bench.wake_and_reserve();
    bench.issue(issuance, LIFE, "issued");
    bench.rotate(1, bench.held(), "rotated");
    bench.said();
    bench.unwritten(issuance);
    bench.rotate(2, bench.held(), "rotated");
    assert_eq!(bench.said(), ["1's is unwritten", "2's is unwritten"]);
}

#[test]
fn one_that_comes_while_a_token_is_written_that_ends_meanwhile_can_be_handed_over_again() {
    let mut bench = Bench::fresh();
    bench.pass_to_deadline();
    let issuance = bench.wake_and_reserve();
    bench.issue(issuance, 10, "issued");
    bench.rotate(1, bench.held(), "rotated");
    bench.said();
    bench.pass(10);
    bench.input(Input::Persisted(issuance));
    assert_eq!(bench.said(), ["1's is refused"]);
    bench.rotate(2, bench.held(), "rotated");
    bench.keep();
    assert_eq!(bench.said(), ["keep rotated", "publish rotated", "2's is accepted"]);
}

#[test]
fn a_session_that_is_kept_alive_meanwhile_goes_on_with_the_newer_token() {
    let session = Session { idle: Duration::from_secs(300), end: None };
    let mut bench = Bench::empty();
    bench.wake();
    let issuance = bench.reserve();
    let (sent_at, payload, receipt) = (bench.now.wall, "first", Receipt::default());
    let lifetime = Lifetime::For(Duration::from_secs(300));
    let (same, refreshable, session) = (false, false, Some(session));
    bench.input(Input::Issued {
        issuance,
        sent_at,
        lifetime,
        same,
        refreshable,
        replaced: false,
        session,
        payload,
        receipt,
    });
    bench.input(Input::Persisted(issuance));
    bench.pass_to_deadline();
    let issuance = bench.wake_and_reserve();
    let sent_at = bench.now.wall;
    bench.pass(1);
    bench.rotate(1, bench.held(), "second");
    bench.said();
    let receipt = Receipt { took: Duration::from_secs(1), ..Receipt::default() };
    bench.input(Input::KeptAlive { issuance, sent_at, receipt });
    bench.keep();
    bench.input(Input::Persisted(issuance));
    let expected = ["persist second", "publish second", "1's is accepted", "publish second"];
    assert_eq!(bench.said(), expected);
}

#[test]
fn one_that_can_not_be_written_is_not_lost() {
    let mut bench = Bench::fresh();
    bench.rotate(1, bench.held(), "second");
    bench.lose();
    bench.ask(2, None);
    bench.refuse(3);
    let said = bench.said();
    assert_eq!(said[..3], ["keep second", "1's is unwritten", "2 gets first"]);
    assert!(said[3].starts_with("3 is suppressed"), "{said:?}");
    assert_eq!(bench.state(), State::BackingOff);
    bench.pass_to_deadline();
    bench.wake();
    bench.refuse(4);
    bench.keep();
    bench.wake();
    assert_eq!(bench.said(), ["keep second", "publish second", "4 is told: Superseded"]);
    assert_eq!(bench.state(), State::Fresh);
    assert!(bench.credential.view(bench.now).setback.is_none());
}

#[test]
fn an_even_newer_one_takes_the_place_of_one_that_can_not_be_written() {
    let mut bench = Bench::fresh();
    bench.rotate(1, bench.held(), "second");
    bench.lose();
    bench.rotate(2, bench.held(), "third");
    bench.keep();
    bench.pass_to_deadline();
    let expected =
        ["keep second", "1's is unwritten", "keep third", "publish third", "2's is accepted"];
    assert_eq!(bench.said(), expected);
}

#[test]
fn an_issued_token_takes_the_place_of_one_that_can_not_be_written() {
    let mut bench = Bench::fresh();
    bench.rotate(1, bench.held(), "rotated");
    bench.lose();
    bench.input(Input::Forced(WaiterId(2)));
    let issuance = bench.reserve();
    bench.issue(issuance, LIFE, "issued");
    bench.said();
    bench.input(Input::Persisted(issuance));
    bench.wake();
    assert_eq!(bench.said(), ["publish issued", "2 gets issued"]);
}

#[test]
fn who_needs_one_waits_for_the_newer_token_and_not_for_the_provider() {
    let mut bench = Bench::fresh();
    bench.pass(LIFE - 1);
    bench.rotate(1, bench.held(), "second");
    bench.ask(2, None);
    bench.wake();
    assert_eq!(bench.said(), ["keep second"]);
    bench.lose();
    let said = bench.said();
    assert_eq!(said, ["1's is unwritten", "2 gets first"]);
    bench.pass(1);
    bench.ask(3, None);
    bench.pass_to_deadline();
    bench.ask(4, Some(0));
    bench.keep();
    let said = bench.said();
    assert_eq!(said, ["3 refused: store", "keep second", "publish second", "4 gets second"]);
}

#[test]
fn it_serves_those_who_wait_for_an_issuance_and_one_that_is_not_begun_is_left() {
    let mut bench = Bench::fresh();
    bench.refuse(1);
    bench.ask(2, Some(LIFE * 9 / 10));
    bench.pass(LIFE / 5);
    bench.ask(3, Some(LIFE * 9 / 10));
    bench.rotate(4, bench.held(), "second");
    bench.keep();
    assert_eq!(
        bench.said(),
        [
            "reserve Rejected",
            "2 gets first",
            "keep second",
            "publish second",
            "4's is accepted",
            "1 is told: Superseded",
            "3 gets second"
        ]
    );
}

#[test]
fn it_spares_an_issuance_that_others_go_before_unless_a_person_wants_it() {
    for (forced, goes_on) in [(false, vec![]), (true, vec!["reserve Forced"])] {
        let mut bench = Bench::fresh();
        let first = bench.held();
        bench.pass_to_deadline();
        bench.queue(|credential, turn| {
            if forced {
                credential.handle(Input::Forced(WaiterId(1)), turn);
            } else {
                credential.wake(turn);
            }
        });
        bench.queue(|credential, turn| credential.rotated(newer(2, first, None), turn));
        let id = bench.coming();
        bench.queue(|credential, turn| credential.kept(id, turn));
        bench.said();
        bench.wake();
        assert_eq!(bench.said(), goes_on, "forced: {forced}");
    }
}

#[test]
fn a_lost_answer_may_have_ended_one_that_is_on_its_way_to_the_disk() {
    let ends_old_after = Some(Duration::from_secs(30));
    let mut bench = Bench::fresh_with(Terms { ends_old_after, ..Terms::default() });
    bench.input(Input::Forced(WaiterId(1)));
    let issuance = bench.reserve();
    bench.rotate(2, bench.held(), "second");
    bench.fail_with(issuance, Fate::Lost, issuance::transient(String::new()));
    bench.keep();
    let second = bench.credential.token.as_ref().unwrap();
    assert_eq!((second.payload, second.remaining(bench.now)), ("second", ends_old_after));
}

#[test]
fn a_refusal_and_a_back_off_outlast_it() {
    let mut bench = Bench::fresh();
    bench.input(Input::Forced(WaiterId(1)));
    let issuance = bench.reserve();
    bench.fail(issuance, Verdict::Denied);
    bench.rotate(2, bench.held(), "second");
    bench.keep();
    assert_eq!(bench.state(), State::Refused);

    let mut bench = Bench::fresh();
    bench.input(Input::Forced(WaiterId(1)));
    let issuance = bench.reserve();
    let failure = Failure {
        retry_after: Some(Duration::from_secs(300)),
        ..issuance::transient(String::new())
    };
    bench.fail_with(issuance, Fate::Answered, failure);
    bench.rotate(2, bench.held(), "second");
    bench.keep();
    assert_eq!(bench.state(), State::BackingOff);
    bench.said();
    bench.refuse(3);
    assert!(bench.said()[0].starts_with("3 is suppressed for 3"));
}

#[test]
fn whoever_hands_over_without_a_pause_can_not_keep_the_disk_busy() {
    let mut bench = Bench::fresh();
    let mut written = 0;
    for number in 0..1_000 {
        bench.rotate(number, bench.held(), "next");
        let said = bench.said();
        if said == ["keep next"] {
            bench.keep();
            written += 1;
        } else {
            assert_eq!(said, [format!("{number}'s is throttled")]);
        }
        bench.now.boot = bench.now.boot.after(Duration::from_millis(10));
        bench.said();
    }
    // Twenty, and ten a second.
    assert!((115..=125).contains(&written), "{written}");
    bench.rotate_as(8, 1_000, bench.held(), "next");
    assert_eq!(bench.said(), ["keep next"]);
}

#[test]
fn all_who_wait_for_it_are_told_when_the_credential_is_removed() {
    let mut bench = Bench::fresh();
    let first = bench.held();
    bench.rotate(1, first, "second");
    bench.rotate(2, first, "third");
    bench.refuse(3);
    bench.said();
    bench.effects = bench.credential.remove();
    assert_eq!(bench.effects.len(), 3, "{:?}", bench.effects);
}
