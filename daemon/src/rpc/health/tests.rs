//! Watchers of health, of slots that the tests write to.

use super::*;
use crate::rpc::{
    Door,
    bench::{ANN, Bench, access_of, token},
};

#[tokio::test(start_paused = true)]
async fn access_that_is_taken_away_shows_at_once_in_health_too() {
    let bench = Bench::new();
    let slot = bench.make("api");
    slot.publish(token("1"));
    let peer =
        Peer { uid: ANN, gid: ANN, groups: Vec::new(), unit: None, pid: None, door: Door::Callers };
    let mut watch = Watch {
        health: Health::new(bench.context.clone(), &[]),
        peer: Arc::new(Connection::new(peer)),
        service: "api".to_owned(),
        changes: None,
        told: None,
    };
    assert_eq!(watch.next().await, ServingStatus::Serving);
    let begun = tokio::time::timeout(Duration::from_secs(1), watch.next()).await;
    assert!(begun.is_err(), "nothing has changed");
    slot.set_access(access_of(&[]));
    let told = tokio::time::timeout(Duration::from_secs(1), watch.next()).await;
    assert_eq!(told, Ok(ServingStatus::ServiceUnknown), "as what isn't there");
}
