//! Other keys for a store that is in use.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc,
    time::Duration,
};

use tokend_core::BootTime;
use zeroize::Zeroizing;

use super::{
    rotation::{Mortal, complete, generations},
    *,
};
use crate::ports::{Query, Rekey, RekeyFailure, Rekeyed, Store as _, Ticket};

fn parse(text: &str) -> Result<KeySource, String> {
    KeySource::parse(text, None).ok_or_else(|| format!("{text} is no source"))
}

/// A place for key files, with the store's own as `old`.
fn keys() -> TempDir {
    let keys = closed_directory();
    key(1).write_new(&keys.path().join("old")).unwrap();
    keys
}

fn file(keys: &TempDir, name: &str) -> KeySource {
    KeySource::File(keys.path().join(name))
}

fn keyed<R: Random>(home: &Home, keys: &TempDir, name: &str, random: R) -> Store<R> {
    let source = file(keys, name);
    let store = Store::open(home.path(), None, &source.read().unwrap(), random).unwrap();
    store.keyed_by(source, parse, CHEAP)
}

const CHEAP: Cost = Cost::new(8, 1, 1);

/// When someone wants another key.
const NOW: BootTime = BootTime(Duration::from_secs(100));

fn rotate(passphrase: Option<&str>) -> Rekey {
    Rekey::Rotate { passphrase: passphrase.map(Into::into) }
}

fn change(to: &str, passphrase: Option<&str>, new_passphrase: Option<&str>) -> Rekey {
    let (passphrase, new_passphrase) = (passphrase.map(Into::into), new_passphrase.map(Into::into));
    Rekey::ChangeSource { to: to.to_owned(), passphrase, new_passphrase }
}

fn to(keys: &TempDir, name: &str) -> Rekey {
    change(&file(keys, name).to_string(), None, None)
}

#[test]
fn what_is_written_before_a_rotation_and_behind_it_opens_with_one_key() {
    let (home, keys) = (complete(), keys());
    let cells: usize = generations(&home).values().sum();
    let (sender, answers) = mpsc::channel();
    let store = keyed(&home, &keys, "old", SplitMix::new(3));
    let mut worker = Worker::spawn(store, move |answer| drop(sender.send(answer))).unwrap();
    for round in 0..40_u8 {
        let (ticket, id) = (u64::from(round) * 2, 100 + round);
        worker.submit(Ticket(ticket), Write::Credential(credential(id, &format!("c{round}"))));
        if round % 10 == 5 {
            worker.rekey(Ticket(ticket + 1), rotate(None), NOW);
        }
    }
    worker.finish().unwrap();
    let mut rotations = 0;
    for answer in answers {
        match answer {
            Answer::Written(written) => assert!(written.result.is_ok(), "{written:?}"),
            Answer::Rekeyed(ended) => {
                assert_eq!(ended.result, Ok(Rekeyed::Rotated { damaged: 0 }));
                rotations += 1;
            }
            Answer::Found(found) => panic!("no one looked: {found:?}"),
        }
    }
    assert_eq!(rotations, 4);
    assert_eq!(generations(&home), [(5, cells + 40)].into());
    assert_eq!(loaded(&mut home.open()).len(), 41);
}

