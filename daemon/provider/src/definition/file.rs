//! The definition file as it is written: keys and types, nothing checked yet.

use std::fmt;

use indexmap::IndexMap;
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use toml::Spanned;

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
    #[serde(default)]
    pub(crate) output: Output,
    #[serde(default)]
    pub(crate) verdict: Verdicts,
    #[serde(default)]
    pub(crate) error: Message,
    pub(crate) present: Option<Present>,
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
    #[serde(default)]
    pub(crate) parameters: Fields,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Grant {
    ClientCredentials,
}

/// One `[issue]`, or several `[[issue]]` of which the first that applies counts.
#[derive(Debug)]
pub(crate) struct Requests(pub(crate) Vec<Issue>);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Issue {
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
pub(crate) struct Lifetime {
    pub(crate) default: Option<Text>,
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
    pub(crate) window: Text,
}

/// A value of a request: a tree whose texts can be templates.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    Text(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Array(Vec<Spanned<Node>>),
    Table(IndexMap<String, Spanned<Node>>),
}

// Both are written by hand because serde's untagged enums lose the spans.
impl<'de> Deserialize<'de> for Requests {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Tables;

        impl<'de> Visitor<'de> for Tables {
            type Value = Requests;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table or an array of tables")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Requests, A::Error> {
                let issue = Issue::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Requests(vec![issue]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, tables: A) -> Result<Requests, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(tables)).map(Requests)
            }
        }

        deserializer.deserialize_any(Tables)
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Tree;

        impl<'de> Visitor<'de> for Tree {
            type Value = Node;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, number, boolean, array or table")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Node, E> {
                Ok(Node::Text(text.to_owned()))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Node, E> {
                Ok(Node::Integer(number))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Node, E> {
                Ok(Node::Float(number))
            }

            fn visit_bool<E: Error>(self, truth: bool) -> Result<Node, E> {
                Ok(Node::Boolean(truth))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Node, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(items)).map(Node::Array)
            }

            fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Node, A::Error> {
                IndexMap::deserialize(MapAccessDeserializer::new(entries)).map(Node::Table)
            }
        }

        deserializer.deserialize_any(Tree)
    }
}
