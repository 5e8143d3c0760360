//! What is called like a secret is of a type that is wiped when it is dropped.

use std::path::PathBuf;

use crate::{read, sources};

/// What a field is called that holds a secret.
const NAMES: [&str; 16] = [
    "secret",
    "secrets",
    "token",
    "password",
    "passphrase",
    "refresh_token",
    "access_token",
    "id_token",
    "device_code",
    "verifier",
    "code_verifier",
    "assertion",
    "private_key",
    "data_key",
    "plaintext",
    "api_key",
];

/// What leaves its content in memory, less its last bracket.
const UNWIPED: [&str; 4] = ["String", "Bytes", "Vec<u8", "Box<str"];

/// Fields that are called like a secret and are none, or can't be wiped.
const EXEMPT: [(&str, &str, &str); 5] = [
    ("daemon/src/rpc/credential/secret.rs", "secrets", "out of prost's message, and moved on"),
    ("client/cli/src/command/values.rs", "secrets", "prost's message takes it as it is"),
    ("daemon/provider/src/expression/scope.rs", "secrets", "what they are called"),
    ("client/cli/src/arguments.rs", "token", "`-`, and nothing else"),
    ("client/cli/src/arguments/import.rs", "refresh_token", "`-`, and nothing else"),
];

/// Returns the name of the field in a line of source if it is to be wiped and isn't.
fn unwiped(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line = line.strip_prefix("pub").map_or(line, |rest| match rest.strip_prefix('(') {
        Some(rest) => rest.split_once(") ").map_or(rest, |(_, field)| field),
        None => rest.trim_start(),
    });
    let (name, kind) = line.split_once(": ")?;
    let is_type = kind.ends_with(',') && !kind.contains(['(', '"', '{']);
    // Of a map the values count, which come last.
    let inner = kind.trim_end_matches([',', '>']);
    let is_unwiped = UNWIPED.iter().any(|unwiped| {
        let before = inner.strip_suffix(unwiped);
        before.is_some_and(|before| before.is_empty() || before.ends_with([' ', '<']))
    });
    let is_wiped = kind.contains("Zeroizing<");
    (NAMES.contains(&name) && is_type && is_unwiped && !is_wiped).then_some(name)
}

#[test]
fn fields_that_are_called_like_secrets_are_wiped() {
    let mut found = Vec::new();
    for path in sources(&["client", "daemon"]) {
        let shown = path.display().to_string();
        if ["tests", "benches", "examples", "fuzz", "target"].iter().any(|it| shown.contains(it)) {
            continue;
        }
        let text = read(&path);
        let own = text.split("#[cfg(test)]").next().unwrap_or_default();
        found.extend(own.lines().filter_map(unwiped).map(|name| (path.clone(), name.to_owned())));
    }
    let exempt = EXEMPT.map(|(path, name, _)| (PathBuf::from(path), name.to_owned()));
    for field in &found {
        assert!(exempt.contains(field), "{field:?} is left in memory: SecretString or Zeroizing?");
    }
    for field in &exempt {
        assert!(found.contains(field), "{field:?} needs no exemption any more");
    }
}

#[test]
fn fields_that_are_left_in_memory_are_told_from_others() {
    for (line, name) in [
        ("    pub token: Option<String>,", Some("token")),
        ("    pub(crate) secrets: BTreeMap<String, String>,", Some("secrets")),
        ("    password: Vec<u8>,", Some("password")),
        ("    data_key: Option<Vec<u8>>,", Some("data_key")),
        ("    data_key: Zeroizing<Vec<u8>>,", None),
        ("    pub secrets: BTreeMap<String, SecretString>,", None),
        ("    pub token: Token,", None),
        ("    secrets: BTreeMap<&'a str, &'a str>,", None),
        ("    pub secret: SecretString,", None),
        ("    pub token_id: String,", None),
        ("    let token: Option<Vec<u8>> = row.get(2)?;", None),
    ] {
        assert_eq!(unwiped(line), name, "{line}");
    }
}
