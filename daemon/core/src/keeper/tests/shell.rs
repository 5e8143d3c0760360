//! What the keeper tells the shell around it, and what it hears.

use super::*;
use crate::{Caller, Login, Report, Rotation, StoreFailure, TokenId, Want};

/// Has one credential of a provider reserve, and returns for which issuance.
fn reserving(keeper: &mut Keeper, random: &mut SplitMix, now: Moment) -> IssuanceId {
    keeper.handle(now, random, &(), &name(0), loaded());
    reserved_in(&keeper.wake(now, random, &(), usize::MAX))
}

fn reserved_in(effects: &[(Name, Effect<u32>)]) -> IssuanceId {
    let [(_, Effect::Reserve { issuance, .. })] = effects else { panic!("{effects:?}") };
    *issuance
}

#[test]
fn it_says_for_which_issuance_the_ledger_is_asked() {
    let (mut keeper, mut random, now) = (Keeper::default(), SplitMix::new(1), start());
    let issuance = reserving(&mut keeper, &mut random, now);
    assert!(keeper.is_reserving(&name(0), issuance));
    assert!(!keeper.is_reserving(&name(0), IssuanceId([9; 16])));
    assert!(!keeper.is_reserving(&name(1), issuance));
    keeper.handle(now, &mut random, &(), &name(0), reserved(issuance));
    assert!(!keeper.is_reserving(&name(0), issuance));
}

#[test]
fn it_says_when_an_answer_is_awaited_with_which_a_refresh_token_would_be_lost() {
    let (mut keeper, mut random, mut now) = (Keeper::default(), SplitMix::new(1), start());
    let mut issuance = reserving(&mut keeper, &mut random, now);
    for is_refresh in [false, true] {
        assert!(!keeper.is_exchanging());
        keeper.handle(now, &mut random, &(), &name(0), reserved(issuance));
        assert_eq!(keeper.is_exchanging(), is_refresh);
        let mut input = issued(issuance, now.wall, 1_000, 1);
        if let Input::Issued { refreshable, .. } = &mut input {
            *refreshable = true;
        }
        keeper.handle(now, &mut random, &(), &name(0), input);
        assert!(!keeper.is_exchanging());
        keeper.handle(now, &mut random, &(), &name(0), Input::Persisted(issuance));
        now = later(now, keeper.idle(now).unwrap());
        if !is_refresh {
            issuance = reserved_in(&keeper.wake(now, &mut random, &(), usize::MAX));
        }
    }
}

#[test]
fn how_long_a_provider_takes_counts_from_its_first_answer_on() {
    let (mut keeper, mut random, now) = (Keeper::default(), SplitMix::new(1), start());
    let issuance = reserving(&mut keeper, &mut random, now);
    keeper.handle(now, &mut random, &(), &name(0), reserved(issuance));
    let mut input = issued(issuance, now.wall, 200, 1);
    if let Input::Issued { receipt, .. } = &mut input {
        receipt.took = Duration::from_secs(90);
    }
    let now = later(now, Duration::from_secs(90));
    keeper.handle(now, &mut random, &(), &name(0), input);
    keeper.handle(now, &mut random, &(), &name(0), Input::Persisted(issuance));
    // Of a quick provider's it would be replaced 100 s after its request at the earliest.
    assert_eq!(keeper.idle(now), Some(Duration::from_secs(5)));
}

#[test]
fn what_could_not_be_written_is_to_be_written_at_the_end() {
    let (mut keeper, mut random, now) = (Keeper::default(), SplitMix::new(1), start());
    let issuance = reserving(&mut keeper, &mut random, now);
    keeper.handle(now, &mut random, &(), &name(0), reserved(issuance));
    keeper.handle(now, &mut random, &(), &name(0), issued(issuance, now.wall, 1_000, 1));
    assert!(keeper.save(now, &mut random).is_empty());
    let failure = StoreFailure { full: true, message: String::new() };
    keeper.handle(now, &mut random, &(), &name(0), Input::Unwritten { issuance, failure });
    let effects = keeper.save(now, &mut random);
    assert!(matches!(&effects[..], [(_, Effect::Persist { .. })]), "{effects:?}");
}

