//! Holds the table of faults (tests/faults) to what can be planted.

use std::{collections::BTreeSet, fs, path::Path};

use serde::Deserialize;

/// A file of the table.
#[derive(Deserialize)]
struct Table {
    fault: Vec<Fault>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fault {
    name: String,
    breaks: String,
    file: String,
    find: String,
    plant: String,
    #[serde(default)]
    also: Vec<Edit>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    file: String,
    find: String,
    plant: String,
}

/// The power of the simulation is shown with no fewer.
const LEAST: usize = 50;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the daemon is in a folder")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn faults() -> Vec<Fault> {
    let folder = root().join("tests/faults");
    let mut tables: Vec<_> = fs::read_dir(&folder)
        .expect("the table is a folder")
        .map(|entry| entry.expect("it can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    tables.sort();
    let parse = |path: &Path| -> Vec<Fault> {
        let table = toml::from_str::<Table>(&read(path));
        table.unwrap_or_else(|error| panic!("{}: {error}", path.display())).fault
    };
    tables.iter().flat_map(|path| parse(path)).collect()
}

#[test]
fn each_fault_can_be_planted_in_one_place() {
    for Fault { name, file, find, plant, also, .. } in faults() {
        let own = Edit { file, find, plant };
        for Edit { file, find, plant } in also.iter().chain([&own]) {
            let places = read(&root().join(file)).matches(find.as_str()).count();
            assert_eq!(places, 1, "{name}: {file} has {find:?} {places} times");
            assert_ne!(find, plant, "{name} changes nothing in {file}");
        }
        let is_switched = also.iter().chain([&own]).any(|edit| edit.plant.contains("planted!()"));
        assert!(is_switched, "{name} can't be switched on");
    }
}

#[test]
fn each_fault_has_a_name_of_its_own_and_breaks_something() {
    let all = faults();
    assert!(all.len() >= LEAST, "there are {} faults", all.len());
    let names: BTreeSet<&str> = all.iter().map(|fault| fault.name.as_str()).collect();
    assert_eq!(names.len(), all.len());
    assert!(all.iter().all(|fault| !fault.breaks.is_empty()));
}

#[test]
fn the_documentation_lists_each_fault_and_no_other() {
    let text = read(&root().join("docs/testing.md"));
    let lines = text.lines().skip_while(|line| !line.starts_with("| fault |"));
    let rows = lines.skip(2).take_while(|line| line.starts_with('|'));
    let listed: Vec<(&str, &str)> = rows
        .map(|row| {
            let mut cells = row.trim_matches('|').split('|').map(str::trim);
            (cells.next().unwrap_or_default(), cells.next().unwrap_or_default())
        })
        .collect();
    let all = faults();
    let named: Vec<(&str, &str)> =
        all.iter().map(|fault| (fault.name.as_str(), fault.breaks.as_str())).collect();
    let lacking: Vec<_> = named.iter().filter(|fault| !listed.contains(fault)).collect();
    let unknown: Vec<_> = listed.iter().filter(|fault| !named.contains(fault)).collect();
    assert!(lacking.is_empty() && unknown.is_empty(), "lacks {lacking:?}, invents {unknown:?}");
    assert_eq!(listed.len(), named.len(), "some are listed twice");
}
