//! The keeper beside a model of it that says beforehand what comes of each step.
//!
//! Tokens live for a thousand seconds and time passes by seven hundred at once, so each of them is
//! young, then old and to be replaced, and then gone; and no wait is longer.

use proptest::{prelude::*, strategy::Union};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

use super::*;
use crate::{Failure, Fate, Operation, State, StoreFailure, Verdict};

const LIFE: u64 = 1_000;

/// So often a clock is looked at while time passes, in seconds, and how often that is.
const LOOK: u64 = 20;
const LOOKS: u64 = 35;

/// So many of a provider can be asked for at once: none waits for another.
const CREDENTIALS: u32 = 5;

/// What can happen, to which credential.
#[derive(Debug, Clone)]
enum Step {
    Add(u32),
    Remove(u32),
    Ask(u32),
    Force(u32),
    /// The ledger has room for an issuance.
    Allow(u32),
    /// It has none.
    Deny(u32),
    Issue(u32),
    Fail(u32, Verdict),
    /// A token is on disk.
    Write(u32),
    /// There is no room for it.
    WriteNot(u32),
    Pass,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Age {
    Young,
    Old,
    Gone,
}

/// The number of a token, and its age.
type Numbered = (u32, Age);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Nothing,
    Reserving,
    Sending,
    Writing(Numbered),
    /// One that couldn't be written.
    Keeping(Numbered),
    Waiting {
        limited: bool,
    },
    /// Until a person acts.
    Stopped,
}

#[derive(Debug, Clone)]
struct One {
    token: Option<Numbered>,
    /// Whether it was old when it came: its refresh was missed, and isn't made up for at once.
    is_late: bool,
    doing: Doing,
    /// Who waits.
    waiting: Vec<u64>,
}

/// All credentials as they should be.
#[derive(Debug, Clone, Default)]
struct Model {
    all: BTreeMap<u32, One>,
    /// How many tokens have come, and how many callers.
    came: u32,
    asked: u64,
    /// What callers are told of the last step: the number of a token or nothing.
    told: BTreeMap<u64, Option<u32>>,
    /// Whose token was published in it.
    published: Option<u32>,
}

impl One {
    fn usable(&self) -> Option<u32> {
        self.token.filter(|(_, age)| *age != Age::Gone).map(|(number, _)| number)
    }

    fn is_due(&self) -> bool {
        !matches!(self.token, Some((_, Age::Young)))
    }

    /// What is due is begun at once.
    fn go_on(&mut self) {
        if self.doing == Doing::Nothing && self.is_due() && !self.is_late {
            self.doing = Doing::Reserving;
        }
    }

    fn state(&self) -> State {
        let is_usable = self.usable().is_some();
        match self.doing {
            Doing::Nothing if is_usable => State::Fresh,
            Doing::Nothing => State::Empty,
            Doing::Reserving | Doing::Sending | Doing::Writing(_) if is_usable => State::Refreshing,
            Doing::Reserving | Doing::Sending | Doing::Writing(_) => State::Issuing,
            Doing::Waiting { limited: true } => State::Limited,
            Doing::Waiting { limited: false } | Doing::Keeping(_) => State::BackingOff,
            Doing::Stopped => State::Refused,
        }
    }

    fn grow_old(&mut self) {
        let older = |(number, age)| (number, if age == Age::Young { Age::Old } else { Age::Gone });
        self.token = self.token.map(older);
        self.is_late = false;
        self.doing = match self.doing {
            // The wait is over.
            Doing::Waiting { .. } => Doing::Nothing,
            Doing::Writing(token) | Doing::Keeping(token) => Doing::Writing(older(token)),
            other => other,
        };
    }
}

impl Model {
    fn answer(&mut self, number: u32, with: Option<u32>) {
        let waiting = std::mem::take(&mut self.all.get_mut(&number).unwrap().waiting);
        self.told.extend(waiting.into_iter().map(|waiter| (waiter, with)));
    }

