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
