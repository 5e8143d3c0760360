mod invariants;
mod model;
mod shell;

use super::*;
use crate::{
    Allowance, Demand, History, IssuanceId, Lifetime, Receipt, SplitMix, Terms, Waiter, WaiterId,
    after,
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
        replaced: false,
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

#[test]
fn what_a_wall_clock_says_is_due_when_it_is_set_forward() {
    let (mut keeper, mut random, mut now) = (Keeper::default(), SplitMix::new(1), start());
    keeper.handle(now, &mut random, &(), &name(0), loaded());
    let due = keeper.wake(now, &mut random, &(), usize::MAX);
    answer_all(&mut keeper, &mut random, &(), now, due);
    now.wall = after(now.wall, Duration::from_secs(3_600));
    assert_eq!(keeper.idle(now), Some(Duration::ZERO));
    let due = keeper.wake(now, &mut random, &(), usize::MAX);
    assert!(matches!(&due[..], [(_, Effect::Reserve { .. })]), "{due:?}");
}
