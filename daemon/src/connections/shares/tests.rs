use oneshot::error::TryRecvError::Empty;

use super::*;

const ANN: u32 = 1_000;
const BOB: u32 = 1_001;
const EVE: u32 = 1_002;

impl Shares {
    fn counts(&self) -> Vec<(u32, usize)> {
        let room = self.room();
        room.users.iter().map(|(uid, user)| (*uid, user.connections.len())).collect()
    }
}

/// Has a user connect so often, and returns what it got and who was told of.
fn connect(shares: &Shares, uid: u32, times: usize) -> (Vec<Seat>, Vec<Full>) {
    let (seats, told): (Vec<_>, Vec<_>) = (0..times).map(|_| shares.enter(uid)).unzip();
    (seats.into_iter().flatten().collect(), told.into_iter().flatten().collect())
}

#[test]
fn who_is_alone_may_have_all_and_no_more() {
    let shares = Shares::new(8);
    let (seats, told) = connect(&shares, EVE, 3_000);
    assert_eq!((seats.len(), told), (8, vec![Full { uid: EVE, connections: 8 }]));
}

#[tokio::test]
async fn who_has_the_most_gives_its_latest_up_for_who_has_fewer() {
    let shares = Shares::new(8);
    let (mut eve, _) = connect(&shares, EVE, 8);
    let (ann, told) = connect(&shares, ANN, 1);
    assert_eq!((ann.len(), told), (1, vec![Full { uid: EVE, connections: 8 }]));
    assert_eq!(shares.counts(), [(ANN, 1), (EVE, 7)]);
    // It ends without being asked; the others don't.
    eve.pop().unwrap().hold(std::future::pending()).await;
    assert!(eve.iter_mut().all(|seat| seat.lost.try_recv() == Err(Empty)));
    assert_eq!(shares.counts(), [(ANN, 1), (EVE, 7)], "it was given up already");
}

#[test]
fn all_who_want_many_have_as_many_in_the_end() {
    let shares = Shares::new(9);
    let _eve = connect(&shares, EVE, 9);
    let _ann = connect(&shares, ANN, 2);
    let _bob = connect(&shares, BOB, 9);
    assert_eq!(shares.counts(), [(ANN, 2), (BOB, 3), (EVE, 4)]);
    let _more = connect(&shares, ANN, 9);
    assert_eq!(shares.counts(), [(ANN, 3), (BOB, 3), (EVE, 3)]);
    // No one takes from another what it would want back at once.
    assert!(connect(&shares, EVE, 9).0.is_empty());
}

#[test]
fn a_user_is_told_of_anew_after_it_has_gone_back_to_half() {
    let shares = Shares::new(8);
    let (mut seats, told) = connect(&shares, EVE, 9);
    assert_eq!(told.len(), 1);
    seats.truncate(5);
    let (more, told) = connect(&shares, EVE, 9);
    assert_eq!((more.len(), told.len()), (3, 0), "it goes on");
    drop(more);
    seats.truncate(4);
    let (_more, told) = connect(&shares, EVE, 9);
    assert_eq!(told, [Full { uid: EVE, connections: 8 }]);
}

#[tokio::test]
async fn a_connection_that_ends_makes_room() {
    let shares = Shares::new(1);
    let seat = shares.enter(ANN).0.unwrap();
    assert!(shares.enter(ANN).0.is_none());
    seat.hold(async {}).await;
    assert!(shares.enter(BOB).0.is_some());
    assert_eq!(shares.counts(), []);
}
