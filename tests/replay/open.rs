//! Opens the state directories that are named on standard input, each as a daemon would at its
//! start, and prints what is in each: a line of JSON, with digests for secrets.

#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

use std::{
    error::Error,
    fs,
    io::{self, BufRead, Write},
    path::Path,
};

use ring::digest::{SHA256, digest};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};
use tokend::{
    clock::SystemClock,
    ports::{Clock, Findings, Query, StoredCredential},
    store::{self, Key, Store},
};
use tokend_core::SplitMix;

fn main() {
    let mut stdout = io::stdout();
    for line in io::stdin().lock().lines() {
        let found = look(Path::new(&line.unwrap()));
        let found = found.unwrap_or_else(|error| json!({ "error": chain(&*error) }));
        writeln!(stdout, "{found}").unwrap();
        stdout.flush().unwrap();
    }
}

/// Looks at `state` in a directory, with the mark in `cache` beside it.
fn look(directory: &Path) -> Result<Value, Box<dyn Error>> {
    let state = directory.join("state");
    let key = Key::read(&state.join("key"))?;
    // The whole of the database is read here, and nothing is written.
    store::examine(&state, Some(&key))?;
    let mark = directory.join("cache/tokend.mark");
    let mut store = Store::open(&state, Some(&mark), &key, SplitMix::new(1))?;
    let loaded = store.load(&SystemClock::new()?.stamp())?;
    let rows = match store.look(&Query::Rows).map_err(|failure| failure.message)? {
        Findings::Rows(rows) => rows,
        other => return Err(format!("asked for rows, got {other:?}").into()),
    };
    let credentials: Map<_, _> = loaded.credentials.iter().map(credential).collect();
    let damaged: Vec<_> = loaded.damaged.iter().map(ToString::to_string).collect();
    store.close()?;
    Ok(json!({
        "before": before(&state)?,
        "credentials": credentials,
        "damaged": damaged,
        "restored": loaded.is_restored || loaded.lacks,
        "rows": rows,
    }))
}

/// Returns the schema of the store from before an upgrade, if there is one
/// (<https://sqlite.org/fileformat2.html#user_version_number>).
fn before(state: &Path) -> io::Result<Option<u32>> {
    let mut copies = store::leftovers(state).into_iter();
    let copy = copies.find(|path| path.to_string_lossy().contains("before"));
    copy.map(|path| Ok(u32::from_be_bytes(fs::read(path)?[60..64].try_into().unwrap()))).transpose()
}

fn credential(stored: &StoredCredential) -> (String, Value) {
    let StoredCredential { credential, token, history } = stored;
    let grant = token.as_ref().map(|token| &token.payload);
    let secrets: Map<_, _> =
        credential.secrets.iter().map(|(name, secret)| (name.clone(), tag(secret))).collect();
    let value = json!({
        "secrets": secrets,
        "token": grant.map(|grant| tag(&grant.value)),
        "refresh_token": grant.and_then(|grant| grant.refresh_token.as_ref()).map(tag),
        "doubted": history.doubt.is_some(),
    });
    (credential.name.to_string(), value)
}

/// Tells a secret from others without telling it.
fn tag(secret: &SecretString) -> Value {
    let digest = digest(&SHA256, secret.expose_secret().as_bytes());
    let tag = digest.as_ref()[..8].iter().fold(0_u64, |tag, byte| tag << 8 | u64::from(*byte));
    format!("{tag:016x}").into()
}

fn chain(error: &dyn Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}
