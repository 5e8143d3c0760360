mod arrival;
mod doubt;
mod login;
mod mended;
mod patience;
mod policy;
mod report;
mod resupply;
mod revocation;
mod rotation;
mod share;
mod start;
mod unused;
mod wait;
mod want;

use super::*;
use crate::{BootTime, Failure, Lifetime, SplitMix, StoreFailure};

/// A credential on a bench: time stands still until it is moved.
struct Bench {
    credential: Credential<&'static str>,
    now: Moment,
    random: SplitMix,
    demand: Demand,
    latency: Duration,
    effects: Vec<Effect<&'static str>>,
}

const LIFE: u64 = 1_000;

impl Bench {
    fn load(token: Option<Token<&'static str>>, history: History) -> Self {
        Self::load_with(token, history, Terms::default())
    }

    fn load_with(token: Option<Token<&'static str>>, history: History, terms: Terms) -> Self {
        let now = Moment {
            wall: "2026-01-01T00:00:00Z".parse().unwrap(),
            boot: BootTime(Duration::from_secs(500)),
        };
        let mut random = SplitMix::new(1);
        let (demand, latency, effects) = Default::default();
        let mut turn = Turn { now, random: &mut random, demand, latency, effects };
        let credential = Credential::load(token, history, terms, false, &mut turn);
        let effects = turn.effects;
        Self { credential, now, random, demand, latency, effects }
    }

    fn empty() -> Self {
        Self::load(None, History::default())
    }

    /// A credential that got its token just now.
    fn fresh() -> Self {
        Self::fresh_with(Terms::default())
    }

    fn fresh_with(terms: Terms) -> Self {
        let mut bench = Self::load_with(None, History::default(), terms);
        bench.ask(0, None);
        let issuance = bench.reserve();
        bench.issue(issuance, LIFE, "first");
        bench.input(Input::Persisted(issuance));
        bench.effects.clear();
        bench
    }

    fn pass(&mut self, secs: u64) {
        let wait = Duration::from_secs(secs);
        self.now.wall = crate::after(self.now.wall, wait);
        self.now.boot = self.now.boot.after(wait);
    }

    fn turn(
        &mut self,
        act: impl FnOnce(&mut Credential<&'static str>, &mut Turn<'_, &'static str>),
    ) {
        let (now, demand, latency, effects) = (self.now, self.demand, self.latency, Vec::new());
        let mut turn = Turn { now, random: &mut self.random, demand, latency, effects };
        act(&mut self.credential, &mut turn);
        // No others are in the queue.
        self.credential.proceed(&mut turn);
        self.effects.extend(turn.effects);
    }

    fn input(&mut self, input: Input<&'static str>) {
        self.turn(|credential, turn| credential.handle(input, turn));
    }

    fn wake(&mut self) {
        self.turn(Credential::wake);
    }

    fn ask(&mut self, id: u64, min_ttl: Option<u64>) {
        let waiter = Waiter { id: WaiterId(id), min_ttl: min_ttl.map(Duration::from_secs) };
        self.input(Input::Requested(waiter));
    }

    /// Takes the effects so far, each as a short word.
    fn said(&mut self) -> Vec<String> {
        let word = |effect: Effect<&'static str>| match effect {
            Effect::Reserve { cause, .. } => format!("reserve {cause:?}"),
            Effect::Send { operation: Operation::Issue, .. } => "send".to_owned(),
            Effect::Send { operation: Operation::Refresh, .. } => "send refresh".to_owned(),
            Effect::Send { operation: Operation::KeepAlive, .. } => "keep alive".to_owned(),
            Effect::Persist { token, .. } => format!("persist {}", token.payload),
            Effect::Settle { fate, .. } => format!("settle sent={}", fate != Fate::Unsent),
            Effect::Publish(token) => format!("publish {}", token.payload),
            Effect::Answer { waiter, answer: Ok(token) } => {
                format!("{} gets {}", waiter.0, token.payload)
            }
            Effect::Answer { waiter, answer: Err(refusal) } => {
                let kind = match refusal {
                    Refusal::BudgetExhausted { .. } => "budget",
                    Refusal::TooSoon { .. } => "too soon",
                    Refusal::Unavailable { .. } => "unavailable",
                    Refusal::Local { .. } => "local",
                    Refusal::Rejected { .. } => "rejected",
                    Refusal::LoginNeeded { .. } => "login needed",
                    Refusal::Impossible { .. } => "impossible",
                    Refusal::MinTtlUnsatisfiable { .. } => "unsatisfiable",
                    Refusal::Store { .. } => "store",
                    Refusal::Removed => "removed",
                };
                format!("{} refused: {kind}", waiter.0)
            }
            Effect::Rule { waiter, ruling } => match ruling {
                Ruling::Suppressed { retry_after } => {
                    format!("{} is suppressed for {} s", waiter.0, retry_after.as_secs())
                }
                Ruling::CredentialDead { .. } => format!("{} is told: dead", waiter.0),
                ruling => format!("{} is told: {ruling:?}", waiter.0),
            },
            Effect::Withdraw => "withdraw".to_owned(),
            Effect::Discard => "discard".to_owned(),
            Effect::Keep(token) => format!("keep {}", token.payload),
            Effect::Acknowledge { waiter, reception } => {
                let kind = match reception {
                    Reception::Accepted(_) => "accepted",
                    Reception::Superseded => "superseded",
                    Reception::Throttled { .. } => "throttled",
                    Reception::Refused(Refusal::Store { .. }) => "unwritten",
                    Reception::Refused(_) => "refused",
                };
                format!("{}'s is {kind}", waiter.0)
            }
        };
        std::mem::take(&mut self.effects).into_iter().map(word).collect()
    }

