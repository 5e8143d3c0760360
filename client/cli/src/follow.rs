//! The tokens of some credentials as they change, through restarts of the daemon.

use std::{collections::BTreeMap, time::Duration};

use tokend_client::{Client, Error, Token, Update};
use tokio::{
    sync::mpsc,
    task::{AbortHandle, JoinSet},
    time::sleep,
};
use tonic::Code;

/// The first pause lasts about as long as a daemon takes to start again.
const SHORTEST: Duration = Duration::from_millis(200);

/// A daemon that is back should be noticed while a person waits for it.
pub(crate) const LONGEST: Duration = Duration::from_secs(5);

/// A credential without a token is asked for about as often as its provider may be tried.
const LONGEST_UNANSWERED: Duration = Duration::from_secs(60);

/// As many attempts in vain are worth a word: a restart takes fewer.
pub(crate) const WORTH_TELLING: u32 = 4;

/// What there is to tell.
#[derive(Debug)]
pub(crate) enum News {
    /// Another token than before.
    Token(String, Box<Token>),
    /// There is no token any more, or for another reason than before.
    Absent(String, Error),
    /// tokend can't be reached; it is tried again. It is told once until it is back.
    Lost(Error),
    /// It makes no sense to go on. Nothing comes after it.
    Ended(Error),
}

/// Follows the tokens of some credentials.
pub(crate) struct Follow {
    news: mpsc::Receiver<News>,
    // Its end is that of the task.
    _task: JoinSet<()>,
}

impl Follow {
    /// Follows these credentials; without names, all that the user may read. With `asks`,
    /// tokend is asked for a token where there is none, which may cost an issuance.
    pub(crate) fn new(client: Client, names: Vec<String>, asks: bool) -> Self {
        Self::after(client, names, asks, BTreeMap::new())
    }

    /// Does the same from these tokens on, which are no news.
    pub(crate) fn after(
        client: Client,
        names: Vec<String>,
        asks: bool,
        tokens: BTreeMap<String, Token>,
    ) -> Self {
        // One is on its way while another is dealt with; the daemon keeps the others back.
        let (sender, news) = mpsc::channel(1);
        let told =
            tokens.into_iter().map(|(name, token)| (name, Told::Token(token.id().to_owned())));
        let told = told.collect();
        let inquiry = asks.then(Inquiry::default);
        let follower = Follower { client, names, inquiry, told, sender };
        let mut task = JoinSet::new();
        task.spawn(follower.run());
        Self { news, _task: task }
    }

    /// Waits for news. It can be given up on at any time; nothing is lost.
    pub(crate) async fn next(&mut self) -> Option<News> {
        self.news.recv().await
    }
}

/// What was told of a credential last.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Token(String),
    Absent(String),
}

/// Nobody listens any more.
struct Unheard;

struct Follower {
    client: Client,
    names: Vec<String>,
    inquiry: Option<Inquiry>,
    told: BTreeMap<String, Told>,
    sender: mpsc::Sender<News>,
}

impl Follower {
    async fn run(mut self) {
        let (mut was_there, mut failures) = (false, 0);
        loop {
            let error = match self.listen(&mut was_there, &mut failures).await {
                Ok(error) => error,
                Err(Unheard) => return,
            };
            if !was_there && !may_pass(&error) {
                // If nobody listens any more, it ends all the same.
                let _ = self.sender.send(News::Ended(error)).await;
                return;
            }
            failures += 1;
            let is_news = failures == if was_there { WORTH_TELLING } else { 1 };
            if is_news && self.sender.send(News::Lost(error)).await.is_err() {
                return;
            }
            sleep(pause(failures, LONGEST)).await;
        }
    }

    /// Listens to one stream, and returns why it ended.
    async fn listen(&mut self, was_there: &mut bool, failures: &mut u32) -> Result<Error, Unheard> {
        let mut watch = match self.client.watch(self.names.clone()).await {
            Ok(watch) => watch,
            Err(error) => return Ok(error),
        };
        self.tell_what_is_gone().await?;
        loop {
            let update = tokio::select! {
                update = watch.next() => update,
                () = self.sender.closed() => return Err(Unheard),
            };
            match update {
                Some(Ok(update)) => {
                    (*was_there, *failures) = (true, 0);
                    self.tell(update).await?;
                }
                Some(Err(error)) => return Ok(error),
                None => return Ok(Error::TimedOut),
            }
        }
    }

    /// Tells of what isn't there any more: a stream of all begins with what there is, and says
    /// nothing of what went while no one listened.
    async fn tell_what_is_gone(&mut self) -> Result<(), Unheard> {
        if !self.names.is_empty() || self.told.is_empty() {
            return Ok(());
        }
        // A daemon that can't list can't tell.
        let Ok(listed) = self.client.list().await else { return Ok(()) };
        let is_gone = |name: &&String| !listed.iter().any(|it| it.name() == name.as_str());
        let gone: Vec<String> = self.told.keys().filter(is_gone).cloned().collect();
        for name in gone {
            self.told.remove(&name);
            let message =
                format!("there is no credential {name} any more, or it isn't yours to read");
            let news = News::Absent(name, Error::NotPermitted { message });
            self.sender.send(news).await.map_err(|_| Unheard)?;
        }
        Ok(())
    }

