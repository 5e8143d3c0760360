//! A token that callers see, as they see it.

use std::{
    fmt::{Debug, Formatter},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::{BufMut, Bytes};
use prost::Message;
use tokend_core::{Moment, Token};
use tokend_proto::v1;
use zeroize::{Zeroize, Zeroizing};

use super::{Presentation, message::message};
use crate::credential::Grant;

/// A token that is on disk and may be served. Its message is prepared for the first who asks.
pub struct Published {
    pub(super) token: Arc<Token<Grant>>,
    /// Field 1 of `AcquireTokenResponse` and of `WatchTokensResponse`, with its tag and
    /// length, once someone has asked for it.
    encoded: OnceLock<Bytes>,
    /// What it is made of, until then.
    present: Mutex<Option<Present>>,
    pub(super) edition: Edition,
}

/// Finds out what callers do with a token.
type Present = Box<dyn FnOnce(&Token<Grant>) -> Presentation + Send>;

/// Tells apart what was published since the daemon started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edition(u64);

impl Edition {
    fn next() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed))
    }
}

impl Published {
    pub(crate) fn new(
        token: Arc<Token<Grant>>,
        present: impl FnOnce(&Token<Grant>) -> Presentation + Send + 'static,
    ) -> Self {
        let present = Mutex::new(Some(Box::new(present) as Present));
        Self { token, encoded: OnceLock::new(), present, edition: Edition::next() }
    }

    /// Takes the edition of what was there before, if someone has seen that and it looks the same.
    pub(super) fn follow(&mut self, before: &Self) {
        if before.encoded.get().is_some_and(|before| **before == *self.encoded()) {
            self.edition = before.edition;
        }
    }

    /// Tells it apart from all else that was published and looks otherwise.
    pub fn edition(&self) -> Edition {
        self.edition
    }

    /// Returns field 1 of `AcquireTokenResponse` and of `WatchTokensResponse`.
    pub fn encoded(&self) -> &[u8] {
        self.encoded.get_or_init(|| self.prepared())
    }

    fn prepared(&self) -> Bytes {
        let present = self.present.lock().unwrap_or_else(PoisonError::into_inner).take();
        let present = present.expect("it is prepared once");
        encode(&self.token, present(&self.token))
    }

    /// Returns the life that is left to the token at `now`, as the contract writes it.
    pub fn remaining(&self, now: Moment) -> Option<prost_types::Duration> {
        self.token.remaining(now).and_then(|left| left.try_into().ok())
    }

    /// Tells whether it satisfies a caller at `now`.
    pub fn satisfies(&self, min_ttl: Option<Duration>, now: Moment) -> bool {
        self.token.satisfies(min_ttl, now)
    }

    /// Returns the token.
    pub fn token(&self) -> &Arc<Token<Grant>> {
        &self.token
    }

    /// Returns how long `encode` writes at `now`.
    pub fn encoded_len(&self, now: Moment) -> usize {
        self.encoded().len() + self.tail(now).encoded_len()
    }

    /// Writes the `AcquireTokenResponse` as of `now`.
    pub fn encode(&self, now: Moment, buffer: &mut impl BufMut) {
        buffer.put_slice(self.encoded());
        self.tail(now).encode_raw(buffer);
    }

    /// Returns the `AcquireTokenResponse` for one who has the token already.
    pub fn unchanged(&self, now: Moment) -> v1::AcquireTokenResponse {
        v1::AcquireTokenResponse { unchanged: true, ..self.tail(now) }
    }

    /// The part of the answer that changes from call to call.
    fn tail(&self, now: Moment) -> v1::AcquireTokenResponse {
        v1::AcquireTokenResponse { token: None, unchanged: false, remaining: self.remaining(now) }
    }
}

impl Debug for Published {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Published").field("token", &self.token.id).finish_non_exhaustive()
    }
}

fn encode(token: &Token<Grant>, presentation: Presentation) -> Bytes {
    let mut message = message(token, presentation);
    // Of the right size from the start: growing would leave copies behind.
    let length = prost::encoding::message::encoded_len(1, &message);
    let mut encoded = Zeroizing::new(Vec::with_capacity(length));
    prost::encoding::message::encode(1, &message, &mut *encoded);
    message.value.zeroize();
    message.extras.values_mut().for_each(Zeroize::zeroize);
    message.placements.iter_mut().for_each(|placement| placement.value.zeroize());
    Bytes::from_owner(Wiped(encoded))
}

/// Bytes that are wiped when the last one who reads them is done.
struct Wiped(Zeroizing<Vec<u8>>);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
