//! What holds whatever happens to a credential, in whatever order.

use std::collections::{BTreeSet, VecDeque};

use proptest::prelude::*;

use super::*;
use crate::{
    Caller, Cause, Failure, Fate, Report, Rotation, State, StoreFailure, TokenId, Verdict, Want,
};

/// What can happen to the only credential of the model below.
#[derive(Debug, Clone)]
enum Event {
    Pass(u32),
    SetWallClock(i32),
    Ask { min_ttl: Option<u16> },
    Force,
    Want { caller: u32 },
    Report { caller: u32, stale: bool },
    Rotate { caller: u32, stale: bool, life: Option<u16> },
    Revoke,
    Resupply,
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
        (0..3_u32).prop_map(|caller| Event::Want { caller }),
        (0..3_u32, any::<bool>()).prop_map(|(caller, stale)| Event::Report { caller, stale }),
        (0..3_u32, any::<bool>(), proptest::option::of(0..5_000_u16))
            .prop_map(|(caller, stale, life)| Event::Rotate { caller, stale, life }),
        Just(Event::Revoke),
        Just(Event::Resupply),
        (0..6_u8).prop_map(Event::LedgerAnswers),
        (0..6_u8, 0..5_000_u16).prop_map(|(kind, life)| Event::ProviderAnswers(kind, life)),
        any::<bool>().prop_map(Event::StoreAnswers),
    ]
}

/// A write that is under way.
#[derive(Debug)]
enum Writing {
    Issued(IssuanceId),
    Rotated(TokenId),
    Discarded,
}

/// What a faithful shell knows: what it was asked to do and hasn't answered yet.
#[derive(Debug, Default)]
struct Shell {
    reserving: Option<IssuanceId>,
    sending: Option<IssuanceId>,
    /// What is being written, the oldest first: the store does it in this order.
    writing: VecDeque<(Writing, u32)>,
    durable: Vec<u32>,
    published: u32,
    asked: u64,
    wishes: BTreeMap<WaiterId, Option<Duration>>,
    reports: BTreeSet<WaiterId>,
    rotations: BTreeSet<WaiterId>,
    came: u32,
    sent_at: Option<Moment>,
}

