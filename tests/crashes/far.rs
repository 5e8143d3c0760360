//! A provider that keeps books: how often it was asked, and what for.

#![allow(dead_code, reason = "the tests and the suite use a part each")]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use super::support::provider::{Provider, Reply, Request};

/// How long its tokens live, in seconds.
pub(crate) const LIFE: u64 = 3_600;

/// A provider with an account for each credential. Its refresh tokens are replaced by each use,
/// and it notices those that are used again.
pub(crate) struct Far {
    provider: Provider,
    books: Arc<Mutex<Books>>,
}

/// What has reached the provider.
#[derive(Default)]
pub(crate) struct Books {
    /// When each account asked for a token.
    pub(crate) asked: BTreeMap<String, Vec<Instant>>,
    /// How many tokens each account got.
    issued: BTreeMap<String, u64>,
    /// The secret that each account showed last.
    pub(crate) shown: BTreeMap<String, String>,
    replaced: BTreeSet<String>,
    /// The refresh tokens that were sent although they had been replaced.
    pub(crate) reused: Vec<String>,
    /// How many were sent.
    pub(crate) refreshes: usize,
}

impl Far {
    pub(crate) fn new() -> Self {
        let books = Arc::<Mutex<Books>>::default();
        let kept = Arc::clone(&books);
        let provider = Provider::scripted(move |_, request| kept.lock().unwrap().answer(request));
        Self { provider, books }
    }

    /// Where an account gets its tokens.
    pub(crate) fn token_url(&self, account: &str) -> String {
        format!("{}/{account}/token", self.provider.url())
    }

    /// Keeps answers back until they are released.
    pub(crate) fn hold(&self) {
        self.provider.close();
    }

    pub(crate) fn release(&self) {
        self.provider.open();
    }

    /// Returns how many requests have arrived.
    pub(crate) fn requests(&self) -> usize {
        self.provider.requests().len()
    }

    pub(crate) fn wait_for_requests(&self, count: usize) {
        self.provider.wait_for_requests(count);
    }

    pub(crate) fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap()
    }
}

impl Books {
    fn answer(&mut self, request: &Request) -> Reply {
        let account = request.path.split('/').nth(1).unwrap_or_default().to_owned();
        #[expect(clippy::disallowed_methods, reason = "a provider has a clock of its own")]
        self.asked.entry(account.clone()).or_default().push(Instant::now());
        let field = |name: &str| {
            let fields = request.body.split('&').filter_map(|field| field.split_once('='));
            fields.into_iter().find_map(|(key, value)| (key == name).then(|| value.to_owned()))
        };
        if let Some(secret) = field("client_secret") {
            self.shown.insert(account.clone(), secret);
        }
        if let Some(sent) = field("refresh_token") {
            self.refreshes += 1;
            if !self.replaced.insert(sent.clone()) {
                self.reused.push(sent);
                return Reply::json(400, r#"{"error":"invalid_grant"}"#);
            }
        }
        let number = self.issued.entry(account.clone()).or_default();
        *number += 1;
        let refresh = match field("grant_type").as_deref() {
            Some("password" | "refresh_token") => {
                format!(r#""refresh_token":"{account}-r{number}-c0ffee","#)
            }
            _ => String::new(),
        };
        Reply::json(
            200,
            format!(
                r#"{{"access_token":"{account}-{number}-c0ffee",{refresh}"token_type":"Bearer","expires_in":{LIFE}}}"#
            ),
        )
    }

    /// Returns how often an account has asked.
    pub(crate) fn count(&self, account: &str) -> usize {
        self.asked.get(account).map_or(0, Vec::len)
    }

    /// Returns the most requests of an account in any window of this length.
    pub(crate) fn most_within(&self, account: &str, window: Duration) -> usize {
        let times = self.asked.get(account).map(Vec::as_slice).unwrap_or_default();
        let within = |first: usize| {
            times[first..].iter().take_while(|time| **time - times[first] < window).count()
        };
        (0..times.len()).map(within).max().unwrap_or_default()
    }
}
