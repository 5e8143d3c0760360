//! Holds the house to its plan (docs/ARCHITECTURE.md).

#[path = "architecture/documents.rs"]
mod documents;
#[path = "architecture/reasons.rs"]
mod reasons;
#[path = "architecture/secrets.rs"]
mod secrets;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// What each package may depend on, besides what is pure in any case.
#[test]
fn packages_depend_on_what_their_room_is_for() {
    let pure = "base64 bytes http indexmap jiff md-5 minijinja pkcs8 quick-xml regex-lite ring \
                schemars sec1 secrecy serde serde_json strsim thiserror toml url zeroize";
    let pure: BTreeSet<String> = pure.split_whitespace().map(str::to_owned).collect();
    for (manifest, also) in [
        ("daemon/core/Cargo.toml", ""),
        ("daemon/provider/Cargo.toml", ""),
        ("daemon/simulator/Cargo.toml", "tokend-core"),
    ] {
        let strangers: Vec<_> = dependencies(manifest, "dependencies")
            .into_iter()
            .filter(|name| !pure.contains(name) && name != also)
            .collect();
        assert!(strangers.is_empty(), "{manifest} depends on {strangers:?}");
    }
    for (manifest, forbidden) in [
        ("daemon/core/Cargo.toml", &["tokend-provider", "tokend-proto", "secrecy"][..]),
        ("daemon/provider/Cargo.toml", &["tokend-core", "tokend-proto"]),
        ("daemon/Cargo.toml", &["tokend-client", "tokend-cli"]),
        ("client/Cargo.toml", &["tokend", "rusqlite", "clap"]),
        ("client/cli/Cargo.toml", &["tokend", "rusqlite", "reqwest", "minijinja"]),
    ] {
        let all = dependencies(manifest, "dependencies");
        for name in forbidden {
            assert!(!all.contains(*name), "{manifest} depends on {name}");
        }
    }
}

#[test]
fn no_package_allows_unsafe_code() {
    let workspace = read(Path::new("Cargo.toml"));
    assert!(workspace.contains("\nunsafe_code = \"forbid\"\n"));
    let (_, members) = workspace.split_once("members = [").expect("it lists them");
    let (members, _) = members.split_once(']').expect("the list ends");
    let members: Vec<_> = members.split('"').skip(1).step_by(2).collect();
    assert!(members.len() > 5, "{members:?}");
    for member in members {
        let manifest = read(&Path::new(member).join("Cargo.toml"));
        assert!(manifest.contains("\n[lints]\nworkspace = true\n"), "{member}");
    }
}

#[test]
fn what_is_fuzzed_is_locked_to_what_is_built() {
    let own = ["arbitrary", "jobserver", "libfuzzer-sys", "tokend-fuzz"];
    let built = locked("Cargo.lock");
    let mut others = locked("tests/fuzz/Cargo.lock");
    others.retain(|package| !built.contains(package) && !own.contains(&package.0.as_str()));
    // Copy Cargo.lock there, and have `cargo metadata` add what is missing and drop the rest.
    assert!(others.is_empty(), "tests/fuzz/Cargo.lock has {others:?}");
    assert!(built.len() > 100);
}

#[test]
fn what_features_bring_is_optional() {
    let manifest = read(Path::new("client/Cargo.toml"));
    for name in ["reqwest", "reqwest-middleware", "http-body-util", "form_urlencoded"] {
        let line = manifest.lines().find(|line| line.starts_with(&format!("{name} = {{")));
        assert!(line.is_some_and(|line| line.ends_with("optional = true }")), "{name}: {line:?}");
    }
}

#[test]
fn one_file_of_each_program_reads_the_clock() {
    let readers = files_with(&["daemon", "client"], |line| {
        line.contains("SystemTime::now")
            || line.contains("Timestamp::now")
            || line.contains("clock_gettime")
    });
    let homes = ["client/cli/src/clock.rs", "client/src/clock.rs", "daemon/src/clock.rs"];
    assert_eq!(readers, paths(&homes));
}

#[test]
fn sql_is_in_the_store_and_http_clients_are_in_the_issuer() {
    let sql = files_with(&["daemon", "client", "proto"], |line| line.contains("rusqlite"));
    assert!(!sql.is_empty());
    for path in sql {
        assert!(path.starts_with("daemon/src/store") || path.ends_with("store.rs"), "{path:?}");
    }
    let http = files_with(&["daemon", "client", "proto"], |line| line.contains("reqwest"));
    assert!(!http.is_empty());
    for path in http {
        // The client sends nothing itself: it serves programs that use reqwest.
        let is_feature = ["client/src/attach", "client/src/attach.rs", "client/src/lib.rs"]
            .iter()
            .any(|place| path.starts_with(place));
        assert!(path.starts_with("daemon/src/issuer") || is_feature, "{path:?}");
    }
}

