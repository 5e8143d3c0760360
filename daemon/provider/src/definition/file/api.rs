//! What callers need to know to use the API.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::shape::Any;
use super::{Node, Text, Texts};

/// What callers put where in a request to the API.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Present {
    /// Texts: request headers, by name.
    #[serde(default)]
    #[schemars(with = "Texts")]
    pub(crate) headers: IndexMap<Text, Text>,
    /// Texts: query parameters, by name.
    #[serde(default)]
    #[schemars(with = "Texts")]
    pub(crate) query: IndexMap<Text, Text>,
    /// Texts: cookies, by name.
    #[serde(default)]
    #[schemars(with = "Texts")]
    pub(crate) cookies: IndexMap<Text, Text>,
    /// Texts: fields of a JSON body, by a path such as `params.session`.
    #[serde(default)]
    #[schemars(with = "Texts")]
    pub(crate) body: IndexMap<Text, Text>,
    /// What goes into requests that change something only: all but GET, HEAD and
    /// OPTIONS.
    #[serde(default)]
    pub(crate) writes: Writes,
    /// Text: where the API is, if the answer tells or a variable does. Within `hosts`, if
    /// there are any.
    #[schemars(with = "Option<String>")]
    pub(crate) base_url: Option<Text>,
}

/// What goes into requests that change something only.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Writes {
    /// Texts: request headers, by name.
    #[serde(default)]
    #[schemars(with = "Texts")]
    pub(crate) headers: IndexMap<Text, Text>,
    /// Texts: query parameters, by name.
    #[serde(default)]
    #[schemars(with = "Texts")]
    pub(crate) query: IndexMap<Text, Text>,
    /// Texts: cookies, by name.
    #[serde(default)]
    #[schemars(with = "Texts")]
    pub(crate) cookies: IndexMap<Text, Text>,
    /// Texts: fields of a JSON body, by path.
    #[serde(default)]
    #[schemars(with = "Texts")]
    pub(crate) body: IndexMap<Text, Text>,
}

/// How the API says that it doesn't take the token any more. Plain data, for
/// clients in any language to go by.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rejected {
    /// Statuses that say so, 300 to 599; `[401]` if left out.
    #[schemars(with = "Option<Vec<i64>>")]
    pub(crate) statuses: Option<Vec<Spanned<i64>>>,
    /// Places in a body that say so.
    #[serde(default)]
    pub(crate) body: Vec<BodyRule>,
    /// Headers that say so.
    #[serde(default)]
    pub(crate) headers: Vec<HeaderRule>,
}

/// What in a body says that the token was refused.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BodyRule {
    /// Where in a JSON body: names with dots between them, numbers for positions
    /// in arrays, `*` for any. The whole body as text if left out.
    #[schemars(with = "Option<String>")]
    pub(crate) path: Option<Text>,
    /// What stands there: one of these.
    #[schemars(with = "Option<Vec<Any>>")]
    pub(crate) values: Option<Spanned<Vec<Spanned<Node>>>>,
    /// What stands there: something, but none of these.
    #[schemars(with = "Option<Vec<Any>>")]
    pub(crate) other_than: Option<Spanned<Vec<Spanned<Node>>>>,
    /// What is part of the text that stands there.
    #[schemars(with = "Option<String>")]
    pub(crate) contains: Option<Text>,
    /// With these statuses only; with any if left out.
    #[serde(default)]
    #[schemars(with = "Vec<i64>")]
    pub(crate) statuses: Vec<Spanned<i64>>,
}

/// What header says that the token was refused.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeaderRule {
    /// The header's name.
    #[schemars(with = "String")]
    pub(crate) name: Text,
    /// What is part of its value, whatever the case.
    #[schemars(with = "String")]
    pub(crate) contains: Text,
    /// With these statuses only; with any if left out.
    #[serde(default)]
    #[schemars(with = "Vec<i64>")]
    pub(crate) statuses: Vec<Spanned<i64>>,
}

/// Where any answer of the API may have a newer token. Plain data, for clients in any
/// language to go by. One of `header`, `cookie` and `body`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotated {
    /// The name of a response header.
    #[schemars(with = "Option<String>")]
    pub(crate) header: Option<Text>,
    /// The name of a cookie that the answer sets.
    #[schemars(with = "Option<String>")]
    pub(crate) cookie: Option<Text>,
    /// Where in a JSON body, as in `[[rejected.body]]`.
    #[schemars(with = "Option<String>")]
    pub(crate) body: Option<Text>,
    /// Text, no expression: cut off the value's start if it is there.
    pub(crate) strip_prefix: Option<String>,
    /// The extra that the value replaces; the token itself if left out.
    #[schemars(with = "Option<String>")]
    pub(crate) extra: Option<Text>,
}
