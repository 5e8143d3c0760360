//! A row of a survey: what an API's documentation says, in a few words each.

use serde_json::Value;

/// What is known of one API. What a row lacks is empty.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) encoding: String,
    pub(crate) grant: String,
    pub(crate) inputs: Vec<String>,
    pub(crate) client_auth: String,
    pub(crate) signing: String,
    pub(crate) extra: Vec<String>,
    pub(crate) token_at: String,
    pub(crate) expiry: Expiry,
    pub(crate) refresh: String,
    pub(crate) present: Vec<String>,
    pub(crate) unauthorised: Vec<String>,
    pub(crate) limits: Vec<String>,
    pub(crate) quirks: String,
}

/// How the end of a token is said.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expiry {
    pub(crate) kind: String,
    pub(crate) at: String,
    /// How long a token lives, in seconds.
    pub(crate) ttl: Option<u64>,
}

impl Row {
    /// Reads a line, whatever it says.
    ///
    /// # Errors
    /// If it isn't a JSON object.
    pub(crate) fn read(line: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        if !value.is_object() {
            return Err("not a JSON object".to_owned());
        }
        let ttl = &value["expiry"]["ttl_s"];
        let ttl = ttl.as_u64().or_else(|| text(ttl).parse().ok());
        Ok(Self {
            id: text(&value["id"]),
            method: text(&value["endpoint"]["method"]),
            path: text(&value["endpoint"]["path"]),
            encoding: text(&value["encoding"]),
            grant: text(&value["grant"]),
            inputs: texts(&value["inputs"]),
            client_auth: text(&value["client_auth"]),
            signing: text(&value["signing"]),
            extra: texts(&value["extra"]),
            token_at: text(&value["token_at"]),
            expiry: Expiry {
                kind: text(&value["expiry"]["kind"]),
                at: text(&value["expiry"]["at"]),
                ttl: ttl.filter(|ttl| *ttl > 0),
            },
            refresh: text(&value["refresh"]),
            present: texts(&value["present"]),
            unauthorised: texts(&value["unauthorised"]),
            limits: texts(&value["limits"]),
            quirks: text(&value["quirks"]),
        })
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.trim().to_owned(),
        Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(" or "),
        Value::Object(_) | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

fn texts(value: &Value) -> Vec<String> {
    let texts: Vec<String> = match value {
        Value::Array(values) => values.iter().map(text).collect(),
        other => vec![text(other)],
    };
    texts.into_iter().filter(|text| !text.is_empty()).collect()
}