impl Shell {
    fn is_persisting(&self) -> bool {
        self.writing.iter().any(|(write, _)| matches!(write, Writing::Issued(_)))
    }
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
                Event::Want { caller } => {
                    shell.asked += 1;
                    let waiter = WaiterId(shell.asked);
                    shell.wishes.insert(waiter, Some(Duration::ZERO));
                    Some(Input::Wanted(Want { waiter, caller: Caller(caller) }))
                }
                Event::Report { caller, stale } => {
                    shell.asked += 1;
                    let waiter = WaiterId(shell.asked);
                    shell.reports.insert(waiter);
                    let held = keeper.view(&name, now).and_then(|view| view.token.map(|t| t.id));
                    let token_id = held.filter(|_| !stale).unwrap_or(TokenId([7; 16]));
                    Some(Input::Reported(Report { waiter, token_id, caller: Caller(caller) }))
                }
                Event::Rotate { caller, stale, life } => {
                    shell.asked += 1;
                    shell.came += 1;
                    let (waiter, caller) = (WaiterId(shell.asked), Caller(caller));
                    shell.rotations.insert(waiter);
                    let held = keeper.view(&name, now).and_then(|view| view.token.map(|t| t.id));
                    let token_id = held.filter(|_| !stale).unwrap_or(TokenId([7; 16]));
                    let lifetime = |life| Lifetime::For(Duration::from_secs(u64::from(life)));
                    let (lifetime, payload) = (life.map(lifetime), shell.came);
                    let (refreshable, session) = (false, None);
                    Some(Input::Rotated(Rotation {
                        waiter, token_id, caller, lifetime, refreshable, session, payload,
                    }))
                }
                Event::Revoke => {
                    let held = keeper.view(&name, now).and_then(|view| view.token.map(|t| t.id));
                    held.map(Input::Revoked)
                }
                Event::Resupply => Some(Input::Resupplied { refresh_token: false }),
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
                        _ => {
                            shell.came += 1;
                            issued(issuance, now.wall, u64::from(life), shell.came)
                        }
                    }
                }),
                Event::StoreAnswers(good) => shell.writing.pop_front().and_then(|(write, payload)| {
                    if good && !matches!(write, Writing::Discarded) {
                        shell.durable.push(payload);
                    }
                    Some(match write {
                        Writing::Discarded => return None,
                        Writing::Issued(issuance) if good => Input::Persisted(issuance),
                        Writing::Rotated(id) if good => Input::Kept(id),
                        Writing::Issued(issuance) => {
                            Input::Unwritten { issuance, failure: disk_full() }
                        }
                        Writing::Rotated(token_id) => {
                            Input::Unkept { token_id, failure: disk_full() }
                        }
                    })
                }),
            };
            let held = held_by(&keeper, &name, now);
            let is_revoked = matches!(input, Some(Input::Revoked(_)));
            let effects = match input {
                Some(input) => keeper.handle(now, &mut random, &(), &name, input),
                None => keeper.wake(now, &mut random, &(), usize::MAX),
            };
            for (_, effect) in effects {
                match effect {
                    Effect::Reserve { issuance, cause, .. } => {
                        // A report about another token costs nothing.
                        let stale = matches!(event, Event::Report { stale: true, .. });
                        prop_assert!(!(stale && cause == Cause::Rejected));
                        // A newer token that comes by itself costs nothing ever.
                        let rotated = matches!(event, Event::Rotate { .. });
                        prop_assert!(!rotated);
                        // Nor is another asked for when one is revoked.
                        prop_assert!(!is_revoked);
                        // 2: one issuance at a time.
                        prop_assert!(shell.reserving.is_none() && shell.sending.is_none());
                        prop_assert!(!shell.is_persisting());
                        shell.reserving = Some(issuance);
                    }
                    Effect::Send { issuance, .. } => {
                        prop_assert!(shell.sending.is_none());
                        shell.sending = Some(issuance);
                        shell.sent_at = Some(now);
                    }
                    Effect::Persist { issuance, token, .. } => {
                        prop_assert!(!shell.is_persisting());
                        shell.writing.push_back((Writing::Issued(issuance), token.payload));
                    }
                    Effect::Keep(token) => {
                        shell.writing.push_back((Writing::Rotated(token.id), token.payload));
                    }
                    // 3: on disk before anyone sees it; and what came later stays.
                    Effect::Publish(token) => {
                        prop_assert_eq!(shell.durable.last(), Some(&token.payload));
                        prop_assert!(token.payload >= shell.published);
                        shell.published = token.payload;
                    }
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
                    Effect::Acknowledge { waiter, reception } => {
                        prop_assert!(shell.rotations.remove(&waiter));
                        let stale = matches!(event, Event::Rotate { stale: true, .. });
                        prop_assert!(!stale || reception == Reception::Superseded);
                    }
                    Effect::Withdraw => prop_assert!(is_revoked),
                    Effect::Discard => {
                        // What was asked to be written after it isn't lost with it.
                        let newest = shell.writing.iter().map(|(_, payload)| *payload).max();
                        prop_assert!(newest.is_none_or(|newest| newest <= shell.published));
                        shell.writing.push_back((Writing::Discarded, shell.published));
                    }
                    Effect::Settle { .. } => {}
                }
            }
            // 5: a valid token is held until another takes its place.
            if let Some(held) = held.filter(|_| !is_revoked) {
                prop_assert!(held_by(&keeper, &name, now).is_some_and(|after| after >= held));
            }
            // 6: nothing is due over and over.
            for _ in 0..2 {
                keeper.wake(now, &mut random, &(), usize::MAX).into_iter().for_each(|(_, effect)| {
                    match effect {
                        Effect::Reserve { issuance, .. } => shell.reserving = Some(issuance),
                        Effect::Persist { issuance, token, .. } => {
                            shell.writing.push_back((Writing::Issued(issuance), token.payload));
                        }
                        Effect::Keep(token) => {
                            shell.writing.push_back((Writing::Rotated(token.id), token.payload));
                        }
                        _ => {}
                    }
                });
            }
            prop_assert_ne!(keeper.idle(now), Some(Duration::ZERO));
        }
        // Nobody who asked is forgotten.
        let waiting = shell.wishes.len() + shell.reports.len() + shell.rotations.len();
        let view = keeper.view(&name, now).unwrap();
        let issuing = matches!(view.state, State::Issuing | State::Refreshing);
        prop_assert!(waiting == 0 || issuing || !shell.writing.is_empty(), "{waiting} wait in state {:?}", view.state);
    }
}

fn held_by(keeper: &Keeper, name: &Name, now: Moment) -> Option<u32> {
    let token = keeper.view(name, now)?.token?;
    (!token.is_expired(now)).then_some(token.payload)
}

fn disk_full() -> StoreFailure {
    StoreFailure { full: true, message: "disk full".to_owned() }
}
