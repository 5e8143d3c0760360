//! The lives of a credential's tokens on a line: what was, what is and what is expected.

use prost_types::Timestamp;
use tokend_proto::v1::{
    Credential, Issuance,
    issuance::{Cause, Outcome},
};

use crate::{
    life::seconds,
    screen::Glyphs,
    span,
    table::{Cell, Tone},
};

/// At most so many cells.
const WIDEST: usize = 400;

/// Less time is never shown: nothing is seen of shorter ones.
const LEAST: f64 = 60.0;

/// More of the past is never shown.
const MOST: f64 = 7.0 * 24.0 * 3_600.0;

/// The past has a part of this of what is ahead, at least.
const PAST: f64 = 4.0;

/// So many lives of a token are shown before now.
const LIVES: f64 = 4.0;

/// The line, a cell for each piece of time, and below it what its ends are.
#[derive(Debug)]
pub(crate) struct Timeline {
    pub(crate) line: Vec<Cell>,
    pub(crate) scale: String,
}

/// Draws the lives of a credential's tokens, of which `issuances` are the latest, into so many
/// columns.
pub(crate) fn draw(
    credential: &Credential,
    issuances: &[Issuance],
    now: &Timestamp,
    columns: usize,
    glyphs: Glyphs,
) -> Timeline {
    let columns = columns.clamp(1, WIDEST);
    let (start, end) = bounds(credential, issuances, now);
    let at = |time: f64| place((time - start) / (end - start), columns);
    let now_at = at(seconds(now));
    let lives = lives(credential, issuances);
    let mut line: Vec<Cell> = (0..columns)
        .map(|cell| {
            let is_in = |(from, to): &(f64, f64)| at(*from) <= cell && cell <= at(*to);
            match (lives.iter().any(is_in), cell < now_at) {
                (true, true) => mark(glyphs, "━", "=", Tone::Good),
                (true, false) => mark(glyphs, "─", "-", Tone::Good),
                (false, _) => mark(glyphs, "·", ".", Tone::Plain),
            }
        })
        .collect();
    let mut put = |time: f64, cell: Cell| {
        if (start..=end).contains(&time) {
            line[at(time)] = cell;
        }
    };
    // The latest last: of several in one cell it is the one that is seen.
    for issuance in issuances.iter().rev() {
        if let Some(time) = &issuance.time {
            put(seconds(time), outcome(issuance, glyphs));
        }
    }
    if let Some(token) = &credential.token {
        if let Some(time) = &token.expire_time {
            put(seconds(time), mark(glyphs, "┤", "]", Tone::Waiting));
        }
        if let Some(time) = token.refresh_time.as_ref().filter(|time| time.seconds > now.seconds) {
            put(seconds(time), mark(glyphs, "○", "o", Tone::Good));
        }
    }
    let retry = credential.last_failure.as_ref().and_then(|failure| failure.retry_time.as_ref());
    if let Some(time) = retry.filter(|time| time.seconds > now.seconds) {
        put(seconds(time), mark(glyphs, "○", "o", Tone::Waiting));
    }
    put(seconds(now), mark(glyphs, "┃", "|", Tone::Heading));
    Timeline { line, scale: scale(start, end, now, now_at, columns) }
}

/// Says what the marks mean.
pub(crate) fn legend(glyphs: Glyphs) -> &'static str {
    match glyphs {
        Glyphs::Unicode => "● issued  ✗ failed  ○ expected  ┤ end of the token  ━ a token was held",
        Glyphs::Ascii => "* issued  x failed  o expected  ] end of the token  = a token was held",
    }
}

fn mark(glyphs: Glyphs, unicode: &str, ascii: &str, tone: Tone) -> Cell {
    Cell::new(if glyphs == Glyphs::Unicode { unicode } else { ascii }, tone)
}

fn outcome(issuance: &Issuance, glyphs: Glyphs) -> Cell {
    match issuance.outcome() {
        Outcome::Issued => mark(glyphs, "●", "*", Tone::Good),
        Outcome::Limited | Outcome::Transient => mark(glyphs, "✗", "x", Tone::Waiting),
        Outcome::Denied => mark(glyphs, "✗", "x", Tone::Bad),
        Outcome::Unknown | Outcome::Unspecified => mark(glyphs, "?", "?", Tone::Plain),
    }
}

/// Returns the first and the last moment that are shown.
fn bounds(credential: &Credential, issuances: &[Issuance], now: &Timestamp) -> (f64, f64) {
    let present = seconds(now);
    let token = credential.token.as_ref();
    let token_end = token.and_then(|token| token.expire_time.as_ref()).map(seconds);
    let token_start = token.and_then(|token| token.issue_time.as_ref()).map(seconds);
    let life = token_end.zip(token_start).map(|(end, start)| end - start);
    let oldest = issuances.iter().filter_map(|one| one.time.as_ref()).map(seconds);
    let oldest = oldest.fold(token_start.unwrap_or(present), f64::min);
    let longest = life.map_or(MOST, |life| (LIVES * life).clamp(LEAST, MOST));
    let retry = credential.last_failure.as_ref().and_then(|failure| failure.retry_time.as_ref());
    let last = token_end.into_iter().chain(retry.map(seconds)).fold(present, f64::max);
    let past = (present - oldest).min(longest);
    // A token of a year doesn't make the past invisible ..
    let ahead = (last - present).min(past.max(life.unwrap_or_default().min(MOST))).max(LEAST);
    // .. and neither does one that came just now.
    (present - past.max(ahead / PAST), present + ahead)
}

/// Returns when tokens were held, as far as is known: each from its issuance to the next.
fn lives(credential: &Credential, issuances: &[Issuance]) -> Vec<(f64, f64)> {
    let token = credential.token.as_ref().filter(|token| !token.expired);
    let current = token.and_then(|token| token.issue_time.as_ref()).map(|issue| {
        let end = token.and_then(|token| token.expire_time.as_ref());
        (seconds(issue), end.map_or(f64::INFINITY, seconds))
    });
    let life = current.map(|(start, end)| end - start);
    let is_token =
        |one: &&Issuance| one.outcome() == Outcome::Issued && one.cause() != Cause::KeepAlive;
    let issued = issuances.iter().filter(is_token).filter_map(|one| one.time.as_ref());
    let mut lives: Vec<_> = current.into_iter().collect();
    let mut next = current.map(|(start, _)| start);
    for time in issued.map(seconds) {
        // What was issued lives as long as what is held now, as far as anyone knows.
        if let (Some(until), Some(life)) = (next, life) {
            lives.push((time, (time + life).min(until)));
        }
        next = Some(time);
    }
    lives
}

fn place(share: f64, columns: usize) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "it is between 0 and the columns"
    )]
    let at = (share.clamp(0.0, 1.0) * (columns - 1) as f64).round() as usize;
    at
}

/// Says how long ago the start is, where now is, and how far ahead the end is.
fn scale(start: f64, end: f64, now: &Timestamp, now_at: usize, columns: usize) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "these are seconds within some weeks")]
    let span = |seconds: f64| span::show(seconds.round() as i64);
    let left = format!("{} ago", span(seconds(now) - start));
    let right = format!("in {}", span(end - seconds(now)));
    let mut line = left;
    let mut add = |text: &str, column: usize| {
        if column > line.len() {
            line.push_str(&" ".repeat(column - line.len()));
            line.push_str(text);
        }
    };
    add("now", now_at.saturating_sub(1));
    add(&right, columns.saturating_sub(right.len()));
    line
}

#[cfg(test)]
mod tests;
