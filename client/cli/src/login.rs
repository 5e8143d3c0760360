//! Leads a person through a login: the browser or a code, and back.

mod browser;
mod listener;
mod page;
mod paste;
mod screen;
mod session;

use std::{fmt::Write as _, future::Future, io, pin::Pin};

use prost_types::Timestamp;
use tokio::signal::unix::{SignalKind, signal};

#[cfg(test)]
pub(crate) use crate::login::paste::Pasted;
pub(crate) use crate::login::{
    browser::Place,
    paste::Lines,
    screen::Screen,
    session::{Session, Wish},
};

/// Why a login can't go on on this side.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("can't listen on port {port} of this machine, which the login comes back to")]
    Port { port: u16, source: io::Error },
    #[error("can't listen on this machine for the end of the login")]
    Listen(#[source] io::Error),
    #[error("the login comes back to a URL that isn't of this machine")]
    NotOurs,
    #[error(
        "the provider gave a URL that is neither https nor of this machine; it isn't opened: {0}"
    )]
    Unsafe(String),
    #[error("no URL was pasted")]
    NothingPasted,
    #[error("the URL that was pasted isn't taken: {0}")]
    NotTaken(String),
    #[error("cancelled; {}", aftermath(*.exchanging))]
    Cancelled { exchanging: bool },
    #[error("can't watch for signals")]
    Signals(#[source] io::Error),
}

fn aftermath(exchanging: bool) -> &'static str {
    if exchanging {
        "the token was being asked for already: `tokend-cli status` tells what has come of it"
    } else {
        "nothing has changed"
    }
}

impl Problem {
    /// Returns what to do about it.
    pub(crate) fn remedy(&self, credential: &str) -> Option<String> {
        let mut hint = String::new();
        match self {
            Self::Port { port, .. } => {
                if *port != 0 {
                    let _ = writeln!(hint, "`ss -ltnp 'sport = :{port}'` shows who uses the port");
                }
                let _ = write!(
                    hint,
                    "without it: `tokend-cli login {credential} --paste`, and paste the URL that \
                     the browser ends at"
                );
            }
            Self::Listen(_) | Self::NotOurs => {
                let _ = write!(hint, "`tokend-cli login {credential} --paste` listens nowhere");
            }
            Self::NothingPasted | Self::NotTaken(_) => {
                let _ = write!(
                    hint,
                    "run it on a terminal, or give the URL that the browser ends at on standard \
                     input"
                );
            }
            Self::Unsafe(_) | Self::Cancelled { .. } | Self::Signals(_) => return None,
        }
        Some(hint)
    }
}

/// What a login has around it.
pub(crate) struct Desk<W = io::Stderr> {
    /// Where the command runs.
    pub(crate) place: Place,
    /// Opens a URL in a browser.
    pub(crate) open: Open,
    /// What the person sees.
    pub(crate) screen: Screen<W>,
    /// Whether a person is there who can paste.
    pub(crate) person: bool,
    /// Begins to read what is pasted.
    pub(crate) paste: Paste,
    /// Ends when the login is to be cancelled.
    pub(crate) interrupted: Interruption,
    /// Reads the clock.
    pub(crate) now: fn() -> Timestamp,
}

/// Opens a URL in a browser, and returns the program that does.
pub(crate) type Open =
    Box<dyn FnMut(&Place, &url::Url) -> io::Result<Option<tokio::process::Child>>>;

/// Begins to read what is pasted.
pub(crate) type Paste = Box<dyn FnMut() -> Lines>;

/// Ends when the login is to be cancelled.
pub(crate) type Interruption = Pin<Box<dyn Future<Output = ()>>>;

impl Desk {
    /// Returns the desk of this process.
    pub(crate) fn of_this_process(caller: &crate::caller::Caller) -> Result<Self, Problem> {
        let watch = |kind| signal(kind).map_err(Problem::Signals);
        let mut interrupt = watch(SignalKind::interrupt())?;
        let mut terminate = watch(SignalKind::terminate())?;
        let mut hangup = watch(SignalKind::hangup())?;
        Ok(Self {
            place: Place::of_this_process(caller),
            open: Box::new(|place, url| place.open(url).map(Some)),
            screen: Screen::standard(),
            person: Lines::has_person(),
            paste: Box::new(Lines::read),
            interrupted: Box::pin(async move {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hangup.recv() => {}
                }
            }),
            now: crate::clock::now,
        })
    }
}
