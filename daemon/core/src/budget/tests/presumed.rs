//! Budgets of a ledger that was restored from a backup.

use super::*;

fn lacking(used: Option<u32>, secs: u64) -> Presumed {
    Presumed { at: at(secs), within: Duration::ZERO, used }
}

fn wait(limits: &[Limit], spent: &[Stamp], lost: Option<Presumed>, cause: Cause, now: u64) -> u64 {
    let spent = &planned(spent)[..];
    let budget = Budget { limits, quotas: &[], spent, presumed: lost, sharers: 1 };
    budget.admit(cause, &at(now)).err().unwrap_or_default().as_secs()
}

#[test]
fn what_nobody_knows_of_counts_as_all_until_the_window_has_passed() {
    let lost = Some(lacking(None, 1_000));
    let causes = [Cause::Aging, Cause::MinTtl, Cause::Absent, Cause::Rejected, Cause::Forced];
    for cause in causes.into_iter().chain([Cause::Login]) {
        let hourly = [limit(5, 3_600)];
        // Those in the ledger end before, and make no room.
        assert_eq!(wait(&hourly, &[at(0), at(10)], lost, cause, 1_000), 3_600, "{cause:?}");
        assert_eq!(wait(&hourly, &[at(0), at(10)], lost, cause, 4_599), 1, "{cause:?}");
        assert_eq!(wait(&hourly, &[], lost, cause, 4_600), 0, "{cause:?}");
        assert_eq!(wait(&[daily(5)], &[], lost, cause, 86_399), 1, "{cause:?}");
        assert_eq!(wait(&[daily(5)], &[], lost, cause, 86_400), 0, "{cause:?}");
        let both = [limit(5, 3_600), daily(2)];
        assert_eq!(wait(&both, &[], lost, cause, 4_600), 81_800, "{cause:?}");
        assert_eq!(wait(&[], &[], lost, cause, 1_000), 0, "no limit, nothing to presume");
    }
    assert_eq!(wait(&[limit(5, 3_600)], &[], lost, Cause::KeepAlive, 1_000), 0);
}

#[test]
fn what_a_killed_daemon_had_on_its_way_counts_from_when_it_may_have_arrived() {
    for used in [None, Some(5)] {
        let lost = Some(Presumed { within: Duration::from_secs(45), ..lacking(used, 1_000) });
        let hourly = [limit(5, 3_600)];
        assert_eq!(wait(&hourly, &[], lost, Cause::Forced, 1_000), 3_600);
        assert_eq!(wait(&hourly, &[], lost, Cause::Forced, 4_600), 45);
        assert_eq!(wait(&hourly, &[], lost, Cause::Forced, 4_645), 0);
        // It may have arrived in the next day.
        assert_eq!(wait(&[daily(5)], &[], lost, Cause::Forced, 86_399), 1);
        let late = lost.map(|lost| Presumed { at: at(86_390), ..lost });
        assert_eq!(wait(&[daily(5)], &[], late, Cause::Forced, 86_435), 86_365);
    }
}

#[test]
fn what_an_operator_knows_of_counts_as_so_many() {
    let hourly = [limit(5, 3_600)];
    for (used, waits) in [(0, 0), (2, 0), (3, 3_100), (5, 3_600), (9, 3_600)] {
        let lost = Some(lacking(Some(used), 1_000));
        let spent = [at(500), at(600)];
        assert_eq!(wait(&hourly, &spent, lost, Cause::Forced, 1_000), waits, "{used}");
    }
    // The ones in the ledger leave the window first.
    let lost = Some(lacking(Some(4), 1_000));
    assert_eq!(wait(&hourly, &[at(500)], lost, Cause::Forced, 1_000), 3_100);
    assert_eq!(wait(&hourly, &[at(500), at(2_000)], lost, Cause::Forced, 2_000), 2_600);
    assert_eq!(wait(&hourly, &[at(500), at(2_000)], lost, Cause::Forced, 4_100), 500);
}

