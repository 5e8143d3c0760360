//! Other keys for a store that is there.

use super::*;

fn open(home: &Home, seed: u64) -> Result<Store<SplitMix>, OpenError> {
    Store::open(home.path(), None, &key(seed), SplitMix::new(3))
}

/// Returns the wrapped data key as the file has it.
fn wrapped(home: &Home) -> Vec<u8> {
    home.raw().query_row("SELECT data_key FROM envelope", [], |row| row.get(0)).unwrap()
}

#[test]
fn another_key_opens_the_store_and_the_one_before_does_not() {
    let home = furnished();
    let wrapped_before = wrapped(&home);
    let mut store = open(&home, 1).unwrap();
    store.rewrap(&key(1), &key(2)).unwrap();
    store.close().unwrap();
    let error = open(&home, 1).err().unwrap();
    assert!(matches!(error, OpenError::WrongKey { .. }), "{error}");
    assert_eq!(loaded(&mut open(&home, 2).unwrap()).len(), 1);
    // Whoever finds the key before finds nothing that it opens.
    for entry in fs::read_dir(home.path()).unwrap() {
        let content = fs::read(entry.unwrap().path()).unwrap();
        assert!(!content.windows(wrapped_before.len()).any(|window| window == wrapped_before));
    }
}

#[test]
fn a_crash_leaves_a_store_that_one_of_the_two_keys_opens() {
    let home = furnished();
    let mut store = open(&home, 1).unwrap();
    let fits = |home: &Home| [1, 2].map(|seed| open(home, seed).is_ok());
    assert_eq!(fits(&home.crashed()), [true, false]);
    store.rewrap(&key(1), &key(2)).unwrap();
    let crashed = home.crashed();
    assert_eq!(fits(&crashed), [false, true]);
    assert_eq!(loaded(&mut open(&crashed, 2).unwrap()).len(), 1);
}

#[test]
fn a_key_that_does_not_open_the_store_can_not_hand_it_on() {
    let home = furnished();
    let wrapped_before = wrapped(&home);
    let mut store = open(&home, 1).unwrap();
    let error = store.rewrap(&key(3), &key(2)).unwrap_err();
    assert!(matches!(error, OpenError::WrongKey { .. }), "{error}");
    store.close().unwrap();
    assert_eq!(wrapped(&home), wrapped_before);
}
