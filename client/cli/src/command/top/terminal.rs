//! The terminal while `top` has it, and how it is given back.

use std::{
    io::{self, stdout},
    thread,
};

use crossterm::{
    execute,
    terminal::{Clear, ClearType, EnterAlternateScreen, enable_raw_mode},
};
use nix::sys::signal::{Signal, raise};
use prost_types::Timestamp;
use ratatui::{DefaultTerminal, backend::CrosstermBackend};

use super::{model::Top, view};

/// The terminal, whose former picture comes back when this is dropped or the program panics.
pub(super) struct Terminal(Option<DefaultTerminal>);

impl Terminal {
    /// Takes the terminal.
    pub(super) fn open() -> io::Result<Self> {
        // What fails half way is undone as well.
        let mut terminal = Self(None);
        terminal.0 = Some(ratatui::try_init()?);
        Ok(terminal)
    }

    /// Draws how things are.
    pub(super) fn draw(&mut self, top: &Top, now: &Timestamp) -> io::Result<()> {
        if let Some(terminal) = &mut self.0 {
            terminal.draw(|frame| view::draw(frame, top, now))?;
        }
        Ok(())
    }

    /// Gives the terminal back, stops this process until a shell has it go on, and takes the
    /// terminal again.
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        self.leave();
        raise(Signal::SIGSTOP)?;
        enable_raw_mode()?;
        execute!(stdout(), EnterAlternateScreen, Clear(ClearType::All))?;
        // The one before would ask the terminal where the cursor is before it draws all of it
        // again, and that answer would be read as keys.
        self.0 = Some(ratatui::Terminal::new(CrosstermBackend::new(stdout()))?);
        Ok(())
    }

    fn leave(&mut self) {
        // A terminal that is gone is left already.
        if let Some(terminal) = &mut self.0 {
            let _ = terminal.show_cursor();
        }
        let _ = ratatui::try_restore();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A panic has given it back before it said what it is. To give it back again would set
        // the cursor to where it was before, and the shell would write over that.
        if !thread::panicking() {
            self.leave();
        }
    }
}

#[cfg(test)]
mod tests;
