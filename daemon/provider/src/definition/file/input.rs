//! `[variables]` and `[secrets]` as they are written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Text;

/// What a user has to give that isn't secret.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Variable {
    /// What it is and where to find it.
    pub(crate) description: String,
    /// What values it takes; `text` if left out.
    #[serde(default)]
    pub(crate) kind: Kind,
    /// Its value if none is given; in quotes, numbers too.
    #[schemars(with = "Option<String>")]
    pub(crate) default: Option<Text>,
    /// `true`: it may be missing.
    #[serde(default)]
    pub(crate) optional: bool,
    /// The only values that it can have.
    #[serde(default)]
    pub(crate) choices: Vec<String>,
}

/// What values a variable takes.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Any text on one line.
    #[default]
    Text,
    /// https, or http to loopback.
    Url,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A duration such as `90s`, `12h` or `1d`, or `never`.
    Duration,
}

/// What a user has to give that is secret.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Secret {
    /// What it is and where to find it.
    pub(crate) description: String,
    /// `true`: it may be missing.
    #[serde(default)]
    pub(crate) optional: bool,
}
