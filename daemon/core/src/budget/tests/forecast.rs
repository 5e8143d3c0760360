//! What is said of a budget to people.

use super::*;

fn usage(limit: Limit, spent: &[Stamp], now: u64) -> Usage {
    let spent = &planned(spent)[..];
    let budget = Budget { limits: &[limit], quotas: &[], spent, presumed: None, sharers: 1 };
    budget.usage(&at(now)).remove(0)
}

#[test]
fn usage_says_what_is_used_held_back_and_when_more_is_free() {
    let spent = [at(0), at(3_600), at(7_200)];
    let Usage { used, remaining, reserved, frees_in, .. } = usage(limit(8, 86_400), &spent, 10_000);
    assert_eq!((used, remaining, reserved), (3, 5, 2));
    assert_eq!(frees_in, Some(Duration::from_secs(76_400)));
    let nearly = usage(limit(8, 86_400), &(0..7).map(at).collect::<Vec<_>>(), 100);
    assert_eq!((nearly.used, nearly.remaining, nearly.reserved), (7, 1, 1));
}

#[test]
fn a_forecast_says_when_refreshes_find_nothing_left() {
    // One an hour, of which 18 in a day are for refreshes.
    let hourly: Vec<Stamp> = (0..10).map(|hour| at(hour * 3_600)).collect();
    let lasts = usage(limit(24, 86_400), &hourly, 36_000).lasts;
    assert_eq!(lasts, Some(Duration::from_secs(9 * 3_600)));
    // One in two hours goes on for ever.
    let slow: Vec<Stamp> = (0..5).map(|number| at(number * 7_200)).collect();
    assert_eq!(usage(limit(24, 86_400), &slow, 36_000).lasts, None);
    let full: Vec<Stamp> = (0..18).map(at).collect();
    assert_eq!(usage(limit(24, 86_400), &full, 3_600).lasts, Some(Duration::ZERO));
    // What starts anew at midnight needs to last till then only.
    assert_eq!(usage(daily(24), &hourly, 36_000).lasts, Some(Duration::from_secs(32_400)));
    let late: Vec<Stamp> = (0..17).map(|hour| at(hour * 4_800)).collect();
    assert_eq!(usage(daily(24), &late, 82_000).lasts, None);
    assert_eq!(usage(limit(5, 60), &[at(0)], 1).lasts, None, "one is no pace");
}

/// Of nine an hour seven are for refreshes. Two were spent in the last quarter of an hour: one
/// in seven and a half minutes.
const QUARTER: u64 = 900;

#[test]
fn what_leaves_the_window_meanwhile_makes_room_for_as_many() {
    let hourly = limit(9, 3_600);
    // The first leaves it as the sixth of those to come is spent, and the seventh is too many.
    let expected = Some(Duration::from_secs(7 * QUARTER / 2));
    assert_eq!(usage(hourly.clone(), &[at(0), at(QUARTER)], QUARTER).lasts, expected);
    // So does one that is presumed.
    let presumed = Some(Presumed { at: at(0), within: Duration::ZERO, used: Some(1) });
    let spent = &planned(&[at(QUARTER)])[..];
    let budget = Budget { limits: &[hourly], quotas: &[], spent, presumed, sharers: 1 };
    assert_eq!(budget.usage(&at(QUARTER))[0].lasts, expected);
    // Of six in a quarter of an hour the second to come is too many.
    let presumed = Some(Presumed { at: at(0), within: Duration::ZERO, used: Some(5) });
    let budget = Budget { presumed, ..budget };
    assert_eq!(budget.usage(&at(QUARTER))[0].lasts, Some(Duration::from_secs(300)));
}

#[test]
fn two_are_a_pace() {
    let lasts = usage(limit(4, 3_600), &[at(0), at(600)], 600).lasts;
    assert_eq!(lasts, Some(Duration::from_secs(900)), "two more, of which one is left");
}

#[test]
fn what_a_provider_says_is_left_lasts_as_long_as_it_did_so_far() {
    let lasts = |quota, spent: &[Stamp], now| {
        let spent = &planned(spent)[..];
        let quotas = [said(quota, 0)];
        let budget = Budget { limits: &[], quotas: &quotas, spent, presumed: None, sharers: 1 };
        budget.usage(&at(now)).remove(0).lasts.map(|lasts| lasts.as_secs())
    };
    let fifty = quota(Some(100), 50, 3_600);
    let ten: Vec<Stamp> = (1..=10).map(at).collect();
    // Of 40 that are left 25 are held back.
    assert_eq!(lasts(fifty, &ten, 600), Some(900));
    assert_eq!(lasts(fifty, &ten[..1], 600), None, "the reset comes before");
    let few = quota(Some(100), 31, 3_600);
    assert_eq!(lasts(few, &ten[..1], 600), None, "the reset comes just then");
    assert_eq!(lasts(few, &ten[..1], 599), Some(599 * 5));
    assert_eq!(lasts(few, &[], 600), None);
    assert_eq!(lasts(few, &ten, 600), Some(0));
}
