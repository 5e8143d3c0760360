//! What every secret of a test has in it, so that a search finds any that got where none belongs.
//!
//! Tests write `Horse_Battery` into secrets that are handed in, and `c0ffee` into those that are
//! issued. What the programs under test see in their place are two texts that are drawn anew for
//! each run, so that neither chance nor anybody's source brings them about. What comes back is
//! told in the tests' words again, after it was searched.

use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher as _,
    sync::{Arc, LazyLock, Mutex},
};

use aho_corasick::AhoCorasick;
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

/// What tests write in secrets that they hand in, and in those that are issued.
const WORDS: [&str; 2] = ["Horse_Battery", "c0ffee"];

/// How long the drawn texts are.
const LENGTH: usize = 24;

/// How much of one is searched for, at whatever offset: half of a secret is found as well.
/// Sixty bits of chance are no coincidence, and in base64 each offset is one of the three ways
/// in which it can begin.
const PART: usize = 12;

/// How a part may be written.
type Form = (&'static str, fn(&[u8]) -> Vec<u8>);

const FORMS: [Form; 11] = [
    ("as it is", <[u8]>::to_vec),
    ("in base64", |part| STANDARD_NO_PAD.encode(part).into_bytes()),
    ("in base64 for URLs", |part| URL_SAFE_NO_PAD.encode(part).into_bytes()),
    ("in hex", |part| joined(part, "", |byte| format!("{byte:02x}"))),
    ("in capital hex", |part| joined(part, "", |byte| format!("{byte:02X}"))),
    ("encoded for URLs", |part| joined(part, "", |byte| format!("%{byte:02x}"))),
    ("encoded for URLs in capitals", |part| joined(part, "", |byte| format!("%{byte:02X}"))),
    ("escaped as in JSON", |part| joined(part, "", |byte| format!("\\u{byte:04x}"))),
    ("escaped as in JSON in capitals", |part| joined(part, "", |byte| format!("\\u{byte:04X}"))),
    // As `Debug` shows bytes.
    ("as a list of bytes", |part| joined(part, ", ", u8::to_string)),
    ("as a list of bytes in hex", |part| joined(part, ", ", |byte| format!("{byte:x}"))),
];

fn joined(part: &[u8], between: &str, write: impl Fn(&u8) -> String) -> Vec<u8> {
    part.iter().map(write).collect::<Vec<_>>().join(between).into_bytes()
}

/// What stands for each of the words in this run.
static DRAWN: LazyLock<[String; 2]> = LazyLock::new(|| [drawn("h"), drawn("i")]);

/// What is searched for, ready for the search.
static DRAWN_PARTS: LazyLock<Search> = LazyLock::new(|| {
    let mut search: Vec<_> = DRAWN.iter().flat_map(|text| parts(text.as_bytes())).collect();
    // Where a test handed it in by a way of its own.
    search.push(("as it is", WORDS[0].into()));
    Search::new(search)
});

/// Secrets that the programs under test have drawn themselves, and the search for them.
static LEARNT: Mutex<Learnt> = Mutex::new(Learnt { secrets: Vec::new(), search: None });

struct Learnt {
    secrets: Vec<Vec<u8>>,
    search: Option<Arc<Search>>,
}

/// Draws a text that no encoding but the listed ones alters.
fn drawn(first: &str) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyzABCDEFGH";
    let letter = |index| {
        // Each state of the standard library's maps is random.
        let random = RandomState::new().hash_one(index).to_le_bytes();
        char::from(LETTERS[usize::from(random[0]) % LETTERS.len()])
    };
    first.chars().chain((1..LENGTH).map(letter)).collect()
}

/// A search for many texts at once.
struct Search {
    forms: Vec<&'static str>,
    texts: AhoCorasick,
}

impl Search {
    fn new(texts: Vec<(&'static str, Vec<u8>)>) -> Self {
        let (forms, texts): (Vec<_>, Vec<_>) = texts.into_iter().unzip();
        Self { forms, texts: AhoCorasick::new(texts).unwrap() }
    }

    /// Says how and behind what the first of the texts is in `bytes`.
    fn find(&self, bytes: &[u8]) -> Option<String> {
        let found = self.texts.find(bytes)?;
        let before = &bytes[found.start().saturating_sub(80)..found.start()];
        let form = self.forms[found.pattern().as_usize()];
        Some(format!("{form}, after {:?}", String::from_utf8_lossy(before)))
    }
}

/// Returns each part of a secret in each form.
fn parts(secret: &[u8]) -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    let parts = secret.windows(PART.min(secret.len()));
    parts.flat_map(|part| FORMS.map(|(name, write)| (name, write(part))))
}

/// Returns what the programs under test see of a text of a test.
pub fn real(text: &str) -> String {
    text.replace(WORDS[0], &DRAWN[0]).replace(WORDS[1], &DRAWN[1])
}

/// Returns a text of the programs under test in the words of the tests.
pub fn told(text: &str) -> String {
    text.replace(&DRAWN[0], WORDS[0]).replace(&DRAWN[1], WORDS[1])
}

/// Returns bytes in the words of the tests, whatever else is in them.
pub fn told_bytes(bytes: &[u8]) -> Vec<u8> {
    let mut told = bytes.to_vec();
    for (drawn, word) in DRAWN.iter().zip(WORDS) {
        while let Some(at) = told.windows(LENGTH).position(|part| part == drawn.as_bytes()) {
            told.splice(at..at + LENGTH, word.bytes());
        }
    }
    told
}

/// Has a secret searched for that isn't the test's own: a verifier, say. Its end is what
/// counts, since its beginning may be no secret, as that of an assertion.
pub fn learn(secret: &[u8]) {
    let mut learnt = LEARNT.lock().unwrap();
    let end = &secret[secret.len().saturating_sub(LENGTH)..];
    if end.len() >= PART && !learnt.secrets.iter().any(|known| known == end) {
        learnt.secrets.push(end.to_vec());
        learnt.search = None;
    }
}

/// Says how a secret of this run is in `bytes`, if one is.
pub fn find(bytes: &[u8]) -> Option<String> {
    if let Some(found) = DRAWN_PARTS.find(bytes) {
        return Some(found);
    }
    let search = {
        let mut learnt = LEARNT.lock().unwrap();
        let Learnt { secrets, search } = &mut *learnt;
        // Three of each will do, one for each way in which base64 can begin.
        let parts = |secret| parts(secret).take(3 * FORMS.len());
        let made = || Arc::new(Search::new(secrets.iter().flat_map(|it| parts(it)).collect()));
        Arc::clone(search.get_or_insert_with(made))
    };
    search.find(bytes)
}

/// Fails the test if a secret of this run is in `bytes`, unless it has failed already.
#[track_caller]
pub fn assert_none(place: &str, bytes: &[u8]) {
    if let Some(found) = find(bytes).filter(|_| !std::thread::panicking()) {
        panic!("a secret is in {place}, {found}");
    }
}
