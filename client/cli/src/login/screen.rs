//! What a person is shown during a login, on standard error.

use std::{
    env,
    io::{self, IsTerminal as _, Stderr, Write},
};

use prost_types::Timestamp;
use qrcode::{QrCode, render::unicode::Dense1x2};
use url::Url;

use crate::{output::printable, span};

/// The columns of a terminal whose size isn't known.
const USUAL_WIDTH: usize = 80;

/// The screen.
pub(crate) struct Screen<W = Stderr> {
    writer: W,
    /// The columns of a terminal; `None` if nobody looks on.
    width: Option<usize>,
    /// Whether the terminal has half blocks.
    blocks: bool,
    colour: bool,
    /// Whether the line that counts down stands there.
    counting: bool,
}

impl Screen {
    /// Returns standard error.
    pub(crate) fn standard() -> Self {
        let writer = io::stderr();
        let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).unwrap_or_default();
        let locale = locale.to_ascii_lowercase();
        let is_dumb = set("TERM").is_some_and(|name| name == "dumb");
        let size = rustix::termios::tcgetwinsize(&writer).ok();
        let columns = size.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0);
        Self {
            width: writer.is_terminal().then(|| columns.unwrap_or(USUAL_WIDTH)),
            blocks: !is_dumb && (locale.contains("utf-8") || locale.contains("utf8")),
            colour: !is_dumb && set("NO_COLOR").is_none(),
            counting: false,
            writer,
        }
    }
}

impl<W: Write> Screen<W> {
    #[cfg(test)]
    pub(crate) fn of_a_test(writer: W, width: Option<usize>, colour: bool) -> Self {
        Self { writer, width, blocks: true, colour, counting: false }
    }

    /// Shows lines of text.
    pub(crate) fn tell(&mut self, text: &str) -> io::Result<()> {
        self.stop_counting()?;
        for line in text.lines() {
            writeln!(self.writer, "{}", printable(line))?;
        }
        self.writer.flush()
    }

    /// Shows a URL on a line of its own, to be clicked or copied.
    pub(crate) fn url(&mut self, url: &Url) -> io::Result<()> {
        self.tell(&format!("  {url}"))
    }

    /// Shows a QR code for a phone, if it fits.
    pub(crate) fn qr_code(&mut self, url: &Url) -> io::Result<()> {
        let Some(width) = self.width.filter(|_| self.blocks) else { return Ok(()) };
        let Ok(code) = QrCode::with_error_correction_level(url.as_str(), qrcode::EcLevel::L) else {
            return Ok(());
        };
        self.stop_counting()?;
        // Dark on light, as all readers read it; without colours a dark terminal is assumed.
        let (dark, light) = if self.colour {
            (Dense1x2::Dark, Dense1x2::Light)
        } else {
            (Dense1x2::Light, Dense1x2::Dark)
        };
        let image = code.render().dark_color(dark).light_color(light).build();
        if image.lines().any(|line| line.chars().count() > width) {
            return Ok(());
        }
        let (before, after) = if self.colour { ("\u{1b}[30;107m", "\u{1b}[0m") } else { ("", "") };
        for line in image.lines() {
            writeln!(self.writer, "{before}{line}{after}")?;
        }
        self.writer.flush()
    }

    /// Says how long the login can still take, on a line that changes.
    pub(crate) fn count_down(&mut self, now: &Timestamp, end: &Timestamp) -> io::Result<()> {
        if self.width.is_none() {
            return Ok(());
        }
        self.counting = true;
        let left = (end.seconds - now.seconds).max(0);
        write!(self.writer, "\rwaiting for the login, {} left\u{1b}[K", span::show(left))?;
        self.writer.flush()
    }

    /// Takes the line that changes away.
    pub(crate) fn stop_counting(&mut self) -> io::Result<()> {
        if !self.counting {
            return Ok(());
        }
        self.counting = false;
        write!(self.writer, "\r\u{1b}[K")?;
        self.writer.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(
        width: Option<usize>,
        colour: bool,
        show: impl FnOnce(&mut Screen<Vec<u8>>),
    ) -> String {
        let mut screen = Screen::of_a_test(Vec::new(), width, colour);
        show(&mut screen);
        String::from_utf8(screen.writer).unwrap()
    }

    #[test]
    fn nothing_that_a_provider_says_steers_the_terminal() {
        let text = shown(Some(80), true, |screen| screen.tell("\u{1b}[2Jx\u{202e}\ny\r").unwrap());
        assert_eq!(text, "\\u{1b}[2Jx\\u{202e}\ny\\r\n");
    }

    #[test]
    fn a_qr_code_is_for_those_who_see_it_whole() {
        let url = Url::parse("https://www.example.com/device?user_code=WDJB-MJHT").unwrap();
        let code = |width, colour| shown(width, colour, |screen| screen.qr_code(&url).unwrap());
        assert_eq!(code(None, false), "");
        assert_eq!(code(Some(20), true), "");
        let plain = code(Some(80), false);
        assert!(plain.lines().count() > 15 && !plain.contains('\u{1b}'));
        // The margin is light: blocks in the colour of the text.
        assert!(plain.lines().next().unwrap().chars().all(|block| block == '\u{2588}'));
        let coloured = code(Some(80), true);
        assert!(coloured.lines().all(|line| line.starts_with("\u{1b}[30;107m ")));
        let endless = Url::parse(&format!("https://a.example/{}", "x".repeat(9_000))).unwrap();
        assert_eq!(shown(Some(80), true, |screen| screen.qr_code(&endless).unwrap()), "");
    }

    #[test]
    fn time_is_counted_on_a_terminal_only() {
        let at = |seconds| Timestamp { seconds, nanos: 0 };
        let count = |width| {
            shown(width, true, |screen| {
                screen.count_down(&at(0), &at(90)).unwrap();
                screen.count_down(&at(200), &at(90)).unwrap();
                screen.tell("done").unwrap();
            })
        };
        assert_eq!(count(None), "done\n");
        assert_eq!(
            count(Some(80)),
            "\rwaiting for the login, 1m 30s left\u{1b}[K\rwaiting for the login, 0s left\u{1b}[K\
             \r\u{1b}[Kdone\n"
        );
    }
}
