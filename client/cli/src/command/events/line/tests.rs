use tokend_proto::v1::event;

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp { seconds, nanos: 0 }
}

fn of(kind: Kind) -> Event {
    Event { kind: kind.into(), credential: "api".to_owned(), time: Some(at(0)), ..Event::default() }
}

fn shown(event: &Event, terminal: bool) -> String {
    let mut output = Output::of_a_test(Vec::new(), terminal);
    write(&mut output, event, &TimeZone::UTC).unwrap();
    String::from_utf8(output.into_writer()).unwrap()
}

#[test]
fn an_event_is_a_line_that_says_what_happened_and_what_follows() {
    let issued = Event {
        cause: Cause::Aging.into(),
        latency: Some(prost_types::Duration { seconds: 0, nanos: 230_000_000 }),
        expire_time: Some(at(3_600)),
        ..of(Kind::Issued)
    };
    let failed = Event {
        cause: Cause::Absent.into(),
        message: "HTTP 503".to_owned(),
        consecutive: 3,
        retry_time: Some(at(40)),
        ..of(Kind::Failed)
    };
    let denied = Event { consecutive: 1, retry_time: None, ..failed.clone() };
    let needed = Event { command: "tokend-cli login api".to_owned(), ..of(Kind::LoginNeeded) };
    let ruling = event_ruling(Outcome::Superseded);
    let rejected = Event { uid: Some(1_000), ruling, ..of(Kind::Rejected) };
    let late = Some(Timestamp { seconds: 0, nanos: 300_000_000 });
    let slow = Event { time: late, latency: None, ..issued.clone() };
    let missed = Event { missed: 7, credential: String::new(), ..of(Kind::Missed) };
    let by_root = |kind, readers: &str| Event {
        message: format!("readers: {readers}"),
        uid: Some(0),
        ..of(kind)
    };
    let (declared, anew) = (by_root(Kind::Declared, "uid:1000"), by_root(Kind::MadeAnew, "none"));
    let start = "1970-01-01 00:00:00  ";
    for (event, rest) in [
        (issued, "api               issued             aging, took 230ms, lives 1h"),
        (slow, "api               issued             aging, lives 1h"),
        (failed, "api               failed             absent, HTTP 503, 3 in a row, again in 40s"),
        (denied, "api               failed             absent, HTTP 503, see tokend-cli show api"),
        (needed, "api               login needed       run tokend-cli login api"),
        (
            rejected,
            "api               rejected           another token was there already, by uid 1000",
        ),
        (missed, "-                 missed             7 events are gone that aren't here"),
        (of(Kind::Removed), "api               removed"),
        (declared, "api               declared           readers: uid:1000, by uid 0"),
        (anew, "api               made anew          readers: none, by uid 0"),
    ] {
        assert_eq!(shown(&event, false), format!("{start}{rest}\n"));
    }
}

fn event_ruling(ruling: Outcome) -> i32 {
    ruling.into()
}

#[test]
fn the_word_is_coloured_where_colours_are_wanted_and_nothing_steers_the_terminal() {
    let failed =
        Event { message: "\u{1b}[2J".to_owned(), retry_time: Some(at(1)), ..of(Kind::Failed) };
    let shown = shown(&failed, true);
    assert!(shown.contains("\u{1b}[33mfailed\u{1b}[0m             unknown, \\u{1b}[2J"), "{shown}");
}

#[test]
fn each_kind_has_a_word_of_its_own() {
    let numbers = (0..).take_while(|number| event::Kind::try_from(*number).is_ok());
    let mut words: Vec<_> =
        numbers.map(|number| kind(&Event { kind: number, ..Event::default() }).0).collect();
    assert!(words.len() > 20 && words.iter().all(|word| word.len() <= KIND));
    words.sort_unstable();
    let all = words.len();
    words.dedup();
    assert_eq!(words.len(), all);
}
