//! Stores whose key comes of a passphrase.

use zeroize::Zeroizing;

use super::*;

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(Zeroizing::new(text.to_owned())).unwrap()
}

/// Returns the key that comes of a passphrase at next to no cost.
fn derived(text: &str, seed: u64) -> Key {
    let derivation = Derivation::draw(Cost::new(8, 1, 1), &mut SplitMix::new(seed));
    derivation.derive(&passphrase(text)).unwrap()
}

/// Returns a store with a credential in it that this passphrase opens.
fn locked(text: &str) -> Home {
    let home = furnished();
    let mut store = home.open();
    store.rewrap(&key(1), &derived(text, 7)).unwrap();
    store.close().unwrap();
    home
}

fn opened(home: &Home, text: &str) -> Result<Store<SplitMix>, OpenError> {
    let sealed = Sealed::claim(home.path())?;
    let key = sealed.lock().try_passphrase(&passphrase(text))?;
    sealed.open(None, &key, SplitMix::new(3))
}

#[test]
fn the_passphrase_opens_the_store_and_no_other_does() {
    let home = locked("correct horse");
    let files = |home: &Home| {
        let all = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().path());
        let all = all.filter(|path| !path.ends_with("tokend.lock"));
        all.map(|path| (path.clone(), fs::read(path).unwrap())).collect::<BTreeMap<_, _>>()
    };
    let before = files(&home);
    let sealed = Sealed::claim(home.path()).unwrap();
    for wrong in ["correct hors", "Correct horse", "x"] {
        let error = sealed.lock().try_passphrase(&passphrase(wrong)).unwrap_err();
        assert!(matches!(error, OpenError::WrongPassphrase { .. }), "{error}");
        assert!(!format!("{error}{error:?}").contains("hors"), "{error:?}");
    }
    let second = Sealed::claim(home.path()).err().unwrap();
    assert!(matches!(second, OpenError::InUse { .. }), "{second}");
    drop(sealed);
    let after = files(&home);
    assert!(before.iter().all(|(path, content)| after[path] == *content), "nothing was written");
    assert_eq!(loaded(&mut opened(&home, "correct horse").unwrap()).len(), 1);
}

#[test]
fn a_key_is_no_passphrase_and_a_passphrase_no_key() {
    let home = locked("correct horse");
    let error = Store::open(home.path(), None, &key(1), SplitMix::new(3)).err().unwrap();
    assert!(error.to_string().contains("key_source = \"passphrase\""), "{error}");
    let error = Sealed::claim(furnished().path()).err().unwrap();
    assert!(error.to_string().contains("--to passphrase"), "{error}");
}

#[test]
fn a_crash_in_a_change_leaves_a_store_that_one_of_the_two_passphrases_opens() {
    let home = locked("first");
    let fits = |home: &Home| ["first", "second"].map(|text| opened(home, text).is_ok());
    let mut store = opened(&home, "first").unwrap();
    assert_eq!(fits(&home.crashed()), [true, false]);
    store.rewrap(&derived("first", 7), &derived("second", 8)).unwrap();
    assert_eq!(fits(&home.crashed()), [false, true]);
    // A new data key changes neither the passphrase nor its salt.
    store.rotate(&derived("second", 8)).unwrap();
    assert_eq!(fits(&home.crashed()), [false, true]);
    assert_eq!(loaded(&mut opened(&home.crashed(), "second").unwrap()).len(), 1);
}

#[test]
fn a_row_that_would_cost_the_machine_is_said_to_be_damaged() {
    let home = locked("correct horse");
    let mut label = derived("correct horse", 7).label();
    let sound = label.clone();
    // The first of the numbers is the memory.
    label[9..13].copy_from_slice(&u32::MAX.to_be_bytes());
    for (label, complaint) in [(&label[..], "which can't be meant"), (&sound[..20], "isn't said")] {
        home.raw().execute("UPDATE envelope SET key_id = ?", [label]).unwrap();
        let error = Sealed::claim(home.path()).err().unwrap();
        assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains(complaint), "{error}");
    }
}
