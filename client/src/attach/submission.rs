//! Hands newer tokens over, for as long as tokend needs to be back.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::oneshot;

use crate::{Client, Error, Rotation, Submission, backoff::Backoff};

/// How often a newer token is handed over if tokend is away: for half a minute or so, by the
/// waits in between. A restart takes seconds.
const ATTEMPTS: usize = 20;

/// The newer tokens of one credential. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Submissions {
    latest: Arc<AtomicU64>,
}

impl Submissions {
    /// Hands a newer token over, and returns what the first attempt came to.
    ///
    /// A task of its own does so, since the token before may be of no use any more: it isn't
    /// lost if the program gives up on the request, nor while tokend is away. Then the task
    /// tries again, unless there is a newer one still. The client itself tries for seconds
    /// only, since its caller waits.
    pub(super) async fn submit(
        &self,
        client: &Client,
        name: &Arc<str>,
        rotation: Rotation,
    ) -> Result<Submission, Error> {
        let number = self.latest.fetch_add(1, Ordering::Relaxed) + 1;
        let (latest, client, name) = (Arc::clone(&self.latest), client.clone(), Arc::clone(name));
        let (tell, told) = oneshot::channel();
        tokio::spawn(async move {
            let first = client.submit_rotation(&name, rotation.clone()).await;
            let mut again = first.as_ref().is_err_and(is_away);
            // The program may be gone.
            let _ = tell.send(first);
            let mut backoff = Backoff::new(fastrand::Rng::new());
            for _ in 1..ATTEMPTS {
                if !again {
                    return;
                }
                tokio::time::sleep(backoff.lost()).await;
                if latest.load(Ordering::Relaxed) != number {
                    return;
                }
                let outcome = client.submit_rotation(&name, rotation.clone()).await;
                again = outcome.as_ref().is_err_and(is_away);
            }
        });
        told.await.unwrap_or(Err(Error::TimedOut))
    }
}

fn is_away(error: &Error) -> bool {
    error.is_silence() && error.is_transient()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::testing::{FakeDaemon, FakeToken};

    fn newer(value: &str) -> Rotation {
        Rotation::of_id("id-1", value.into())
    }

    #[tokio::test(start_paused = true)]
    async fn a_newer_token_is_handed_over_when_tokend_is_back() {
        let daemon = FakeDaemon::new();
        daemon.set("api", FakeToken::new("t1").id("id-1"));
        let (client, submissions) = (daemon.client(), Submissions::default());
        let name = Arc::from("api");
        daemon.stop();
        let first = submissions.submit(&client, &name, newer("t2")).await;
        assert!(first.as_ref().is_err_and(is_away), "{first:?}");
        daemon.start();
        daemon.until(|daemon| !daemon.rotations().is_empty()).await;
        assert_eq!(daemon.rotations()[0].previous_token_id, "id-1");
    }

    #[tokio::test(start_paused = true)]
    async fn of_several_while_tokend_is_away_the_newest_counts() {
        let daemon = FakeDaemon::new();
        daemon.set("api", FakeToken::new("t1").id("id-1"));
        let (client, submissions) = (daemon.client(), Submissions::default());
        let name = Arc::from("api");
        daemon.stop();
        for value in ["t2", "t3"] {
            submissions.submit(&client, &name, newer(value)).await.unwrap_err();
        }
        daemon.start();
        daemon.until(|daemon| !daemon.rotations().is_empty()).await;
        assert_eq!(daemon.rotations()[0].value.expose_secret(), "t3");
    }

    #[tokio::test(start_paused = true)]
    async fn a_daemon_that_stays_away_is_not_asked_for_ever() {
        let daemon = FakeDaemon::new();
        let (client, submissions) = (daemon.client(), Submissions::default());
        daemon.stop();
        submissions.submit(&client, &Arc::from("api"), newer("t2")).await.unwrap_err();
        // Longer than all the waits together.
        tokio::time::sleep(Duration::from_secs(100)).await;
        let dials = daemon.dials();
        assert!(dials > 1, "{dials}");
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(daemon.dials(), dials);
    }
}
