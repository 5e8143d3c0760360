//! `[[limits]]` and `[lifetime]` as they are written.

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::shape::Number;
use super::{Node, Text};

/// How many tokens the API issues to one account in what time.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limit {
    /// A number of at least 1, or one `{{ .. }}` of `var`; without a value the limit
    /// is left out.
    #[schemars(with = "Number")]
    pub(crate) count: Spanned<Node>,
    /// In any stretch of time of this length: a duration.
    #[schemars(with = "Option<String>")]
    pub(crate) window: Option<Text>,
    /// In each hour, day or month of the calendar.
    #[schemars(with = "Option<Period>")]
    pub(crate) per: Option<Spanned<Period>>,
    /// Whose calendar: the IANA name of a time zone; `UTC` if left out.
    #[schemars(with = "Option<String>")]
    pub(crate) zone: Option<Text>,
}

/// A period of the calendar.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Period {
    /// From minute 0 to minute 0.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From the first to the first.
    Month,
}

/// What the provider's tokens do that its answers don't say. Each duration can be
/// one `{{ .. }}` of `var`, too.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lifetime {
    /// The life of a token whose answer doesn't tell: a duration, or `never`.
    #[schemars(with = "Option<String>")]
    pub(crate) default: Option<Text>,
    /// Until this long before a token's end, whoever asks gets the same token
    /// again: a duration.
    #[schemars(with = "Option<String>")]
    pub(crate) same_token_until: Option<Text>,
    /// This long after a new token the one before ends: a duration, `0s` for at
    /// once.
    #[schemars(with = "Option<String>")]
    pub(crate) ends_old_after: Option<Text>,
    /// A token that nobody uses for so long ends: a duration.
    #[schemars(with = "Option<String>")]
    pub(crate) idle: Option<Text>,
    /// In so long the API issues at most one token: a duration.
    #[schemars(with = "Option<String>")]
    pub(crate) min_interval: Option<Text>,
    /// Where more tokens than this live, the API deletes the oldest.
    #[schemars(with = "Option<i64>")]
    pub(crate) max_live: Option<Spanned<i64>>,
    /// How many refreshes a refresh token is good for before a new login.
    #[schemars(with = "Option<i64>")]
    pub(crate) max_refreshes: Option<Spanned<i64>>,
    /// For so long a refresh token that has been exchanged for another can be sent once
    /// more without harm: a duration, or `always` if that never does harm.
    #[schemars(with = "Option<String>")]
    pub(crate) refresh_grace: Option<Text>,
}