    async fn tell(&mut self, update: Update) -> Result<(), Unheard> {
        let name = update.name().to_owned();
        let content = update.into_token();
        if let Some(inquiry) = &mut self.inquiry {
            match &content {
                Err(error) if error.is_transient() => inquiry.begin(&self.client, &name),
                _ => inquiry.end(&name),
            }
        }
        let told = match &content {
            Ok(token) => Told::Token(token.id().to_owned()),
            Err(error) => Told::Absent(error.reason().unwrap_or_default().to_owned()),
        };
        if self.told.get(&name) == Some(&told) {
            return Ok(());
        }
        self.told.insert(name.clone(), told);
        let news = match content {
            Ok(token) => News::Token(name, Box::new(token)),
            Err(error) => News::Absent(name, error),
        };
        self.sender.send(news).await.map_err(|_| Unheard)
    }
}

/// Asks for the tokens that aren't there, since a stream alone has none issued; what comes of
/// it, the stream tells.
#[derive(Default)]
struct Inquiry {
    tasks: JoinSet<()>,
    begun: BTreeMap<String, AbortHandle>,
}

impl Inquiry {
    fn begin(&mut self, client: &Client, name: &str) {
        // Those that have ended are let go of.
        while self.tasks.try_join_next().is_some() {}
        if self.begun.get(name).is_some_and(|task| !task.is_finished()) {
            return;
        }
        let (client, owned) = (client.clone(), name.to_owned());
        let task = self.tasks.spawn(async move { ask(&client, &owned).await });
        self.begun.insert(name.to_owned(), task);
    }

    fn end(&mut self, name: &str) {
        if let Some(task) = self.begun.remove(name) {
            task.abort();
        }
    }
}

/// Asks for a token until it is there, or only a person can help.
async fn ask(client: &Client, name: &str) {
    let mut failures = 0;
    while let Err(error) = client.token(name).await {
        if !error.is_transient() {
            return;
        }
        failures += 1;
        let told = error.retry_after().unwrap_or_default();
        sleep(told + pause(failures, LONGEST_UNANSWERED)).await;
    }
}

/// Tells whether a stream that can't be opened may be opened later. Permissions change when
/// the daemon starts, and other streams end.
fn may_pass(error: &Error) -> bool {
    let other_streams = matches!(error, Error::Refused { code: Code::ResourceExhausted, .. });
    error.is_transient() || other_streams
}

/// Returns how long to wait before the next attempt, with full jitter.
pub(crate) fn pause(failures: u32, longest: Duration) -> Duration {
    ceiling(failures, longest).mul_f64(fastrand::f64())
}

/// Returns the longest pause after so many failures.
fn ceiling(failures: u32, longest: Duration) -> Duration {
    let doubled = 2_u32.checked_pow(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    SHORTEST.saturating_mul(doubled).min(longest)
}

#[cfg(test)]
mod tests {
    use tokend_client::testing::{FakeDaemon, FakeToken};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_went_while_no_one_listened_is_told_afterwards() {
        let daemon = FakeDaemon::new();
        daemon.set("a", FakeToken::new("one"));
        daemon.set("b", FakeToken::new("two"));
        let mut follow = Follow::new(daemon.uncached_client(), Vec::new(), false);
        for expected in ["a", "b"] {
            assert!(matches!(follow.next().await, Some(News::Token(name, _)) if name == expected));
        }
        daemon.stop();
        assert!(matches!(follow.next().await, Some(News::Lost(_))));
        daemon.remove("a");
        daemon.start();
        let news = follow.next().await;
        let Some(News::Absent(name, Error::NotPermitted { .. })) = &news else {
            panic!("{news:?}");
        };
        assert_eq!(name, "a");
    }

    #[test]
    fn pauses_double_and_have_a_limit() {
        let ceilings = [1, 2, 3, 6, 40].map(|failures| ceiling(failures, LONGEST).as_millis());
        assert_eq!(ceilings, [200, 400, 800, 5_000, 5_000]);
        for _ in 0..100 {
            assert!(pause(3, LONGEST) <= Duration::from_millis(800));
        }
    }

    #[test]
    fn what_a_restart_may_mend_is_waited_for() {
        let refused = |code| Error::Refused { code, reason: None, message: String::new() };
        assert!(may_pass(&Error::DaemonNotRunning { path: "/s".into() }));
        assert!(may_pass(&refused(Code::ResourceExhausted)));
        assert!(!may_pass(&refused(Code::Unimplemented)));
        assert!(!may_pass(&Error::NotPermitted { message: String::new() }));
    }
}
