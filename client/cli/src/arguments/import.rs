//! The flags of `import`.

use std::path::PathBuf;

use clap::Args;

use crate::arguments::{Form, Inputs, Terms};

pub(super) const HELP: &str = "\
What is taken and what is left is told by name; no value is shown. What a flag gives is not taken
from elsewhere. A variable of an .env file stands for the input whose name it has, or ends with:
ACME_CLIENT_ID for client_id.

  pass show acme-refresh | tokend-cli import acme --provider atlassian-oauth --refresh-token
  oidc-gen --print work | tokend-cli import work --oidc-agent -
  tokend-cli import bigquery --google key.json
  tokend-cli import acme --env .env --provider oauth2-client-credentials --map ACME_URL=token_url";

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// What to call it: lower-case letters, digits, - and _
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) source: Source,
    /// The provider definition, one of `tokend-cli providers list`; an account or a key implies
    /// one
    #[arg(long, short, required_unless_present_any = ["oidc_agent", "google"])]
    pub(crate) provider: Option<String>,
    /// Take a variable of the .env file as an input
    #[arg(long = "map", value_name = "VARIABLE=INPUT",
        conflicts_with_all = ["refresh_token", "oidc_agent", "google"])]
    pub(crate) maps: Vec<String>,
    #[command(flatten)]
    pub(crate) inputs: Inputs,
    #[command(flatten)]
    pub(crate) terms: Terms,
    /// Say what would be taken and store nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) form: Form,
}

/// Where a credential comes from.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Source {
    /// Read a refresh token from standard input
    // It has no value but `-`: what stands on a command line is no secret.
    #[arg(long, value_name = "-", num_args = 0..=1, default_missing_value = "-")]
    pub(crate) refresh_token: Option<String>,
    /// Read an account of oidc-agent, as `oidc-gen --print` prints it
    #[arg(long, value_name = "FILE|-")]
    pub(crate) oidc_agent: Option<PathBuf>,
    /// Read a key of a Google service account, or the file of `gcloud auth application-default
    /// login`
    #[arg(long, value_name = "FILE|-")]
    pub(crate) google: Option<PathBuf>,
    /// Read an .env file
    #[arg(long, value_name = "FILE|-")]
    pub(crate) env: Option<PathBuf>,
}
