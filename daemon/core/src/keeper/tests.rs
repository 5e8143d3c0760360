use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;

use super::*;
use crate::{
    Allowance, Caller, Cause, Demand, Failure, Fate, History, IssuanceId, Lifetime, Receipt,
    Report, SplitMix, State, StoreFailure, Terms, TokenId, Verdict, Waiter, WaiterId, after,
};

type Keeper = super::Keeper<u32>;

fn start() -> Moment {
    let boot = BootTime(Duration::from_secs(100));
    Moment { wall: "2026-01-01T00:00:00Z".parse().unwrap(), boot }
}

fn later(now: Moment, wait: Duration) -> Moment {
    Moment { wall: after(now.wall, wait), boot: now.boot.after(wait) }
}

fn name(number: u32) -> Name {
    format!("c{number:05}").parse().unwrap()
}

fn loaded() -> Input<u32> {
    of_provider("one")
}

fn of_provider(provider: &str) -> Input<u32> {
    let terms = Terms { provider: provider.into(), ..Terms::default() };
    Input::Loaded { token: None, history: History::default(), terms, new: false }
}

fn reserved(issuance: IssuanceId) -> Input<u32> {
    Input::Reserved { issuance, allowance: Allowance::default() }
}

fn issued(issuance: IssuanceId, sent_at: jiff::Timestamp, life: u64, payload: u32) -> Input<u32> {
    Input::Issued {
        issuance,
        sent_at,
        lifetime: Lifetime::For(Duration::from_secs(life)),
        same: false,
        refreshable: false,
        session: None,
        payload,
        receipt: Receipt::default(),
    }
}

/// Answers all that is asked for at once, and returns who asked, in turn.
fn answer_all(
    keeper: &mut Keeper,
    random: &mut SplitMix,
    callers: &dyn Callers,
    now: Moment,
    due: Vec<(Name, Effect<u32>)>,
) -> Vec<Name> {
    let mut asked = Vec::new();
    let mut due = std::collections::VecDeque::from(due);
    while let Some((name, effect)) = due.pop_front() {
        let input = match effect {
            Effect::Reserve { issuance, .. } => {
                asked.push(name.clone());
                reserved(issuance)
            }
            Effect::Send { issuance, .. } => issued(issuance, now.wall, 3_600, 1),
            Effect::Persist { issuance, .. } => Input::Persisted(issuance),
            _ => continue,
        };
        due.extend(keeper.handle(now, random, callers, &name, input));
    }
    asked
}

#[test]
fn what_is_due_is_done_and_nothing_else() {
    let (mut keeper, mut random, mut now) = (Keeper::default(), SplitMix::new(1), start());
    for number in 0..1_000 {
        keeper.handle(now, &mut random, &(), &name(number), loaded());
    }
    assert_eq!(keeper.idle(now), Some(Duration::ZERO));
    let due = keeper.wake(now, &mut random, &(), usize::MAX);
    assert_eq!(answer_all(&mut keeper, &mut random, &(), now, due).len(), 1_000);
    assert!(keeper.wake(now, &mut random, &(), usize::MAX).is_empty());

    // 1,000 tokens of one age aren't refreshed together: the jitter spreads them.
    let idle = keeper.idle(now).unwrap();
    assert!(idle > Duration::from_secs(1_790), "{idle:?}");
    let mut rounds = Vec::new();
    while rounds.iter().sum::<usize>() < 1_000 {
        now = later(now, Duration::from_secs(36));
        let due = keeper.wake(now, &mut random, &(), usize::MAX);
        rounds.push(answer_all(&mut keeper, &mut random, &(), now, due).len());
    }
    assert!(rounds.iter().all(|due| *due < 200), "{rounds:?}");
}

/// Callers who use a credential as often as its number says.
struct Numbered;

impl Callers for Numbered {
    fn demand(&self, name: &Name) -> Demand {
        Demand { uses: name.as_str()[1..].parse().unwrap(), ..Demand::default() }
    }
}

