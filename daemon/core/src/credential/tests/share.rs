//! What each user has of wishes and of newer tokens, however many users there are.

use super::*;

/// Hands over newer tokens until that is too often, and returns how many that were.
fn rotate_as_often_as_may_be(bench: &mut Bench, user: u32) -> u32 {
    for number in 0..50 {
        let token_id = bench.credential.token.as_ref().unwrap().id;
        bench.rotate_as(user, 1, token_id, "next");
        if bench.said() == ["1's is throttled"] {
            return number;
        }
        bench.keep();
        bench.said();
    }
    panic!("nobody is throttled");
}

fn want_as_often_as_may_be(bench: &mut Bench, user: u32) -> u32 {
    for number in 0..50 {
        bench.want(1, user);
        if bench.said() == ["1 refused: too soon"] {
            return number;
        }
        bench.renew();
        bench.said();
    }
    panic!("nobody is refused");
}

#[test]
fn no_user_takes_anothers_share_nor_gets_more_by_it() {
    for (often, share) in [
        (rotate_as_often_as_may_be as fn(&mut Bench, u32) -> u32, 20),
        (want_as_often_as_may_be, 4),
    ] {
        let mut bench = Bench::fresh();
        for user in 0..31 {
            assert_eq!(often(&mut bench, user), share, "{user}");
            assert_eq!(often(&mut bench, 0), 0, "after {user}");
        }
    }
}

#[test]
fn one_of_as_many_users_as_are_remembered_gets_no_more_by_asking_again() {
    let mut bench = Bench::fresh();
    for user in 0..32 {
        bench.want(1, user);
        bench.renew();
    }
    assert_eq!(want_as_often_as_may_be(&mut bench, 0), 3);
    let mut bench = Bench::fresh();
    for user in 0..32 {
        let token_id = bench.credential.token.as_ref().unwrap().id;
        bench.rotate_as(user, 1, token_id, "next");
        bench.keep();
    }
    bench.said();
    assert_eq!(rotate_as_often_as_may_be(&mut bench, 0), 19);
}

#[test]
fn a_throttled_user_is_told_when_to_come_again() {
    let mut bench = Bench::fresh();
    rotate_as_often_as_may_be(&mut bench, 0);
    bench.now.boot = bench.now.boot.after(Duration::from_millis(99));
    assert_eq!(rotate_as_often_as_may_be(&mut bench, 0), 0);
    bench.now.boot = bench.now.boot.after(Duration::from_millis(1));
    assert_eq!(rotate_as_often_as_may_be(&mut bench, 0), 1);
}

/// Hands over a token that lives for so many seconds.
fn rotate_for(bench: &mut Bench, life: u64) {
    let held = bench.credential.token.as_ref().unwrap();
    let rotation = Rotation {
        waiter: WaiterId(1),
        token_id: held.id,
        caller: Caller(1),
        lifetime: Some(Lifetime::For(Duration::from_secs(life))),
        refreshable: held.refreshes.is_some(),
        session: None,
        payload: "second",
    };
    bench.input(Input::Rotated(rotation));
}

#[test]
fn a_newer_token_is_not_replaced_at_once_and_is_refreshed_no_more_often_than_the_one_before() {
    let mut bench = Bench::fresh();
    let first = bench.credential.token.take().unwrap();
    bench.credential.token = Some(Token { refreshes: Some(3), ..Token::clone(&first) }.into());
    rotate_for(&mut bench, 10);
    bench.keep();
    let token = bench.credential.token.as_ref().unwrap();
    assert_eq!(token.refresh_at, Some(crate::after(bench.now.wall, Duration::from_secs(5))));
    assert_eq!(token.refreshes, Some(3));
}

#[test]
fn a_newer_token_that_expires_before_it_is_stored_is_not_served() {
    let mut bench = Bench::fresh();
    rotate_for(&mut bench, 10);
    bench.pass(10);
    bench.said();
    bench.keep();
    assert_eq!(bench.said(), ["1's is refused"]);
}

#[test]
fn news_of_another_write_is_none_of_this_one() {
    let mut bench = Bench::fresh();
    rotate_for(&mut bench, LIFE);
    bench.said();
    bench.input(Input::Kept(TokenId([9; 16])));
    assert!(bench.said().is_empty());
    bench.keep();
    assert_eq!(bench.said(), ["publish second", "1's is accepted"]);
}

#[test]
fn a_newer_token_that_could_not_be_written_gives_way_to_one_that_came_later() {
    let mut bench = Bench::fresh();
    rotate_for(&mut bench, LIFE);
    bench.lose();
    bench.input(Input::Forced(WaiterId(2)));
    bench.renew();
    bench.said();
    bench.pass(120);
    bench.wake();
    assert!(bench.said().is_empty(), "it isn't written again");
}
