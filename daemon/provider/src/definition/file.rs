//! The definition file as it is written: keys and types, nothing checked yet.
//!
//! What is said of the keys here is what authors read in their editors and in
//! docs/provider-reference.md.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

pub(crate) use self::answer::{Message, Output, Verdicts};
pub(crate) use self::api::{BodyRule, HeaderRule, Present, Rejected, Rotated};
pub(crate) use self::http::Http;
pub(crate) use self::input::{Kind, Secret, Variable};
pub(crate) use self::limit::{Lifetime, Limit, Period};
pub(crate) use self::login::{Device, Login, Poll};
pub(crate) use self::oauth2::{Assertion, Encoding, OAuth2};
pub(crate) use self::request::{Basic, Format, Graphql, Request};
use self::shape::Named;
pub(crate) use self::sign::Sign;
pub(crate) use self::tree::{Node, Requests};
pub(crate) use self::way::{Exec, Remote};

mod answer;
mod api;
mod http;
mod input;
mod limit;
mod login;
mod oauth2;
mod request;
mod shape;
mod sign;
mod tree;
mod way;

/// A text that knows where it stands in the file.
pub(crate) type Text = Spanned<String>;

/// Names and values of a form or a query, in the order of the file.
pub(crate) type Fields = IndexMap<String, Spanned<Node>>;

/// The schema of a table of texts.
type Texts = BTreeMap<String, String>;

/// How one API's tokens are asked for, found in its answers and presented to it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "tokend provider definition")]
pub(crate) struct File {
    /// What it is, in a few words, for `tokend-cli providers`.
    pub(crate) title: String,
    /// A link to the API's own documentation.
    pub(crate) documentation: Option<String>,
    /// Text of `var`: who is asking for tokens. Credentials of one account share
    /// its limits. If left out: the client id, or the first variable whose name
    /// tells.
    #[schemars(with = "Option<String>")]
    pub(crate) account: Option<Text>,
    /// Texts of `var`: where callers may send the token. `api.acme.example`, or
    /// `.acme.example` for all below it; no scheme, no port.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(crate) hosts: Vec<Text>,
    /// What a user has to give that isn't secret, by name.
    #[serde(default)]
    #[schemars(with = "Named<Variable>")]
    pub(crate) variables: IndexMap<Text, Variable>,
    /// What a user has to give that is secret, by name.
    #[serde(default)]
    #[schemars(with = "Named<Secret>")]
    pub(crate) secrets: IndexMap<Text, Secret>,
    /// Standard OAuth 2, in the place of `[issue]`.
    #[schemars(with = "Option<OAuth2>")]
    pub(crate) oauth2: Option<Spanned<OAuth2>>,
    /// A program that asks for tokens, in the place of `[issue]`.
    #[schemars(with = "Option<Exec>")]
    pub(crate) exec: Option<Spanned<Exec>>,
    /// How to ask for a token: one request, or several of which the first whose
    /// `when` holds is sent.
    #[schemars(with = "Option<Requests>")]
    pub(crate) issue: Option<Spanned<Requests>>,
    /// How a person lets tokend in.
    #[schemars(with = "Option<Login>")]
    pub(crate) login: Option<Spanned<Login>>,
    /// How to exchange what is held for a new token.
    #[schemars(with = "Option<Requests>")]
    pub(crate) refresh: Option<Spanned<Requests>>,
    /// How to use the token that is held, so that it doesn't end for lack of use.
    #[schemars(with = "Option<Requests>")]
    pub(crate) keepalive: Option<Spanned<Requests>>,
    /// How to end the token that is held.
    #[schemars(with = "Option<Requests>")]
    pub(crate) revoke: Option<Spanned<Requests>>,
    /// What else can be done on the far side, by name: `tokend-cli remote`.
    #[serde(default)]
    #[schemars(with = "Named<Remote>")]
    pub(crate) remote: IndexMap<Text, Remote>,
    /// Signatures and JWTs that tokend makes, by name: `sign.NAME`.
    #[serde(default)]
    #[schemars(with = "Named<Sign>")]
    pub(crate) sign: IndexMap<Text, Sign>,
    /// Where things are in the answer.
    #[serde(default)]
    pub(crate) output: Output,
    /// How to judge an answer.
    #[serde(default)]
    pub(crate) verdict: Verdicts,
    /// Which part of an answer is the message for people.
    #[serde(default)]
    pub(crate) error: Message,
    /// What callers put where in a request to the API; a bearer token if left out.
    pub(crate) present: Option<Present>,
    /// How the API says to a caller that it doesn't take the token any more.
    #[serde(default)]
    pub(crate) rejected: Rejected,
    /// Where the API's answers to callers may have a newer token.
    #[serde(default)]
    #[schemars(with = "Vec<Rotated>")]
    pub(crate) rotated: Vec<Spanned<Rotated>>,
    /// What the provider's tokens do that its answers don't say.
    #[serde(default)]
    pub(crate) lifetime: Lifetime,
    /// How to reach the provider.
    #[serde(default)]
    pub(crate) http: Http,
    /// How many tokens the API issues to one account.
    #[serde(default)]
    pub(crate) limits: Vec<Limit>,
}
