//! Waits for requests to end and for answers to be taken, for a while.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use hyper::{
    body::{Body, Frame, Incoming, SizeHint},
    rt::Executor,
};
use tokio::time::{Sleep, sleep};
use tonic::Status;
use tracing::debug;

use super::status;

/// How long a request may take to come, once some of it has: it comes from this machine, and
/// the whole of it is there in general before anyone looks.
pub(super) const LONGEST_REQUEST: Duration = Duration::from_secs(10);

/// How long a part of an answer may wait for its client to make room for it: clients do as
/// they read. Whoever wants to hear more later, and has taken what there is, isn't meant.
pub(super) const LONGEST_UNTAKEN: Duration = Duration::from_secs(60);

/// Methods whose requests are one half of a dialogue, which has its own end.
const DIALOGUES: [&str; 3] = ["/LoginCredential", "/RestoreStore", "/ServerReflectionInfo"];

/// A request that is waited for, for a while.
#[derive(Debug)]
pub(super) struct Asked {
    body: Incoming,
    is_dialogue: bool,
    late: Option<Pin<Box<Sleep>>>,
}

impl Asked {
    /// Takes a request to this path.
    pub(super) fn new(body: Incoming, path: &str) -> Self {
        let is_dialogue = DIALOGUES.iter().any(|method| path.ends_with(method));
        Self { body, is_dialogue, late: None }
    }
}

impl Body for Asked {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            let failed = |error: hyper::Error| Status::from_error(error.into());
            return Poll::Ready(frame.map(|frame| frame.map_err(failed)));
        }
        if self.is_dialogue {
            return Poll::Pending;
        }
        let late = self.late.get_or_insert_with(|| Box::pin(sleep(LONGEST_REQUEST)));
        ready!(late.as_mut().poll(context));
        Poll::Ready(Some(Err(status::unfinished())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

tokio::task_local! {
    /// How much of the task's answer was taken.
    static ANSWER: Arc<Answer>;
}

/// How much of an answer was taken.
#[derive(Debug, Default)]
struct Answer {
    /// The parts that there were.
    parts: AtomicU64,
    /// Whether the latest wasn't taken yet.
    waits: AtomicBool,
}

/// Notes, in the task of a call, that hyper wants the next part of its answer: it has passed on
/// the one before.
pub(super) fn taken() {
    // Elsewhere no one waits.
    let _ = ANSWER.try_with(|answer| answer.waits.store(false, Relaxed));
}

/// Notes, in the task of a call, that hyper was given a part of its answer.
pub(super) fn given() {
    let _ = ANSWER.try_with(|answer| {
        answer.parts.fetch_add(1, Relaxed);
        answer.waits.store(true, Relaxed);
    });
}

/// Runs calls, and gives up those whose answers no one takes: their streams are reset.
#[derive(Debug, Clone, Copy)]
pub(super) struct Calls;

impl<F> Executor<F> for Calls
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, call: F) {
        let answer = Arc::<Answer>::default();
        let given_up = untaken(Arc::clone(&answer));
        tokio::spawn(ANSWER.scope(answer, async {
            tokio::select! {
                // What the call has come to is looked at after it.
                biased;
                () = call => {}
                () = given_up => debug!("a call is given up: its client doesn't take the answer"),
            }
        }));
    }
}

/// Resolves when the same part of an answer has waited for too long; to be polled after the call.
async fn untaken(answer: Arc<Answer>) {
    let mut late: Option<(u64, Pin<Box<Sleep>>)> = None;
    poll_fn(|context| {
        if !answer.waits.load(Relaxed) {
            late = None;
            return Poll::Pending;
        }
        let parts = answer.parts.load(Relaxed);
        late.take_if(|(part, _)| *part != parts);
        let (_, late) = late.get_or_insert_with(|| (parts, Box::pin(sleep(LONGEST_UNTAKEN))));
        late.as_mut().poll(context)
    })
    .await;
}
