use std::{io::IoSlice, task::Waker};

use tokio::io::{AsyncReadExt as _, DuplexStream, duplex};

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

/// Writes what was gathered, as far as there is room.
fn written(line: &Line<DuplexStream>) -> Poll<io::Result<()>> {
    look(|context| line.poll_written(context))
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
    let shared = line.share();
    assert_eq!(write(&mut line, &[b"head", b"message"]), 11);
    assert!(flush(&mut line));
    assert_eq!(came(&mut client), b"");
    assert_eq!(write(&mut line, &[b"trailers"]), 8);
    assert!(flush(&mut line));
    assert_eq!(came(&mut client), b"");
    assert!(written(&shared).is_ready());
    assert_eq!(came(&mut client), b"headmessagetrailers");
    assert!(line.ends().gathered.capacity() == 0, "nothing of it is kept");
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
        let _ = written(&line);
        heard += came(&mut client).len();
    }
    assert_eq!((heard, line.ends().gathered.len()), (MOST, 0));
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
    assert!(matches!(written(&line), Poll::Ready(Err(_))));
}
