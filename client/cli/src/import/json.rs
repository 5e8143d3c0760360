//! Accounts and keys in JSON.

use std::path::Path;

use secrecy::SecretString;
use serde_json::{Map, Value};
use url::Url;

use crate::import::{Field, File, Found, Problem, file::quoted};

/// Which field of a source is which input of a provider definition.
struct Mapping {
    provider: &'static str,
    inputs: &'static [(&'static str, &'static str)],
}

/// An account of oidc-agent (its `src/account/account.c`): what is empty there isn't set.
const OIDC_AGENT: Mapping = Mapping {
    provider: "oidc-login",
    inputs: &[
        ("issuer_url", "issuer"),
        // Of clients that are kept apart from accounts.
        ("issuer", "issuer"),
        ("client_id", "client_id"),
        ("client_secret", "client_secret"),
        ("scope", "scope"),
        ("audience", "audience"),
        ("redirect_uris", "redirect_uri"),
        ("refresh_token", "refresh_token"),
    ],
};

/// The key of a service account.
const SERVICE_ACCOUNT: Mapping = Mapping {
    provider: "google-service-account",
    inputs: &[
        ("client_email", "client_email"),
        ("private_key_id", "private_key_id"),
        ("private_key", "private_key"),
        ("token_uri", "token_url"),
    ],
};

/// What a login by gcloud leaves behind.
const AUTHORIZED_USER: Mapping = Mapping {
    provider: "google",
    inputs: &[
        ("client_id", "client_id"),
        ("client_secret", "client_secret"),
        ("refresh_token", "refresh_token"),
    ],
};

/// Returns what is in an account of oidc-agent. `credential` is what it is to be called.
pub(crate) fn oidc_agent(text: &str, file: &File, credential: &str) -> Result<Found, Problem> {
    if is_encrypted(text) {
        let account = match &file.path {
            Some(path) => account(path),
            None => credential.to_owned(),
        };
        return Err(Problem::Encrypted { of: file.name(), account });
    }
    let object = object(text, file)?;
    for needed in [&["issuer_url", "issuer"][..], &["client_id"]] {
        if needed.iter().all(|name| one(object.get(*name)).is_none()) {
            let kind = "account of oidc-agent";
            return Err(Problem::NotOne { of: file.name(), kind, missing: &needed[..1] });
        }
    }
    Ok(OIDC_AGENT.found(object))
}

/// Returns what is in a file of Google's.
pub(crate) fn google(text: &str, file: &File) -> Result<Found, Problem> {
    let object = object(text, file)?;
    let kind = object.get("type").and_then(Value::as_str).unwrap_or_default();
    let (mapping, kind, needed): (_, _, [&'static [&'static str]; 3]) = match kind {
        "service_account" => {
            let needed = [&["client_email"][..], &["private_key"], &["private_key_id"]];
            (SERVICE_ACCOUNT, "key of a service account", needed)
        }
        "authorized_user" => {
            let needed = [&["client_id"][..], &["client_secret"], &["refresh_token"]];
            (AUTHORIZED_USER, "file of gcloud's", needed)
        }
        "" => {
            let kind = "key or login of Google's";
            return Err(Problem::NotOne { of: file.name(), kind, missing: &["type"] });
        }
        // It is no secret, but may be anything.
        other => {
            let kind = other.chars().take(40).collect();
            return Err(Problem::Unsupported { of: file.name(), kind });
        }
    };
    for missing in needed {
        if one(object.get(missing[0])).is_none() {
            return Err(Problem::NotOne { of: file.name(), kind, missing });
        }
    }
    Ok(mapping.found(object))
}

impl Mapping {
    fn found(&self, object: Map<String, Value>) -> Found {
        let is_set = |value: &Value| match value {
            Value::Null | Value::Bool(false) => false,
            Value::String(text) => !text.is_empty(),
            Value::Array(values) => !values.is_empty(),
            Value::Object(values) => !values.is_empty(),
            Value::Bool(true) | Value::Number(_) => true,
        };
        // In the order of the mapping, and then what is left.
        let mut object = object;
        let mut fields = Vec::new();
        for (name, input) in self.inputs {
            if let Some(value) = object.remove(*name).filter(is_set) {
                let value = one(Some(&value));
                fields.push(Field {
                    name: (*name).to_owned(),
                    input: Some((*input).to_owned()),
                    value,
                });
            }
        }
        let left = object.into_iter().filter(|(name, value)| name != "type" && is_set(value));
        fields.extend(left.map(|(name, _)| Field { name, input: None, value: None }));
        Found { provider: self.provider, fields }
    }
}

/// Returns a text, or that one of several redirect URIs at which a program can listen.
fn one(value: Option<&Value>) -> Option<SecretString> {
    let is_local = |text: &&str| {
        let host = Url::parse(text).ok();
        let host = host.as_ref().filter(|url| url.scheme() == "http").and_then(Url::host_str);
        host.is_some_and(|host| matches!(host, "localhost" | "127.0.0.1" | "[::1]"))
    };
    let text = match value? {
        Value::String(text) => Some(text.as_str()),
        Value::Array(values) => values.iter().filter_map(Value::as_str).find(is_local),
        _ => None,
    };
    text.filter(|text| !text.is_empty()).map(Into::into)
}

/// Reads an object. The library's own messages can hold what is in it.
fn object(text: &str, file: &File) -> Result<Map<String, Value>, Problem> {
    let text = text.trim_start_matches('\u{feff}');
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Problem::NotJson { of: file.name(), line: 1, column: 1 }),
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            Err(Problem::NotJson { of: file.name(), line, column })
        }
    }
}

/// Tells an account that is encrypted: by gpg, or with a password, after which the version
/// stands (oidc-agent's `src/utils/crypt/cryptUtils.c`).
fn is_encrypted(text: &str) -> bool {
    text.trim_start().starts_with("-----BEGIN PGP MESSAGE-----")
        || text.lines().any(|line| line.starts_with("Generated using version:"))
}

/// Returns what `oidc-gen --print` takes: the name of an account in its own directory, else a
/// whole path.
fn account(path: &Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let parent = path.parent().and_then(Path::file_name);
    match path.file_name() {
        Some(name) if parent.is_some_and(|name| name == "oidc-agent" || name == ".oidc-agent") => {
            quoted(Path::new(name))
        }
        _ => quoted(&path),
    }
}

#[cfg(test)]
mod tests;
