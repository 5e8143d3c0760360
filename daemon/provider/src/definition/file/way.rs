//! `[exec]`, a program in the place of requests, and `[remote.X]`, what else they can do.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::shape::Named;
use super::{Requests, Text, Variable};

/// A program that asks for tokens. It reads JSON on its standard input, and writes
/// JSON, the `body` of `[output]`, on its standard output.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exec {
    /// The program's absolute path, then its arguments; no templates.
    #[schemars(with = "Vec<String>")]
    pub(crate) command: Spanned<Vec<String>>,
    /// How long it may take: a duration, at most `40s`. `30s` if left out.
    #[schemars(with = "Option<String>")]
    pub(crate) timeout: Option<Text>,
    /// `true`: it is run to refresh, too.
    #[serde(default)]
    pub(crate) refresh: bool,
    /// `true`: it is run to revoke, too.
    #[serde(default)]
    pub(crate) revoke: bool,
}

/// Something that can be done on the far side, with the keys of a request.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Remote {
    /// What it does.
    pub(crate) description: String,
    /// What its user has to give, by name: `arg.NAME`.
    #[serde(default)]
    #[schemars(with = "Named<Variable>")]
    pub(crate) arguments: IndexMap<Text, Variable>,
    /// The request, or several of which the first whose `when` holds is sent.
    #[schemars(with = "Requests")]
    pub(crate) request: Spanned<Requests>,
    /// Expression: what to show of the answer; `body` if left out.
    #[schemars(with = "Option<String>")]
    pub(crate) result: Option<Text>,
}
