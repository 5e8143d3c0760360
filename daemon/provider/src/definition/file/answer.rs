//! What is read from a provider's answers.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Text;
use super::shape::Named;
use crate::expiry::Unit;

/// Where things are in the answer. All are expressions but for the prefix, the
/// unit, the format and the zone.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Output {
    /// The token: a text of printable ASCII without spaces. Needed, unless each request
    /// has an `output` that says it.
    #[schemars(with = "Option<String>")]
    pub(crate) token: Option<Text>,
    /// Text, no expression: cut off the token's start if it is there.
    pub(crate) strip_prefix: Option<String>,
    /// What the API calls the type, for callers.
    #[schemars(with = "Option<String>")]
    pub(crate) token_type: Option<Text>,
    /// The token by which to get the next one, for `[[refresh]]`.
    #[schemars(with = "Option<String>")]
    pub(crate) refresh_token: Option<Text>,
    /// How long the token lives: a number, or a text with one or with a duration. The
    /// earlier counts if `expires_at` is there, too.
    #[schemars(with = "Option<String>")]
    pub(crate) expires_in: Option<Text>,
    /// What `expires_in` counts if it is a plain number: `seconds` if left out.
    pub(crate) expires_unit: Option<Unit>,
    /// When the token ends: a date or a Unix time.
    #[schemars(with = "Option<String>")]
    pub(crate) expires_at: Option<Text>,
    /// How `expires_at` is written, in the words of strptime, such as
    /// `%d.%m.%Y %H:%M`; the usual forms need none.
    #[schemars(with = "Option<String>")]
    pub(crate) expires_format: Option<Text>,
    /// Whose clock `expires_at` shows if it has no offset: the IANA name of a time
    /// zone, or `UTC`.
    #[schemars(with = "Option<String>")]
    pub(crate) expires_zone: Option<Text>,
    /// Other values that callers or later requests need, by name: `extra.NAME`. An
    /// answer without one of them is a failure.
    #[serde(default)]
    #[schemars(with = "Named<String>")]
    pub(crate) extras: IndexMap<Text, Text>,
    /// As `extras`; those that aren't in the answer are left out.
    #[serde(default)]
    #[schemars(with = "Named<String>")]
    pub(crate) optional_extras: IndexMap<Text, Text>,
    /// Secrets of the user's that the answer replaces, by name: they are stored in
    /// the place of the old ones, together with the token.
    #[serde(default)]
    #[schemars(with = "Named<String>")]
    pub(crate) secrets: IndexMap<Text, Text>,
}

/// How to judge an answer. All are expressions; the first that holds decides.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Verdicts {
    /// The provider's limit is reached: wait. A status 429 or a usual code if left out.
    #[schemars(with = "Option<String>")]
    pub(crate) limited: Option<Text>,
    /// The provider refuses these credentials: a person has to act. A status 401 or one
    /// of OAuth's errors if left out.
    #[schemars(with = "Option<String>")]
    pub(crate) denied: Option<Text>,
    /// The answer is a success. A status 200 to 299 without an error in a usual place if
    /// left out.
    #[schemars(with = "Option<String>")]
    pub(crate) ok: Option<Text>,
    /// When to ask again after a failure: seconds, a duration or a date. The header
    /// `Retry-After` if left out.
    #[schemars(with = "Option<String>")]
    pub(crate) retry_after: Option<Text>,
}

/// Which part of an answer is the message for people.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Message {
    /// Expression: a text. The usual places if left out.
    #[schemars(with = "Option<String>")]
    pub(crate) message: Option<Text>,
}
