//! The keys from outside that open the store, and where they lie.

use std::{fs::Permissions, os::unix::fs::PermissionsExt, path::Path, thread};

use secrecy::SecretString;
use tempfile::TempDir;
use tokend::{
    engine::Command,
    ports::{Rekey, RekeyFailure, Rekeyed},
    store::{Cost, Key, KeySource, OpenError, Store},
};
use tokend_core::SplitMix;

use super::{
    World,
    caller::{AUTHOR, Waiting},
};

/// A directory with key files, of which one opens the store.
pub(super) struct Keys {
    dir: TempDir,
    /// The number of the one that does ..
    current: usize,
    /// .. and of those that may do so instead: someone wanted it, and nothing was heard.
    wanted: Vec<usize>,
}

/// A program that another test has begun shares this one's files until it runs: so often it is
/// waited for that the store's lock is free.
const MOST_TRIES: u32 = 10_000;

impl Keys {
    /// Makes the first key file.
    pub(super) fn new(seed: u64) -> Self {
        let mut builder = tempfile::Builder::new();
        let dir = builder.permissions(Permissions::from_mode(0o700)).tempdir().unwrap();
        let keys = Self { dir, current: 0, wanted: Vec::new() };
        Key::generate(&mut SplitMix::new(seed)).write_new(&keys.path(0)).unwrap();
        keys
    }

    /// Returns the key that opens the store.
    pub(super) fn present(&self) -> Key {
        Key::read(&self.path(self.current)).unwrap()
    }

    /// Opens a store with the key that is to open it, and with no other.
    pub(super) fn open(&mut self, state: &Path, seed: u64) -> Result<Store<SplitMix>, OpenError> {
        let open = |key: &Key| {
            let mut tries = 0;
            loop {
                match Store::open(state, None, key, SplitMix::new(seed)) {
                    Err(OpenError::InUse { .. }) if tries < MOST_TRIES => {
                        tries += 1;
                        thread::yield_now();
                    }
                    opened => break opened,
                }
            }
        };
        let mut right = Vec::new();
        for number in 0..self.made() {
            match open(&Key::read(&self.path(number)).unwrap()) {
                Ok(_) => right.push(number),
                Err(OpenError::WrongKey { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let [number] = right[..] else { panic!("these keys open it: {right:?}") };
        let known = number == self.current || self.wanted.contains(&number);
        assert!(known, "nobody wanted key {number} in the place of {}", self.current);
        (self.current, self.wanted) = (number, Vec::new());
        let source = KeySource::File(self.path(number));
        // Nobody here makes a key of a passphrase.
        Ok(open(&self.present())?.keyed_by(source, parse, Cost::STANDARD))
    }

    /// Notes what the store says of its keys.
    ///
    /// # Panics
    /// If it can't have others for a reason that isn't the disk's.
    pub(super) fn note(&mut self, result: &Result<Rekeyed, RekeyFailure>) {
        match result {
            Ok(Rekeyed::Rotated { damaged }) => assert_eq!(*damaged, 0, "all of it can be opened"),
            Ok(Rekeyed::Moved { to, .. }) => self.current = self.number(to),
            Err(RekeyFailure::Store(_)) => {}
            Err(failure) => panic!("the store keeps its keys: {failure}"),
        }
    }

    /// Returns which key opens the store.
    pub(super) fn current(&self) -> usize {
        self.current
    }

    /// Another store is in its place, which this key opens.
    pub(super) fn put_back(&mut self, current: usize) {
        (self.current, self.wanted) = (current, Vec::new());
    }

    fn path(&self, number: usize) -> std::path::PathBuf {
        self.dir.path().join(format!("key{number}"))
    }

    fn made(&self) -> usize {
        (0..usize::MAX).take_while(|number| self.path(*number).exists()).count()
    }

    fn number(&self, source: &str) -> usize {
        let is_it = |number: &usize| source == self.source(*number);
        (0..self.made()).find(is_it).expect("it is one of these")
    }

    fn source(&self, number: usize) -> String {
        format!("file:{}", self.path(number).display())
    }
}

impl World {
    /// Has an operator seal everything with a new data key.
    pub fn rotate_key(&mut self) -> Waiting<Rekeyed> {
        let passphrase: Option<SecretString> = None;
        self.rekey(Rekey::Rotate { passphrase })
    }

    /// Has an operator put the store's key into another place: the one of this number, be
    /// there a key or not; the next free one if there are fewer.
    pub fn move_key(&mut self, number: usize) -> Waiting<Rekeyed> {
        let keys = &mut self.home.keys;
        let number = number.min(keys.made());
        keys.wanted.push(number);
        let to = keys.source(number);
        let (passphrase, new_passphrase) = (None, None);
        self.rekey(Rekey::ChangeSource { to, passphrase, new_passphrase })
    }

    /// Returns the number of the key that opens the store.
    pub fn key(&self) -> usize {
        self.home.keys.current()
    }

    fn rekey(&mut self, rekey: Rekey) -> Waiting<Rekeyed> {
        self.ask(|reply| Command::Rekey { rekey, author: AUTHOR, reply })
    }
}

fn parse(text: &str) -> Result<KeySource, String> {
    KeySource::parse(text, None).ok_or_else(|| format!("{text} is no key source"))
}
