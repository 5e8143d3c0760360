//! The thread that owns a store.

mod copies;
mod opener;

use std::{
    collections::VecDeque,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Weak,
        mpsc::{self, Receiver, RecvTimeoutError, Sender, TryRecvError},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use tokend_core::{BootTime, Random, Stamp, StoreFailure};
use tokio::sync::oneshot;

use self::copies::{Copies, CopyReply};
pub use self::opener::Opener;
use super::{CloseError, OpenError, Store};
use crate::{
    credential::CredentialId,
    ports::{
        self, Backups, Found, Loaded, Query, Rekey, RekeyEnded, RekeyFailure, Rekeyed, Reply,
        StoredCredential, Ticket, Unchecked, Write, Written,
    },
};

/// A thread that owns a store and does what is submitted, in order. What has piled
/// up while it wrote goes to the disk together.
///
/// When it is dropped, all that was submitted is done first and the store is
/// closed; [`finish`](Self::finish) does the same and tells how that went.
#[derive(Debug)]
pub struct Worker {
    /// `None` once nothing more can come.
    queue: Option<Arc<Sender<Task>>>,
    thread: Option<JoinHandle<Result<(), CloseError>>>,
}

/// Something that the store is to do.
enum Task {
    Write(Ticket, Write),
    Look(Ticket, Query),
    Rekey(Ticket, Rekey, BootTime),
    Copy(CopyReply),
    Load(Stamp, oneshot::Sender<Result<Loaded, OpenError>>),
    One(CredentialId, Stamp, oneshot::Sender<Option<StoredCredential>>),
}

/// Asks the thread for copies of its store, as long as the worker is there.
#[derive(Debug, Clone)]
pub struct Copier(Weak<Sender<Task>>);

/// An answer of the store.
#[derive(Debug)]
pub enum Answer {
    /// To a write.
    Written(Written),
    /// To a look at the ledger.
    Found(Found),
    /// To a wish for other keys.
    Rekeyed(RekeyEnded),
}

/// How many writes go to the disk together: a hundred cost little more than one,
/// and more would keep the first waiting.
const BATCH: usize = 256;

/// After so long without a task what was replaced is wiped out of the files: refreshes that
/// come together share the wait for the disk ..
const QUIET: Duration = Duration::from_secs(1);

/// .. and so long after a failure that is tried again.
const RETRY: Duration = Duration::from_secs(60);

impl Worker {
    /// Starts the thread. `deliver` is called on it with each answer.
    pub fn spawn<R: Random + Send + 'static>(
        store: Store<R>,
        deliver: impl FnMut(Answer) + Send + 'static,
    ) -> io::Result<Self> {
        let (sender, receiver) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("tokend-store".into())
            .spawn(move || run(store, &receiver, deliver))?;
        Ok(Self { queue: Some(Arc::new(sender)), thread: Some(thread) })
    }

    /// Waits until all that was submitted is done, and closes the store.
    ///
    /// # Panics
    ///
    /// If the thread has panicked in `deliver`, this continues the panic.
    pub fn finish(mut self) -> Result<(), CloseError> {
        match self.join() {
            Some(Ok(closed)) => closed,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => Ok(()),
        }
    }

    /// Returns what makes copies of the store.
    pub fn copier(&self) -> Copier {
        Copier(self.queue.as_ref().map_or_else(Weak::new, Arc::downgrade))
    }

    /// Returns what reads single credentials.
    pub fn opener(&self) -> Opener {
        Opener(self.queue.as_ref().map_or_else(Weak::new, Arc::downgrade))
    }

    /// Starts to read everything that the daemon starts with. What [`Opener::open`] asks for is
    /// read meanwhile.
    pub fn load(&mut self, now: Stamp) -> oneshot::Receiver<Result<Loaded, OpenError>> {
        let (reply, loaded) = oneshot::channel();
        self.queue(Task::Load(now, reply));
        loaded
    }

    fn queue(&mut self, task: Task) {
        self.queue
            .as_ref()
            .and_then(|queue| queue.send(task).ok())
            .expect("the store's thread ends only with the worker, or by a panic");
    }

    fn join(&mut self) -> Option<thread::Result<Result<(), CloseError>>> {
        drop(self.queue.take());
        self.thread.take().map(JoinHandle::join)
    }
}