    fn is(&self, number: u32, like: impl Fn(Doing) -> bool) -> bool {
        self.all.get(&number).is_some_and(|one| like(one.doing))
    }
}

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Self> {
        Just(Self::default()).boxed()
    }

    fn transitions(state: &Self) -> BoxedStrategy<Step> {
        // What is told of an issuance is more likely to be good.
        let of_one = (0..CREDENTIALS).flat_map(|number| {
            [
                (1, Step::Add(number)),
                (1, Step::Remove(number)),
                (4, Step::Ask(number)),
                (2, Step::Force(number)),
                (8, Step::Allow(number)),
                (2, Step::Deny(number)),
                (8, Step::Issue(number)),
                (2, Step::Fail(number, Verdict::Transient)),
                (1, Step::Fail(number, Verdict::Denied)),
                (8, Step::Write(number)),
                (3, Step::WriteNot(number)),
            ]
        });
        let all = of_one.chain([(8, Step::Pass)]);
        let possible = all.filter(|(_, step)| Self::preconditions(state, step));
        Union::new_weighted(possible.map(|(weight, step)| (weight, Just(step))).collect()).boxed()
    }

    fn preconditions(state: &Self, step: &Step) -> bool {
        match *step {
            Step::Add(number) => !state.all.contains_key(&number),
            Step::Remove(number) => state.all.contains_key(&number),
            Step::Ask(_) | Step::Force(_) | Step::Pass => true,
            Step::Allow(number) | Step::Deny(number) => {
                state.is(number, |doing| doing == Doing::Reserving)
            }
            Step::Issue(number) | Step::Fail(number, _) => {
                state.is(number, |doing| doing == Doing::Sending)
            }
            Step::Write(number) | Step::WriteNot(number) => {
                state.is(number, |doing| matches!(doing, Doing::Writing(_)))
            }
        }
    }

    fn apply(mut state: Self, step: &Step) -> Self {
        state.told.clear();
        state.published = None;
        match *step {
            Step::Add(number) => {
                let (doing, waiting) = (Doing::Nothing, Vec::new());
                state.all.insert(number, One { token: None, is_late: false, doing, waiting });
            }
            Step::Remove(number) => {
                state.answer(number, None);
                state.all.remove(&number);
            }
            Step::Ask(number) | Step::Force(number) => {
                state.asked += 1;
                let (asked, is_forced) = (state.asked, matches!(step, Step::Force(_)));
                let Some(one) = state.all.get_mut(&number) else {
                    state.told.insert(asked, None);
                    return state;
                };
                if let (false, Some(token)) = (is_forced, one.usable()) {
                    state.told.insert(asked, Some(token));
                    return state;
                }
                match one.doing {
                    Doing::Reserving | Doing::Sending | Doing::Writing(_) => {}
                    Doing::Keeping(token) if is_forced => one.doing = Doing::Writing(token),
                    _ if is_forced => one.doing = Doing::Reserving,
                    _ => {
                        state.told.insert(asked, None);
                        return state;
                    }
                }
                one.waiting.push(asked);
            }
            Step::Allow(number) => state.all.get_mut(&number).unwrap().doing = Doing::Sending,
            Step::Deny(number) => {
                let one = state.all.get_mut(&number).unwrap();
                // Someone wanted more than is needed.
                let limited = Doing::Waiting { limited: true };
                one.doing = if one.is_due() { limited } else { Doing::Nothing };
                state.answer(number, None);
            }
            Step::Issue(number) => {
                state.came += 1;
                let token = (state.came, Age::Young);
                state.all.get_mut(&number).unwrap().doing = Doing::Writing(token);
            }
            Step::Fail(number, verdict) => {
                let wait = Doing::Waiting { limited: false };
                state.all.get_mut(&number).unwrap().doing =
                    if verdict == Verdict::Denied { Doing::Stopped } else { wait };
                state.answer(number, None);
            }
            Step::Write(number) => {
                let one = state.all.get_mut(&number).unwrap();
                let Doing::Writing((token, age)) = one.doing else { unreachable!() };
                if age == Age::Gone {
                    one.doing = Doing::Waiting { limited: false };
                    state.answer(number, None);
                } else {
                    (one.token, one.doing) = (Some((token, age)), Doing::Nothing);
                    one.is_late = age == Age::Old;
                    state.answer(number, Some(token));
                    state.published = Some(token);
                }
            }
            Step::WriteNot(number) => {
                let one = state.all.get_mut(&number).unwrap();
                let Doing::Writing(token) = one.doing else { unreachable!() };
                one.doing = Doing::Keeping(token);
                state.answer(number, None);
            }
            Step::Pass => state.all.values_mut().for_each(One::grow_old),
        }
        state.all.values_mut().for_each(One::go_on);
        state
    }
}

/// The keeper, and what it has asked for.
struct Real {
    keeper: Keeper,
    random: SplitMix,
    now: Moment,
    issuances: BTreeMap<u32, IssuanceId>,
    told: BTreeMap<u64, Option<u32>>,
    published: Option<u32>,
    /// What was asked for in the last step: `Reserve`, `Send` and `Persist`.
    wanted: BTreeMap<u32, Vec<Doing>>,
}

