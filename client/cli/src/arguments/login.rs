//! The flags of `login`.

use clap::Args;

use crate::{arguments::Form, login::Wish};

pub(super) const HELP: &str = "\
The token goes from the provider to tokend; none is printed. Where no browser can be opened, the
URL is shown: open it anywhere and paste the URL that the browser ends at. What is pasted is a
secret: it is read from the terminal, or else from standard input, and not shown.

Exit status:
  5    the person said no at the provider, or was too late
  130  cancelled by Ctrl-C; until the login has come in, nothing has changed then";

#[derive(Debug, Args)]
pub(crate) struct Login {
    /// The credential's name
    pub(crate) name: String,
    /// Show a code to enter on any device
    #[arg(long, conflicts_with_all = ["paste", "no_browser"])]
    device: bool,
    /// Listen on no port; the URL that the browser ends at is pasted
    #[arg(long)]
    paste: bool,
    /// Show the URL and open no browser
    #[arg(long)]
    no_browser: bool,
    #[command(flatten)]
    pub(crate) form: Form,
}

impl Login {
    /// Returns how the person wants to log in.
    pub(crate) fn wish(&self) -> Wish {
        Wish { device: self.device, paste: self.paste, no_browser: self.no_browser }
    }
}
