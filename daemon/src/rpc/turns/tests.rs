use std::future::poll_fn;

use futures_util::FutureExt as _;

use super::*;

const ANN: u32 = 1_000;
const EVE: u32 = 1_001;

/// Returns a connection's turn, if it is its turn by now.
fn turn(place: &mut Place) -> Option<Turn> {
    poll_fn(|context| place.poll_turn(context)).now_or_never()
}

fn is_on(place: &mut Place) -> bool {
    turn(place).is_some()
}

#[test]
fn a_user_has_one_turn_in_a_round_whatever_the_number_of_its_connections() {
    let turns = Turns::default();
    let mut eves: Vec<_> = (0..100).map(|_| turns.place(Some(EVE))).collect();
    for round in 0..300 {
        let on: Vec<_> = (0..100).filter(|number| is_on(&mut eves[*number])).collect();
        assert_eq!(on, [round % 100], "one after the other");
        assert!(turns.end_round(), "the others wait");
    }
}

#[test]
fn who_was_not_heard_in_this_round_does_not_wait() {
    let turns = Turns::default();
    let (mut ann, mut eve) = (turns.place(Some(ANN)), turns.place(Some(EVE)));
    assert!(is_on(&mut eve));
    assert!(!is_on(&mut eve));
    assert!(is_on(&mut ann));
    assert!(turns.end_round());
    assert!(is_on(&mut eve));
    assert!(is_on(&mut ann), "every time");
}

#[test]
fn who_has_been_alone_for_a_while_has_long_turns_until_another_comes() {
    let turns = Turns::default();
    let (mut ann, mut eve) = (turns.place(Some(ANN)), turns.place(Some(EVE)));
    for _ in 0..3 {
        for _ in 0..ALONE {
            assert_eq!(turn(&mut eve), Some(Turn::Short));
            assert_eq!(turn(&mut eve), None);
            assert!(turns.end_round());
        }
        assert_eq!(turn(&mut eve), Some(Turn::Long));
        assert_eq!(turn(&mut ann), Some(Turn::Short));
        assert_eq!(turn(&mut eve), None);
        assert!(turns.end_round());
    }
}

#[test]
fn a_connection_that_does_not_come_or_is_gone_keeps_no_other_waiting() {
    let turns = Turns::default();
    let mut eves: Vec<_> = (0..4).map(|_| turns.place(Some(EVE))).collect();
    let on: Vec<_> = eves.iter_mut().map(is_on).collect();
    assert_eq!(on, [true, false, false, false]);
    assert!(turns.end_round());
    // It is the second's turn, who doesn't take it; the third goes.
    drop(eves.remove(2));
    assert!(turns.end_round());
    assert!(is_on(&mut eves[2]), "the last");
    assert!(!is_on(&mut eves[1]), "it missed its turn");
    assert!(turns.end_round());
    assert!(is_on(&mut eves[1]));
    assert!(!turns.end_round(), "no one waits");
    assert!(turns.room().heard.is_empty(), "nothing is left");
}

#[tokio::test]
async fn rounds_go_on_while_anyone_waits_and_others_have_their_turn_in_each() {
    let turns = Turns::default();
    let counting = tokio::spawn(turns.clone().go_on());
    let heard = Arc::new(Mutex::new(Vec::new()));
    let speak = |uid, name, times| {
        let (mut place, heard) = (turns.place(Some(uid)), Arc::clone(&heard));
        tokio::spawn(async move {
            for _ in 0..times {
                poll_fn(|context| place.poll_turn(context)).await;
                heard.lock().unwrap().push(name);
            }
        })
    };
    let all = [speak(EVE, 'e', 100), speak(EVE, 'f', 100), speak(ANN, 'a', 50)];
    for one in all {
        one.await.unwrap();
    }
    counting.abort();
    let heard: String = heard.lock().unwrap().iter().collect();
    let (both, alone) = heard.split_at(100);
    assert_eq!(both.matches('a').count(), 50, "{both}");
    assert!(!both.contains("ee") && !both.contains("ff"), "{both}");
    assert_eq!(alone.matches(['e', 'f']).count(), 150, "{alone}");
}
