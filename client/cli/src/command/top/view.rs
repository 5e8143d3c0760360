//! How `top` looks: lines of text for a terminal of any size.

use prost_types::Timestamp;
use ratatui::{
    Frame,
    style::{Color, Modifier, Style},
    text::{Line, Span},
    widgets::Paragraph,
};
use tokend_proto::v1::Credential;

use super::model::{Mode, Top};
use crate::{
    budget, gauge, health, outlook,
    output::printable,
    overview, paragraph,
    screen::{Glyphs, Screen},
    span, state,
    table::{self, Cell, Tone},
    timeline,
};

/// Below so many lines there is the table alone.
const LOW: usize = 14;

/// What marks the chosen one, beside being shown in reverse.
const CHOSEN: &str = "> ";

/// The bar of a limit has so many cells.
const CELLS: usize = 20;

const HELP: [&str; 9] = [
    "q, Esc, Ctrl-C    end",
    "Ctrl-Z            suspend; fg goes on",
    "up, down, j, k    choose a credential, which is told of below the table",
    "Page Up and Down, Home, End",
    "/                 show those with a text in name, provider or state; Esc shows all",
    "s                 sort by urgency, name, life left, tokens left, last use",
    "r                 the other way round",
    "?                 this help",
    "docs/status.md says what the columns and the states mean.",
];

/// Draws it.
pub(super) fn draw(frame: &mut Frame<'_>, top: &Top, now: &Timestamp) {
    let area = frame.area();
    let lines = lines(top, usize::from(area.width), usize::from(area.height), now);
    let style = if top.away.is_some() && top.look.has_colour {
        Style::new().fg(Color::DarkGray)
    } else if top.away.is_some() {
        Style::new().add_modifier(Modifier::DIM)
    } else {
        Style::new()
    };
    frame.render_widget(Paragraph::new(lines).style(style), area);
}

/// Returns the lines of a terminal, as many as it has.
fn lines(top: &Top, width: usize, height: usize, now: &Timestamp) -> Vec<Line<'static>> {
    let mut lines = head(top, width, now);
    lines.truncate((height / 3).max(1));
    let foot = foot(top, width);
    let body = height.saturating_sub(lines.len() + usize::from(height > 2));
    let shown = top.shown();
    if top.mode == Mode::Help {
        lines.extend(HELP.iter().take(body).map(|line| cut(line, width, top.look.glyphs)));
    } else if let Some(text) = nothing(top, shown.is_empty()) {
        lines.extend(paragraph::wrapped(&text, width).into_iter().take(body).map(Line::from));
    } else {
        let mut panel = match top.position() {
            Some(at) if height >= LOW => panel(top, shown[at], width, now),
            _ => Vec::new(),
        };
        // The table has a half at least.
        panel.truncate(body / 2);
        lines.extend(rows(top, &shown, width, body - panel.len(), now));
        let rest = panel.len() + usize::from(height > 2);
        lines.resize(height.saturating_sub(rest), Line::default());
        lines.extend(panel);
    }
    if height > 2 {
        lines.resize(height - 1, Line::default());
        lines.push(foot);
    }
    lines.truncate(height);
    lines
}

/// Returns how the daemon is, and how all are.
fn head(top: &Top, width: usize, now: &Timestamp) -> Vec<Line<'static>> {
    let status = &top.picture.status;
    let mut texts = Vec::new();
    if let Some(why) = &top.away {
        let age = span::between(&top.picture.taken_at, now);
        texts.push((format!("tokend is away: {why}; this is {age} old"), Tone::Bad));
    } else {
        let since = status.start_time.as_ref().map(|start| span::between(start, now));
        let since = since.map_or_else(String::new, |since| format!(", running for {since}"));
        let sum = match health::sum(&status.credentials) {
            sum if sum.is_empty() => String::new(),
            sum => format!(": {sum}"),
        };
        texts.push((format!("tokend {}{since}{sum}", status.version), Tone::Heading));
    }
    texts.extend(status.problems.iter().map(|problem| (format!("problem: {problem}"), Tone::Bad)));
    let line = |(text, tone): (String, Tone)| {
        let text = table::shortened(&text, width, top.look.glyphs);
        Line::from(Span::styled(text, style(tone, top)))
    };
    texts.into_iter().map(line).collect()
}

/// Returns what is said where there is no table.
fn nothing(top: &Top, is_empty: bool) -> Option<String> {
    let status = &top.picture.status;
    if status.locked {
        let text = "locked: nothing is served until `tokend-cli unlock` gives the passphrase of \
                    the store";
        return Some(text.to_owned());
    }
    if status.credentials.is_empty() {
        return Some("no credentials yet; `tokend-cli add` stores one".to_owned());
    }
    is_empty.then(|| format!("none has {:?} in its name, provider or state", top.filter))
}