#[test]
fn after_days_of_sleep_hundreds_are_replaced_a_few_at_a_time_and_the_most_used_first() {
    let (mut keeper, mut random, mut now) = (Keeper::default(), SplitMix::new(1), start());
    for number in 0..500 {
        keeper.handle(now, &mut random, &(), &name(number), loaded());
    }
    let due = keeper.wake(now, &mut random, &(), usize::MAX);
    answer_all(&mut keeper, &mut random, &(), now, due);
    now = later(now, Duration::from_secs(3 * 86_400));
    let mut first = Vec::new();
    while keeper.idle(now) == Some(Duration::ZERO) {
        first.extend(keeper.wake(now, &mut random, &Numbered, 100));
    }
    assert_eq!(first.len(), 8, "of one provider");
    let asked = answer_all(&mut keeper, &mut random, &Numbered, now, first);
    assert!(asked.into_iter().eq((0..500).rev().map(name)));
}

#[test]
fn one_slow_provider_holds_up_no_other() {
    let (mut keeper, mut random, now) = (Keeper::default(), SplitMix::new(1), start());
    for number in 0..20 {
        keeper.handle(now, &mut random, &(), &name(number), of_provider("slow"));
    }
    keeper.handle(now, &mut random, &(), &name(99), of_provider("quick"));
    let due = keeper.wake(now, &mut random, &(), usize::MAX);
    assert_eq!(due.len(), 9, "{due:?}");
    assert!(due.iter().any(|(who, _)| *who == name(99)));
    // One that goes makes room for the next.
    let slow = due.iter().find(|(who, _)| *who != name(99)).unwrap();
    let effects = keeper.remove(now, &mut random, &(), &slow.0);
    assert!(matches!(&effects[..], [(_, Effect::Reserve { .. })]), "{effects:?}");
}

#[test]
fn refreshes_that_were_missed_are_made_up_for_over_a_minute() {
    let (mut keeper, mut random, mut now) = (Keeper::default(), SplitMix::new(1), start());
    for number in 0..200 {
        let provider = format!("p{number}");
        keeper.handle(now, &mut random, &(), &name(number), of_provider(&provider));
    }
    let due = keeper.wake(now, &mut random, &(), usize::MAX);
    answer_all(&mut keeper, &mut random, &(), now, due);
    now = later(now, Duration::from_secs(3_000));
    assert!(keeper.wake(now, &mut random, &(), usize::MAX).is_empty());
    let mut rounds = Vec::new();
    for _ in 0..6 {
        now = later(now, Duration::from_secs(10));
        rounds.push(keeper.wake(now, &mut random, &(), usize::MAX).len());
    }
    assert_eq!(rounds.iter().sum::<usize>(), 200);
    assert!(rounds.iter().all(|due| (15..60).contains(due)), "{rounds:?}");
}

#[test]
fn a_removed_credential_answers_those_who_wait_and_ignores_late_news() {
    let (mut keeper, mut random, now) = (Keeper::default(), SplitMix::new(1), start());
    let name = name(1);
    keeper.handle(now, &mut random, &(), &name, loaded());
    let waiter = Waiter { id: WaiterId(7), min_ttl: None };
    let effects = keeper.handle(now, &mut random, &(), &name, Input::Requested(waiter));
    let [(_, Effect::Reserve { issuance, .. })] = effects[..] else { panic!("{effects:?}") };
    let effects = keeper.remove(now, &mut random, &(), &name);
    let removed = |effects: &[(Name, Effect<u32>)]| {
        matches!(
            effects,
            [(_, Effect::Answer { waiter: WaiterId(7), answer: Err(Refusal::Removed) })]
        )
    };
    assert!(removed(&effects), "{effects:?}");
    assert!(keeper.handle(now, &mut random, &(), &name, reserved(issuance)).is_empty());
    assert!(removed(&keeper.handle(now, &mut random, &(), &name, Input::Requested(waiter))));
    assert_eq!(keeper.idle(now), None);
}

