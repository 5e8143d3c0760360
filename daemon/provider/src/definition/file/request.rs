//! A request as it is written: the tables of `[issue]`, `[refresh]`, `[keepalive]`,
//! `[revoke]` and `[remote.X.request]`, and their steps.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::shape::Any;
use super::{Fields, Node, Output, Text, Texts};

/// One request, or a chain of them.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    /// Expression: whether this one is sent; always if left out. A step that isn't
    /// sent is passed over.
    #[schemars(with = "Option<String>")]
    pub(crate) when: Option<Text>,
    /// Steps only: by which name later ones know its answer, `steps.NAME.body`.
    #[schemars(with = "Option<String>")]
    pub(crate) name: Option<Text>,
    /// Several requests, one after the other, in the place of `url`. `[output]` is
    /// read from the last one's answer.
    #[schemars(with = "Option<Vec<Request>>")]
    pub(crate) steps: Option<Spanned<Vec<Spanned<Request>>>>,
    /// `true`, in the place of `url`: nothing is sent; `[output]` is made of the
    /// inputs.
    #[schemars(with = "Option<bool>")]
    pub(crate) local: Option<Spanned<bool>>,
    /// The method; `POST` if left out.
    #[schemars(with = "Option<String>")]
    pub(crate) method: Option<Text>,
    /// Text: where it goes. https, or http to loopback.
    #[schemars(with = "Option<String>")]
    pub(crate) url: Option<Text>,
    /// Texts, numbers, booleans or arrays of them, added to the URL.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Any>")]
    pub(crate) query: Fields,
    /// Texts, by name. One without a value is left out.
    #[serde(default)]
    #[schemars(with = "Texts")]
    pub(crate) headers: IndexMap<Text, Text>,
    /// Texts, by name, sent in the header `Cookie`. One without a value is left out.
    #[serde(default)]
    #[schemars(with = "Texts")]
    pub(crate) cookies: IndexMap<Text, Text>,
    /// User name and password of HTTP Basic.
    pub(crate) basic: Option<Basic>,
    /// As `query`, sent as `application/x-www-form-urlencoded`.
    #[schemars(with = "Option<BTreeMap<String, Any>>")]
    pub(crate) form: Option<Spanned<Fields>>,
    /// Any value, sent as JSON in the order of the file.
    #[schemars(with = "Option<Any>")]
    pub(crate) json: Option<Spanned<Node>>,
    /// A table with one entry, the root element, sent as XML. `'@name'` is an
    /// attribute, `'#text'` the text beside attributes, an array several elements.
    #[schemars(with = "Option<Any>")]
    pub(crate) xml: Option<Spanned<Node>>,
    /// A GraphQL operation, sent as JSON.
    #[schemars(with = "Option<Graphql>")]
    pub(crate) graphql: Option<Spanned<Graphql>>,
    /// Text: the body as it is. Each `{{ .. }}` in mixed text ends with a filter
    /// that escapes or encodes it: `xml`, `json`, `percent`, `form`, `base64`,
    /// `base64url` or `hex`.
    #[schemars(with = "Option<String>")]
    pub(crate) body: Option<Text>,
    /// How to read the answer's body; as what it looks like if left out.
    pub(crate) answer: Option<Format>,
    /// As in `[verdict]`, for this answer.
    #[schemars(with = "Option<String>")]
    pub(crate) limited: Option<Text>,
    /// As in `[verdict]`, for this answer.
    #[schemars(with = "Option<String>")]
    pub(crate) denied: Option<Text>,
    /// As in `[verdict]`, for this answer.
    #[schemars(with = "Option<String>")]
    pub(crate) ok: Option<Text>,
    /// Whether a page is judged by these rules as well. Only tokend's own requests ask
    /// where there may be nothing but a page.
    #[serde(skip)]
    pub(crate) judges_pages: bool,
    /// As `[output]`, in its place for this request: what it doesn't say,
    /// `[output]` says. Not in steps.
    pub(crate) output: Option<Output>,
}

/// User name and password of HTTP Basic.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Basic {
    /// Text: the user name.
    #[schemars(with = "String")]
    pub(crate) username: Text,
    /// Text: the password.
    #[schemars(with = "String")]
    pub(crate) password: Text,
    /// `true`: both are form-encoded first, as OAuth wants it.
    #[serde(default)]
    pub(crate) form_encoded: bool,
}

/// A GraphQL operation.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Graphql {
    /// The document, without any `{{ .. }}`: values go into `variables`.
    #[schemars(with = "String")]
    pub(crate) query: Text,
    /// The document's variables. Those without a value are left out.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Any>")]
    pub(crate) variables: Fields,
    /// Which operation of the document, if it has several.
    #[schemars(with = "Option<String>")]
    pub(crate) operation: Option<Text>,
}

/// How to read a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// JSON, and nothing else.
    Json,
    /// XML, and nothing else.
    Xml,
    /// A text, whatever it looks like.
    Text,
    /// A page, which is a text then.
    Html,
}
