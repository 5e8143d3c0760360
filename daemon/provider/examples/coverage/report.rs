//! What came of all rows, as a table and in numbers.

use std::collections::BTreeMap;
use std::fmt;

use super::dimension::{Dimension, Mark};
use super::nature;
use super::row::Row;
use super::trial::{Marks, Written};

/// What came of all rows.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<(String, Marks)>,
}

impl Report {
    /// Tries all rows out, one a line.
    pub(crate) fn of(lines: &str) -> Self {
        let lines = lines.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        Self { rows: lines.map(|(number, line)| judge(number + 1, line)).collect() }
    }

    /// The rows that can't be expressed, and why.
    pub(crate) fn lacking(&self) -> impl Iterator<Item = (&str, Dimension, &str)> {
        self.rows.iter().flat_map(|(id, marks)| {
            marks.iter().filter_map(move |(dimension, mark)| match mark {
                Mark::No(reason) => Some((id.as_str(), *dimension, reason.as_str())),
                Mark::Yes | Mark::Unknown => None,
            })
        })
    }

    /// How many rows can be expressed.
    pub(crate) fn expressed(&self) -> usize {
        let fits = |marks: &Marks| !marks.values().any(|mark| matches!(mark, Mark::No(_)));
        self.rows.iter().filter(|(_, marks)| fits(marks)).count()
    }

    /// How many rows there are.
    pub(crate) fn count(&self) -> usize {
        self.rows.len()
    }
}

/// The definitions that are written of the rows of this `id`.
pub(crate) fn definition(lines: &str, id: &str) -> String {
    let rows = lines.lines().filter_map(|line| Row::read(line).ok());
    rows.filter(|row| row.id == id).map(|row| Written::of(&row).sketch.text()).collect()
}

fn judge(number: usize, line: &str) -> (String, Marks) {
    let row = match Row::read(line) {
        Ok(row) => row,
        Err(error) => {
            let reason = Mark::No(format!("not a row: {error}"));
            return (format!("line {number}"), Marks::from([(Dimension::Asking, reason)]));
        }
    };
    let id = if row.id.is_empty() { format!("line {number}") } else { row.id.clone() };
    let marks = match nature::reason(&row) {
        Some((dimension, reason)) => Marks::from([(dimension, Mark::No(reason.to_owned()))]),
        None => Written::of(&row).judge(),
    };
    (id, marks)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(|(id, _)| id.len()).max().unwrap_or_default().max(10);
        write!(f, "{:width$}", "row")?;
        for dimension in Dimension::ALL {
            write!(f, "  {:12}", dimension.name())?;
        }
        writeln!(f)?;
        let mut totals: BTreeMap<Dimension, [usize; 3]> = BTreeMap::new();
        for (id, marks) in &self.rows {
            write!(f, "{id:width$}")?;
            for dimension in Dimension::ALL {
                let total = totals.entry(dimension).or_default();
                let word = match marks.get(&dimension) {
                    Some(Mark::Yes) => count(total, 0, "yes"),
                    Some(Mark::Unknown) => count(total, 1, "unknown"),
                    Some(Mark::No(_)) => count(total, 2, "NO"),
                    None => "-",
                };
                write!(f, "  {word:12}")?;
            }
            writeln!(f)?;
        }
        writeln!(f)?;
        for (dimension, [yes, unknown, no]) in &totals {
            let tried = yes + unknown + no;
            writeln!(
                f,
                "{:12}  {} of {tried} expressed, of {unknown} of which the row doesn't say how",
                dimension.name(),
                yes + unknown
            )?;
        }
        let (expressed, all) = (self.expressed(), self.count());
        let tenths = (expressed * 1000).checked_div(all).unwrap_or_default();
        writeln!(f, "all           {expressed} of {all} rows, {}.{} %", tenths / 10, tenths % 10)?;
        for (id, dimension, reason) in self.lacking() {
            writeln!(f, "not expressed: {id}: {}: {reason}", dimension.name())?;
        }
        Ok(())
    }
}

fn count(total: &mut [usize; 3], index: usize, word: &'static str) -> &'static str {
    total[index] += 1;
    word
}
