//! Reads what a person pastes: the URL that the browser ended at.

use std::{
    io::{self, IsTerminal as _, Read as _},
    thread,
};

use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetpgrp, tcsetattr,
};
use secrecy::{
    SecretString,
    zeroize::{Zeroize as _, Zeroizing},
};
use tokio::sync::mpsc;

/// No URL that a browser ends at is longer.
const LONGEST: usize = 64 * 1_024;

/// What has been typed or pasted.
#[derive(Debug)]
pub(crate) enum Pasted {
    /// A line that isn't empty.
    Line(SecretString),
    /// A line that is no URL for its length.
    TooLong,
}

/// Lines from standard input. What is pasted is a secret and isn't shown.
pub(crate) struct Lines {
    pub(crate) lines: mpsc::Receiver<Pasted>,
    _quiet: Option<Quiet>,
}

impl Lines {
    /// Tells whether a person is there to paste something: this is the terminal's foreground.
    pub(crate) fn has_person() -> bool {
        let stdin = io::stdin();
        stdin.is_terminal()
            && io::stderr().is_terminal()
            && tcgetpgrp(&stdin).is_ok_and(|group| group == rustix::process::getpgrp())
    }

    /// Begins to read standard input.
    pub(crate) fn read() -> Self {
        let quiet = if Self::has_person() { Quiet::begin() } else { None };
        let (sender, lines) = mpsc::channel(1);
        // A read can't be called off: the thread ends with the process.
        thread::spawn(move || {
            let mut line = Line::default();
            let mut chunk = Zeroizing::new([0; 1_024]);
            let mut stdin = io::stdin().lock();
            while let Ok(count @ 1..) = stdin.read(&mut *chunk) {
                for pasted in line.extend(&chunk[..count]) {
                    if sender.blocking_send(pasted).is_err() {
                        return;
                    }
                }
                if line.ended {
                    return;
                }
            }
            if let Some(pasted) = line.end() {
                // Nobody waits for it any more.
                let _ = sender.blocking_send(pasted);
            }
        });
        Self { lines, _quiet: quiet }
    }

    /// Takes lines from elsewhere.
    #[cfg(test)]
    pub(crate) fn of_a_test(lines: mpsc::Receiver<Pasted>) -> Self {
        Self { lines, _quiet: None }
    }
}

/// A terminal that shows nothing of what is typed, and takes lines of any length: its own
/// line editor would cut them off at 4 KiB.
struct Quiet(Termios);

impl Quiet {
    fn begin() -> Option<Self> {
        let before = tcgetattr(io::stdin()).ok()?;
        let mut modes = before.clone();
        modes.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON);
        modes.special_codes[SpecialCodeIndex::VMIN] = 1;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(io::stdin(), OptionalActions::Now, &modes).ok()?;
        Some(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // What is typed and not read is dropped: a shell would keep it in its history.
        // The terminal may be gone by now.
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
    }
}

/// The line that is being typed.
#[derive(Default)]
struct Line {
    bytes: Zeroizing<Vec<u8>>,
    too_long: bool,
    ended: bool,
}

impl Line {
    /// Takes what has been typed, and returns the lines that are complete.
    fn extend(&mut self, bytes: &[u8]) -> Vec<Pasted> {
        let mut lines = Vec::new();
        for byte in bytes {
            match byte {
                b'\n' | b'\r' => lines.extend(self.end()),
                // Ctrl-D, Ctrl-U and the backspace key, as a terminal's own editor has them.
                4 if self.bytes.is_empty() => {
                    self.ended = true;
                    break;
                }
                21 => self.clear(),
                8 | 127 => drop(self.bytes.pop()),
                _ if self.bytes.len() == LONGEST => self.too_long = true,
                byte => self.bytes.push(*byte),
            }
        }
        lines
    }

    fn end(&mut self) -> Option<Pasted> {
        let line = if self.too_long {
            Some(Pasted::TooLong)
        } else {
            let text = Zeroizing::new(String::from_utf8_lossy(&self.bytes).into_owned());
            let text = text.trim();
            (!text.is_empty()).then(|| Pasted::Line(text.into()))
        };
        self.clear();
        line
    }

    fn clear(&mut self) {
        self.bytes.zeroize();
        self.too_long = false;
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn typed(line: &mut Line, text: &str) -> Vec<String> {
        let shown = |pasted| match pasted {
            Pasted::Line(line) => line.expose_secret().to_owned(),
            Pasted::TooLong => "too long".to_owned(),
        };
        line.extend(text.as_bytes()).into_iter().map(shown).collect()
    }

    #[test]
    fn a_line_can_come_in_pieces_and_be_mended() {
        let mut line = Line::default();
        assert!(typed(&mut line, "http://127.0.0.1/?co").is_empty());
        assert_eq!(typed(&mut line, "de=1\r\n\n  x \r"), ["http://127.0.0.1/?code=1", "x"]);
        assert_eq!(typed(&mut line, "ax\u{7f}b\nall\u{15}c\n"), ["ab", "c"]);
        assert!(typed(&mut line, "\u{7f}\u{4}ignored\n").is_empty() && line.ended);
    }

    #[test]
    fn a_line_longer_than_a_terminal_takes_is_read_and_one_without_end_is_not_kept() {
        let mut line = Line::default();
        let long = "x".repeat(20_000);
        assert_eq!(typed(&mut line, &format!("{long}\n")), [long]);
        assert!(typed(&mut line, &"x".repeat(200_000)).is_empty());
        assert_eq!(line.bytes.len(), LONGEST);
        assert_eq!(typed(&mut line, "\nnext\n"), ["too long", "next"]);
    }

    #[test]
    fn what_is_left_at_the_end_of_input_is_a_line() {
        let mut line = Line::default();
        assert!(typed(&mut line, "code=1").is_empty());
        assert!(matches!(line.end(), Some(Pasted::Line(_))) && line.end().is_none());
    }
}