impl ports::Store for Worker {
    fn submit(&mut self, ticket: Ticket, write: Write) {
        self.queue(Task::Write(ticket, write));
    }

    fn look(&mut self, ticket: Ticket, query: Query) {
        self.queue(Task::Look(ticket, query));
    }

    fn rekey(&mut self, ticket: Ticket, rekey: Rekey, now: BootTime) {
        self.queue(Task::Rekey(ticket, rekey, now));
    }
}

impl Backups for Copier {
    fn copy(&self) -> oneshot::Receiver<Result<Unchecked, StoreFailure>> {
        let (reply, copied) = oneshot::channel();
        if let Some(queue) = self.0.upgrade() {
            // If the thread is gone, so is the reply, which says so.
            let _ = queue.send(Task::Copy(reply));
        }
        copied
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        match self.join() {
            Some(Ok(Err(error))) => {
                let source = std::error::Error::source(&error);
                tracing::error!(%error, source, "the store wasn't closed in order");
            }
            Some(Err(_)) => tracing::error!("the store's thread had panicked"),
            Some(Ok(Ok(()))) | None => {}
        }
    }
}

fn run<R: Random>(
    mut store: Store<R>,
    queue: &Receiver<Task>,
    mut deliver: impl FnMut(Answer),
) -> Result<(), CloseError> {
    let mut copies = Copies::default();
    // What came while everything was read.
    let mut put_off = VecDeque::new();
    loop {
        let first = put_off.pop_front().or_else(|| next(&mut store, queue, &mut copies));
        let Some(first) = first else { break };
        let (mut tickets, mut writes, mut looks) = (Vec::new(), Vec::new(), Vec::new());
        let (mut rekeys, mut loads) = (Vec::new(), Vec::new());
        let more = put_off.drain(..).chain(queue.try_iter());
        for task in std::iter::once(first).chain(more.take(BATCH)) {
            match task {
                Task::Write(ticket, write) => {
                    tickets.push(ticket);
                    writes.push(write);
                }
                Task::Look(ticket, query) => looks.push((ticket, query)),
                Task::Rekey(ticket, wish, now) => rekeys.push((ticket, wish, now)),
                Task::Copy(reply) => copies.want(reply),
                Task::Load(now, reply) => loads.push((now, reply)),
                // Who has gone away wants nothing.
                Task::One(id, now, reply) => drop(reply.send(store.one(id, &now))),
            }
        }
        for (ticket, result) in tickets.into_iter().zip(write(&mut store, &writes)) {
            deliver(Answer::Written(Written { ticket, result }));
        }
        // These see all writes of the batch, those before them among others.
        for (ticket, query) in looks {
            deliver(Answer::Found(Found { ticket, result: store.look(&query) }));
        }
        // What waits by now is answered before everything is sealed anew.
        for (ticket, wish, now) in rekeys {
            let result = rekey(&mut store, &wish, now);
            deliver(Answer::Rekeyed(RekeyEnded { ticket, result }));
        }
        for (now, reply) in loads {
            let loaded = opener::load(&mut store, &now, queue, &mut put_off);
            let _ = reply.send(loaded);
        }
        copies.go_on(&mut store);
    }
    store.close()
}

/// Waits for a task, and wipes out what was replaced if none comes. Returns `None` once none
/// can come. As long as copies are wanted, they are made meanwhile.
fn next<R: Random>(
    store: &mut Store<R>,
    queue: &Receiver<Task>,
    copies: &mut Copies,
) -> Option<Task> {
    while copies.are_wanted() {
        match queue.try_recv() {
            Ok(task) => return Some(task),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => copies.go_on(store),
        }
    }
    let mut wait = QUIET;
    while store.has_residue() {
        match queue.recv_timeout(wait) {
            Ok(task) => return Some(task),
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => store.wipe(),
        }
        wait = RETRY;
    }
    queue.recv().ok()
}

