//! Tells which connections nobody uses.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::sleep;

/// How long a client may take to say that it speaks HTTP/2. It is on this machine, and says
/// so with its first bytes.
pub(super) const GREETING: Duration = Duration::from_secs(10);

/// How long no call may be open: clients that ask more often keep their connection, and the
/// others connect again in a fraction of a millisecond. It is looked at no more often than
/// this, so it takes up to twice as long.
pub(super) const IDLE: Duration = Duration::from_secs(300);

/// How long a client that was told to leave may take, once its calls are answered.
pub(super) const PARTING: Duration = Duration::from_secs(10);

/// What each client of HTTP/2 begins with (RFC 9113 §3.4), in bytes.
const PREFACE: usize = 24;

/// What a connection is used for.
#[derive(Debug, Default)]
pub(super) struct Usage {
    /// Bytes that were read, up to the preface's.
    heard: AtomicUsize,
    /// Calls that have begun ..
    begun: AtomicU64,
    /// .. and those that have ended.
    ended: AtomicU64,
}

/// A call that is open until this is dropped.
#[derive(Debug)]
pub(super) struct Call(Arc<Usage>);

impl Usage {
    /// Notes that so many bytes were read.
    pub(super) fn hear(&self, read: usize) {
        let heard = self.heard.load(Relaxed);
        if heard < PREFACE {
            self.heard.store((heard + read).min(PREFACE), Relaxed);
        }
    }

    /// Notes that a call begins.
    pub(super) fn begin(self: &Arc<Self>) -> Call {
        self.begun.fetch_add(1, Relaxed);
        Call(Arc::clone(self))
    }

    /// Resolves when the client hasn't said within [`GREETING`] that it speaks HTTP/2.
    pub(super) async fn silent(&self) {
        // Most have said so before anyone looks, and need no timer.
        if self.heard.load(Relaxed) < PREFACE {
            sleep(GREETING).await;
        }
        if self.heard.load(Relaxed) == PREFACE {
            std::future::pending::<()>().await;
        }
    }

    /// Resolves when no call was open for `span`.
    pub(super) async fn unused(&self, span: Duration) {
        let mut seen = None;
        loop {
            let (begun, ended) = (self.begun.load(Relaxed), self.ended.load(Relaxed));
            if begun == ended && seen == Some(begun) {
                return;
            }
            // A number that has changed meanwhile is a call that began meanwhile.
            seen = (begun == ended).then_some(begun);
            sleep(span).await;
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Relaxed);
    }
}