#[test]
fn what_a_provider_said_before_holds_with_all_that_is_presumed_since() {
    let few = quota(Some(10), 8, 3_600);
    let allowed = |used, now| {
        let quotas = [said(few, 100)];
        let presumed = Some(lacking(used, 200));
        let budget = Budget { limits: &[], quotas: &quotas, spent: &[], presumed, sharers: 1 };
        (budget.admit(Cause::Absent, &at(now)).is_ok(), budget.usage(&at(now)))
    };
    assert!(allowed(Some(6), 300).0);
    assert!(!allowed(Some(7), 300).0, "the last one is an operator's");
    let (is_allowed, usage) = allowed(None, 300);
    assert!(!is_allowed && usage[0].unknown && usage[0].remaining == 0, "{usage:?}");
    assert!(allowed(None, 3_700).0);
    // What it says later, it knows.
    let quotas = [said(few, 250)];
    let lost = Some(lacking(None, 200));
    let budget = Budget { limits: &[], quotas: &quotas, spent: &[], presumed: lost, sharers: 1 };
    assert!(budget.admit(Cause::Absent, &at(300)).is_ok());
}

#[test]
fn usage_says_that_nobody_knows_and_until_when() {
    let usage = |used, spent: &[Stamp], now| {
        let spent = &planned(spent)[..];
        let presumed = Some(lacking(used, 1_000));
        let limits = [limit(4, 3_600)];
        let budget = Budget { limits: &limits, quotas: &[], spent, presumed, sharers: 1 };
        let Usage { used, remaining, frees_in, unknown, .. } = budget.usage(&at(now)).remove(0);
        assert_eq!(unknown, budget.is_unknown(&at(now)));
        (used, remaining, frees_in.map(|wait| wait.as_secs()), unknown)
    };
    assert_eq!(usage(None, &[at(900)], 1_100), (4, 0, Some(3_500), true));
    assert_eq!(usage(None, &[at(900)], 4_600), (0, 4, None, false));
    assert_eq!(usage(Some(2), &[at(900)], 1_100), (3, 1, Some(3_400), false));
    assert_eq!(usage(Some(4), &[at(900)], 1_100), (5, 0, Some(3_500), false));
    assert_eq!(usage(Some(0), &[], 1_100), (0, 4, None, false));
}

#[test]
fn millions_take_no_room() {
    let vast = [limit(u32::MAX, 3_600)];
    assert_eq!(wait(&vast, &[at(900)], Some(lacking(None, 1_000)), Cause::Forced, 1_000), 3_600);
    assert_eq!(wait(&vast, &[], Some(lacking(Some(u32::MAX - 1), 1_000)), Cause::Forced, 1_000), 0);
}

proptest! {
    /// Whatever the backup lacks, no window holds more than its limit.
    #[test]
    fn a_restored_backup_refills_no_budget(
        before in prop::collection::vec(0_u64..400, 0..40),
        kept in 0_usize..40,
        pause in 0_u64..500,
        after in prop::collection::vec(0_u64..400, 1..40),
        count in 1_u32..6,
        window in 1_u64..1_000,
    ) {
        let limit = limit(count, window);
        let limits = [limit.clone()];
        let mut now = 0;
        let (mut truth, mut ledger) = (Vec::new(), Vec::new());
        for gap in before {
            now += gap;
            if wait(&limits, &ledger, None, Cause::Forced, now) == 0 {
                ledger.push(at(now));
                truth.push(at(now));
            }
        }
        ledger.truncate(kept);
        now += pause;
        let lost = Some(lacking(None, now));
        for gap in after {
            now += gap;
            if wait(&limits, &ledger, lost, Cause::Forced, now) == 0 {
                ledger.push(at(now));
                truth.push(at(now));
            }
        }
        for first in &truth {
            let inside = truth.iter().filter(|spent| {
                first.elapsed(spent).is_some_and(|age| age < limit.window.length())
            });
            prop_assert!(inside.count() <= count as usize);
        }
    }
}
