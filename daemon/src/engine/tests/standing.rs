//! What the engine's loop tells of itself.

use std::cell::Cell;

use tokio::time::sleep;

use super::*;
use crate::ports::{EndWait, Pulse, Standing};

#[test]
fn what_is_wrong_is_counted_as_it_changes() {
    let mut bench = Bench::new();
    assert_eq!(bench.engine.standing(), Standing::default());
    bench.create("api");
    bench.done();
    let well = Standing { credentials: 1, ..Standing::default() };
    assert_eq!(bench.engine.standing(), well);
    let hour = Duration::from_secs(3_600);
    bench.answer_write(Ok(ports::Reply::Refused { retry_after: hour, unknown: false }));
    assert_eq!(bench.engine.standing(), Standing { limited: 1, ..well.clone() });
    bench.pass(2 * 3_600);
    assert!(matches!(bench.done(), Write::Reserve(_)));
    bench.issue("first", 3_600);
    bench.answer_write(Err(StoreFailure { full: true, message: "disk full".to_owned() }));
    assert_eq!(bench.engine.standing(), Standing { failing: 1, ..well.clone() });
    bench.pass(60);
    assert!(matches!(bench.done(), Write::Token { .. }));
    assert_eq!(bench.engine.standing(), well);
    bench.remove("api");
    bench.done();
    assert_eq!(bench.engine.standing(), Standing::default());
}

#[test]
fn a_credential_that_is_removed_ails_no_more() {
    let mut bench = Bench::new();
    bench.create("api");
    bench.done();
    let hour = Duration::from_secs(3_600);
    bench.answer_write(Ok(ports::Reply::Refused { retry_after: hour, unknown: false }));
    bench.remove("api");
    bench.done();
    assert_eq!(bench.engine.standing(), Standing::default());
}

#[test]
fn the_end_tells_what_it_waits_for() {
    let mut bench = Bench::new();
    bench.create("api");
    bench.done();
    bench.done();
    bench.engine.stop();
    let ending = bench.engine.standing().ending;
    assert_eq!(ending, Some(EndWait { answers: 1, writes: 0 }));
}

struct Beats(Rc<Cell<u32>>);

impl Pulse for Beats {
    fn beat(&mut self, _: BootTime, _: &dyn Fn() -> Standing) -> Duration {
        self.0.set(self.0.get() + 1);
        Duration::from_secs(10)
    }
}

#[tokio::test(start_paused = true)]
async fn the_loop_beats_as_often_as_is_wanted_though_nothing_happens() {
    let bench = Bench::new();
    let (_commands, _events, inbox) = inbox();
    let beats = Rc::new(Cell::new(0));
    let minute = sleep(Duration::from_secs(61));
    run(bench.engine, inbox, minute, Duration::ZERO, Beats(Rc::clone(&beats))).await;
    assert_eq!(beats.get(), 7);
}