    fn issuance(&self) -> IssuanceId {
        let Activity::Issuing { issuance, .. } = &self.credential.activity else {
            panic!("no issuance is under way: {:?}", self.credential.activity);
        };
        *issuance
    }

    /// The ledger takes the issuance that is under way.
    fn reserve(&mut self) -> IssuanceId {
        self.reserve_with(Allowance { pace: None, room: u32::MAX })
    }

    fn reserve_with(&mut self, allowance: Allowance) -> IssuanceId {
        let issuance = self.issuance();
        self.input(Input::Reserved { issuance, allowance });
        issuance
    }

    fn wake_and_reserve(&mut self) -> IssuanceId {
        self.wake();
        self.reserve()
    }

    fn issue(&mut self, issuance: IssuanceId, life: u64, payload: &'static str) {
        self.issue_again(issuance, life, payload, false, false);
    }

    fn issue_again(
        &mut self,
        issuance: IssuanceId,
        life: u64,
        payload: &'static str,
        same: bool,
        refreshable: bool,
    ) {
        self.input(Input::Issued {
            issuance,
            sent_at: self.now.wall,
            lifetime: Lifetime::For(Duration::from_secs(life)),
            same,
            refreshable,
            replaced: false,
            session: None,
            payload,
            receipt: Receipt { renewed: true, ..Receipt::default() },
        });
    }

    fn fail(&mut self, issuance: IssuanceId, verdict: Verdict) {
        let failure = Failure { verdict, retry_after: None, message: "no".to_owned() };
        self.fail_with(issuance, Fate::Answered, failure);
    }

    fn fail_with(&mut self, issuance: IssuanceId, fate: Fate, failure: Failure) {
        let receipt = Receipt::default();
        self.input(Input::Failed { issuance, fate, failure, receipt });
    }

    fn unwritten(&mut self, issuance: IssuanceId) {
        let failure = StoreFailure { full: true, message: "disk full".to_owned() };
        self.input(Input::Unwritten { issuance, failure });
    }

    fn state(&self) -> State {
        self.credential.view(self.now).state
    }

    /// Moves to the time that the credential waits for.
    fn pass_to_deadline(&mut self) {
        let wait = match self.credential.deadline().expect("something is due some time") {
            Deadline::Now => 0,
            Deadline::Boot(at) => self.now.boot.until(at).as_secs() + 1,
            Deadline::Token { boot, .. } => self.now.boot.until(boot).as_secs() + 1,
        };
        self.pass(wait);
    }
}