/// The rooms of the shell, and the rooms each may know of.
#[test]
fn rooms_do_not_import_each_other_sideways() {
    let shared = [
        "apart",
        "audit",
        "calls",
        "connections",
        "credential",
        "crowds",
        "events",
        "ports",
        "program",
        "published",
        "seeds",
    ];
    for (room, also) in [
        ("engine", &[][..]),
        ("store", &[]),
        ("issuer", &[]),
        ("hook", &[]),
        ("sources", &[]),
        ("declared", &[]),
        ("program", &[]),
        // The services speak to the engine in its own words, and read what is to be applied.
        ("rpc", &["engine", "declared"]),
        // So does what hands out tokens.
        ("handout", &["engine"]),
        ("published", &[]),
        ("events", &[]),
        ("calls", &[]),
        ("crowds", &[]),
        // It asks the engine how things are, and where it tells of it is configured.
        ("metrics", &["config", "engine"]),
        ("connections", &[]),
        ("credential", &[]),
        ("socket", &[]),
        ("systemd", &[]),
        // Where the key lies is said as the store says it.
        ("config", &["store"]),
    ] {
        let own = |path: &Path| {
            path.starts_with(format!("daemon/src/{room}"))
                || path == Path::new(&format!("daemon/src/{room}.rs"))
        };
        for path in sources(&["daemon/src"]).into_iter().filter(|path| own(path)) {
            let text = read(&path);
            // Tests may reach for what they need.
            let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            if path.ends_with("tests.rs")
                || path.components().any(|part| part.as_os_str() == "tests")
            {
                continue;
            }
            for import in text.split("crate::").skip(1) {
                for module in modules(import) {
                    let known = module == room
                        || shared.contains(&module.as_str())
                        || also.contains(&module.as_str());
                    assert!(known, "{} imports {module}", path.display());
                }
            }
        }
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(root().join(path)).expect("the file is there")
}

fn paths(texts: &[&str]) -> BTreeSet<PathBuf> {
    texts.iter().map(PathBuf::from).collect()
}

/// Returns the modules that the text behind `crate::` begins with.
fn modules(import: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    let Some(group) = import.strip_prefix('{') else {
        return vec![name(import)].into_iter().filter(|name| is_module(name)).collect();
    };
    // The names on the first level of a group of imports.
    let mut depth = 0;
    let mut modules = vec![name(group)];
    for (position, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => modules.push(name(&group[position + 1..])),
            _ => {}
        }
    }
    modules.into_iter().filter(|name| is_module(name)).collect()
}

/// Functions of the crate's root are no rooms.
fn is_module(name: &str) -> bool {
    root().join("daemon/src").join(name).with_extension("rs").exists() && !name.is_empty()
}

fn dependencies(manifest: &str, table: &str) -> BTreeSet<String> {
    let text = read(Path::new(manifest));
    let header = format!("[{table}]");
    let lines = text.lines().skip_while(|line| *line != header).skip(1);
    lines
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Returns the packages that a lock file names, with their versions.
fn locked(path: &str) -> BTreeSet<(String, String)> {
    let text = read(Path::new(path));
    let value =
        |line: &str, key| line.strip_prefix(key).map(|value| value.trim_matches('"').to_owned());
    let lines: Vec<_> = text.lines().collect();
    lines
        .windows(2)
        .filter_map(|pair| Some((value(pair[0], "name = ")?, value(pair[1], "version = ")?)))
        .collect()
}

fn sources(directories: &[&str]) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut open: Vec<PathBuf> = directories.iter().map(PathBuf::from).collect();
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(root().join(&directory)).expect("the directory is there") {
            let name = entry.expect("it can be listed").file_name();
            let path = directory.join(name);
            if root().join(&path).is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.insert(path);
            }
        }
    }
    found
}

fn files_with(directories: &[&str], wanted: impl Fn(&str) -> bool) -> BTreeSet<PathBuf> {
    let has = |path: &PathBuf| {
        let text = read(path);
        text.lines().map(str::trim).any(|line| !line.starts_with("//") && wanted(line))
    };
    sources(directories).into_iter().filter(has).collect()
}
