//! Pages and tables of issuances.

use std::sync::Mutex;

use jiff::tz;
use prost_types::Timestamp;

use super::*;

fn shown(name: &str, issuances: &[Issuance]) -> String {
    let mut output = Output::of_a_test(Vec::new(), false);
    write(&mut output, name, issuances, &TimeZone::fixed(tz::offset(2))).unwrap();
    String::from_utf8(output.into_writer()).unwrap()
}

fn issuance(seconds: i64) -> Issuance {
    Issuance {
        credential: "causely".to_owned(),
        time: Some(Timestamp { seconds, nanos: 0 }),
        cause: Cause::Aging.into(),
        outcome: Outcome::Issued.into(),
        latency: Some(prost_types::Duration { seconds: 0, nanos: 350_000_000 }),
        counted: true,
        ..Issuance::default()
    }
}

#[test]
fn shows_when_why_and_what_came_of_it() {
    let limited = Issuance {
        cause: Cause::MinTtl.into(),
        outcome: Outcome::Limited.into(),
        message: "slow down\u{1b}[2J".to_owned(),
        latency: Some(prost_types::Duration { seconds: 1, nanos: 290_000_000 }),
        ..issuance(7_200)
    };
    let unsent = Issuance {
        cause: Cause::Absent.into(),
        outcome: Outcome::Transient.into(),
        message: "connection refused".to_owned(),
        counted: false,
        ..issuance(3_600)
    };
    let lost = Issuance {
        credential: String::new(),
        cause: Cause::Forced.into(),
        outcome: Outcome::Unknown.into(),
        latency: None,
        ..issuance(60)
    };
    let denied = Issuance {
        cause: Cause::Rejected.into(),
        outcome: Outcome::Denied.into(),
        message: "invalid_client".to_owned(),
        ..issuance(30)
    };
    assert_eq!(
        shown("", &[issuance(10_800), limited, unsent, lost, denied]),
        "TIME                 CREDENTIAL  CAUSE     OUTCOME    LATENCY  MESSAGE\n\
         1970-01-01 05:00:00  causely     aging     issued     350ms    -\n\
         1970-01-01 04:00:00  causely     min_ttl   limited    1.2s     slow down\\u{1b}[2J\n\
         1970-01-01 03:00:00  causely     absent    transient  350ms    connection refused (doesn't count)\n\
         1970-01-01 02:01:00  (removed)   forced    unknown    -        -\n\
         1970-01-01 02:00:30  causely     rejected  denied     350ms    invalid_client\n"
    );
}

#[test]
fn an_empty_ledger_leads_on() {
    assert_eq!(shown("", &[]), "no issuances yet; `tokend-cli add` makes the first\n");
    assert_eq!(
        shown("acme", &[]),
        "no issuances of acme lately; `tokend-cli refresh acme` makes one\n"
    );
}

/// A ledger of so many issuances, whose page tokens say where to go on; also
/// returns the sizes of the pages that were asked for.
async fn read(ledger: u32, limit: u32) -> (Vec<i64>, Vec<u32>) {
    let asked = Mutex::new(Vec::new());
    let page = async |size: u32, token: String| {
        asked.lock().unwrap().push(size);
        let from = token.parse::<u32>().unwrap_or(0);
        let until = (from + size).min(ledger);
        let next = if until < ledger { until.to_string() } else { String::new() };
        let issuances = (from..until).map(|at| issuance(at.into())).collect();
        Ok(ListIssuancesResponse { issuances, next_page_token: next })
    };
    let issuances = latest(limit, page).await.unwrap();
    let times = issuances.iter().map(|issuance| issuance.time.unwrap().seconds).collect();
    (times, asked.into_inner().unwrap())
}

#[tokio::test]
async fn reads_as_many_pages_as_are_needed_and_no_more() {
    for (ledger, limit, got, asked) in [
        (0, 20, 0, vec![20]),
        (7, 20, 7, vec![20]),
        (5_000, 20, 20, vec![20]),
        (5_000, 2_500, 2_500, vec![1_000, 1_000, 500]),
        (1_200, 2_500, 1_200, vec![1_000, 1_000]),
        (1_000, 1_000, 1_000, vec![1_000]),
    ] {
        let (times, sizes) = read(ledger, limit).await;
        assert_eq!(times, (0..got).collect::<Vec<_>>(), "{limit} of {ledger}");
        assert_eq!(sizes, asked, "{limit} of {ledger}");
    }
}

#[tokio::test]
async fn a_longer_page_than_asked_for_is_cut() {
    let page = async |_, _| {
        let issuances = (0..9).map(issuance).collect();
        Ok(ListIssuancesResponse { issuances, next_page_token: String::new() })
    };
    assert_eq!(latest(4, page).await.unwrap().len(), 4);
}
