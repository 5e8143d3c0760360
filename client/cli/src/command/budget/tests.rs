//! Tables of budgets.

use super::*;

const NOW: Timestamp = Timestamp { seconds: 3_600, nanos: 0 };

fn after(seconds: i64) -> Timestamp {
    Timestamp { seconds: NOW.seconds + seconds, nanos: 0 }
}

fn shown(budgets: &[Budget]) -> String {
    let mut output = Output::of_a_test(Vec::new(), false);
    write(&mut output, budgets, &NOW, &TimeZone::UTC).unwrap();
    String::from_utf8(output.into_writer()).unwrap()
}

fn budget() -> Budget {
    Budget {
        account: "auth.example.com/reporting".to_owned(),
        credentials: vec!["a".to_owned(), "b".to_owned()],
        limit: "50/12h".to_owned(),
        used: 12,
        count: 50,
        remaining: 38,
        reserved: 12,
        reset_time: Some(after(12_000)),
        exhaustion_time: None,
        issued_last_day: 24,
        unknown: false,
    }
}

fn unlimited(account: &str, issued_last_day: u32) -> Budget {
    let credentials = vec!["c".to_owned()];
    Budget { account: account.to_owned(), credentials, issued_last_day, ..Budget::default() }
}

#[test]
fn shows_every_limit_and_how_long_it_lasts() {
    let told = Budget {
        limit: "told by the provider".to_owned(),
        used: 3,
        count: 0,
        remaining: 0,
        reserved: 0,
        reset_time: Some(after(86_400)),
        ..budget()
    };
    let bare = unlimited("x.example.com/\u{1b}[2J", 1);
    assert_eq!(
        shown(&[budget(), told, bare, unlimited("y.example.com", 7)]),
        "ACCOUNT                     LIMIT                 USED   HELD BACK  REMAINING  \
         NEXT FREE                 FORECAST                              CREDENTIALS\n\
         auth.example.com/reporting  50/12h                12/50  12         38         \
         in 3h 20m (04:20)         lasts                                 a, b\n\
         auth.example.com/reporting  told by the provider  3      0          0          \
         in 1d (1970-01-02 01:00)  spent: next in 1d (1970-01-02 01:00)  a, b\n\
         \n\
         x.example.com/\\u{1b}[2J: no limit is known, 1 issuance in the last day (c)\n\
         y.example.com: no limit is known, 7 issuances in the last day (c)\n\
         to state a limit: tokend-cli set NAME --limit 50/12h\n"
    );
}

#[test]
fn without_any_limit_there_is_no_table() {
    assert_eq!(
        shown(&[unlimited("y.example.com", 0)]),
        "y.example.com: no limit is known, 0 issuances in the last day (c)\n\
         to state a limit: tokend-cli set NAME --limit 50/12h\n"
    );
    assert!(!shown(&[budget()]).contains("no limit"));
}

#[test]
fn forecasts_in_words() {
    for (remaining, reset_time, exhaustion_time, words, tone) in [
        (38, Some(after(60)), None, "lasts", Tone::Good),
        (
            38,
            Some(after(60)),
            Some(after(12_000)),
            "at this pace spent in 3h 20m (04:20)",
            Tone::Waiting,
        ),
        (12, Some(after(60)), Some(after(0)), "spent but for what is held back", Tone::Waiting),
        (0, Some(after(12_000)), Some(after(0)), "spent: next in 3h 20m (04:20)", Tone::Bad),
        (0, None, None, "spent", Tone::Bad),
    ] {
        let budget = Budget { remaining, reset_time, exhaustion_time, ..budget() };
        assert_eq!(forecast(&budget, &NOW, &TimeZone::UTC), Cell::new(words, tone));
    }
}

#[test]
fn without_a_credential_there_is_a_way_on() {
    assert_eq!(shown(&[]), "no credentials yet; `tokend-cli add` stores one\n");
}

#[test]
fn what_nobody_knows_counts_as_spent_and_the_way_out_is_shown() {
    let unknown = Budget {
        used: 50,
        remaining: 0,
        reserved: 0,
        exhaustion_time: Some(after(0)),
        unknown: true,
        ..budget()
    };
    let other = Budget { limit: "9/1h".to_owned(), ..unknown.clone() };
    assert_eq!(
        shown(&[unknown, other]),
        "ACCOUNT                     LIMIT   USED  HELD BACK  REMAINING  NEXT FREE          \
         FORECAST                                 CREDENTIALS\n\
         auth.example.com/reporting  50/12h  ?/50  0          0          in 3h 20m (04:20)  \
         counts as spent: next in 3h 20m (04:20)  a, b\n\
         auth.example.com/reporting  9/1h    ?/50  0          0          in 3h 20m (04:20)  \
         counts as spent: next in 3h 20m (04:20)  a, b\n\
         \n\
         The store was restored from a backup. Nobody knows how many tokens were asked for since, \
         so limits\n\
         count as spent until their windows have passed. If you know, say how many:\n  \
         tokend-cli budget accept --used N --credential a\n"
    );
}
