//! What `top` shows, and what keys change of it.

use std::cmp::Reverse;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use jiff::tz::TimeZone;
use prost_types::Timestamp;
use tokend_client::Error;
use tokend_proto::v1::{Budget, Credential, GetStatusResponse, Issuance};

use crate::{budget, health::Health, screen::Glyphs, state};

/// So many rows are gone over by the keys for a page.
const PAGE: isize = 10;

/// How things were at one moment.
#[derive(Debug, Default)]
pub(super) struct Picture {
    pub(super) status: GetStatusResponse,
    pub(super) budgets: Vec<Budget>,
    /// The latest issuances of the credential of that name.
    pub(super) issuances: Option<(String, Vec<Issuance>)>,
    pub(super) taken_at: Timestamp,
}

/// In which order credentials are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Urgency,
    Name,
    Life,
    Limit,
    Use,
}

impl Order {
    /// Returns the next one.
    fn next(self) -> Self {
        match self {
            Self::Urgency => Self::Name,
            Self::Name => Self::Life,
            Self::Life => Self::Limit,
            Self::Limit => Self::Use,
            Self::Use => Self::Urgency,
        }
    }

    /// Returns its name.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Urgency => "urgency",
            Self::Name => "name",
            Self::Life => "life left",
            Self::Limit => "tokens left",
            Self::Use => "last use",
        }
    }
}

/// What keys go to, and what is shown because of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Table,
    /// A filter is being typed.
    Filter,
    Help,
}

/// What a key asks for beside another picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Nothing,
    End,
    Suspend,
}

/// How the terminal and its user want things shown.
#[derive(Clone, Debug)]
pub(super) struct Look {
    pub(super) glyphs: Glyphs,
    pub(super) has_colour: bool,
    pub(super) zone: TimeZone,
}

/// All that is shown.
#[derive(Debug)]
pub(super) struct Top {
    pub(super) picture: Picture,
    /// Why there is no newer picture.
    pub(super) away: Option<String>,
    pub(super) order: Order,
    pub(super) is_reversed: bool,
    pub(super) filter: String,
    pub(super) mode: Mode,
    pub(super) look: Look,
    selected: Option<String>,
}

impl Top {
    /// Begins with a picture.
    pub(super) fn new(picture: Picture, look: Look) -> Self {
        let mut top = Self {
            picture,
            away: None,
            order: Order::Urgency,
            is_reversed: false,
            filter: String::new(),
            mode: Mode::Table,
            look,
            selected: None,
        };
        top.choose(0);
        top
    }

    /// Takes the next picture, or learns that there is none.
    pub(super) fn take(&mut self, picture: Result<Picture, Error>) {
        match picture {
            Ok(picture) => {
                self.picture = picture;
                self.away = None;
            }
            Err(error) => self.away = Some(error.to_string()),
        }
        if self.position().is_none() {
            self.choose(0);
        }
    }

    /// Returns the credentials that are shown, in their order.
    pub(super) fn shown(&self) -> Vec<&Credential> {
        let filter = self.filter.to_lowercase();
        let fits = |credential: &&Credential| {
            let texts = [&credential.name, &credential.provider, state::word(credential).0];
            texts.iter().any(|text| text.to_lowercase().contains(&filter))
        };
        let mut shown: Vec<_> = self.picture.status.credentials.iter().filter(fits).collect();
        match self.order {
            Order::Name => {}
            Order::Urgency => shown.sort_by_key(|credential| Health::of(credential)),
            Order::Life => shown.sort_by_key(|credential| {
                let token = credential.token.as_ref();
                token.map(|token| token.expire_time.map_or(i64::MAX, |end| end.seconds))
            }),
            Order::Limit => shown.sort_by_key(|credential| {
                let limit = budget::tightest(&credential.name, &self.picture.budgets);
                limit.map_or(u32::MAX, |limit| limit.remaining)
            }),
            Order::Use => shown.sort_by_key(|credential| {
                let last = credential.last_use_time.map(|last| last.seconds);
                Reverse(last)
            }),
        }
        if self.is_reversed {
            shown.reverse();
        }
        shown
    }

    /// Returns the name of the credential that is chosen.
    pub(super) fn selected(&self) -> Option<&str> {
        self.selected.as_deref()
    }

    /// Returns where among those that are shown the chosen one is.
    pub(super) fn position(&self) -> Option<usize> {
        let selected = self.selected.as_deref()?;
        self.shown().iter().position(|credential| credential.name == selected)
    }

    /// Does what a key asks for.
    pub(super) fn press(&mut self, key: KeyEvent) -> Deed {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            match key.code {
                KeyCode::Char('c') => return Deed::End,
                KeyCode::Char('z') => return Deed::Suspend,
                _ => return Deed::Nothing,
            }
        }
        if self.mode == Mode::Filter {
            self.edit(key.code);
            return Deed::Nothing;
        }
        match key.code {
            KeyCode::Esc | KeyCode::Char('?' | 'h') if self.mode == Mode::Help => {
                self.mode = Mode::Table;
            }
            KeyCode::Esc if !self.filter.is_empty() => self.filter.clear(),
            KeyCode::Char('q') | KeyCode::Esc => return Deed::End,
            KeyCode::Char('?' | 'h') => self.mode = Mode::Help,
            KeyCode::Char('/') => self.mode = Mode::Filter,
            KeyCode::Char('s') => self.order = self.order.next(),
            KeyCode::Char('r') => self.is_reversed = !self.is_reversed,
            KeyCode::Down | KeyCode::Char('j') => self.step(1),
            KeyCode::Up | KeyCode::Char('k') => self.step(-1),
            KeyCode::PageDown => self.step(PAGE),
            KeyCode::PageUp => self.step(-PAGE),
            KeyCode::Home | KeyCode::Char('g') => self.choose(0),
            KeyCode::End | KeyCode::Char('G') => self.choose(usize::MAX),
            _ => {}
        }
        Deed::Nothing
    }

    fn edit(&mut self, key: KeyCode) {
        match key {
            KeyCode::Enter => self.mode = Mode::Table,
            KeyCode::Esc => {
                self.mode = Mode::Table;
                self.filter.clear();
            }
            KeyCode::Backspace => {
                self.filter.pop();
            }
            KeyCode::Char(character) => self.filter.push(character),
            _ => {}
        }
        if self.position().is_none() {
            self.choose(0);
        }
    }

    fn step(&mut self, by: isize) {
        let at = self.position().unwrap_or_default();
        self.choose(at.saturating_add_signed(by));
    }

    /// Chooses the one at a place, or the last one if there are fewer.
    fn choose(&mut self, at: usize) {
        let shown = self.shown();
        let name = shown.get(at).or(shown.last()).map(|credential| credential.name.clone());
        self.selected = name;
    }
}

#[cfg(test)]
mod tests;
