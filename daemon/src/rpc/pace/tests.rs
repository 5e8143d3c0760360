use futures_util::FutureExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use super::{super::turns::Turns, *};

/// A connection with room for so many bytes in each direction, and its client.
fn connect(turns: &Turns, room: usize) -> (DuplexStream, Paced<DuplexStream>) {
    let (client, served) = duplex(room);
    (client, Paced::new(served, turns.place(Some(1_000))))
}

#[tokio::test]
async fn a_client_is_read_in_full_and_a_little_in_each_turn() {
    let turns = Turns::default();
    let counting = tokio::spawn(turns.clone().go_on());
    let (mut client, mut served) = connect(&turns, 64 * 1_024);
    let said: Vec<u8> = (0..60_000_u32).flat_map(u32::to_be_bytes).take(60_000).collect();
    client.write_all(&said).await.unwrap();
    drop(client);
    let mut heard: Vec<u8> = Vec::new();
    loop {
        let mut piece = [0; 1_024];
        let length = served.read(&mut piece).await.unwrap();
        assert!(length <= TURN);
        heard.extend(&piece[..length]);
        if length == 0 {
            break;
        }
        assert!(served.read(&mut piece).now_or_never().is_none_or(|end| end.unwrap() == 0));
    }
    counting.abort();
    assert_eq!(heard, said);
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