fn reserved(issuance: IssuanceId) -> Input<&'static str> {
    Input::Reserved { issuance, allowance: Allowance::default() }
}

#[test]
fn nothing_is_sent_before_the_ledger_holds_it_nor_shown_before_the_disk_holds_it() {
    let mut bench = Bench::empty();
    bench.wake();
    assert_eq!(bench.said(), ["reserve Absent"]);
    assert_eq!(bench.state(), State::Issuing);
    let issuance = bench.reserve();
    assert_eq!(bench.said(), ["send"]);
    bench.issue(issuance, LIFE, "first");
    assert_eq!(bench.said(), ["persist first"]);
    bench.input(Input::Persisted(issuance));
    assert_eq!(bench.said(), ["publish first"]);
    assert_eq!(bench.state(), State::Fresh);
}

#[test]
fn a_stored_token_is_published_at_once_and_costs_no_issuance() {
    let fresh = Bench::fresh();
    let token = Token::clone(fresh.credential.token.as_ref().unwrap());
    let mut bench = Bench::load(Some(token), History::default());
    assert_eq!(bench.said(), ["publish first"]);
    bench.wake();
    assert!(bench.said().is_empty());
    assert_eq!(bench.state(), State::Fresh);
}

#[test]
fn all_who_wait_share_one_issuance_and_its_token() {
    let mut bench = Bench::empty();
    for id in 1..=3 {
        bench.ask(id, None);
    }
    assert_eq!(bench.said(), ["reserve Absent"]);
    let issuance = bench.reserve();
    bench.ask(4, None);
    bench.issue(issuance, LIFE, "first");
    bench.ask(5, None);
    assert_eq!(bench.said(), ["send", "persist first"]);
    bench.input(Input::Persisted(issuance));
    let expected = [
        "publish first",
        "1 gets first",
        "2 gets first",
        "3 gets first",
        "4 gets first",
        "5 gets first",
    ];
    assert_eq!(bench.said(), expected);
}

#[test]
fn all_who_wait_share_a_failure_and_later_ones_get_it_without_a_request() {
    let mut bench = Bench::empty();
    bench.ask(1, None);
    bench.ask(2, None);
    let issuance = bench.reserve();
    bench.said();
    bench.fail(issuance, Verdict::Transient);
    assert_eq!(
        bench.said(),
        ["settle sent=true", "1 refused: unavailable", "2 refused: unavailable"]
    );
    bench.ask(3, None);
    assert_eq!(bench.said(), ["3 refused: unavailable"]);
    assert_eq!(bench.state(), State::BackingOff);
}

#[test]
fn serves_the_old_token_while_refreshing_and_after_a_failed_refresh() {
    let mut bench = Bench::fresh();
    bench.pass_to_deadline();
    bench.wake();
    assert_eq!(bench.said(), ["reserve Aging"]);
    assert_eq!(bench.state(), State::Refreshing);
    bench.ask(1, None);
    assert_eq!(bench.said(), ["1 gets first"]);
    let issuance = bench.reserve();
    bench.fail(issuance, Verdict::Transient);
    bench.ask(2, None);
    assert_eq!(bench.said(), ["send", "settle sent=true", "2 gets first"]);
}

#[test]
fn a_token_that_could_not_be_written_is_kept_and_written_later() {
    let mut bench = Bench::empty();
    bench.ask(1, None);
    let issuance = bench.reserve();
    bench.issue(issuance, LIFE, "first");
    bench.said();
    bench.unwritten(issuance);
    assert_eq!(bench.said(), ["1 refused: store"], "what isn't stored isn't served");
    bench.ask(2, None);
    assert_eq!(bench.said(), ["2 refused: store"]);
    bench.pass_to_deadline();
    bench.wake();
    assert_eq!(bench.said(), ["persist first"], "the provider isn't asked again");
    bench.input(Input::Persisted(issuance));
    assert_eq!(bench.said(), ["publish first"]);
}

