//! The configuration as its authors write it, for fuzzers.

use std::path::Path;

use super::file::File;

/// Reads a text.
///
/// # Panics
///
/// It does if a mistake is where there is no line.
pub fn read(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Err(mistakes) = File::parse(Path::new("tokend.toml"), text) {
        assert!(!mistakes.is_empty());
        let lines = text.split('\n').count();
        let places = mistakes.iter().filter_map(|mistake| mistake.place.as_ref());
        places.for_each(|place| assert!((1..=lines).contains(&place.line())));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::seeds::changed;

    const SEEDS: [&[u8]; 3] = [
        include_bytes!("../../../tests/fuzz/corpus/configuration/whole.toml"),
        include_bytes!("../../../tests/fuzz/corpus/configuration/mistakes.toml"),
        include_bytes!("../../../tests/fuzz/corpus/configuration/syntax.toml"),
    ];

    proptest! {
        #[test]
        fn whatever_is_written_is_read_or_its_mistakes_are_told_where_they_are(
            bytes in changed(&SEEDS),
        ) {
            read(&bytes);
        }
    }
}
