//! Threads of their own for what mustn't hold up the one that serves, most with a runtime.

use std::{
    io,
    thread::{self, JoinHandle},
};

use tokio::{
    runtime::{self, Runtime},
    sync::oneshot,
};

/// Something wasn't done on a thread of its own.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApartError {
    /// The system allows no other thread.
    #[error(
        "no thread can be had ({0}): raise the limit on threads and processes, TasksMax= or \
         LimitNPROC= of tokend's unit, or end others of its user"
    )]
    NoThread(io::Error),
    /// It panicked.
    #[error("tokend failed at this; see its log")]
    Panicked,
}

/// Does on a thread of its own what can take any time, and waits for it where that holds nobody
/// up. tokio's own threads for that panic where there can be none.
///
/// # Errors
///
/// Fails if the system has no more threads, and if `work` panics.
pub(crate) async fn block<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApartError> {
    block_on(thread::Builder::new().name(name.to_owned()), work).await
}

async fn block_on<T: Send + 'static>(
    thread: thread::Builder,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApartError> {
    let (done, ended) = oneshot::channel();
    // Whoever waits may have gone.
    let work = move || drop(done.send(work()));
    thread.spawn(work).map_err(ApartError::NoThread)?;
    ended.await.map_err(|_| ApartError::Panicked)
}

/// Starts a thread on which `work` is awaited, and what that spawns is run until it ends.
///
/// # Errors
///
/// Fails if the system has no more threads or descriptors.
pub(crate) fn spawn<F: Future>(
    name: &str,
    work: impl FnOnce() -> F + Send + 'static,
) -> io::Result<JoinHandle<F::Output>>
where
    F::Output: Send + 'static,
{
    let runtime = Hasty(Some(runtime::Builder::new_current_thread().enable_all().build()?));
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || runtime.get().block_on(async { work().await }))
}

/// A runtime that waits for nothing as it goes. A name server or a file system that doesn't
/// answer must not hold the daemon's end; and if there is no thread for it, it goes where it
/// was made, in another runtime, which mustn't wait.
struct Hasty(Option<Runtime>);

impl Hasty {
    fn get(&self) -> &Runtime {
        self.0.as_ref().expect("it is there until it is dropped")
    }
}

impl Drop for Hasty {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_that_gets_no_thread_goes_without_a_panic_where_waiting_is_not_allowed() {
        let outer = runtime::Builder::new_current_thread().build().unwrap();
        let inner = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        outer.block_on(async { drop(Hasty(Some(inner))) });
    }

    #[tokio::test]
    async fn where_no_thread_can_be_had_that_is_said_and_nothing_panics() {
        assert_eq!(block("apart", || 7).await.unwrap(), 7);
        let huge = thread::Builder::new().stack_size(1 << 60);
        let refused = block_on(huge, || 7).await.unwrap_err();
        assert!(matches!(refused, ApartError::NoThread(_)));
        assert!(refused.to_string().contains("TasksMax="), "{refused}");
        let panicked = block("apart", || panic!("as the test wants")).await;
        assert!(matches!(panicked, Err::<(), _>(ApartError::Panicked)));
    }

    #[tokio::test]
    async fn what_is_awaited_there_is_returned() {
        let thread = spawn("apart", || async { tokio::spawn(async { 7 }).await.unwrap() });
        assert_eq!(thread.unwrap().join().unwrap(), 7);
    }
}
