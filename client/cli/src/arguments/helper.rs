//! The flags of `helper`.

use clap::{Args, Subcommand};

use crate::{arguments::Need, host::Host};

pub(super) const HELP: &str = "\
git and docker call it by the names git-credential-tokend and docker-credential-tokend, which are
links to tokend-cli. Which credential is for which host, the file `hosts` in ~/.config/tokend or
/etc/tokend says: one to a line, `HOST CREDENTIAL [USERNAME]`. docs/cli.md has more.";

#[derive(Debug, Args)]
pub(crate) struct Helper {
    #[command(subcommand)]
    pub(crate) protocol: Protocol,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Protocol {
    /// Speak git's protocol (gitcredentials(7))
    Git {
        #[command(flatten)]
        mapping: Mapping,
        /// What git wants: get, store or erase
        operation: String,
    },
    /// Speak the protocol of docker's credential helpers
    Docker {
        #[command(flatten)]
        mapping: Mapping,
        /// What docker wants: get, store, erase or list
        operation: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Mapping {
    /// The credential, whatever the file of hosts says; it must be for the host that is asked for
    #[arg(long, value_name = "NAME")]
    pub(crate) credential: Option<String>,
    /// Another host that the credential is for; with a dot in front, all below it
    #[arg(long = "host", value_name = "HOST", requires = "credential")]
    pub(crate) hosts: Vec<Host>,
    /// The user's name; by default what the host expects beside a token
    #[arg(long, value_name = "NAME")]
    pub(crate) username: Option<String>,
    #[command(flatten)]
    pub(crate) need: Need,
}
