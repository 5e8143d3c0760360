use std::{io::IoSlice, task::Waker};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use super::*;

/// A line to a client that has room for so many bytes.
fn connect(room: usize) -> (DuplexStream, Line<DuplexStream>) {
    let (client, served) = duplex(room);
    (client, Line::new(served, Arc::default()))
}

fn look<T>(poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
    poll(&mut Context::from_waker(Waker::noop()))
}

fn write(line: &mut Line<DuplexStream>, slices: &[&[u8]]) -> usize {
    let slices: Vec<_> = slices.iter().map(|slice| IoSlice::new(slice)).collect();
    match look(|context| Pin::new(&mut *line).poll_write_vectored(context, &slices)) {
        Poll::Ready(written) => written.unwrap(),
        Poll::Pending => 0,
    }
}

fn flush(line: &mut Line<DuplexStream>) -> bool {
    look(|context| Pin::new(&mut *line).poll_flush(context)).map(Result::unwrap).is_ready()
}

/// Looks at a line as one does who waits for the client.
fn read(line: &mut Line<DuplexStream>) -> Poll<io::Result<()>> {
    let mut room = [0; 64];
    look(|context| Pin::new(&mut *line).poll_read(context, &mut ReadBuf::new(&mut room)))
}

/// Returns what has come to the client at once.
fn came(client: &mut DuplexStream) -> Vec<u8> {
    let mut room = vec![0; 64 * 1_024];
    let mut buffer = ReadBuf::new(&mut room);
    let _ = look(|context| Pin::new(client).poll_read(context, &mut buffer));
    buffer.filled().to_vec()
}

#[tokio::test]
async fn what_is_flushed_is_written_with_what_follows_it() {
    let (mut client, mut line) = connect(1_024);
    assert_eq!(write(&mut line, &[b"head", b"message"]), 11);
    assert!(flush(&mut line));
    assert_eq!(came(&mut client), b"");
    assert_eq!(write(&mut line, &[b"trailers"]), 8);
    assert!(flush(&mut line));
    assert_eq!(came(&mut client), b"");
    assert!(read(&mut line).is_pending());
    assert_eq!(came(&mut client), b"headmessagetrailers");
    assert!(line.gathered.capacity() == 0, "nothing of it is kept");
}

#[tokio::test]
async fn a_client_that_goes_on_and_on_is_answered_all_the_same() {
    let (mut client, mut line) = connect(1_024);
    client.write_all(&[b'x'; 1_024]).await.unwrap();
    write(&mut line, &[b"answer"]);
    assert!(flush(&mut line));
    for _ in 0..MOST_READS {
        assert!(read(&mut line).is_ready());
        assert_eq!(came(&mut client), b"");
    }
    assert!(read(&mut line).is_ready());
    assert_eq!(came(&mut client), b"answer");
}

#[tokio::test]
async fn what_nothing_follows_is_written_when_the_client_has_said_all() {
    let (mut client, mut line) = connect(1_024);
    write(&mut line, &[b"settings"]);
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    assert!(Pin::new(&mut line).poll_flush(&mut Context::from_waker(&waker)).is_ready());
    assert!(woken.0.load(std::sync::atomic::Ordering::Relaxed), "it is looked at again at once");
    assert_eq!(came(&mut client), b"");
    assert!(read(&mut line).is_pending());
    assert_eq!(came(&mut client), b"settings");
    assert!(flush(&mut line), "there is nothing left");
}

#[derive(Default)]
struct Woken(std::sync::atomic::AtomicBool);

impl std::task::Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

#[tokio::test]
async fn no_more_is_gathered_than_a_client_that_does_not_read_may_cost() {
    let (mut client, mut line) = connect(1_024);
    let long = vec![7; 40 * 1_024];
    assert_eq!(write(&mut line, &[&long]), MOST);
    assert_eq!(write(&mut line, &[&long]), 0, "it waits for the client");
    let mut heard = came(&mut client).len();
    while heard < MOST {
        let _ = flush(&mut line);
        assert!(read(&mut line).is_pending());
        heard += came(&mut client).len();
    }
    assert_eq!((heard, line.gathered.len()), (MOST, 0));
}

#[tokio::test]
async fn a_client_that_has_said_its_last_word_is_answered() {
    let (mut client, mut line) = connect(1_024);
    client.shutdown().await.unwrap();
    write(&mut line, &[b"answer"]);
    assert!(flush(&mut line));
    assert!(read(&mut line).is_ready());
    assert_eq!(came(&mut client), b"answer");
}

#[tokio::test]
async fn an_end_comes_after_all_that_was_said() {
    let (mut client, mut line) = connect(1_024);
    write(&mut line, &[b"goodbye"]);
    assert!(look(|context| Pin::new(&mut line).poll_shutdown(context)).is_ready());
    let mut heard = Vec::new();
    client.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, b"goodbye");
}

#[tokio::test]
async fn a_client_that_has_gone_ends_the_line() {
    let (client, mut line) = connect(1_024);
    drop(client);
    write(&mut line, &[b"answer"]);
    assert!(flush(&mut line));
    assert!(matches!(read(&mut line), Poll::Ready(Err(_))));
}
