//! The parts of a definition file whose type depends on what is written.
//!
//! They are read by hand because serde's untagged enums lose the spans.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use toml::Spanned;

use super::Request;

/// One table, such as `[issue]`, or several, `[[issue]]`, of which the first that
/// applies counts.
#[derive(Debug)]
pub(crate) struct Requests(Vec<Spanned<Request>>);

impl Requests {
    /// Makes them of requests that stand nowhere by themselves.
    pub(crate) fn new(requests: Vec<Request>) -> Self {
        Self(requests.into_iter().map(|request| Spanned::new(0..0, request)).collect())
    }

    /// The requests, each with its place; one that is alone has that of all.
    pub(crate) fn iter(this: &Spanned<Self>) -> impl Iterator<Item = (Range<usize>, &Request)> {
        this.get_ref().0.iter().map(|request| {
            let span = if request.span().is_empty() { this.span() } else { request.span() };
            (span, request.get_ref())
        })
    }
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

impl<'de> Deserialize<'de> for Requests {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Tables;

        impl<'de> Visitor<'de> for Tables {
            type Value = Requests;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table or an array of tables")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Requests, A::Error> {
                let request = Request::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Requests::new(vec![request]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, tables: A) -> Result<Requests, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(tables)).map(Requests)
            }
        }

        deserializer.deserialize_any(Tables)
    }
}

impl JsonSchema for Requests {
    fn schema_name() -> Cow<'static, str> {
        "Requests".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let request = generator.subschema_for::<Request>();
        json_schema!({ "anyOf": [request, { "type": "array", "items": request }] })
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
