use proptest::{
    collection::vec,
    prelude::{Just, Strategy, any},
    prop_oneof, proptest,
    sample::{Index, select},
};

use super::*;

/// What a tokend answered, and what one could.
const SEEDS: [&[u8]; 6] = [
    include_bytes!("../../../tests/fuzz/corpus/wire/answer"),
    include_bytes!("../../../tests/fuzz/corpus/wire/refusal"),
    include_bytes!("../../../tests/fuzz/corpus/wire/changes"),
    include_bytes!("../../../tests/fuzz/corpus/wire/goaway"),
    include_bytes!("../../../tests/fuzz/corpus/wire/reset"),
    include_bytes!("../../../tests/fuzz/corpus/wire/silence"),
];

/// Draws one of the seeds, said in other pieces, with up to five bytes changed or put in, or
/// cut off somewhere.
fn changed() -> impl Strategy<Value = Vec<u8>> {
    let change = prop_oneof![
        any::<u8>().prop_map(|byte| (Some(byte), true)),
        any::<u8>().prop_map(|byte| (Some(byte), false)),
        Just((None, false)),
    ];
    let changes = vec((any::<Index>(), change), 0..6);
    (select(&SEEDS[..]), any::<u8>(), changes).prop_map(|(seed, piece, changes)| {
        let mut bytes = seed.to_vec();
        bytes[0] = piece;
        for (place, change) in changes {
            let place = place.index(bytes.len().max(1));
            match change {
                (Some(byte), true) if place < bytes.len() => bytes[place] = byte,
                (Some(byte), _) => bytes.insert(place, byte),
                (None, _) => bytes.truncate(place),
            }
        }
        bytes
    })
}

proptest! {
    #[test]
    fn whatever_a_daemon_says_instead_of_its_answer_a_call_ends(bytes in changed()) {
        ask(&bytes);
    }

    #[test]
    fn whatever_frames_a_daemon_writes_a_call_ends(bytes in vec(any::<u8>(), 0..400)) {
        ask(&bytes);
    }
}

/// Asks in both ways, and returns the token's value.
fn told(bytes: &[u8]) -> Option<String> {
    ask(bytes);
    tended(&Daemon::read(bytes).unwrap())
}

#[test]
fn an_answer_that_tokend_gave_is_one_in_whatever_pieces_it_comes() {
    for piece in [0, 1, 2, 9, 100, 255] {
        let mut bytes = SEEDS[0].to_vec();
        bytes[0] = piece;
        assert!(told(&bytes).is_some_and(|value| value.starts_with("demo-")), "{piece}");
    }
    for seed in &SEEDS[1..] {
        assert_eq!(told(seed), None);
    }
}

#[test]
fn a_head_that_unfolds_to_megabytes_takes_no_more_than_any_may() {
    // A field of 4,000 bytes, and a thousand times the same (RFC 7541 §6.1).
    let field = [&[0x40, 1, b'a', 0x7f, 0xa1, 0x1e][..], &[b'a'; 4_000], &[0xbe; 1_000]].concat();
    let mut said = Vec::new();
    frame(&mut said, 4, 0, 0, &[]);
    frame(&mut said, HEADERS, END_HEADERS | END_STREAM, 1, &[ANSWER, &field].concat());
    let mut daemon = Daemon::read(&[255, 0]).unwrap();
    Arc::get_mut(&mut daemon).unwrap().said = said;
    assert_eq!((tended(&daemon), alone(&daemon)), (None, None));
}

#[test]
fn details_of_a_refusal_that_no_one_can_read_are_left_out() {
    let details = b"\0\x17grpc-status-details-bin\x02!!";
    let length = u8::try_from(details.len()).unwrap();
    // In the head, and in what follows it.
    for heads in [&[15, 5, 1, length][..], &[12, 0, 1, 0, 14, 5, 1, length]] {
        let bytes = [&[255, 0, 4, 0, 0, 0], heads, details].concat();
        assert_eq!(told(&bytes), None);
    }
}