/// What can happen to the only credential of the model below.
#[derive(Debug, Clone)]
enum Event {
    Pass(u32),
    SetWallClock(i32),
    Ask { min_ttl: Option<u16> },
    Force,
    Report { caller: u32, stale: bool },
    LedgerAnswers(u8),
    ProviderAnswers(u8, u16),
    StoreAnswers(bool),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (0..100_000_u32).prop_map(Event::Pass),
        (-100_000..100_000_i32).prop_map(Event::SetWallClock),
        proptest::option::of(0..5_000_u16).prop_map(|min_ttl| Event::Ask { min_ttl }),
        Just(Event::Force),
        (0..3_u32, any::<bool>()).prop_map(|(caller, stale)| Event::Report { caller, stale }),
        (0..6_u8).prop_map(Event::LedgerAnswers),
        (0..6_u8, 0..5_000_u16).prop_map(|(kind, life)| Event::ProviderAnswers(kind, life)),
        any::<bool>().prop_map(Event::StoreAnswers),
    ]
}

/// What a faithful shell knows: what it was asked to do and hasn't answered yet.
#[derive(Debug, Default)]
struct Shell {
    reserving: Option<IssuanceId>,
    sending: Option<IssuanceId>,
    persisting: Option<(IssuanceId, u32)>,
    durable: Vec<u32>,
    asked: u64,
    wishes: BTreeMap<WaiterId, Option<Duration>>,
    reports: std::collections::BTreeSet<WaiterId>,
    sent: u32,
    sent_at: Option<Moment>,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Invariants 2 to 6, whatever happens in whatever order.
    #[test]
    fn invariants_hold_after_every_step(
        events in prop::collection::vec(event(), 1..120),
        seed in any::<u64>(),
    ) {
        let (mut keeper, mut random) = (Keeper::default(), SplitMix::new(seed));
        let (mut now, mut shell, name) = (start(), Shell::default(), name(0));
        keeper.handle(now, &mut random, &(), &name, loaded());
        for event in events {
            let input = match event.clone() {
                Event::Pass(secs) => {
                    now = later(now, Duration::from_secs(u64::from(secs)));
                    None
                }
                Event::SetWallClock(secs) => {
                    let moved = jiff::SignedDuration::from_secs(i64::from(secs));
                    now.wall = now.wall.checked_add(moved).unwrap();
                    None
                }
                Event::Ask { min_ttl } => {
                    shell.asked += 1;
                    let min_ttl = min_ttl.map(|secs| Duration::from_secs(u64::from(secs)));
                    shell.wishes.insert(WaiterId(shell.asked), min_ttl);
                    Some(Input::Requested(Waiter { id: WaiterId(shell.asked), min_ttl }))
                }
                Event::Force => {
                    shell.asked += 1;
                    shell.wishes.insert(WaiterId(shell.asked), Some(Duration::ZERO));
                    Some(Input::Forced(WaiterId(shell.asked)))
                }
                Event::Report { caller, stale } => {
                    shell.asked += 1;
                    let waiter = WaiterId(shell.asked);
                    shell.reports.insert(waiter);
                    let held = keeper.view(&name, now).and_then(|view| view.token.map(|t| t.id));
                    let token_id = held.filter(|_| !stale).unwrap_or(TokenId([7; 16]));
                    Some(Input::Reported(Report { waiter, token_id, caller: Caller(caller) }))
                }
                Event::LedgerAnswers(kind) => shell.reserving.take().map(|issuance| match kind {
                    0 => Input::Refused { issuance, retry_after: Duration::from_secs(60) },
                    1 => Input::Unwritten { issuance, failure: disk_full() },
                    _ => reserved(issuance),
                }),
                Event::ProviderAnswers(kind, life) => shell.sending.take().map(|issuance| {
                    let receipt = Receipt::default();
                    let failed = |verdict| Input::Failed {
                        issuance,
                        fate: if life % 2 == 0 { Fate::Answered } else { Fate::Lost },
                        failure: Failure { verdict, retry_after: None, message: String::new() },
                        receipt,
                    };
                    match kind {
                        0 => failed(Verdict::Transient),
                        1 => failed(Verdict::Limited),
                        2 => failed(Verdict::Denied),
                        _ => issued(issuance, now.wall, u64::from(life), shell.sent),
                    }
                }),
                Event::StoreAnswers(good) => shell.persisting.take().map(|(issuance, payload)| {
                    if good {
                        shell.durable.push(payload);
                        Input::Persisted(issuance)
                    } else {
                        Input::Unwritten { issuance, failure: disk_full() }
                    }
                }),
            };
            let held = held_by(&keeper, &name, now);
            let effects = match input {
                Some(input) => keeper.handle(now, &mut random, &(), &name, input),
                None => keeper.wake(now, &mut random, &(), usize::MAX),
            };
            for (_, effect) in effects {
                match effect {
                    Effect::Reserve { issuance, cause } => {
                        // A report about another token costs nothing.
                        let stale = matches!(event, Event::Report { stale: true, .. });
                        prop_assert!(!(stale && cause == Cause::Rejected));
                        // 2: one issuance at a time.
                        prop_assert!(shell.reserving.is_none() && shell.sending.is_none());
                        prop_assert!(shell.persisting.is_none());
                        shell.reserving = Some(issuance);
                    }
                    Effect::Send { issuance, .. } => {
                        prop_assert!(shell.sending.is_none());
                        shell.sending = Some(issuance);
                        shell.sent += 1;
                        shell.sent_at = Some(now);
                    }
                    Effect::Persist { issuance, token, .. } => {
                        prop_assert!(shell.persisting.is_none());
                        shell.persisting = Some((issuance, token.payload));
                    }
                    // 3: on disk before anyone sees it.
                    Effect::Publish(token) => prop_assert!(shell.durable.contains(&token.payload)),
                    Effect::Answer { waiter, answer } => {
                        // Each is answered once.
                        let wish = shell.wishes.remove(&waiter);
                        prop_assert!(wish.is_some());
                        if let (Ok(token), Some(wish)) = (answer, wish) {
                            prop_assert!(shell.durable.contains(&token.payload));
                            // 4: never past its expiry, nor with less than was asked for.
                            prop_assert!(!token.is_expired(now));
                            prop_assert!(wish.is_none() || token.satisfies(wish, now));
                        }
                    }
                    Effect::Rule { waiter, .. } => prop_assert!(shell.reports.remove(&waiter)),
                    Effect::Settle { .. } => {}
                }
            }
            // 5: a valid token is held until another takes its place.
            if let Some(held) = held {
                prop_assert!(held_by(&keeper, &name, now).is_some_and(|after| after >= held));
            }
            // 6: nothing is due over and over.
            for _ in 0..2 {
                keeper.wake(now, &mut random, &(), usize::MAX).into_iter().for_each(|(_, effect)| {
                    match effect {
                        Effect::Reserve { issuance, .. } => shell.reserving = Some(issuance),
                        Effect::Persist { issuance, token, .. } => {
                            shell.persisting = Some((issuance, token.payload));
                        }
                        _ => {}
                    }
                });
            }
            prop_assert_ne!(keeper.idle(now), Some(Duration::ZERO));
        }
        // Nobody who asked is forgotten.
        let waiting = shell.wishes.len() + shell.reports.len();
        let view = keeper.view(&name, now).unwrap();
        let issuing = matches!(view.state, State::Issuing | State::Refreshing);
        prop_assert!(waiting == 0 || issuing, "{waiting} wait in state {:?}", view.state);
    }
}

fn held_by(keeper: &Keeper, name: &Name, now: Moment) -> Option<u32> {
    let token = keeper.view(name, now)?.token?;
    (!token.is_expired(now)).then_some(token.payload)
}

fn disk_full() -> StoreFailure {
    StoreFailure { full: true, message: "disk full".to_owned() }
}