impl Real {
    fn hear(&mut self, effects: Vec<(Name, Effect<u32>)>) {
        for (whose, effect) in effects {
            let number = (0..CREDENTIALS).find(|number| name(*number) == whose).unwrap();
            match effect {
                Effect::Reserve { issuance, .. } => {
                    self.issuances.insert(number, issuance);
                    self.wanted.entry(number).or_default().push(Doing::Reserving);
                }
                Effect::Send { issuance, operation, .. } => {
                    assert_eq!((issuance, operation), (self.issuances[&number], Operation::Issue));
                    self.wanted.entry(number).or_default().push(Doing::Sending);
                }
                Effect::Persist { issuance, token, .. } => {
                    assert_eq!(issuance, self.issuances[&number]);
                    let writing = Doing::Writing((token.payload, Age::Young));
                    self.wanted.entry(number).or_default().push(writing);
                }
                Effect::Publish(token) => assert_eq!(self.published.replace(token.payload), None),
                Effect::Answer { waiter, answer } => {
                    let token = answer.ok().map(|token| token.payload);
                    assert_eq!(self.told.insert(waiter.0, token), None, "told twice");
                }
                Effect::Settle { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn handle(&mut self, number: u32, input: Input<u32>) {
        let name = name(number);
        let effects = self.keeper.handle(self.now, &mut self.random, &(), &name, input);
        self.hear(effects);
    }

    fn wake(&mut self) {
        let effects = self.keeper.wake(self.now, &mut self.random, &(), usize::MAX);
        self.hear(effects);
    }
}

impl StateMachineTest for Real {
    type SystemUnderTest = Self;
    type Reference = Model;

    fn init_test(_: &Model) -> Self {
        Self {
            keeper: Keeper::default(),
            random: SplitMix::new(1),
            now: start(),
            issuances: BTreeMap::new(),
            told: BTreeMap::new(),
            published: None,
            wanted: BTreeMap::new(),
        }
    }

    fn apply(mut real: Self, model: &Model, step: Step) -> Self {
        real.told.clear();
        real.wanted.clear();
        real.published = None;
        let full = || StoreFailure { full: true, message: String::new() };
        let waiter = WaiterId(model.asked);
        match step {
            Step::Add(number) => real.handle(number, loaded()),
            Step::Remove(number) => {
                let name = name(number);
                let effects = real.keeper.remove(real.now, &mut real.random, &(), &name);
                real.hear(effects);
            }
            Step::Ask(number) => {
                real.handle(number, Input::Requested(Waiter { id: waiter, min_ttl: None }));
            }
            Step::Force(number) => real.handle(number, Input::Forced(waiter)),
            Step::Allow(number) => real.handle(number, reserved(real.issuances[&number])),
            Step::Deny(number) => {
                let (issuance, retry_after) = (real.issuances[&number], Duration::from_secs(60));
                real.handle(number, Input::Refused { issuance, retry_after });
            }
            Step::Issue(number) => {
                let issuance = real.issuances[&number];
                real.handle(number, issued(issuance, real.now.wall, LIFE, model.came));
            }
            Step::Fail(number, verdict) => real.handle(
                number,
                Input::Failed {
                    issuance: real.issuances[&number],
                    fate: Fate::Answered,
                    failure: Failure { verdict, retry_after: None, message: String::new() },
                    receipt: Receipt::default(),
                },
            ),
            Step::Write(number) => real.handle(number, Input::Persisted(real.issuances[&number])),
            Step::WriteNot(number) => {
                let (issuance, failure) = (real.issuances[&number], full());
                real.handle(number, Input::Unwritten { issuance, failure });
            }
            Step::Pass => {
                for _ in 0..LOOKS {
                    real.now = later(real.now, Duration::from_secs(LOOK));
                    real.wake();
                }
            }
        }
        real.wake();
        real
    }

    fn check_invariants(real: &Self, model: &Model) {
        assert_eq!(real.told, model.told);
        assert_eq!(real.published, model.published);
        for number in 0..CREDENTIALS {
            let view = real.keeper.view(&name(number), real.now);
            let Some(one) = model.all.get(&number) else {
                assert!(view.is_none());
                continue;
            };
            let view = view.unwrap();
            assert_eq!(view.state, one.state(), "{number}: {one:?}");
            let usable = view.token.filter(|token| !token.is_expired(real.now));
            assert_eq!(usable.map(|token| token.payload), one.usable());
            assert_eq!(view.overdue, one.is_due());
            // What is asked for is what it does then, and it is asked for once.
            let wanted = real.wanted.get(&number).map_or(&[][..], Vec::as_slice);
            assert!(wanted.len() <= 1, "{number}: {wanted:?}");
            for wanted in wanted {
                match (wanted, one.doing) {
                    (Doing::Writing((token, _)), Doing::Writing((other, _))) => {
                        assert_eq!(*token, other);
                    }
                    (wanted, doing) => assert_eq!(*wanted, doing),
                }
            }
        }
        assert_ne!(
            real.keeper.idle(real.now),
            Some(Duration::ZERO),
            "nothing is due over and over"
        );
    }
}

prop_state_machine! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_keeper_does_what_a_model_says_beforehand(sequential 1..100 => Real);
}
