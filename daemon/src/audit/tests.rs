//! The log as it is read.

use super::*;
use crate::log::Log;

/// Returns what is logged meanwhile, a line each.
fn logged(happens: impl FnOnce()) -> Vec<String> {
    let (log, logging) = Log::of_this_thread();
    happens();
    drop(logging);
    log.take().lines().map(|line| line.trim().to_owned()).collect()
}

fn who(pid: Option<i32>, unit: Option<&str>) -> Who {
    Who { uid: 1_000, pid, unit: unit.map(Into::into), door: Way::Machine("tokend.sock") }
}

fn api() -> Name {
    "api".parse().unwrap()
}

const START: BootTime = BootTime(Duration::ZERO);

#[test]
fn each_line_says_who_did_what_by_which_door_and_what_came_of_it() {
    let (audit, told) = (Audit::default(), Told::default());
    let lines = logged(|| {
        audit.denied("read", who(Some(7), None), Some(&api()), START);
        audit.granted(&told, || who(Some(7), Some("a.service")), &api(), TokenId([1; 16]));
        audit.granted(&told, || panic!("it is told"), &api(), TokenId([1; 16]));
        Change::begin("grant", who(Some(8), None), Some(&api())).end(true);
        Change::begin("remove", who(Some(8), None), Some(&api())).end(false);
        drop(Change::begin("revoke", who(Some(8), None), None));
        audit.finish();
    });
    let id = TokenId([1; 16]).to_string();
    assert_eq!(
        lines,
        [
            r#"INFO tokend::audit: action="read" outcome="denied" credential="api" uid=1000 pid=7 door="tokend.sock""#.to_owned(),
            format!(
                r#"INFO tokend::audit: action="read" outcome="granted" credential="api" uid=1000 pid=7 unit="a.service" door="tokend.sock" token_id="{id}""#
            ),
            r#"INFO tokend::audit: action="grant" outcome="done" credential="api" uid=1000 pid=8 door="tokend.sock""#.to_owned(),
            r#"INFO tokend::audit: action="remove" outcome="failed" credential="api" uid=1000 pid=8 door="tokend.sock""#.to_owned(),
            r#"INFO tokend::audit: action="revoke" outcome="unanswered" uid=1000 pid=8 door="tokend.sock""#.to_owned(),
            format!(
                r#"INFO tokend::audit: action="read" outcome="granted" credential="api" uid=1000 pid=7 unit="a.service" door="tokend.sock" token_id="{id}" count=1"#
            ),
        ]
    );
}

#[test]
fn a_process_that_cannot_be_seen_is_said_to_be_unknown() {
    let audit = Audit::default();
    let lines = logged(|| audit.denied("connect", who(None, None), None, START));
    assert!(lines[0].contains("uid=1000 pid=unknown door="), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn what_repeats_is_told_once_a_minute_until_the_daemon_ends() {
    #[derive(Debug)]
    struct Still;
    impl Clock for Still {
        fn now(&self) -> tokend_core::Moment {
            let wall = "2026-01-01T00:00:00Z".parse().unwrap();
            tokend_core::Moment { wall, boot: BootTime(PAUSE) }
        }

        fn boot_id(&self) -> tokend_core::BootId {
            tokend_core::BootId([0; 16])
        }
    }
    let (audit, slots) = (Audit::default(), Slots::default());
    let (stop, stopping) = watch::channel(false);
    for _ in 0..3 {
        audit.denied("read", who(Some(7), None), Some(&api()), START);
    }
    let running = audit.run(&slots, &Still, stopping);
    let mut running = std::pin::pin!(running);
    assert!(tokio::time::timeout(PAUSE * 2, &mut running).await.is_err());
    assert_eq!(lock(&audit.denials).finish(), [], "they were told");
    stop.send_replace(true);
    running.await;
}
