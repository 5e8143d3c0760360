use tokend_core::{Caller, Ruling};

use super::*;
use crate::ports::Subject;

fn at() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn of(name: &str, what: Happening) -> Event {
    let subject = Subject { name: name.parse().unwrap(), provider: "demo".into() };
    Event { at: at(), subject: Some(subject), what }
}

fn some(name: &str) -> Event {
    of(name, Happening::Limited { retry_at: at(), unknown: false })
}

fn all(onlooker: &mut Onlooker) -> (u64, Vec<Numbered>) {
    let (mut missed, mut events) = (0, Vec::new());
    loop {
        let news = onlooker.take();
        missed += news.missed;
        if news.events.is_empty() {
            return (missed, events);
        }
        events.extend(news.events);
    }
}

fn names(events: &[Numbered]) -> Vec<String> {
    events.iter().filter_map(|(_, event)| subject(event)).map(|name| name.to_string()).collect()
}

#[test]
fn numbers_grow_and_go_on_in_the_next_daemon() {
    let events = Arc::new(Events::new(at()));
    for _ in 0..3 {
        events.hear(&some("a"));
    }
    let (missed, told) = all(&mut events.look_on(0).unwrap());
    let numbers: Vec<u64> = told.iter().map(|(number, _)| *number).collect();
    assert_eq!((missed, numbers[1] - numbers[0], numbers[2] - numbers[1]), (0, 1, 1));
    let later = Arc::new(Events::new(at() + std::time::Duration::from_secs(1)));
    later.hear(&some("b"));
    let (missed, told) = all(&mut later.look_on(numbers[2]).unwrap());
    assert_eq!((missed, names(&told)), (0, vec!["b".to_owned()]));
    assert!(told[0].0 > numbers[2]);
}

#[test]
fn whoever_has_the_most_makes_room_and_the_others_keep_theirs() {
    let events = Arc::new(Events::new(at()));
    events.hear(&some("quiet"));
    for _ in 0..MOST * 2 {
        events.hear(&some("loud"));
    }
    let (missed, told) = all(&mut events.look_on(0).unwrap());
    assert_eq!((missed, told.len()), (0, MOST));
    assert_eq!(names(&told)[..2], ["quiet", "loud"]);
    let kept = events.kept();
    let counted: usize = kept.of_each.values().sum();
    assert_eq!((counted, kept.of_each.len()), (MOST, 2));
}

#[test]
fn whoever_falls_behind_is_told_how_many_it_missed() {
    let events = Arc::new(Events::new(at()));
    events.hear(&some("a"));
    let mut onlooker = events.look_on(0).unwrap();
    let (_, told) = all(&mut onlooker);
    for _ in 0..MOST + 7 {
        events.hear(&some("a"));
    }
    // The first of all, which it knows, is gone as well.
    let (missed, rest) = all(&mut onlooker);
    assert_eq!((missed, rest.len()), (7, MOST));
    // The same goes for one who comes back.
    let (missed, rest) = all(&mut events.look_on(told[0].0).unwrap());
    assert_eq!((missed, rest.len()), (7, MOST));
    assert_eq!(all(&mut onlooker), (0, Vec::new()));
}

#[test]
fn what_a_caller_reports_time_and_again_drives_out_nothing() {
    let events = Arc::new(Events::new(at()));
    for repeated in [false, true] {
        let Caller(uid) = Caller(1_000);
        let rejected = Happening::Rejected { uid, ruling: Ruling::Superseded, repeated };
        events.hear(&of("a", rejected));
    }
    assert_eq!(all(&mut events.look_on(0).unwrap()).1.len(), 1);
}

#[tokio::test]
async fn onlookers_hear_of_what_happens_and_of_the_end() {
    let events = Arc::new(Events::new(at()));
    let mut onlooker = events.look_on(0).unwrap();
    assert!(all(&mut onlooker).1.is_empty());
    events.hear(&some("a"));
    assert!(onlooker.told().await);
    assert_eq!(all(&mut onlooker).1.len(), 1);
    events.close();
    assert!(!onlooker.told().await);
}

#[test]
fn there_is_a_bound_on_those_who_look_on() {
    let events = Arc::new(Events::new(at()));
    let mut onlookers: Vec<_> = (0..MOST_ONLOOKERS).map(|_| events.look_on(0).unwrap()).collect();
    assert!(events.look_on(0).is_err());
    onlookers.pop();
    assert_eq!(events.onlookers(), MOST_ONLOOKERS - 1);
    assert!(events.look_on(0).is_ok());
}
