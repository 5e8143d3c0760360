use futures_util::FutureExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use super::{
    super::turns::{ALONE, Turns},
    *,
};

/// A connection with room for so many bytes in each direction, and its client.
fn connect(turns: &Turns, room: usize) -> (DuplexStream, Paced<DuplexStream>) {
    let (client, served) = duplex(room);
    (client, Paced::new(served, turns.place(Some(1_000))))
}

/// Reads to the end what a client has said, and returns how much there was in each turn.
async fn read_in_full(mut served: Paced<DuplexStream>, said: &[u8]) -> Vec<usize> {
    let (mut heard, mut lengths) = (Vec::<u8>::new(), Vec::new());
    loop {
        let mut piece = [0; 8 * 1_024];
        let length = served.read(&mut piece).await.unwrap();
        if length == 0 {
            break;
        }
        heard.extend(&piece[..length]);
        lengths.push(length);
        assert!(served.read(&mut piece).now_or_never().is_none_or(|end| end.unwrap() == 0));
    }
    assert_eq!(heard, said);
    lengths
}

fn speech() -> Vec<u8> {
    (0..60_000_u32).flat_map(u32::to_be_bytes).take(60_000).collect()
}

#[tokio::test]
async fn a_client_is_read_in_full_and_a_little_in_each_turn_until_it_has_been_alone_for_a_while() {
    let turns = Turns::default();
    let counting = tokio::spawn(turns.clone().go_on());
    let (mut client, served) = connect(&turns, 64 * 1_024);
    client.write_all(&speech()).await.unwrap();
    drop(client);
    let lengths = read_in_full(served, &speech()).await;
    counting.abort();
    let (short, long) = lengths.split_at(ALONE as usize);
    assert_eq!(short[0], FIRST_TURN);
    let short = &short[1..];
    assert!(short.iter().all(|length| *length <= TURN), "{short:?}");
    assert!(long.contains(&LONG_TURN) && long.iter().all(|length| *length <= LONG_TURN));
}

#[tokio::test]
async fn a_client_is_read_a_little_in_each_turn_as_long_as_another_calls() {
    let turns = Turns::default();
    let counting = tokio::spawn(turns.clone().go_on());
    let (mut client, served) = connect(&turns, 64 * 1_024);
    client.write_all(&speech()).await.unwrap();
    drop(client);
    let mut other = turns.place(Some(1_001));
    let calling = tokio::spawn(async move {
        loop {
            std::future::poll_fn(|context| other.poll_turn(context)).await;
        }
    });
    let lengths = read_in_full(served, &speech()).await;
    calling.abort();
    counting.abort();
    assert_eq!(lengths[0], FIRST_TURN);
    assert!(lengths[1..].iter().all(|length| *length <= TURN), "{lengths:?}");
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_is_not_read_either_until_it_does() {
    let turns = Turns::default();
    let counting = tokio::spawn(turns.clone().go_on());
    let (mut client, mut served) = connect(&turns, 100);
    client.write_all(b"hello").await.unwrap();
    served.write_all(&[0; 100]).await.unwrap();
    let mut more = write_now(&mut served);
    assert!(more.is_none(), "there is no room");
    assert!(served.read_u8().now_or_never().is_none(), "it isn't read");
    client.read_exact(&mut [0; 60]).await.unwrap();
    more = write_now(&mut served);
    assert!(more.is_some_and(|written| written.is_ok()));
    assert_eq!(served.read_u8().await.unwrap(), b'h');
    counting.abort();
}

#[tokio::test(start_paused = true)]
async fn who_reads_nothing_for_a_while_is_left() {
    let turns = Turns::default();
    let (mut client, mut served) = connect(&turns, 100);
    served.write_all(&[0; 100]).await.unwrap();
    // A byte now and then is enough.
    for _ in 0..5 {
        let (_, written) = tokio::join!(
            async {
                sleep(LONGEST_SILENCE * 9 / 10).await;
                client.read_u8().await.unwrap()
            },
            served.write_all(&[0])
        );
        written.unwrap();
    }
    let error = served.write_all(&[0]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

/// Writes a byte if there is room.
fn write_now(served: &mut Paced<DuplexStream>) -> Option<io::Result<usize>> {
    served.write(&[0]).now_or_never()
}
