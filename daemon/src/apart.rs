//! Threads with a runtime of their own, for what mustn't hold up the one that serves.

use std::{
    io,
    thread::{self, JoinHandle},
};

use tokio::runtime::{self, Runtime};

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
    async fn what_is_awaited_there_is_returned() {
        let thread = spawn("apart", || async { tokio::spawn(async { 7 }).await.unwrap() });
        assert_eq!(thread.unwrap().join().unwrap(), 7);
    }
}
