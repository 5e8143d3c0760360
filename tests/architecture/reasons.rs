//! What operators are told of each reason.

use std::{collections::BTreeSet, path::Path};

use crate::read;

/// The reasons that there are.
fn reasons() -> BTreeSet<String> {
    let text = read(Path::new("proto/reason.rs"));
    let names = text.lines().filter_map(|line| line.strip_prefix("pub const ")?.split(':').next());
    names.map(str::to_owned).collect()
}

#[test]
fn every_reason_has_a_meaning_and_a_remedy() {
    let text = read(Path::new("docs/operations.md"));
    let (_, table) = text.split_once("\n## Reasons\n").expect("it has the table");
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let mut told = Vec::new();
    for row in rows {
        let cells: Vec<_> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [name, meaning, remedy] = cells.as_slice() else { panic!("three cells: {row}") };
        assert!(!meaning.is_empty() && !remedy.is_empty(), "{row}");
        told.push(name.trim_matches('`').to_owned());
    }
    assert!(told.is_sorted(), "they are found by their names: {told:?}");
    assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), reasons());
    assert!(reasons().len() > 40);
}