#[test]
fn a_reservation_that_could_not_be_written_sends_nothing() {
    let mut bench = Bench::empty();
    bench.ask(1, None);
    let issuance = bench.issuance();
    bench.unwritten(issuance);
    assert_eq!(bench.said(), ["reserve Absent", "1 refused: store"]);
    bench.input(reserved(issuance));
    assert!(bench.said().is_empty());
}

#[test]
fn a_longer_life_than_is_left_costs_an_issuance_but_an_impossible_one_does_not() {
    let mut bench = Bench::fresh();
    bench.pass(200);
    bench.ask(1, Some(801));
    assert_eq!(bench.said(), ["reserve MinTtl"]);
    let mut bench = Bench::fresh();
    bench.ask(1, Some(901));
    bench.pass(100);
    bench.ask(2, Some(901));
    assert_eq!(bench.said(), ["1 gets first", "2 refused: unsatisfiable"]);
    assert_eq!(bench.state(), State::Fresh);
}

#[test]
fn one_whose_wish_the_new_token_does_not_meet_is_told_so() {
    let mut bench = Bench::empty();
    bench.ask(1, Some(5_000));
    bench.ask(2, None);
    let issuance = bench.reserve();
    bench.issue(issuance, LIFE, "first");
    bench.said();
    bench.input(Input::Persisted(issuance));
    assert_eq!(bench.said(), ["publish first", "1 refused: unsatisfiable", "2 gets first"]);
}

#[test]
fn a_token_that_has_expired_on_arrival_is_a_failure() {
    for lifetime in [Lifetime::For(Duration::ZERO), Lifetime::Until(jiff::Timestamp::MIN)] {
        let mut bench = Bench::empty();
        let issuance = bench.wake_and_reserve();
        bench.said();
        let (sent_at, receipt) = (bench.now.wall, Receipt::default());
        let (same, refreshable, payload) = (false, false, "late");
        bench.input(Input::Issued {
            issuance,
            sent_at,
            lifetime,
            same,
            refreshable,
            replaced: false,
            session: None,
            payload,
            receipt,
        });
        assert_eq!(bench.said(), ["settle sent=true"]);
        assert_eq!(bench.state(), State::BackingOff);
    }
}

#[test]
fn a_clock_that_is_set_back_while_the_answer_is_on_its_way_prolongs_no_life_and_costs_nothing() {
    let mut bench = Bench::empty();
    let issuance = bench.wake_and_reserve();
    let sent_at = bench.now.wall;
    bench.pass(30);
    bench.now.wall = crate::before(sent_at, Duration::from_secs(3_600));
    bench.input(Input::Issued {
        issuance,
        sent_at,
        lifetime: Lifetime::For(Duration::from_secs(LIFE)),
        same: false,
        refreshable: false,
        replaced: false,
        session: None,
        payload: "first",
        receipt: Receipt { date: None, took: Duration::from_secs(30), free: false, renewed: true },
    });
    bench.input(Input::Persisted(issuance));
    let token = bench.credential.token.as_ref().unwrap();
    assert_eq!(token.remaining(bench.now), Some(Duration::from_secs(LIFE - 30)));
    bench.said();
    bench.pass(1);
    bench.wake();
    assert!(bench.said().is_empty(), "it isn't due");
}

#[test]
fn answers_to_another_issuance_change_nothing() {
    let mut bench = Bench::empty();
    let issuance = bench.wake_and_reserve();
    bench.said();
    let other = IssuanceId([9; 16]);
    bench.input(reserved(other));
    bench.input(Input::Refused { issuance: other, retry_after: Duration::ZERO });
    bench.issue(other, LIFE, "stray");
    bench.fail(other, Verdict::Denied);
    bench.input(Input::Persisted(other));
    bench.input(Input::Persisted(issuance));
    bench.unwritten(other);
    bench.input(reserved(issuance));
    assert!(bench.said().is_empty());
    assert_eq!(bench.issuance(), issuance);
}

#[test]
fn jitter_is_drawn_once_however_often_the_token_is_looked_at() {
    let mut bench = Bench::fresh();
    let due = bench.credential.deadline();
    for id in 0..100 {
        bench.ask(id, None);
        bench.wake();
    }
    assert_eq!(bench.credential.deadline(), due);
}
