//! Where a command writes to, and what a terminal may be shown.

use std::{
    borrow::Cow,
    env, fmt,
    future::pending,
    io::{self, IsTerminal as _, Stdout, Write},
    os::fd::AsFd as _,
};

use tokio::{io::Interest, net::unix::pipe};

#[cfg(test)]
use crate::screen::Glyphs;
use crate::screen::Screen;

/// Standard output, or what stands for it in a test.
pub(crate) struct Output<W = Stdout> {
    writer: W,
    screen: Option<Screen>,
    colour: bool,
}

impl Output {
    /// Returns standard output.
    pub(crate) fn standard() -> Self {
        let writer = io::stdout();
        let screen = writer.is_terminal().then(Screen::of_standard_output);
        // https://no-color.org: set and not empty, whatever to.
        let unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || env::var_os("TERM").is_some_and(|name| name == "dumb");
        Self { writer, colour: screen.is_some() && !unwanted, screen }
    }
}

impl<W> Output<W> {
    /// Tells whether a person looks on.
    pub(crate) fn is_terminal(&self) -> bool {
        self.screen.is_some()
    }

    /// Returns what the terminal can show, if there is one.
    pub(crate) fn screen(&self) -> Option<Screen> {
        self.screen
    }

    /// Tells whether colours are wanted.
    pub(crate) fn has_colour(&self) -> bool {
        self.colour
    }

    #[cfg(test)]
    pub(crate) fn of_a_test(writer: W, terminal: bool) -> Self {
        let screen = terminal.then_some(Screen { width: 80, glyphs: Glyphs::Unicode });
        Self { writer, screen, colour: terminal }
    }

    /// A terminal without colours.
    #[cfg(test)]
    pub(crate) fn of_a_screen(writer: W, screen: Screen) -> Self {
        Self { writer, screen: Some(screen), colour: false }
    }

    #[cfg(test)]
    pub(crate) fn into_writer(self) -> W {
        self.writer
    }
}

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    // A line goes in one piece: bit by bit, standard output would write each by itself.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.write_all(bytes)
    }

    fn write_fmt(&mut self, text: fmt::Arguments<'_>) -> io::Result<()> {
        self.writer.write_fmt(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// Waits until nobody can read standard output any more, as after `| head -1`; for ever where
/// there is no telling, as with a file.
pub(crate) async fn unheard() {
    if let Ok(copy) = io::stdout().as_fd().try_clone_to_owned()
        // It is only watched, so that it needn't be one that never blocks.
        && let Ok(watched) = pipe::Sender::from_owned_fd_unchecked(copy)
        && watched.ready(Interest::ERROR).await.is_ok()
    {
        return;
    }
    pending::<()>().await;
}

/// Returns a text with everything escaped that could move a terminal's cursor,
/// colour it or turn the reading direction round. Failure messages come from
/// servers out of reach.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if is_unsafe(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// Tells control characters (C0, DEL, C1) and the bidirectional ones (Unicode
/// UAX #9) from others.
pub(crate) fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_is_printable() {
        for (text, shown) in [
            ("plain, ünïcode 令牌", "plain, ünïcode 令牌"),
            ("\u{1b}[2J\u{1b}]0;x\u{7}", "\\u{1b}[2J\\u{1b}]0;x\\u{7}"),
            ("a\r\nb\tc\u{7f}", "a\\r\\nb\\tc\\u{7f}"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("\u{202e}txt", "\\u{202e}txt"),
        ] {
            assert_eq!(printable(text), shown);
        }
    }
}
