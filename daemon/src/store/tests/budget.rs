//! The budget holds, whatever crashes, restarts and clocks do.

use proptest::prelude::*;

use super::*;
use crate::ports::LONGEST_ISSUANCE;
use tokend_core::Quota;

/// One whose end isn't known counts from the last time at which it may have been
/// sent; reserved at 0, from here.
const LAST: u64 = LONGEST_ISSUANCE.as_secs();

fn refused(seconds: u64) -> Reply {
    Reply::Refused { retry_after: Duration::from_secs(seconds), unknown: false }
}

#[test]
fn reservations_of_one_batch_see_each_other() {
    let home = Home::new();
    let mut store = home.open();
    let batch: Vec<Write> =
        (1..=4).map(|number| reserve(number, at(number), &[limit(2, 3_600)])).collect();
    let results = store.write(&batch);
    // Those before them may be sent at any time from now on.
    assert!(is_granted(&results[0]) && is_granted(&results[1]));
    assert_eq!(results[2..], [Ok(refused(3_600)), Ok(refused(3_600))]);
}

#[test]
fn nothing_is_written_for_one_that_is_refused() {
    let home = Home::new();
    let mut store = home.open();
    let limits = [limit(1, 60)];
    done(&mut store, &[reserve(1, at(0), &limits)]);
    assert_eq!(write(&mut store, reserve(2, at(LAST + 10), &limits)), Ok(refused(50)));
    assert!(matches!(store.look(&Query::Rows), Ok(Findings::Rows(1))));
    done(&mut store, &[reserve(3, at(LAST + 60), &limits)]);
}

#[test]
fn one_of_unknown_fate_counts_after_a_crash() {
    let home = Home::new();
    let mut store = home.open();
    done(&mut store, &[reserve(1, at(0), &[limit(1, 3_600)])]);
    let crashed = home.crashed();
    let mut store = crashed.open();
    assert_eq!(
        write(&mut store, reserve(2, at(LAST + 60), &[limit(1, 3_600)])),
        Ok(refused(3_540))
    );
}

#[test]
fn one_that_was_never_sent_does_not_count() {
    let home = Home::new();
    let mut store = home.open();
    let limits = [limit(1, 3_600)];
    done(
        &mut store,
        &[
            reserve(1, at(0), &limits),
            failed(1, false, Verdict::Transient, at(1)),
            reserve(2, at(2), &limits),
            failed(2, true, Verdict::Transient, at(3)),
        ],
    );
    assert_eq!(write(&mut store, reserve(3, at(4), &limits)), Ok(refused(3_599)));
}

#[test]
fn one_that_took_long_counts_from_its_end() {
    let home = Home::new();
    let mut store = home.open();
    let limits = [limit(1, 60)];
    // The request may have left at any time until the answer came.
    done(&mut store, &[reserve(1, at(0), &limits), failed(1, true, Verdict::Transient, at(40))]);
    assert_eq!(write(&mut store, reserve(2, at(61), &limits)), Ok(refused(39)));
    assert!(is_granted(&write(&mut store, reserve(2, at(100), &limits))));
}

#[test]
fn it_outlives_the_credential_and_the_token() {
    let home = furnished();
    let mut store = home.open();
    done(&mut store, &[Write::Remove(CredentialId([1; 16]))]);
    let limits = [limit(2, 3_600)];
    assert_eq!(write(&mut store, reserve(3, at(100), &limits)), Ok(refused(3_501)));
}

#[test]
fn accounts_have_budgets_of_their_own() {
    let home = Home::new();
    let mut store = home.open();
    let limits = [limit(1, 3_600)];
    let Write::Reserve(reservation) = reserve(2, at(0), &limits) else { unreachable!() };
    let account = Account { name: "other".into(), ..reservation.account };
    let other = Reservation { account, ..reservation };
    done(&mut store, &[reserve(1, at(0), &limits), Write::Reserve(other)]);
}

#[test]
fn the_strictest_of_several_limits_holds() {
    let home = Home::new();
    let mut store = home.open();
    let limits = [limit(1, 60), limit(2, 3_600)];
    done(&mut store, &[reserve(1, at(0), &limits), reserve(2, at(LAST + 60), &limits)]);
    let third = reserve(3, at(2 * LAST + 120), &limits);
    assert_eq!(write(&mut store, third), Ok(refused(3_480 - LAST)));
}

#[test]
fn a_clock_that_is_set_changes_nothing_within_a_boot() {
    let home = Home::new();
    let mut store = home.open();
    let limits = [limit(1, 3_600)];
    done(&mut store, &[reserve(1, at(1_000), &limits)]);
    for wall in [0, 1_000_000_000] {
        let now = stamp(1, wall, 1_600 + LAST);
        assert_eq!(write(&mut store, reserve(2, now, &limits)), Ok(refused(3_000)));
    }
}

