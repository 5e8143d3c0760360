//! Tables with aligned columns.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr as _;

use crate::{
    output::{Output, printable},
    paragraph,
    screen::Glyphs,
};

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

    /// Returns a cell that is empty and is shown so.
    pub(crate) fn nothing() -> Self {
        Self { text: String::new(), tone: Tone::Plain }
    }

    /// Returns the cell with another text before its own, such as a bar.
    pub(crate) fn behind(self, text: &str) -> Self {
        Self { text: format!("{} {}", printable(text), self.text), ..self }
    }

    /// Returns the cell with another text after its own.
    pub(crate) fn before(self, text: &str) -> Self {
        Self { text: format!("{} {}", self.text, printable(text)), ..self }
    }

    /// Returns how many columns of a terminal it takes.
    pub(crate) fn width(&self) -> usize {
        width(&self.text)
    }

    /// Returns what is shown, safe for a terminal.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Returns its meaning.
    pub(crate) fn tone(&self) -> Tone {
        self.tone
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text.as_ref(), Tone::Plain)
    }
}

/// Returns how many columns of a terminal a text takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// Returns a printable text that takes so many columns at most.
pub(crate) fn shortened(text: &str, columns: usize, glyphs: Glyphs) -> String {
    let text = printable(text);
    if width(&text) <= columns {
        return text.into_owned();
    }
    let ellipsis = glyphs.ellipsis();
    let room = columns.saturating_sub(width(ellipsis));
    let mut kept = String::new();
    for character in text.chars() {
        let end = kept.len();
        kept.push(character);
        if width(&kept) > room {
            kept.truncate(end);
            break;
        }
    }
    kept + ellipsis
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

/// Does the same where that fits; on a narrower terminal each row is a paragraph of headings and
/// cells.
pub(crate) fn write_fitting<const N: usize>(
    output: &mut Output<impl Write>,
    headings: [&str; N],
    rows: Vec<[Cell; N]>,
) -> io::Result<()> {
    let widest = |at: usize| {
        let cells = rows.iter().map(|row| row[at].width()).max().unwrap_or_default();
        cells.max(width(headings[at]))
    };
    let needed = (0..N).map(widest).sum::<usize>() + 2 * N.saturating_sub(1);
    let Some(screen) = output.screen().filter(|screen| screen.width < needed) else {
        return write(output, headings, rows);
    };
    let label = headings.iter().map(|heading| width(heading)).max().unwrap_or_default();
    for (at, row) in rows.into_iter().enumerate() {
        if at > 0 {
            writeln!(output)?;
        }
        let room = screen.width.saturating_sub(label + 2);
        for (heading, cell) in headings.iter().zip(row) {
            for (at, line) in paragraph::wrapped(&cell.text, room).iter().enumerate() {
                let heading = if at == 0 { heading } else { "" };
                writeln!(output, "{heading:label$}  {line}")?;
            }
        }
    }
    Ok(())
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
    let columns = rows.iter().map(|row| row.as_ref().len()).max().unwrap_or_default();
    let mut widths = vec![0; columns];
    for row in rows {
        for (widest, cell) in widths.iter_mut().zip(row.as_ref()) {
            *widest = cell.width().max(*widest);
        }
    }
    for row in rows {
        let row = row.as_ref();
        for (column, cell) in row.iter().enumerate() {
            write_cell(output, cell)?;
            // Nothing is padded at the end of a line.
            if column + 1 < row.len() {
                write!(output, "{:1$}", "", widths[column] - cell.width() + 2)?;
            }
        }
        writeln!(output)?;
    }
    Ok(())
}

/// Writes cells without gaps, and a line break.
pub(crate) fn write_cells(output: &mut Output<impl Write>, cells: &[Cell]) -> io::Result<()> {
    for cell in cells {
        write_cell(output, cell)?;
    }
    writeln!(output)
}

fn write_cell(output: &mut Output<impl Write>, cell: &Cell) -> io::Result<()> {
    match cell.tone.code().filter(|_| output.has_colour()) {
        Some(code) => write!(output, "\x1b[{code}m{}\x1b[0m", cell.text),
        None => write!(output, "{}", cell.text),
    }
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
    fn a_text_is_shortened_to_the_columns_that_it_takes() {
        let short = |text, columns| shortened(text, columns, Glyphs::Unicode);
        assert_eq!(short("causely", 7), "causely");
        assert_eq!(short("causely", 6), "cause…");
        assert_eq!(short("令牌令牌", 6), "令牌…");
        assert_eq!(short("a\u{1b}[2J", 5), "a\\u{…");
        assert_eq!(shortened("causely", 6, Glyphs::Ascii), "caus..");
    }

    #[test]
    fn colours_change_no_alignment() {
        let coloured = shown(true);
        assert!(coloured.contains("causely  \x1b[32mfresh\x1b[0m    -\n"), "{coloured:?}");
        assert!(coloured.contains("\x1b[31mrefused\x1b[0m  a\\u{1b}"), "{coloured:?}");
    }
}
