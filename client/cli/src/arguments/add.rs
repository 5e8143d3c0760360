//! The flags of `add`.

use clap::Args;

use crate::arguments::{Form, Inputs, Policy, Supply, terms::WHEN};

#[derive(Debug, Args)]
pub(crate) struct Add {
    /// What to call it: lower-case letters, digits, - and _
    pub(crate) name: String,
    /// The provider definition, one of `tokend-cli providers list`
    #[arg(long, short)]
    pub(crate) provider: String,
    #[command(flatten)]
    pub(crate) inputs: Inputs,
    #[command(flatten)]
    pub(crate) supply: Supply,
    #[command(flatten)]
    pub(crate) terms: Terms,
    #[command(flatten)]
    pub(crate) form: Form,
}

/// Who may read the tokens, and how they are kept.
#[derive(Debug, Args)]
pub(crate) struct Terms {
    /// Let a user, group or unit read the tokens: user:NAME, group:NAME, uid:NUMBER, gid:NUMBER
    /// or unit:NAME.service
    #[arg(long = "reader", short, value_name = "READER")]
    pub(crate) readers: Vec<String>,
    /// Let a user or group submit newer tokens, and read them
    #[arg(long = "submitter", value_name = "READER")]
    pub(crate) submitters: Vec<String>,
    /// Let a user or group have the provider asked for a new token, and read it
    #[arg(long = "refresher", value_name = "READER")]
    pub(crate) refreshers: Vec<String>,
    /// When to refresh tokens ahead of their end: always, the default; while someone has asked
    /// within a day; or never
    #[arg(long, value_name = WHEN, hide_possible_values = true)]
    pub(crate) refresh: Option<Policy>,
    /// Ask for at most so many tokens: 50/12h, 24/day, 1000/month@Europe/Berlin; several may hold
    #[arg(long = "limit", value_name = "LIMIT")]
    pub(crate) limits: Vec<String>,
}
