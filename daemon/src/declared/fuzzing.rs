//! Declared credentials as their authors write them, for fuzzers.

use std::{path::Path, sync::LazyLock};

use tokend_provider::Library;

use super::{Manner, parse};

/// Reads a file.
///
/// # Panics
///
/// It does if what is declared has a name twice, or if a mistake is where there is no line.
pub fn read(bytes: &[u8]) {
    static LIBRARY: LazyLock<Library> = LazyLock::new(Library::built_in);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for manner in [Manner::Bound, Manner::Applied] {
        match parse(Path::new("credentials.toml"), text, &LIBRARY, manner) {
            Ok(mut declared) => {
                let all = declared.len();
                declared.sort_by(|one, other| one.name.cmp(&other.name));
                declared.dedup_by(|one, other| one.name == other.name);
                assert_eq!(declared.len(), all);
            }
            Err(mistakes) => {
                let lines = text.split('\n').count();
                let lines = mistakes.iter().filter_map(|it| Some((it.position?.0, lines)));
                lines.for_each(|(line, lines)| assert!((1..=lines).contains(&line)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::seeds::changed;

    const SEEDS: [&[u8]; 3] = [
        include_bytes!("../../../tests/fuzz/corpus/declaration/whole.toml"),
        include_bytes!("../../../tests/fuzz/corpus/declaration/mistakes.toml"),
        include_bytes!("../../../tests/fuzz/corpus/declaration/references.toml"),
    ];

    proptest! {
        #[test]
        fn whatever_is_declared_is_read_or_its_mistakes_are_told_where_they_are(
            bytes in changed(&SEEDS),
        ) {
            read(&bytes);
        }
    }
}
