//! What documents say of files, tests and dependencies.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use crate::{dependencies, read, root};

/// Where a path in a document may begin: at the top, or where most of the code is.
const BASES: [&str; 3] = ["", "daemon/", "daemon/src/"];

/// What a document names.
#[derive(Debug, PartialEq, Eq)]
enum Named<'a> {
    /// A file, a folder, or all that begins so (`store/tests*`).
    Path(&'a str),
    /// A test, which is a sentence, and the file in front of it: `file`: `test`, `test`.
    Test { name: &'a str, file: Option<&'a str> },
}

#[test]
fn documents_name_files_and_tests_that_are_there() {
    for document in ["docs/ARCHITECTURE.md", "docs/SECURITY.md"] {
        let text = read(Path::new(document));
        let missing = missing(&text);
        assert!(missing.is_empty(), "{document} names what isn't there: {missing:?}");
        let tests = names(&text);
        let tests = tests.iter().filter(|named| matches!(named, Named::Test { file: Some(_), .. }));
        assert!(tests.count() > 10, "{document} names tests and their files");
    }
}

#[test]
fn what_is_gone_or_has_moved_is_missed() {
    let here = "what_is_gone_or_has_moved_is_missed";
    let file = "`tests/architecture/documents.rs`";
    assert_eq!(missing(&format!("{file}:\n`{here}`, `{here}`; `documents.rs`; `{here}`")), [""; 0]);
    // The file is another one than the test's; there is no such test, file or folder.
    for gone in [
        format!("`tests/architecture.rs`: `{here}`"),
        format!("{file}: `{here}`, `{here}_at_all`"),
        format!("`{here}_at_all`"),
        "`tests/architecture/gone.rs`".to_owned(),
        "`core/src/gone*`".to_owned(),
        "`tests/gone`".to_owned(),
    ] {
        assert_eq!(missing(&gone).len(), 1, "{gone}");
    }
}

#[test]
fn each_dependency_of_what_is_shipped_has_a_reason() {
    let packages = [
        ("contract", "Cargo.toml"),
        ("core", "daemon/core/Cargo.toml"),
        ("provider", "daemon/provider/Cargo.toml"),
        ("simulator", "daemon/simulator/Cargo.toml"),
        ("daemon", "daemon/Cargo.toml"),
        ("client", "client/Cargo.toml"),
        ("command", "client/cli/Cargo.toml"),
    ];
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (package, manifest) in packages {
        for table in ["dependencies", "build-dependencies"] {
            for name in dependencies(manifest, table) {
                if !name.starts_with(['#']) && !name.starts_with("tokend") {
                    used.entry(name).or_default().insert(package.to_owned());
                }
            }
        }
    }
    let text = read(Path::new("docs/DEPENDENCIES.md"));
    let mut listed = BTreeMap::new();
    for line in text.lines() {
        let cells: Vec<_> = line.split(" | ").collect();
        let [name, places, reason] = cells.as_slice() else { continue };
        let Some(name) = name.strip_prefix("| `").and_then(|name| name.strip_suffix('`')) else {
            continue;
        };
        assert!(reason.len() > 10, "{name}");
        let places = places.split(", ").map(str::to_owned).collect();
        assert!(listed.insert(name.to_owned(), places).is_none(), "{name} is listed twice");
    }
    assert_eq!(listed, used);
}

/// Returns what a document names that isn't there.
fn missing(text: &str) -> Vec<&str> {
    let mut folder = PathBuf::new();
    let mut missing = Vec::new();
    for named in names(text) {
        match named {
            Named::Path(path) => match find(path, &folder) {
                Some(found) => folder = found.parent().map(Path::to_owned).unwrap_or_default(),
                None => missing.push(path),
            },
            Named::Test { name, file } => {
                let places = match file {
                    Some(path) => find(path, &folder).map_or(Vec::new(), |found| files(&found)),
                    None => ["client", "daemon", "proto", "tests"]
                        .iter()
                        .flat_map(|base| files(Path::new(base)))
                        .collect(),
                };
                let function = format!("fn {name}(");
                let has = |path: &PathBuf| {
                    fs::read_to_string(root().join(path)).is_ok_and(|text| text.contains(&function))
                };
                if !places.iter().any(has) {
                    missing.push(name);
                }
            }
        }
    }
    missing
}

/// Returns what stands between backticks and is a path or a test.
fn names(text: &str) -> Vec<Named<'_>> {
    let mut names = Vec::new();
    // Blocks of code are for readers.
    for prose in text.split("```").step_by(2) {
        let mut file = None;
        let mut parts = prose.split('`');
        let mut between = parts.next().unwrap_or_default();
        while let Some(quoted) = parts.next() {
            // After a file a colon says that what follows is in it, and commas go on.
            if !matches!(between.trim(), ":" | "," | "and") {
                file = None;
            }
            between = parts.next().unwrap_or_default();
            if is_path(quoted) {
                names.push(Named::Path(quoted));
                file = between.starts_with(':').then_some(quoted);
            } else if is_test(quoted) {
                names.push(Named::Test { name: quoted, file });
            }
        }
    }
    names
}

fn is_path(text: &str) -> bool {
    let is_file = Path::new(text)
        .extension()
        .is_some_and(|extension| ["rs", "py"].iter().any(|known| extension == *known));
    let is_plain = !text.contains([' ', '=', ':', '<', '~']) && !text.starts_with(['/', '.']);
    is_plain
        && (is_file
            || ["tests/", "docs/"].iter().any(|top| text.starts_with(top))
            || text.ends_with('*'))
}

/// Tests are sentences.
fn is_test(text: &str) -> bool {
    text.matches('_').count() > 2
        && text.chars().all(|c| c == '_' || c.is_ascii_lowercase() || c.is_ascii_digit())
}

/// Finds a path at one of the bases, or beside the one before.
fn find(path: &str, folder: &Path) -> Option<PathBuf> {
    let bases = BASES.iter().map(Path::new).chain([folder]);
    let mut places = bases.map(|base| base.join(path));
    places.find(|place| root().join(place).exists() || !beginning_with(place).is_empty())
}

/// Returns the files of a path: itself, all below it, or all that begins like it.
fn files(path: &Path) -> Vec<PathBuf> {
    if root().join(path).is_file() {
        return vec![path.to_owned()];
    }
    let below = match fs::read_dir(root().join(path)) {
        Ok(entries) => {
            entries.map(|entry| path.join(entry.expect("it can be read").file_name())).collect()
        }
        Err(_) => beginning_with(path),
    };
    below.iter().flat_map(|path| files(path)).collect()
}

fn beginning_with(path: &Path) -> Vec<PathBuf> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let (Some(start), Some(parent)) = (name.strip_suffix('*'), path.parent()) else {
        return Vec::new();
    };
    let Ok(entries) = fs::read_dir(root().join(parent)) else { return Vec::new() };
    entries
        .map(|entry| entry.expect("it can be read").file_name())
        .filter(|name| name.to_string_lossy().starts_with(start))
        .map(|name| parent.join(name))
        .collect()
}
