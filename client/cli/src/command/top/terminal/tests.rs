//! A terminal after a panic, on a pseudo-terminal.

use std::{
    env,
    fs::File,
    io::Read as _,
    os::fd::OwnedFd,
    process::{Command, Stdio},
};

use jiff::tz::TimeZone;
use rustix::{
    fs::{Mode, OFlags, open},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcgetattr, tcsetwinsize},
};

use super::*;
use crate::{
    command::top::model::{Look, Picture},
    screen::Glyphs,
};

/// Set for the process that has the pseudo-terminal.
const VARIABLE: &str = "TOKEND_TEST_TOP_PANICS";

const NAME: &str =
    "command::top::terminal::tests::a_panic_gives_the_terminal_back_and_then_says_what_it_is";

const PANIC: &str = "beyond repair";

// xterm's control sequences, private modes 1049 and 25.
const TAKEN: &str = "\x1b[?1049h";
const GIVEN_BACK: &str = "\x1b[?1049l";
const CURSOR_HIDDEN: &str = "\x1b[?25l";
const CURSOR_SHOWN: &str = "\x1b[?25h";

#[test]
fn a_panic_gives_the_terminal_back_and_then_says_what_it_is() {
    if env::var_os(VARIABLE).is_some() {
        panic_on_terminal();
    }
    let (mut master, terminal) = pseudo_terminal();
    let end = || Stdio::from(terminal.try_clone().unwrap());
    let before = tcgetattr(&terminal).unwrap();
    let status = Command::new(env::current_exe().unwrap())
        .args([NAME, "--exact", "--nocapture"])
        .env(VARIABLE, "1")
        .env_remove("RUST_BACKTRACE")
        .stdin(end())
        .stdout(end())
        .stderr(end())
        .status()
        .unwrap();
    assert!(!status.success());
    let after = tcgetattr(&terminal).unwrap();
    assert_eq!(
        (after.local_modes, after.input_modes, after.output_modes),
        (before.local_modes, before.input_modes, before.output_modes)
    );
    drop(terminal);
    let mut written = Vec::new();
    // Once the other end is closed, there is nothing more to read but an error (pty(7)).
    let _ = master.read_to_end(&mut written);
    let written = String::from_utf8(written).unwrap();
    let at = |text: &str| written.find(text).unwrap_or_else(|| panic!("{text:?}: {written:?}"));
    assert!(at(TAKEN) < at(GIVEN_BACK) && at(GIVEN_BACK) < at(PANIC), "{written:?}");
    assert_eq!(written.matches(GIVEN_BACK).count(), 1, "{written:?}");
    assert!(written.rfind(CURSOR_SHOWN) > written.rfind(CURSOR_HIDDEN), "{written:?}");
    assert!(written.contains(CURSOR_HIDDEN), "{written:?}");
}

/// Takes the terminal of this process, and panics.
fn panic_on_terminal() -> ! {
    let look = Look { glyphs: Glyphs::Ascii, has_colour: false, zone: TimeZone::UTC };
    let mut terminal = Terminal::open().unwrap();
    terminal.draw(&Top::new(Picture::default(), look), &Timestamp::default()).unwrap();
    panic!("{PANIC}");
}

/// Returns a pseudo-terminal's two ends.
fn pseudo_terminal() -> (File, OwnedFd) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let terminal = open(name, flags, Mode::empty()).unwrap();
    let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&terminal, size).unwrap();
    (File::from(master), terminal)
}