/// Writes a batch. If that panics, which rolls the transaction back, the writes
/// have failed: no one is left waiting, and what is held is still served.
fn write<R: Random>(store: &mut Store<R>, writes: &[Write]) -> Vec<Result<Reply, StoreFailure>> {
    if writes.is_empty() {
        return Vec::new();
    }
    catch_unwind(AssertUnwindSafe(|| store.write(writes))).unwrap_or_else(|_| {
        tracing::error!(writes = writes.len(), "the store panicked");
        let message = "tokend has a fault: its store panicked, see its log".into();
        vec![Err(StoreFailure { full: false, message }); writes.len()]
    })
}

/// Gives the store other keys. If that panics, which rolls the transaction back, it keeps those
/// that it has.
fn rekey<R: Random>(
    store: &mut Store<R>,
    wish: &Rekey,
    now: BootTime,
) -> Result<Rekeyed, RekeyFailure> {
    catch_unwind(AssertUnwindSafe(|| store.rekey(wish, now))).unwrap_or_else(|_| {
        tracing::error!("the store panicked over its keys");
        let message = "tokend has a fault: its store panicked, see its log".into();
        Err(RekeyFailure::Store(StoreFailure { full: false, message }))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };

    use tokend_core::SplitMix;

    use super::{
        super::tests::{Home, commits, credential, is_granted, issued, key, reserve, stamp, token},
        *,
    };
    use crate::ports::Store as _;

    /// Fails as a faulty generator would, when told to.
    struct Faulty {
        random: SplitMix,
        fails: Arc<AtomicBool>,
    }

    impl Random for Faulty {
        fn fill(&mut self, bytes: &mut [u8]) {
            assert!(!self.fails.load(Ordering::SeqCst), "out of entropy, as the test wants");
            self.random.fill(bytes);
        }
    }

    fn written(answer: Answer) -> Written {
        match answer {
            Answer::Written(written) => written,
            other => panic!("no one asked for this: {other:?}"),
        }
    }

    fn worker<R: Random + Send + 'static>(store: Store<R>) -> (Worker, Receiver<Written>) {
        let (sender, answers) = mpsc::channel();
        // The test may have gone by the time the last answer comes.
        let deliver = move |answer| drop(sender.send(written(answer)));
        let worker = Worker::spawn(store, deliver).unwrap();
        (worker, answers)
    }

    fn submit(worker: &mut Worker, numbers: std::ops::RangeInclusive<u64>) {
        for number in numbers {
            worker.submit(Ticket(number), reserve(number, stamp(1, number, number), &[]));
        }
    }

    #[test]
    fn every_write_is_answered_once_and_in_order() {
        let home = Home::new();
        let (mut worker, answers) = worker(home.open());
        submit(&mut worker, 1..=1_000);
        worker.finish().unwrap();
        let tickets: Vec<u64> = answers
            .iter()
            .map(|written| {
                assert!(is_granted(&written.result));
                written.ticket.0
            })
            .collect();
        assert_eq!(tickets, (1..=1_000).collect::<Vec<_>>());
    }

    #[test]
    fn what_piled_up_goes_to_the_disk_together() {
        let home = Home::new();
        let (open, gate) = mpsc::channel();
        let (sender, answers) = mpsc::channel();
        let deliver = move |answer| {
            let written = written(answer);
            if written.ticket == Ticket(1) {
                gate.recv().unwrap();
            }
            sender.send(written).unwrap();
        };
        let mut worker = Worker::spawn(home.open(), deliver).unwrap();
        submit(&mut worker, 1..=1);
        submit(&mut worker, 2..=1_000);
        open.send(()).unwrap();
        assert_eq!(answers.iter().take(1_000).count(), 1_000);
        // The first batch may have been any number of writes.
        let batches = 1_000_usize.div_ceil(BATCH);
        assert!((batches..=batches + 1).contains(&commits(&home)), "{}", commits(&home));
        worker.finish().unwrap();
    }

    #[test]
    fn what_a_refresh_replaced_is_wiped_out_when_no_one_waits() {
        let home = Home::new();
        let mut store = home.open();
        let written = store.write(&[
            Write::Credential(credential(1, "causely")),
            reserve(1, stamp(1, 0, 0), &[]),
            issued(1, token(1, "t0ken"), stamp(1, 1, 1)),
            reserve(2, stamp(1, 2, 2), &[]),
        ]);
        assert!(written.iter().all(Result::is_ok), "{written:?}");
        assert!(!store.has_residue(), "a credential's own secrets go at once");
        let again = store.write(&[issued(2, token(2, "t0ken"), stamp(1, 3, 3))]);
        assert!(again[0].is_ok(), "{again:?}");
        assert!(store.has_residue() && commits(&home) > 0, "a refresh waits once for the disk");

        let (sender, queue) = mpsc::channel();
        let waiting = thread::spawn(move || {
            let task = next(&mut store, &queue, &mut Copies::default());
            (task.is_none(), store.has_residue())
        });
        let log = home.path().join("tokend.db-wal");
        while std::fs::metadata(&log).unwrap().len() > 0 {
            thread::yield_now();
        }
        drop(sender);
        assert_eq!(waiting.join().unwrap(), (true, false));
    }

    #[test]
    fn dropping_it_finishes_what_was_submitted() {
        let home = Home::new();
        let (mut worker, _answers) = worker(home.open());
        worker.submit(Ticket(1), Write::Credential(credential(1, "causely")));
        drop(worker);
        let loaded = home.open().load(&stamp(1, 0, 0)).unwrap();
        assert_eq!(loaded.credentials.len(), 1);
    }

    #[test]
    fn a_panic_fails_its_batch_and_the_thread_goes_on() {
        let home = Home::new();
        let fails = Arc::new(AtomicBool::new(true));
        let random = Faulty { random: SplitMix::new(1), fails: Arc::clone(&fails) };
        let (mut worker, answers) =
            worker(Store::open(home.path(), None, &key(1), random).unwrap());
        submit(&mut worker, 1..=1);
        let failure = answers.recv().unwrap().result.unwrap_err();
        assert!(failure.message.contains("panicked"), "{failure:?}");
        fails.store(false, Ordering::SeqCst);
        submit(&mut worker, 1..=2);
        let results: Vec<_> = answers.iter().take(2).map(|written| written.result).collect();
        assert!(results.len() == 2 && results.iter().all(is_granted), "{results:?}");
        worker.finish().unwrap();
    }

    #[test]
    fn single_credentials_are_read_beside_all_of_them_and_none_once_it_has_ended() {
        let home = Home::new();
        let mut store = home.open();
        let made = store.write(&[Write::Credential(credential(1, "causely"))]);
        assert!(made[0].is_ok(), "{made:?}");
        let (mut worker, _answers) = self::worker(store);
        let (opener, now) = (worker.opener(), stamp(1, 0, 0));
        let loaded = worker.load(now);
        let ids = [[1; 16], [2; 16]].map(CredentialId);
        let found = ids.map(|id| opener.open(id, now).blocking_recv().unwrap());
        let name = |it: StoredCredential| it.credential.name.to_string();
        assert_eq!(found.map(|it| it.map(name)), [Some("causely".to_owned()), None]);
        assert_eq!(loaded.blocking_recv().unwrap().unwrap().credentials.len(), 1);
        worker.finish().unwrap();
        assert!(opener.open(ids[0], now).blocking_recv().is_err());
    }

    #[test]
    #[should_panic(expected = "no one listens")]
    fn a_panic_of_the_listener_is_passed_on() {
        let home = Home::new();
        let mut worker = Worker::spawn(home.open(), |_| panic!("no one listens")).unwrap();
        submit(&mut worker, 1..=1);
        worker.finish().unwrap();
    }
}
