//! A place in a text that people have written.

use std::fmt;
use std::ops::Range;

/// A place in a text, counted from 1, columns in characters.
///
/// Displays as the line with marks below it:
///
/// ```text
/// 3 | tokn_url = "https://auth.acme.example/token"
///   | ^^^^^^^^
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    line: usize,
    column: usize,
    width: usize,
    text: String,
}

impl Place {
    /// Finds where the bytes of `span` are in a text.
    pub fn find(text: &str, span: &Range<usize>) -> Option<Self> {
        let before = text.get(..span.start)?;
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = text[start..].lines().next().unwrap_or_default();
        let marked = text.get(span.clone())?.lines().next().unwrap_or_default();
        Some(Self {
            line: before.matches('\n').count() + 1,
            column: text[start..span.start].chars().count() + 1,
            width: marked.chars().count().max(1),
            text: line.to_owned(),
        })
    }

    /// The line.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The column.
    pub fn column(&self) -> usize {
        self.column
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, width, text } = self;
        let gutter = line.to_string().len();
        // Tabs are kept so that the marks stand below what they mark.
        let indent: String =
            text.chars().take(column - 1).map(|c| if c == '\t' { c } else { ' ' }).collect();
        writeln!(f, "{line} | {text}")?;
        write!(f, "{:gutter$} | {indent}{}", "", "^".repeat(*width))
    }
}