/// Returns the table, moved so that the chosen one is in it.
fn rows(
    top: &Top,
    shown: &[&Credential],
    width: usize,
    height: usize,
    now: &Timestamp,
) -> Vec<Line<'static>> {
    let screen = Screen { width: width.saturating_sub(CHOSEN.len()), glyphs: top.look.glyphs };
    let chosen = top.position().unwrap_or_default();
    let count = height.saturating_sub(1);
    let first = chosen.saturating_sub(count / 2).min(shown.len().saturating_sub(count));
    let visible = &shown[first..shown.len().min(first + count)];
    let grid = overview::fit(visible, &top.picture.budgets, now, screen);
    let widths = grid.widths();
    let line = |cells: &[Cell], mark: &str, more: Style| {
        let mut spans = vec![Span::raw(mark.to_owned())];
        for (cell, width) in cells.iter().zip(&widths) {
            let gap = width - cell.width() + overview::GAP;
            spans.push(Span::styled(cell.text().to_owned(), style(cell.tone(), top)));
            spans.push(Span::raw(" ".repeat(gap)));
        }
        Line::from(spans).patch_style(more)
    };
    let headings: Vec<_> =
        grid.headings.iter().map(|text| Cell::new(text, Tone::Heading)).collect();
    let mut lines = vec![line(&headings, "  ", Style::new())];
    for (at, cells) in grid.rows.iter().enumerate() {
        let is_chosen = first + at == chosen;
        let mark = if is_chosen { CHOSEN } else { "  " };
        let more = if is_chosen { Modifier::REVERSED } else { Modifier::empty() };
        lines.push(line(cells, mark, Style::new().add_modifier(more)));
    }
    lines
}

/// Returns what is told of the chosen one.
fn panel(top: &Top, credential: &Credential, width: usize, now: &Timestamp) -> Vec<Line<'static>> {
    let rule = if top.look.glyphs == Glyphs::Unicode { "─" } else { "-" };
    let name = table::shortened(&credential.name, width, top.look.glyphs);
    let rest = width.saturating_sub(table::width(&name) + 1);
    let title = format!("{name} {}", rule.repeat(rest));
    let mut lines = vec![Line::from(Span::styled(title, style(Tone::Heading, top)))];
    let issuances = top.picture.issuances.as_ref().filter(|(name, _)| *name == credential.name);
    if let Some((_, issuances)) = issuances {
        let drawn = timeline::draw(credential, issuances, now, width, top.look.glyphs);
        let spans = drawn
            .line
            .iter()
            .map(|cell| Span::styled(cell.text().to_owned(), style(cell.tone(), top)));
        lines.push(Line::from(spans.collect::<Vec<_>>()));
        lines.push(Line::from(drawn.scale));
        lines.push(cut(timeline::legend(top.look.glyphs), width, top.look.glyphs));
    }
    let mut say = |text: &str, tone: Tone| {
        let wrapped = paragraph::wrapped(text, width).into_iter();
        lines.extend(wrapped.map(|line| Line::from(Span::styled(line, style(tone, top)))));
    };
    let budgets = &top.picture.budgets;
    say(&format!("next: {}", outlook::of(credential, budgets, now, &top.look.zone)), Tone::Plain);
    if let Some(failure) = &credential.last_failure {
        say(&format!("failure: {}", state::failure(failure, now)), Tone::Bad);
        say(&format!("what to do: {}", failure.remedy), Tone::Plain);
    }
    for limit in budget::of(&credential.name, budgets) {
        let left = budget::remaining(limit);
        let text = left.text();
        let bar =
            gauge::budget(limit.remaining, limit.reserved, limit.count, CELLS, top.look.glyphs);
        let bar = if limit.count == 0 { String::new() } else { format!("{bar} ") };
        say(&format!("{bar}{text} left of {}", limit.limit), left.tone());
    }
    lines
}

/// Returns the keys, or the filter that is being typed.
fn foot(top: &Top, width: usize) -> Line<'static> {
    if top.mode == Mode::Filter {
        return cut(
            &format!("/{}_  Enter keeps it, Esc shows all", top.filter),
            width,
            top.look.glyphs,
        );
    }
    let filter = match top.filter.as_str() {
        "" => String::new(),
        filter => format!(" ({filter})"),
    };
    let order = top.order.word();
    let way = if top.is_reversed { ", reversed" } else { "" };
    let text = format!("q end  ? help  / filter{filter}  s sort: {order}{way}");
    cut(&text, width, top.look.glyphs)
}

fn cut(text: &str, width: usize, glyphs: Glyphs) -> Line<'static> {
    Line::from(table::shortened(&printable(text), width, glyphs))
}

fn style(tone: Tone, top: &Top) -> Style {
    let bold = Style::new().add_modifier(Modifier::BOLD);
    match tone {
        Tone::Plain => Style::new(),
        Tone::Heading => bold,
        // All is grey then.
        _ if !top.look.has_colour || top.away.is_some() => Style::new(),
        Tone::Good => Style::new().fg(Color::Green),
        Tone::Waiting => Style::new().fg(Color::Yellow),
        Tone::Bad => Style::new().fg(Color::Red),
    }
}

#[cfg(test)]
mod tests;
