//! All credentials at a glance, in a table that fits a terminal.

use prost_types::Timestamp;
use tokend_proto::v1::{Budget, Credential};

use crate::{
    budget, gauge, health, life,
    screen::Screen,
    span, state,
    table::{self, Cell, Tone},
};

/// The gap between two columns.
pub(crate) const GAP: usize = 2;

/// A bar of a life has so many cells.
const LIFE_CELLS: usize = 8;

/// A bar of a limit has so many cells between its ends.
const BUDGET_CELLS: usize = 6;

/// A failure of which less can be told isn't told here.
const LEAST_FAILURE: usize = 16;

/// As much of a name is shown in any case.
const LEAST_NAME: usize = 8;

/// A table with headings.
#[derive(Debug)]
pub(crate) struct Grid {
    pub(crate) headings: Vec<String>,
    pub(crate) rows: Vec<Vec<Cell>>,
    /// Whether failures are told in it as a whole.
    pub(crate) tells_failures: bool,
}

impl Grid {
    /// Returns how wide each column is.
    pub(crate) fn widths(&self) -> Vec<usize> {
        let column = |at: usize| {
            let cells = self.rows.iter().map(|row| row[at].width()).max().unwrap_or_default();
            cells.max(table::width(&self.headings[at]))
        };
        (0..self.headings.len()).map(column).collect()
    }

    fn width(&self) -> usize {
        let widths = self.widths();
        widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
    }
}

/// What is shown of each credential beside its name and state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    life: Style,
    refresh: bool,
    budget: Style,
    used: bool,
}

/// How a part is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Bar,
    Text,
    Nothing,
}

/// From all there is to the least, in the order in which things are given up.
const LAYOUTS: [Layout; 8] = {
    let all = Layout { life: Style::Bar, refresh: true, budget: Style::Bar, used: true };
    let short = Layout { budget: Style::Text, ..all };
    let fewer = Layout { used: false, ..short };
    let bare = Layout { refresh: false, ..fewer };
    let plain = Layout { life: Style::Text, ..bare };
    let life = Layout { budget: Style::Nothing, ..plain };
    let least = Layout { life: Style::Nothing, ..life };
    [all, Layout { used: false, ..all }, short, fewer, bare, plain, life, least]
};

/// Returns the table that tells the most of those that fit. What failed last comes at its end
/// if there is room.
pub(crate) fn fit(
    credentials: &[&Credential],
    budgets: &[Budget],
    now: &Timestamp,
    screen: Screen,
) -> Grid {
    let grid = |layout, longest| lay_out(credentials, budgets, now, screen, layout, longest);
    let layout =
        LAYOUTS.into_iter().find(|layout| grid(*layout, usize::MAX).width() <= screen.width);
    if let Some(layout) = layout {
        let mut grid = grid(layout, usize::MAX);
        let room = screen.width.saturating_sub(grid.width() + GAP);
        add_failures(&mut grid, credentials, now, screen, room);
        return grid;
    }
    let least = LAYOUTS[LAYOUTS.len() - 1];
    let wide = grid(least, usize::MAX);
    let beside = wide.width() - wide.widths()[0];
    grid(least, screen.width.saturating_sub(beside).max(LEAST_NAME))
}

fn lay_out(
    credentials: &[&Credential],
    budgets: &[Budget],
    now: &Timestamp,
    screen: Screen,
    layout: Layout,
    longest: usize,
) -> Grid {
    let row = |credential: &&Credential| {
        let (word, tone) = health::marked(credential, screen.glyphs);
        let name = table::shortened(&credential.name, longest, screen.glyphs);
        let mut row = vec![name.as_str().into(), Cell::new(&word, tone)];
        match layout.life {
            Style::Bar => row.push(Cell::new(&life_bar(credential, now, screen), Tone::Plain)),
            Style::Text => row.push(state::expires_in(credential, now).into()),
            Style::Nothing => {}
        }
        if layout.refresh {
            row.push(state::refresh_in(credential, now).into());
        }
        match layout.budget {
            Style::Bar => row.push(budget_bar(&credential.name, budgets, screen)),
            Style::Text => row.push(budget::left(&credential.name, budgets)),
            Style::Nothing => {}
        }
        if layout.used {
            row.push(used(credential, now).into());
        }
        row
    };
    let mut headings = vec!["NAME", "STATE"];
    match layout.life {
        Style::Bar => headings.push("LIFE LEFT"),
        Style::Text => headings.push("LEFT"),
        Style::Nothing => {}
    }
    if layout.refresh {
        headings.push("NEXT");
    }
    match layout.budget {
        Style::Bar | Style::Text => headings.push("TOKENS LEFT"),
        Style::Nothing => {}
    }
    if layout.used {
        headings.push("USED");
    }
    let headings = headings.into_iter().map(str::to_owned).collect();
    Grid { headings, rows: credentials.iter().map(row).collect(), tells_failures: false }
}

fn add_failures(
    grid: &mut Grid,
    credentials: &[&Credential],
    now: &Timestamp,
    screen: Screen,
    room: usize,
) {
    let failures = credentials.iter().map(|credential| {
        let failure = credential.last_failure.as_ref();
        failure.map_or_else(String::new, |failure| state::failure(failure, now))
    });
    let failures: Vec<_> = failures.collect();
    if room < LEAST_FAILURE || failures.iter().all(String::is_empty) {
        return;
    }
    grid.tells_failures = failures.iter().all(|failure| table::width(failure) <= room);
    grid.headings.push("LAST FAILURE".to_owned());
    for (row, failure) in grid.rows.iter_mut().zip(failures) {
        row.push(table::shortened(&failure, room, screen.glyphs).as_str().into());
    }
}

/// Returns the life that is left, as a bar and in words.
fn life_bar(credential: &Credential, now: &Timestamp, screen: Screen) -> String {
    let words = state::expires_in(credential, now);
    match life::of(credential, now) {
        Some(life) if !life.is_over() => {
            let bar = gauge::life(life.left, life.left_at_refresh, LIFE_CELLS, screen.glyphs);
            format!("{bar} {words}")
        }
        _ => words,
    }
}

fn budget_bar(name: &str, budgets: &[Budget], screen: Screen) -> Cell {
    let text = budget::left(name, budgets);
    match budget::tightest(name, budgets) {
        Some(Budget { remaining, reserved, count: count @ 1.., .. }) => {
            let bar = gauge::budget(*remaining, *reserved, *count, BUDGET_CELLS, screen.glyphs);
            text.behind(&bar)
        }
        _ => text,
    }
}

/// Returns when a caller last asked, as `3s ago`.
pub(crate) fn used(credential: &Credential, now: &Timestamp) -> String {
    let last = credential.last_use_time.as_ref();
    last.map_or_else(String::new, |last| format!("{} ago", span::between(last, now)))
}

#[cfg(test)]
mod tests;
