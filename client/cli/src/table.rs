//! Tables with aligned columns.

use std::io::{self, Write};

use crate::output::{Output, printable};

/// The meaning of a cell, shown as a colour where there are colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Heading,
    Good,
    Waiting,
    Bad,
}

impl Tone {
    /// The parameter of the terminal's SGR sequence (ECMA-48 §8.3.117).
    fn code(self) -> Option<u8> {
        match self {
            Self::Plain => None,
            Self::Heading => Some(1),
            Self::Good => Some(32),
            Self::Waiting => Some(33),
            Self::Bad => Some(31),
        }
    }

    /// Writes a text that is so wide at least, in its colour where there are colours.
    pub(crate) fn write(
        self,
        output: &mut Output<impl Write>,
        text: &str,
        width: usize,
    ) -> io::Result<()> {
        match self.code().filter(|_| output.has_colour()) {
            Some(code) => write!(output, "\x1b[{code}m{text}\x1b[0m")?,
            None => write!(output, "{text}")?,
        }
        let padding = width.saturating_sub(text.chars().count());
        write!(output, "{:padding$}", "")
    }
}

/// A text and its meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// Returns a cell whose text is shown as it is, but for what isn't printable.
    /// An empty one is shown as `-`.
    pub(crate) fn new(text: &str, tone: Tone) -> Self {
        let text = if text.is_empty() { "-".to_owned() } else { printable(text).into_owned() };
        Self { text, tone }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text.as_ref(), Tone::Plain)
    }
}

/// Writes a row of headings and the rows below it.
pub(crate) fn write<const N: usize>(
    output: &mut Output<impl Write>,
    headings: [&str; N],
    rows: Vec<[Cell; N]>,
) -> io::Result<()> {
    let mut all = vec![headings.map(|heading| Cell::new(heading, Tone::Heading))];
    all.extend(rows);
    align(output, &all)
}

/// Writes a row of headings and the rows below it, which have as many cells.
pub(crate) fn write_wide(
    output: &mut Output<impl Write>,
    headings: &[String],
    rows: Vec<Vec<Cell>>,
) -> io::Result<()> {
    let headings = headings.iter().map(|heading| Cell::new(heading, Tone::Heading));
    let mut all = vec![headings.collect()];
    all.extend(rows);
    align(output, &all)
}

/// Writes rows without headings, their columns aligned.
pub(crate) fn align(
    output: &mut Output<impl Write>,
    rows: &[impl AsRef<[Cell]>],
) -> io::Result<()> {
    let width = |cell: &Cell| cell.text.chars().count();
    let columns = rows.iter().map(|row| row.as_ref().len()).max().unwrap_or_default();
    let mut widths = vec![0; columns];
    for row in rows {
        for (widest, cell) in widths.iter_mut().zip(row.as_ref()) {
            *widest = width(cell).max(*widest);
        }
    }
    for row in rows {
        let row = row.as_ref();
        for (column, cell) in row.iter().enumerate() {
            cell.tone.write(output, &cell.text, 0)?;
            // Nothing is padded at the end of a line.
            if column + 1 < row.len() {
                write!(output, "{:1$}", "", widths[column] - width(cell) + 2)?;
            }
        }
        writeln!(output)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(terminal: bool) -> String {
        let mut output = Output::of_a_test(Vec::new(), terminal);
        let rows = vec![
            [Cell::from("causely"), Cell::new("fresh", Tone::Good), Cell::from("")],
            [Cell::from("ü"), Cell::new("refused", Tone::Bad), Cell::from("a\u{1b}[2Jb")],
        ];
        write(&mut output, ["NAME", "STATE", "LAST FAILURE"], rows).unwrap();
        String::from_utf8(output.into_writer()).unwrap()
    }

    #[test]
    fn aligns_columns_and_escapes_what_steers_a_terminal() {
        assert_eq!(
            shown(false),
            "NAME     STATE    LAST FAILURE\n\
             causely  fresh    -\n\
             ü        refused  a\\u{1b}[2Jb\n"
        );
    }

    #[test]
    fn colours_change_no_alignment() {
        let coloured = shown(true);
        assert!(coloured.contains("causely  \x1b[32mfresh\x1b[0m    -\n"), "{coloured:?}");
        assert!(coloured.contains("\x1b[31mrefused\x1b[0m  a\\u{1b}"), "{coloured:?}");
    }
}
