//! A report as a table, for terminals and for documents.

use std::{
    fmt::{Display, Formatter},
    time::Duration,
};

use crate::{Report, Row, words};

/// A report as a table. It displays as plain text with columns that line up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    title: String,
    events: String,
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// What a planner who isn't one of the policies has no value for.
const NOTHING: &str = "-";

impl Table {
    /// Sets a report in a table: a row for each policy and one for how well anyone
    /// could do.
    pub fn of(report: &Report) -> Self {
        let mut head = vec!["refresh".to_owned(), "tokens a day".to_owned()];
        let limits = &report.scenario.limits;
        head.extend(limits.iter().map(|limit| format!("most in {}", words::window(limit))));
        let last = ["without a token", "%", "to the best", "outages survived", "longest gap"];
        head.extend(last.map(str::to_owned));
        if report.scenario.calls_every.is_some() {
            head.push("calls without a token".to_owned());
        }
        let mut rows: Vec<Vec<String>> = report.rows.iter().map(|row| cells(row, report)).collect();
        rows.push(planner(report));
        Self { title: words::title(report), events: words::events(report), head, rows }
    }

    /// Returns the table in Markdown, below a heading of the given level.
    pub fn markdown(&self, level: usize) -> String {
        let marks = "#".repeat(level);
        let mut text = format!("{marks} {}\n\n{}.\n\n", self.title, self.events);
        text.push_str(&markdown_row(&self.head));
        // Numbers are on the right.
        let ruler = self.head.iter().enumerate();
        let ruler = ruler.map(|(column, _)| if column == 0 { "---" } else { "---:" }.to_owned());
        text.push_str(&markdown_row(&ruler.collect::<Vec<_>>()));
        text.extend(self.rows.iter().map(|row| markdown_row(row)));
        text
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}\n{}\n", self.title, self.events)?;
        let lines = || std::iter::once(&self.head).chain(&self.rows);
        let width = |column: usize| lines().map(|line| line[column].chars().count()).max();
        let widths: Vec<usize> =
            (0..self.head.len()).map(|column| width(column).unwrap_or_default()).collect();
        for line in lines() {
            let mut cells = line.iter().zip(&widths);
            if let Some((name, width)) = cells.next() {
                write!(f, "{name:width$}")?;
            }
            for (cell, width) in cells {
                write!(f, "  {cell:>width$}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

fn cells(row: &Row, report: &Report) -> Vec<String> {
    let mut cells = vec![row.policy.to_string(), format!("{:.2}", row.tokens_a_day(report))];
    cells.extend(row.fullest.iter().map(ToString::to_string));
    cells.extend(time(row.without(), report));
    cells.push(format!("{} of {}", row.survived, report.world.outages().len()));
    cells.push(words::span(row.longest_gap()));
    cells.extend(row.waited(report).map(|(waited, all)| format!("{waited} of {all}")));
    cells
}

fn planner(report: &Report) -> Vec<String> {
    let mut cells = vec!["at best, by foresight".to_owned(), NOTHING.to_owned()];
    cells.extend(report.scenario.limits.iter().map(|_| NOTHING.to_owned()));
    cells.extend(time(report.least_without, report));
    cells.extend([NOTHING; 2].map(str::to_owned));
    cells.extend(report.scenario.calls_every.map(|_| NOTHING.to_owned()));
    cells
}

fn time(without: Duration, report: &Report) -> [String; 3] {
    let ratio = without.as_secs_f64() / report.least_without.as_secs_f64();
    let ratio = match (report.least_without.is_zero(), ratio < 100.0) {
        (true, _) => NOTHING.to_owned(),
        (false, true) => format!("{ratio:.3}"),
        (false, false) => "> 100".to_owned(),
    };
    [format!("{} s", without.as_secs()), words::percent(without, report.length()), ratio]
}

fn markdown_row(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Policy, Scenario, Span, World,
        scenario::tests::{calm, limit},
    };

    #[test]
    fn a_table_lines_up_and_says_what_it_is_of() {
        let scenario = Scenario { days: 7, limits: vec![limit(4, 24), limit(2, 1)], ..calm() };
        let mut world = World::draw(&scenario).unwrap();
        world.outages = vec![Span { start: 3_600_000, end: 9_648_000 }];
        let row = Row {
            policy: Policy::HalfLife,
            tokens: 21,
            fullest: vec![3, 1],
            gaps: vec![Span { start: 0, end: 2_000 }, Span { start: 7_200_000, end: 9_700_000 }],
            survived: 0,
        };
        let least_without = Duration::from_secs(2_400);
        let report = Report { scenario, world, rows: vec![row], least_without };
        let table = Table::of(&report);
        let text = "\
4 per 24 h and 2 per 1 h, tokens that live 1 h
7 days, 1 outage (unreachable, 1.000 % of the time), answers take 2 s, seed 1

refresh                tokens a day  most in 24 h  most in 1 h  without a token      %  to the best  outages \
survived  longest gap
at half the life               3.00             3            1           2502 s  0.414        1.042            \
0 of 1  41 min 40 s
at best, by foresight             -             -            -           2400 s  0.397        1.000                 \
-            -
";
        assert_eq!(table.to_string(), text);
        let markdown = "\
## 4 per 24 h and 2 per 1 h, tokens that live 1 h

7 days, 1 outage (unreachable, 1.000 % of the time), answers take 2 s, seed 1.

| refresh | tokens a day | most in 24 h | most in 1 h | without a token | % | to the best | \
outages survived | longest gap |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| at half the life | 3.00 | 3 | 1 | 2502 s | 0.414 | 1.042 | 0 of 1 | 41 min 40 s |
| at best, by foresight | - | - | - | 2400 s | 0.397 | 1.000 | - | - |
";
        assert_eq!(table.markdown(2), markdown);
    }
}
