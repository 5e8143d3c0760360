//! The definition file as it is written: keys and types, nothing checked yet.

use indexmap::IndexMap;
use serde::Deserialize;
use toml::Spanned;

pub(crate) use self::tree::{Node, Requests};

mod tree;

/// A text that knows where it stands in the file.
pub(crate) type Text = Spanned<String>;

/// Names and values of a form or a query, in the order of the file.
pub(crate) type Fields = IndexMap<String, Spanned<Node>>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) title: String,
    pub(crate) documentation: Option<String>,
    pub(crate) account: Option<Text>,
    #[serde(default)]
    pub(crate) hosts: Vec<Text>,
    #[serde(default)]
    pub(crate) variables: IndexMap<Text, Variable>,
    #[serde(default)]
    pub(crate) secrets: IndexMap<Text, Secret>,
    pub(crate) oauth2: Option<Spanned<OAuth2>>,
    pub(crate) issue: Option<Spanned<Requests>>,
    pub(crate) refresh: Option<Spanned<Requests>>,
    pub(crate) keepalive: Option<Spanned<Requests>>,
    #[serde(default)]
    pub(crate) output: Output,
    #[serde(default)]
    pub(crate) verdict: Verdicts,
    #[serde(default)]
    pub(crate) error: Message,
    pub(crate) present: Option<Present>,
    #[serde(default)]
    pub(crate) rejected: Rejected,
    #[serde(default)]
    pub(crate) lifetime: Lifetime,
    #[serde(default)]
    pub(crate) http: Http,
    #[serde(default)]
    pub(crate) limits: Vec<Limit>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Variable {
    pub(crate) description: String,
    #[serde(default)]
    pub(crate) kind: Kind,
    pub(crate) default: Option<Text>,
    #[serde(default)]
    pub(crate) optional: bool,
    #[serde(default)]
    pub(crate) choices: Vec<String>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    #[default]
    Text,
    Url,
    Integer,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Secret {
    pub(crate) description: String,
    #[serde(default)]
    pub(crate) optional: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OAuth2 {
    pub(crate) token_url: Text,
    pub(crate) grant: Grant,
    pub(crate) client_auth: Option<Text>,
    pub(crate) client_id: Option<Text>,
    pub(crate) client_secret: Option<Text>,
    pub(crate) scope: Option<Text>,
    pub(crate) audience: Option<Text>,
    pub(crate) refresh: Option<Spanned<bool>>,
    #[serde(default)]
    pub(crate) parameters: Fields,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Grant {
    ClientCredentials,
    RefreshToken,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    pub(crate) when: Option<Text>,
    pub(crate) method: Option<Text>,
    pub(crate) url: Text,
    #[serde(default)]
    pub(crate) query: Fields,
    #[serde(default)]
    pub(crate) headers: IndexMap<Text, Text>,
    pub(crate) basic: Option<Basic>,
    pub(crate) form: Option<Fields>,
    pub(crate) json: Option<Spanned<Node>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Basic {
    pub(crate) username: Text,
    pub(crate) password: Text,
    #[serde(default)]
    pub(crate) form_encoded: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Output {
    pub(crate) token: Option<Text>,
    pub(crate) strip_prefix: Option<String>,
    pub(crate) token_type: Option<Text>,
    pub(crate) refresh_token: Option<Text>,
    pub(crate) expires_in: Option<Text>,
    pub(crate) expires_at: Option<Text>,
    #[serde(default)]
    pub(crate) extras: IndexMap<Text, Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Verdicts {
    pub(crate) limited: Option<Text>,
    pub(crate) denied: Option<Text>,
    pub(crate) ok: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Message {
    pub(crate) message: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Present {
    #[serde(default)]
    pub(crate) headers: IndexMap<Text, Text>,
    #[serde(default)]
    pub(crate) query: IndexMap<Text, Text>,
    #[serde(default)]
    pub(crate) cookies: IndexMap<Text, Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rejected {
    pub(crate) statuses: Option<Vec<Spanned<i64>>>,
    #[serde(default)]
    pub(crate) body: Vec<BodyRule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BodyRule {
    pub(crate) path: Text,
    pub(crate) values: Spanned<Vec<Spanned<Node>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lifetime {
    pub(crate) default: Option<Text>,
    pub(crate) same_token_until: Option<Text>,
    pub(crate) ends_old_after: Option<Text>,
    pub(crate) idle: Option<Text>,
    pub(crate) min_interval: Option<Text>,
    pub(crate) max_live: Option<Spanned<i64>>,
    pub(crate) max_refreshes: Option<Spanned<i64>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Http {
    pub(crate) ca_file: Option<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limit {
    pub(crate) count: Spanned<Node>,
    pub(crate) window: Option<Text>,
    pub(crate) per: Option<Spanned<Period>>,
    pub(crate) zone: Option<Text>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Period {
    Hour,
    Day,
    Month,
}
