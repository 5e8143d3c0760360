//! The flags of `events`.

use std::time::Duration;

use clap::Args;

use crate::span;

pub(super) const HELP: &str = "\
tokend keeps the latest thousand events in its memory, of each credential its fair share; they are
gone when it ends. `tokend-cli issuances` tells of issuances before that, and the log of who did
what.

With --follow it goes on through restarts of tokend, until SIGTERM or Ctrl-C ends it.";

#[derive(Debug, Args)]
pub(crate) struct Events {
    /// The credentials' names; without one, all, and what happened to tokend itself
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// Go on with what happens from now on
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Leave out what is longer ago, such as 1h
    #[arg(long, value_name = "SPAN", value_parser = span::parse)]
    pub(crate) since: Option<Duration>,
    /// Print each event as a JSON object on a line of its own
    #[arg(long)]
    pub(crate) json: bool,
}
