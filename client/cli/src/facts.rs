//! Facts about one thing, a label and what it is each.

use std::io::{self, Write};

use crate::{
    output::Output,
    paragraph,
    table::{self, Cell, Tone},
};

/// Facts, in the order in which they are told.
#[derive(Debug, Default)]
pub(crate) struct Facts(Vec<[Cell; 2]>);

impl Facts {
    /// Adds one.
    pub(crate) fn add(&mut self, label: &str, fact: impl Into<Cell>) {
        self.0.push([Cell::new(label, Tone::Heading), fact.into()]);
    }

    /// Writes all, aligned; on a terminal in lines that fit.
    pub(crate) fn write(self, output: &mut Output<impl Write>) -> io::Result<()> {
        let Some(screen) = output.screen() else { return table::align(output, &self.0) };
        let labels = self.0.iter().map(|[label, _]| label.width()).max().unwrap_or_default();
        let room = screen.width.saturating_sub(labels + 2);
        let mut rows = Vec::new();
        for [label, fact] in self.0 {
            let mut label = Some(label);
            for line in paragraph::wrapped(fact.text(), room) {
                let label = label.take().unwrap_or_else(Cell::nothing);
                rows.push([label, Cell::new(&line, fact.tone())]);
            }
        }
        table::align(output, &rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_that_is_longer_than_a_line_goes_on_below_itself() {
        let shown = |terminal| {
            let mut facts = Facts::default();
            facts.add("name", "causely");
            facts.add("what to do", "wait ".repeat(20) + "and see");
            facts.add("limits", "");
            let mut output = Output::of_a_test(Vec::new(), terminal);
            facts.write(&mut output).unwrap();
            let shown = String::from_utf8(output.into_writer()).unwrap();
            shown.replace("\x1b[1m", "").replace("\x1b[0m", "")
        };
        let wait = ["wait"; 13].join(" ");
        assert_eq!(
            shown(true),
            format!(
                "name        causely\nwhat to do  {wait}\n            {} and see\nlimits      -\n",
                ["wait"; 7].join(" ")
            )
        );
        assert_eq!(shown(false).lines().count(), 3);
    }
}
