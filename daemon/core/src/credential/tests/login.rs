use super::*;

const LOGIN: IssuanceId = IssuanceId([9; 16]);

/// A person has logged in, and waits for what comes of it as number 100.
fn log_in(bench: &mut Bench, payload: &'static str) {
    bench.input(Input::LoggedIn(Login {
        issuance: LOGIN,
        waiter: WaiterId(100),
        sent_at: bench.now.wall,
        lifetime: Lifetime::For(Duration::from_secs(LIFE)),
        refreshable: false,
        session: None,
        payload,
        receipt: Receipt { renewed: true, ..Receipt::default() },
    }));
}

fn is_logged_in(bench: &mut Bench, is_logged_in: bool) {
    let terms = Terms { origin: Origin::Login, is_logged_in, ..Terms::default() };
    bench.input(Input::Settled(terms));
}

fn never_logged_in() -> Bench {
    let terms = Terms { origin: Origin::Login, is_logged_in: false, ..Terms::default() };
    Bench::load_with(None, History::default(), terms)
}

#[test]
fn a_login_ends_the_wait_for_one_and_its_token_is_on_disk_before_it_is_served() {
    let mut bench = never_logged_in();
    log_in(&mut bench, "first");
    bench.ask(1, None);
    assert_eq!(bench.said(), ["persist first"]);
    is_logged_in(&mut bench, true);
    bench.input(Input::Persisted(LOGIN));
    assert_eq!(bench.said(), ["publish first", "100 gets first", "1 gets first"]);
    assert_eq!(bench.state(), State::Fresh);
    bench.pass_to_deadline();
    bench.wake();
    assert_eq!(bench.said(), ["reserve Aging"]);
}

#[test]
fn a_login_that_leaves_nothing_behind_serves_until_its_token_is_to_be_replaced() {
    let mut bench = never_logged_in();
    log_in(&mut bench, "first");
    bench.input(Input::Persisted(LOGIN));
    bench.said();
    bench.pass_to_deadline();
    bench.wake();
    assert_eq!(bench.state(), State::Refused);
    bench.ask(1, None);
    assert_eq!(bench.said(), ["1 gets first"]);
}

#[test]
fn what_was_under_way_for_an_earlier_login_counts_no_more() {
    let mut bench = Bench::fresh_with(Terms { origin: Origin::Login, ..Terms::default() });
    bench.pass_to_deadline();
    let earlier = bench.wake_and_reserve();
    bench.ask(1, Some(LIFE * 8 / 10));
    bench.said();
    log_in(&mut bench, "second");
    bench.issue(earlier, LIFE, "late");
    assert_eq!(bench.said(), ["persist second"]);
    bench.input(Input::Persisted(earlier));
    assert!(bench.said().is_empty());
    bench.input(Input::Persisted(LOGIN));
    assert_eq!(bench.said(), ["publish second", "1 gets second", "100 gets second"]);
}

#[test]
fn a_login_whose_token_can_not_be_written_is_not_lost() {
    let mut bench = never_logged_in();
    log_in(&mut bench, "first");
    bench.said();
    let failure = StoreFailure { full: true, message: "disk full".to_owned() };
    bench.input(Input::Unwritten { issuance: LOGIN, failure });
    assert_eq!(bench.said(), ["100 refused: store"]);
    bench.pass_to_deadline();
    bench.wake();
    assert_eq!(bench.said(), ["persist first"]);
    bench.input(Input::Persisted(LOGIN));
    assert_eq!(bench.said(), ["publish first"]);
}

#[test]
fn a_login_ends_all_doubt_about_the_one_before() {
    let doubt = Doubt { reason: DoubtReason::Restored, age: Duration::ZERO, issuance: None };
    let history = History { doubt: Some(doubt), ..History::default() };
    let terms = Terms { origin: Origin::Login, ..Terms::default() };
    let mut bench = Bench::load_with(None, history, terms);
    assert_eq!(bench.state(), State::Refused);
    log_in(&mut bench, "first");
    bench.input(Input::Persisted(LOGIN));
    bench.said();
    bench.pass_to_deadline();
    bench.wake_and_reserve();
    assert_eq!(bench.said(), ["reserve Aging", "send"]);
}
