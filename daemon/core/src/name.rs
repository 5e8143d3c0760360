//! The name of a credential.

use std::{
    fmt::{Debug, Display, Formatter},
    str::FromStr,
    sync::Arc,
};

/// A credential's name: `[a-z0-9][a-z0-9_-]{0,62}`, cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

/// The text isn't a credential's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} isn't a credential's name: use 1 to 63 of a-z, 0-9, '-' and '_', \
     starting with a letter or a digit"
)]
pub struct InvalidName(String);

impl Name {
    const MAX_LENGTH: usize = 63;

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
        let valid = text.len() <= Self::MAX_LENGTH
            && text.bytes().next().is_some_and(plain)
            && text.bytes().all(|c| plain(c) || c == b'-' || c == b'_');
        if valid {
            Ok(Self(text.into()))
        } else {
            // Shown to people: a hostile text must not fill their screen.
            Err(InvalidName(text.chars().take(Self::MAX_LENGTH + 1).collect()))
        }
    }
}

impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl Display for Name {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Debug for Name {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        Debug::fmt(&*self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_name_is_what_it_was_read_from(name in "[a-z0-9][a-z0-9_-]{0,62}") {
            let read: Name = name.parse().unwrap();
            prop_assert_eq!((read.as_str(), &*read.to_string()), (&*name, &*name));
        }

        #[test]
        fn no_other_text_is_a_name(text in "[a-zA-Z0-9_./ -]{0,4}|\\PC{0,70}|[a-z0-9]{0,80}") {
            let is_of_it = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
            let is_name = (1..=63).contains(&text.chars().count())
                && text.chars().all(is_of_it)
                && !text.starts_with(['-', '_']);
            prop_assert_eq!(text.parse::<Name>().is_ok(), is_name);
        }
    }

    #[test]
    fn takes_names_of_the_documented_form_and_no_other() {
        for good in ["a", "0", "causely", "ci-2_x", &"a".repeat(63)] {
            assert_eq!(good.parse::<Name>().unwrap().as_str(), good);
        }
        for bad in ["", "-a", "_a", "A", "a b", "a/b", "ä", "a\n", &"a".repeat(64)] {
            assert!(bad.parse::<Name>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_error_shows_a_bounded_part_with_controls_escaped() {
        let error = format!("\u{1b}[2J{}", "x".repeat(10_000)).parse::<Name>().unwrap_err();
        let shown = error.to_string();
        assert!(shown.starts_with(r#""\u{1b}[2Jxxx"#), "{shown}");
        assert_eq!(shown.matches('x').count(), 60, "64 with the controls");
        assert!(shown.len() < 250, "{}", shown.len());
    }

    #[test]
    fn a_name_is_found_by_its_text_and_shown_as_it() {
        let names = std::collections::BTreeSet::from(["b".parse::<Name>().unwrap()]);
        assert!(names.contains("b") && !names.contains("a"));
        assert_eq!(format!("{names:?}"), r#"{"b"}"#);
    }
}
