//! One credential's token as it changes.

use std::sync::Arc;

use tokio::sync::watch;

use crate::{
    Client, Error, Token,
    cache::{Entry, RECHECK, Told},
};

/// The token of one credential as it changes, from
/// [`Client::subscribe`](crate::Client::subscribe) on.
///
/// All subscriptions of a client are served by one stream. A lost connection doesn't end
/// them: what changed meanwhile is told as soon as tokend is back.
#[derive(Debug)]
pub struct Subscription {
    client: Client,
    entry: Arc<Entry>,
    told: watch::Receiver<Told>,
}

impl Subscription {
    pub(crate) fn new(client: Client, entry: Arc<Entry>) -> Self {
        let told = entry.subscribe();
        Self { client, entry, told }
    }

    /// Returns the credential's name.
    pub fn name(&self) -> &str {
        self.entry.name()
    }

    /// Returns the token that is held, or why there is none; `None` if nothing is known yet
    /// or the token has expired.
    pub fn current(&self) -> Option<Result<Token, Error>> {
        // The way without a lock.
        if let Some(token) = self.entry.token().filter(Token::is_alive) {
            return Some(Ok(token));
        }
        let told = self.told.borrow().clone();
        told.filter(|told| told.as_ref().map_or(true, Token::is_alive))
    }

    /// Waits until there is another token, or another reason why there is none. The first
    /// call returns at once if something has come since the subscription was made.
    ///
    /// Waiting can be given up at any time; nothing is lost. Of several changes the last is
    /// told.
    ///
    /// ```no_run
    /// # async fn run(client: tokend_client::Client) -> Result<(), tokend_client::Error> {
    /// let mut subscription = client.subscribe("causely")?;
    /// loop {
    ///     match subscription.changed().await {
    ///         Ok(token) => println!("a new one, for {:?}", token.remaining()),
    ///         Err(error) => println!("none for now: {error}"),
    ///     }
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// Why there is no token now. It may come later: wait again.
    ///
    /// # Panics
    /// Panics outside a tokio runtime.
    pub async fn changed(&mut self) -> Result<Token, Error> {
        loop {
            self.client.tend(&self.entry);
            tokio::select! {
                changed = self.told.changed() => {
                    changed.expect("the entry outlives its subscriptions");
                    if let Some(told) = self.told.borrow_and_update().clone() {
                        return told;
                    }
                }
                () = tokio::time::sleep(RECHECK) => {}
            }
        }
    }
}
