use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;

use super::*;
use crate::{
    Failure, History, IssuanceId, Lifetime, Receipt, SplitMix, State, StoreFailure, Verdict,
    Waiter, WaiterId, after,
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
    Input::Loaded { token: None, history: History::default(), pace: Duration::ZERO }
}

#[test]
fn what_is_due_is_done_and_nothing_else() {
    let (mut keeper, mut random, mut now) = (Keeper::default(), SplitMix::new(1), start());
    for number in 0..1_000 {
        keeper.handle(now, &mut random, &name(number), loaded());
    }
    assert_eq!(keeper.idle(now), Some(Duration::ZERO));
    for (name, effect) in keeper.wake(now, &mut random, usize::MAX) {
        let Effect::Reserve { issuance, .. } = effect else { panic!("{effect:?}") };
        let (sent_at, receipt) = (now.wall, Receipt::default());
        let lifetime = Lifetime::For(Duration::from_secs(3_600));
        keeper.handle(now, &mut random, &name, Input::Reserved(issuance));
        let issued = Input::Issued { issuance, sent_at, lifetime, payload: 1, receipt };
        keeper.handle(now, &mut random, &name, issued);
        keeper.handle(now, &mut random, &name, Input::Persisted(issuance));
    }
    assert!(keeper.wake(now, &mut random, usize::MAX).is_empty());

    // 1,000 tokens of one age aren't refreshed together: the jitter spreads them.
    let idle = keeper.idle(now).unwrap();
    assert!(idle > Duration::from_secs(1_790), "{idle:?}");
    let mut rounds = Vec::new();
    while rounds.iter().sum::<usize>() < 1_000 {
        now = later(now, Duration::from_secs(36));
        rounds.push(keeper.wake(now, &mut random, usize::MAX).len());
    }
    assert!(rounds.iter().all(|due| *due < 200), "{rounds:?}");
}

#[test]
fn a_removed_credential_answers_those_who_wait_and_ignores_late_news() {
    let (mut keeper, mut random, now) = (Keeper::default(), SplitMix::new(1), start());
    let name = name(1);
    keeper.handle(now, &mut random, &name, loaded());
    let waiter = Waiter { id: WaiterId(7), min_ttl: None };
    let effects = keeper.handle(now, &mut random, &name, Input::Requested(waiter));
    let [Effect::Reserve { issuance, .. }] = effects[..] else { panic!("{effects:?}") };
    let effects = keeper.remove(&name);
    assert!(
        matches!(
            effects[..],
            [Effect::Answer { waiter: WaiterId(7), answer: Err(Refusal::Removed) }]
        ),
        "{effects:?}"
    );
    assert!(keeper.handle(now, &mut random, &name, Input::Reserved(issuance)).is_empty());
    let effects = keeper.handle(now, &mut random, &name, Input::Requested(waiter));
    assert!(matches!(effects[..], [Effect::Answer { answer: Err(Refusal::Removed), .. }]));
    assert_eq!(keeper.idle(now), None);
}

/// What can happen to the only credential of the model below.
#[derive(Debug, Clone)]
enum Event {
    Pass(u32),
    SetWallClock(i32),
    Ask { min_ttl: Option<u16> },
    Force,
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
        keeper.handle(now, &mut random, &name, loaded());
        for event in events {
            let input = match event {
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
                Event::LedgerAnswers(kind) => shell.reserving.take().map(|issuance| match kind {
                    0 => Input::Refused { issuance, retry_after: Duration::from_secs(60) },
                    1 => Input::Unwritten { issuance, failure: disk_full() },
                    _ => Input::Reserved(issuance),
                }),
                Event::ProviderAnswers(kind, life) => shell.sending.take().map(|issuance| {
                    let receipt = Receipt::default();
                    let failed = |verdict| Input::Failed {
                        issuance,
                        sent: true,
                        failure: Failure { verdict, retry_after: None, message: String::new() },
                        receipt,
                    };
                    match kind {
                        0 => failed(Verdict::Transient),
                        1 => failed(Verdict::Limited),
                        2 => failed(Verdict::Denied),
                        _ => Input::Issued {
                            issuance,
                            sent_at: now.wall,
                            lifetime: Lifetime::For(Duration::from_secs(u64::from(life))),
                            payload: shell.sent,
                            receipt,
                        },
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
                Some(input) => keeper.handle(now, &mut random, &name, input),
                None => keeper.wake(now, &mut random, usize::MAX).into_iter().map(|(_, e)| e).collect(),
            };
            for effect in effects {
                match effect {
                    Effect::Reserve { issuance, .. } => {
                        // 2: one issuance at a time.
                        prop_assert!(shell.reserving.is_none() && shell.sending.is_none());
                        prop_assert!(shell.persisting.is_none());
                        shell.reserving = Some(issuance);
                    }
                    Effect::Send(issuance) => {
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
                            prop_assert!(token.satisfies(wish, now));
                        }
                    }
                    Effect::Settle { .. } => {}
                }
            }
            // 5: a valid token is held until another takes its place.
            if let Some(held) = held {
                prop_assert!(held_by(&keeper, &name, now).is_some_and(|after| after >= held));
            }
            // 6: nothing is due over and over.
            if keeper.idle(now) == Some(Duration::ZERO) {
                keeper.wake(now, &mut random, usize::MAX).into_iter().for_each(|(_, effect)| {
                    match effect {
                        Effect::Reserve { issuance, .. } => shell.reserving = Some(issuance),
                        Effect::Persist { issuance, token, .. } => {
                            shell.persisting = Some((issuance, token.payload));
                        }
                        _ => {}
                    }
                });
                prop_assert_ne!(keeper.idle(now), Some(Duration::ZERO));
            }
        }
        // Nobody who asked is forgotten.
        let waiting = shell.wishes.len();
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