#[test]
fn a_clock_that_is_behind_after_a_restart_refills_nothing() {
    let home = Home::new();
    let mut store = home.open();
    let limits = [limit(1, 3_600)];
    done(&mut store, &[reserve(1, at(1_000_000), &limits)]);
    let behind = stamp(2, 0, 7_200);
    assert_eq!(write(&mut store, reserve(2, behind, &limits)), Ok(refused(3_600)));
}

#[test]
fn the_providers_date_tells_when_the_clock_was_behind() {
    let home = Home::new();
    let mut store = home.open();
    let limits = [limit(1, 3_600)];
    let mut answered = at(1);
    answered.date = Some(at(1_000_000).moment.wall);
    done(&mut store, &[reserve(1, at(0), &limits), failed(1, true, Verdict::Transient, answered)]);
    let now = stamp(2, 1_000_600, 5);
    // It may have been up to a second later than it says.
    assert_eq!(write(&mut store, reserve(2, now, &limits)), Ok(refused(3_001)));
}

#[test]
fn one_written_while_the_clock_was_behind_is_no_older_than_the_one_before_it() {
    let home = Home::new();
    let mut store = home.open();
    let limits = [limit(2, 3_600)];
    let (honest, behind) = (stamp(1, 1_000_000, 10), stamp(2, 0, 10));
    done(&mut store, &[reserve(1, honest, &limits), reserve(2, behind, &limits)]);
    let now = stamp(3, 1_000_600 + LAST, 10);
    assert_eq!(write(&mut store, reserve(3, now, &limits)), Ok(refused(3_000)));
}

#[test]
fn one_written_while_the_clock_was_ahead_blocks_itself_only() {
    let home = Home::new();
    let mut store = home.open();
    let limits = [limit(2, 3_600)];
    let (ahead, honest) = (stamp(1, 1_000_000_000, 10), stamp(2, 1_000, 10));
    done(&mut store, &[reserve(1, ahead, &limits), reserve(2, honest, &limits)]);
    let soon = stamp(3, 4_599 + LAST, 10);
    assert_eq!(write(&mut store, reserve(3, soon, &limits)), Ok(refused(1)));
    let later = stamp(3, 4_600 + LAST, 11);
    done(&mut store, &[reserve(4, later, &limits)]);
}

/// The last answer told how many are left.
pub(super) fn told(number: u64, quota: Quota, at: Stamp) -> Write {
    let failure =
        Failure { verdict: Verdict::Limited, retry_after: None, message: "too many".to_owned() };
    let settled = Settled { quotas: vec![quota], ..settled(at) };
    let (issuance, fate) = (issuance(number), Fate::Answered);
    Write::Failure { issuance, fate, spent: false, failure, settled }
}

fn absent(number: u64, at: Stamp) -> Write {
    let Write::Reserve(reservation) = reserve(number, at, &[]) else { unreachable!() };
    Write::Reserve(Reservation { cause: Cause::Absent, ..reservation })
}

#[test]
fn what_a_provider_told_of_its_limits_holds_after_a_crash_and_a_reboot() {
    let home = Home::new();
    let mut store = home.open();
    let none = Quota { limit: None, remaining: 0, reset_after: Duration::from_secs(600) };
    done(&mut store, &[absent(1, at(0)), told(1, none, at(10))]);
    let mut store = home.crashed().open();
    assert_eq!(write(&mut store, absent(2, at(110))), Ok(refused(500)));
    assert_eq!(write(&mut store, absent(2, stamp(2, 310, 5))), Ok(refused(300)));
    assert!(is_granted(&write(&mut store, absent(2, at(610)))));
}

#[test]
fn a_token_that_came_disproves_that_nothing_was_left() {
    let home = Home::new();
    let mut store = home.open();
    let none = Quota { limit: None, remaining: 0, reset_after: Duration::from_secs(80_000) };
    done(&mut store, &[Write::Credential(credential(1, "causely"))]);
    done(&mut store, &[absent(1, at(0)), told(1, none, at(10))]);
    assert_eq!(write(&mut store, absent(2, at(11))), Ok(refused(79_999)));
    // An operator's try succeeds.
    done(&mut store, &[reserve(3, at(20), &[]), issued(3, token(1, "t0ken"), at(21))]);
    assert!(is_granted(&write(&mut store, absent(4, at(30)))));
}

#[test]
fn a_session_that_was_kept_alive_does_not() {
    let home = Home::new();
    let mut store = home.open();
    let none = Quota { limit: None, remaining: 0, reset_after: Duration::from_secs(80_000) };
    done(&mut store, &[Write::Credential(credential(1, "causely"))]);
    done(&mut store, &[absent(1, at(0)), told(1, none, at(10))]);
    let Write::Reserve(reservation) = reserve(2, at(20), &[]) else { unreachable!() };
    let kept_alive = Write::Reserve(Reservation { cause: Cause::KeepAlive, ..reservation });
    done(&mut store, &[kept_alive, issued(2, token(1, "t0ken"), at(21))]);
    assert_eq!(write(&mut store, absent(3, at(30))), Ok(refused(79_980)));
}

