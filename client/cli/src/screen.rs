//! What the terminal can show: how wide it is, and which characters it knows.

use std::{env, ffi::OsStr, io};

/// What a terminal without a size is taken for, as it has always been.
const USUAL_WIDTH: usize = 80;

/// The characters that bars and marks are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Glyphs {
    Ascii,
    Unicode,
}

impl Glyphs {
    /// Returns the characters of this process' locale.
    fn of_this_process() -> Self {
        // setlocale(3): the first that is set and not empty decides.
        let set = |name| env::var_os(name).filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set);
        Self::of_locale(locale.as_deref())
    }

    fn of_locale(locale: Option<&OsStr>) -> Self {
        let locale = locale.map(|name| name.to_string_lossy().to_ascii_lowercase());
        match locale {
            Some(name) if name.contains("utf-8") || name.contains("utf8") => Self::Unicode,
            _ => Self::Ascii,
        }
    }

    /// Returns what stands for text that was left out.
    pub(crate) fn ellipsis(self) -> &'static str {
        match self {
            Self::Ascii => "..",
            Self::Unicode => "…",
        }
    }
}

/// A terminal that a person looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Screen {
    /// How many characters go into a line.
    pub(crate) width: usize,
    /// Which ones.
    pub(crate) glyphs: Glyphs,
}

impl Screen {
    /// Returns the terminal that standard output is.
    pub(crate) fn of_standard_output() -> Self {
        let size = rustix::termios::tcgetwinsize(io::stdout());
        let width = size.map_or(0, |size| usize::from(size.ws_col));
        let width = if width == 0 { USUAL_WIDTH } else { width };
        Self { width, glyphs: Glyphs::of_this_process() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_that_does_not_say_utf_8_gets_ascii() {
        for (locale, glyphs) in [
            (Some("C.UTF-8"), Glyphs::Unicode),
            (Some("de_DE.utf8@euro"), Glyphs::Unicode),
            (Some("de_DE.ISO-8859-1"), Glyphs::Ascii),
            (Some("POSIX"), Glyphs::Ascii),
            (None, Glyphs::Ascii),
        ] {
            assert_eq!(Glyphs::of_locale(locale.map(OsStr::new)), glyphs, "{locale:?}");
        }
    }
}