#[test]
fn a_place_is_kept_until_the_provider_has_answered_or_is_another() {
    let (mut keeper, mut random, now) = (Keeper::default(), SplitMix::new(1), start());
    for number in 0..11 {
        keeper.handle(now, &mut random, &(), &name(number), loaded());
    }
    let first = keeper.wake(now, &mut random, &(), usize::MAX);
    assert_eq!(first.len(), 8);
    let (one, issuance) = match &first[0] {
        (one, Effect::Reserve { issuance, .. }) => (one, *issuance),
        other => panic!("{other:?}"),
    };
    let effects = keeper.handle(now, &mut random, &(), one, reserved(issuance));
    assert!(matches!(&effects[..], [(_, Effect::Send { .. })]), "{effects:?}");
    let effects = keeper.handle(now, &mut random, &(), one, issued(issuance, now.wall, 1_000, 1));
    let [(_, Effect::Persist { .. }), (next, Effect::Reserve { .. })] = &effects[..] else {
        panic!("{effects:?}");
    };
    assert_ne!(next, one);
    // Another goes over to another provider.
    let terms = Terms { provider: "two".into(), ..Terms::default() };
    let effects = keeper.handle(now, &mut random, &(), &first[1].0, Input::Settled(terms));
    let [(last, Effect::Reserve { .. })] = &effects[..] else { panic!("{effects:?}") };
    assert!(last != next && first.iter().all(|(name, _)| name != last));
}

#[test]
fn whoever_wants_something_of_what_is_gone_is_told() {
    let (mut keeper, mut random, now) = (Keeper::default(), SplitMix::new(1), start());
    let (waiter, token_id, caller) = (WaiterId(7), TokenId([1; 16]), Caller(1));
    let (lifetime, refreshable, session, payload) = (None, false, None, 1);
    let login = Login {
        issuance: IssuanceId([1; 16]),
        waiter,
        sent_at: now.wall,
        lifetime: Lifetime::Unlimited,
        refreshable,
        session,
        payload,
        receipt: Receipt::default(),
    };
    let rotation = Rotation { waiter, token_id, caller, lifetime, refreshable, session, payload };
    for input in [
        Input::Requested(Waiter { id: waiter, min_ttl: None }),
        Input::Forced(waiter),
        Input::Wanted(Want { waiter, caller }),
        Input::LoggedIn(login),
        Input::Reported(Report { waiter, token_id, caller }),
        Input::Rotated(rotation),
    ] {
        let shown = format!("{input:?}");
        let effects = keeper.handle(now, &mut random, &(), &name(0), input);
        let [(_, effect)] = &effects[..] else { panic!("{shown}: {effects:?}") };
        match effect {
            Effect::Answer { waiter: told, answer: Err(Refusal::Removed) }
            | Effect::Rule { waiter: told, ruling: Ruling::Superseded }
            | Effect::Acknowledge {
                waiter: told,
                reception: Reception::Refused(Refusal::Removed),
            } => assert_eq!(*told, waiter),
            other => panic!("{shown}: {other:?}"),
        }
    }
    let late = Input::Persisted(IssuanceId([1; 16]));
    assert!(keeper.handle(now, &mut random, &(), &name(0), late).is_empty());
}

#[test]
fn one_that_somebody_begins_to_wait_for_goes_before_those_that_came_first() {
    let (mut keeper, mut random, now) = (Keeper::default(), SplitMix::new(1), start());
    for number in 0..10 {
        keeper.handle(now, &mut random, &(), &name(number), loaded());
    }
    let first = keeper.wake(now, &mut random, &(), usize::MAX);
    let (waits, asks) = (name(8), name(9));
    assert!(first.iter().all(|(name, _)| ![&waits, &asks].contains(&name)));
    let waiter = Waiter { id: WaiterId(1), min_ttl: None };
    keeper.handle(now, &mut random, &(), &asks, Input::Requested(waiter));
    let effects = keeper.remove(now, &mut random, &(), &first[0].0);
    assert!(matches!(&effects[..], [(name, Effect::Reserve { .. })] if *name == asks));
}

#[test]
fn a_place_in_the_queue_is_given_up_with_a_revoked_token_unless_somebody_waits() {
    for somebody_waits in [false, true] {
        let (mut keeper, mut random, now) = (Keeper::default(), SplitMix::new(1), start());
        let issuance = reserving(&mut keeper, &mut random, now);
        keeper.handle(now, &mut random, &(), &name(0), reserved(issuance));
        keeper.handle(now, &mut random, &(), &name(0), issued(issuance, now.wall, 1_000, 1));
        keeper.handle(now, &mut random, &(), &name(0), Input::Persisted(issuance));
        for number in 1..9 {
            keeper.handle(now, &mut random, &(), &name(number), loaded());
        }
        keeper.wake(now, &mut random, &(), usize::MAX);
        let now = later(now, keeper.idle(now).unwrap());
        if somebody_waits {
            keeper.handle(now, &mut random, &(), &name(0), Input::Forced(WaiterId(1)));
        }
        keeper.wake(now, &mut random, &(), usize::MAX);
        let view = keeper.view(&name(0), now).unwrap();
        assert_eq!(view.state, crate::State::Refreshing);
        let held = view.token.unwrap().id;
        keeper.handle(now, &mut random, &(), &name(0), Input::Revoked(held));
        let effects = keeper.remove(now, &mut random, &(), &name(1));
        assert_eq!(effects.iter().any(|(whose, _)| *whose == name(0)), somebody_waits);
    }
}