#[test]
fn only_the_last_answers_of_an_account_are_kept() {
    let home = Home::new();
    let mut store = home.open();
    for number in 1..=20 {
        let (all, left) = (NonZeroU32::new(100), 100 - u32::try_from(number).unwrap());
        let quota = Quota { limit: all, remaining: left, reset_after: Duration::from_secs(600) };
        done(&mut store, &[absent(number, at(number)), told(number, quota, at(number))]);
    }
    let Write::Reserve(Reservation { account, .. }) = absent(21, at(21)) else { unreachable!() };
    let query = Query::Budgets { accounts: vec![account], at: at(21) };
    let Findings::Budgets(found) = store.look(&query).unwrap() else { unreachable!() };
    let told: Vec<_> = found[0].usages.iter().map(|usage| usage.remaining).collect();
    assert_eq!(told, [80], "the last one tells");
    store.close().unwrap();
    let kept = home.raw().query_row("SELECT count(*) FROM quotas", [], |row| row.get::<_, i64>(0));
    assert_eq!(kept.unwrap(), 4);
}

#[test]
fn what_is_written_late_takes_its_place_before_what_was_told_since() {
    let home = Home::new();
    let mut store = home.open();
    let quota = |remaining, secs| {
        let reset_after = Duration::from_secs(secs);
        Quota { limit: None, remaining, reset_after }
    };
    done(&mut store, &[Write::Credential(credential(1, "causely"))]);
    done(&mut store, &[absent(1, at(0)), absent(2, at(1)), absent(3, at(2))]);
    done(&mut store, &[told(2, quota(0, 600), at(20))]);
    // A token that came before, and a refusal before that.
    done(&mut store, &[issued(1, token(1, "t0ken"), at(15)), told(3, quota(0, 80_000), at(10))]);
    assert_eq!(write(&mut store, absent(4, at(120))), Ok(refused(500)), "the latest tells");
    done(&mut store, &[reserve(5, at(130), &[]), issued(5, token(1, "t0ken"), at(131))]);
    assert!(is_granted(&write(&mut store, absent(6, at(140)))), "it disproves all before it");
}

/// What happens in the story of a budget.
#[derive(Debug, Clone)]
enum Event {
    Reserve,
    /// The last one turns out not to have been sent.
    Refund,
    Answer,
    Crash,
    Reboot,
    Pass(Duration),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => Just(Event::Reserve),
        1 => Just(Event::Refund),
        3 => Just(Event::Answer),
        1 => Just(Event::Crash),
        1 => Just(Event::Reboot),
        6 => (0_u64..40_000_000_000).prop_map(|nanos| Event::Pass(Duration::from_nanos(nanos))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_window_ever_holds_more_than_its_limit(
        events in prop::collection::vec(event(), 1..80),
        count in 1_u32..4,
        window in 1_u64..120,
    ) {
        let limit = limit(count, window);
        let mut home = Home::new();
        let mut store = home.open();
        let (mut now, mut booted_at, mut boot_id) = (Duration::ZERO, Duration::ZERO, 1_u8);
        let mut sent: Vec<(u64, Duration)> = Vec::new();
        let mut open = None;
        for (number, event) in (1..).zip(events) {
            let mut stamp = stamp(boot_id, 0, 0);
            stamp.moment.wall = tokend_core::after(stamp.moment.wall, now);
            stamp.moment.boot = BootTime(now.checked_sub(booted_at).unwrap());
            match event {
                Event::Reserve => match write(&mut store, reserve(number, stamp, std::slice::from_ref(&limit))) {
                    Ok(Reply::Reserved(_)) => {
                        sent.push((number, now));
                        open = Some(number);
                    }
                    Ok(Reply::Refused { retry_after, .. }) => prop_assert!(!retry_after.is_zero()),
                    other => panic!("{other:?}"),
                },
                Event::Refund => if let Some(open) = open.take() {
                    sent.retain(|(number, _)| *number != open);
                    done(&mut store, &[failed(open, false, Verdict::Transient, stamp)]);
                },
                Event::Answer => if let Some(open) = open.take() {
                    // A Date has whole seconds.
                    let mut answered = stamp;
                    answered.date = Some(super::stamp(1, now.as_secs(), 0).moment.wall);
                    done(&mut store, &[failed(open, true, Verdict::Transient, answered)]);
                },
                Event::Crash | Event::Reboot => {
                    let crashed = home.crashed();
                    drop(store);
                    home = crashed;
                    store = home.open();
                    open = None;
                    if matches!(event, Event::Reboot) {
                        (boot_id, booted_at) = (boot_id + 1, now);
                    }
                }
                Event::Pass(time) => now += time,
            }
        }
        for (_, first) in &sent {
            let inside = sent.iter().filter(|(_, time)| {
                time.checked_sub(*first).is_some_and(|age| age < limit.window.length())
            });
            prop_assert!(inside.count() <= count as usize);
        }
    }
}