#[test]
fn a_store_has_its_new_key_at_once_and_looks_and_writes_go_on() {
    let (home, keys) = (furnished(), keys());
    let mut store = keyed(&home, &keys, "old", SplitMix::new(3));
    let moved = |from, to, is_new| {
        let (from, to) = (file(&keys, from).to_string(), file(&keys, to).to_string());
        Ok(Rekeyed::Moved { from, to, is_new, advice: None })
    };
    assert_eq!(store.rekey(&to(&keys, "new"), NOW), moved("old", "new", true));
    let mode = fs::metadata(keys.path().join("new")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(store.rekey(&to(&keys, "new"), NOW), moved("new", "new", false));
    assert_eq!(store.rekey(&rotate(None), NOW), Ok(Rekeyed::Rotated { damaged: 0 }));
    done(&mut store, &[Write::Credential(credential(2, "later"))]);
    let all = Query::Issuances { credential: None, before: None, limit: 9 };
    assert!(matches!(store.look(&all), Ok(Findings::Issuances(found)) if found.len() == 2));
    // The one before opens nothing, and what it had sealed is gone without another write.
    let crashed = home.crashed();
    drop(store);
    for home in [&home, &crashed] {
        let refused = Store::open(home.path(), None, &key(1), SplitMix::new(3)).err().unwrap();
        assert!(matches!(refused, OpenError::WrongKey { .. }), "{refused}");
        assert_eq!(loaded(&mut keyed(home, &keys, "new", SplitMix::new(4))).len(), 2);
    }
}

#[test]
fn a_key_that_is_there_is_taken_even_where_none_can_be_made() {
    let (home, keys) = (furnished(), keys());
    key(2).write_new(&keys.path().join("given")).unwrap();
    // Whoever were to make one would stumble here.
    fs::create_dir(keys.path().join("given.draft")).unwrap();
    let mut store = keyed(&home, &keys, "old", SplitMix::new(3));
    let changed = store.rekey(&to(&keys, "given"), NOW);
    assert!(matches!(changed, Ok(Rekeyed::Moved { is_new: true, .. })), "{changed:?}");
    drop(store);
    let mut store = Store::open(home.path(), None, &key(2), SplitMix::new(4)).unwrap();
    assert_eq!(loaded(&mut store).len(), 1);
}

#[test]
fn wherever_a_change_is_interrupted_one_of_the_keys_opens_all_and_doing_it_again_ends_it() {
    let mut interrupted = 0;
    for left in 0.. {
        let (home, keys) = (complete(), keys());
        let random = Mortal { random: SplitMix::new(4), left };
        let mut store = keyed(&home, &keys, "old", random);
        let ended = catch_unwind(AssertUnwindSafe(|| store.rekey(&to(&keys, "new"), NOW).unwrap()));
        let killed = home.crashed();
        drop(store);
        for home in [&killed, &home] {
            let name = if ended.is_ok() { "new" } else { "old" };
            let mut store = keyed(home, &keys, name, SplitMix::new(5));
            assert_eq!(loaded(&mut store).len(), 1);
            let Ok(Rekeyed::Moved { is_new, .. }) = store.rekey(&to(&keys, "new"), NOW) else {
                panic!("it can be done again")
            };
            assert_eq!(is_new, ended.is_err());
            drop(store);
            assert_eq!(loaded(&mut keyed(home, &keys, "new", SplitMix::new(6))).len(), 1);
        }
        if ended.is_ok() {
            break;
        }
        interrupted += 1;
    }
    assert!(interrupted >= 2, "{interrupted}");
}

#[test]
fn what_can_not_be_done_is_said_and_changes_nothing() {
    let (home, keys) = (furnished(), keys());
    let mut store = keyed(&home, &keys, "old", SplitMix::new(3));
    let refused = |store: &mut Store<SplitMix>, rekey: &Rekey| match store.rekey(rekey, NOW) {
        Err(RekeyFailure::Unusable(message)) => message,
        other => panic!("{other:?}"),
    };
    let no_source = change("tpm:x", None, None);
    assert!(refused(&mut store, &no_source).contains("tpm:x"));
    let no_credential = change("credential:k", None, None);
    assert!(refused(&mut store, &no_credential).contains("LoadCredentialEncrypted=k:"));
    assert!(refused(&mut store, &to(&keys, "nowhere/key")).contains("nowhere/key"));
    fs::write(keys.path().join("text"), "a key").unwrap();
    fs::set_permissions(keys.path().join("text"), fs::Permissions::from_mode(0o600)).unwrap();
    assert!(refused(&mut store, &to(&keys, "text")).contains("isn't a key file"));
    fs::remove_file(keys.path().join("old")).unwrap();
    assert!(refused(&mut store, &rotate(None)).contains("old"));
    assert!(refused(&mut store, &to(&keys, "new")).contains("old"));
    drop(store);
    assert_eq!(loaded(&mut home.open()).len(), 1);
}

/// Opens a store with this passphrase.
fn unlocked<R: Random>(home: &Home, text: &str, random: R) -> Result<Store<R>, OpenError> {
    let passphrase = Passphrase::new(Zeroizing::new(text.to_owned())).unwrap();
    let sealed = Sealed::claim(home.path())?;
    let key = sealed.lock().try_passphrase(&passphrase)?;
    Ok(sealed.open(None, &key, random)?.keyed_by(KeySource::Passphrase, parse, CHEAP))
}

#[test]
fn a_passphrase_takes_the_place_of_a_file_and_of_another_and_goes_again() {
    let (home, keys) = (furnished(), keys());
    let mut store = keyed(&home, &keys, "old", SplitMix::new(3));
    let is_new = |changed| match changed {
        Ok(Rekeyed::Moved { is_new, advice, .. }) => (is_new, advice.is_some()),
        other => panic!("{other:?}"),
    };
    let (first, second) = (Some("first"), Some("second of the passphrases"));
    let nowhere = store.rekey(&change("passphrase", None, None), NOW).unwrap_err();
    assert!(nowhere.to_string().contains("new passphrase"), "{nowhere}");
    assert_eq!(is_new(store.rekey(&change("passphrase", None, first), NOW)), (true, true));
    // The key before opens nothing any more, and what is needed now is said.
    let needed = store.rekey(&rotate(None), NOW).unwrap_err();
    assert_eq!(needed.to_string(), "the passphrase of the store has to be given");
    assert_eq!(store.rekey(&rotate(first), NOW), Ok(Rekeyed::Rotated { damaged: 0 }));
    assert_eq!(is_new(store.rekey(&change("passphrase", first, first), NOW)), (false, false));
    assert_eq!(is_new(store.rekey(&change("passphrase", first, second), NOW)), (true, false));
    // Someone didn't hear that it is done.
    assert_eq!(is_new(store.rekey(&change("passphrase", first, second), NOW)), (false, false));
    done(&mut store, &[Write::Credential(credential(2, "later"))]);
    drop(store);
    assert!(unlocked(&home, "first", SplitMix::new(4)).is_err());

    let mut store = unlocked(&home, "second of the passphrases", SplitMix::new(5)).unwrap();
    let target = file(&keys, "new").to_string();
    let refused = store.rekey(&change(&target, first, None), NOW).unwrap_err();
    assert!(matches!(refused, RekeyFailure::WrongPassphrase(_)), "{refused}");
    assert!(!keys.path().join("new").exists(), "no key is made for whoever doesn't know it");
    let later = BootTime(NOW.0 + Duration::from_secs(1));
    assert_eq!(is_new(store.rekey(&change(&target, second, None), later)), (true, false));
    drop(store);
    assert_eq!(loaded(&mut keyed(&home, &keys, "new", SplitMix::new(6))).len(), 2);
}

#[test]
fn after_a_wrong_passphrase_none_is_tried_for_longer_each_time() {
    let (home, keys) = (furnished(), keys());
    let mut store = keyed(&home, &keys, "old", SplitMix::new(3));
    store.rekey(&change("passphrase", None, Some("right")), NOW).unwrap();
    let mut now = NOW;
    for wait in [1, 2, 4] {
        let wait = Duration::from_secs(wait);
        let wrong = store.rekey(&rotate(Some("wrong")), now).unwrap_err();
        assert!(matches!(wrong, RekeyFailure::WrongPassphrase(_)), "{wrong}");
        for rekey in [rotate(Some("right")), change("passphrase", Some("right"), Some("new"))] {
            assert_eq!(store.rekey(&rekey, now), Err(RekeyFailure::TooSoon(wait)));
        }
        // What nobody has given was no attempt.
        let missing = store.rekey(&rotate(None), now).unwrap_err();
        assert!(matches!(missing, RekeyFailure::Unusable(_)), "{missing}");
        now = BootTime(now.0 + wait);
    }
    assert_eq!(store.rekey(&rotate(Some("right")), now), Ok(Rekeyed::Rotated { damaged: 0 }));
    let wrong = store.rekey(&rotate(Some("wrong")), now).unwrap_err();
    assert!(matches!(wrong, RekeyFailure::WrongPassphrase(_)), "{wrong}");
    let wait = Duration::from_secs(1);
    assert_eq!(store.rekey(&rotate(Some("right")), now), Err(RekeyFailure::TooSoon(wait)));
}

#[test]
fn a_change_of_passphrases_that_is_interrupted_leaves_one_that_opens_all() {
    for left in 0.. {
        let (home, keys) = (complete(), keys());
        let mut store = keyed(&home, &keys, "old", SplitMix::new(3));
        store.rekey(&change("passphrase", None, Some("first")), NOW).unwrap();
        drop(store);
        let random = Mortal { random: SplitMix::new(4), left };
        let mut store = unlocked(&home, "first", random).unwrap();
        let second = || change("passphrase", Some("first"), Some("second"));
        let ended = catch_unwind(AssertUnwindSafe(|| store.rekey(&second(), NOW)));
        let text = if ended.is_ok() { "second" } else { "first" };
        let killed = home.crashed();
        assert_eq!(loaded(&mut unlocked(&killed, text, SplitMix::new(5)).unwrap()).len(), 1);
        drop(store);
        assert_eq!(loaded(&mut unlocked(&home, text, SplitMix::new(6)).unwrap()).len(), 1);
        if ended.is_ok() {
            assert!(left >= 2, "{left}");
            break;
        }
    }
}
