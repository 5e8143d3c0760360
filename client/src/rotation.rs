//! Newer tokens that an API's answers bring.

use std::{collections::BTreeMap, fmt};

use http::HeaderMap;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tokend_proto::{
    reason,
    v1::{
        self, SubmitRotationRequest, SubmitRotationResponse, rotation_rule,
        submit_rotation_request::PreviousToken, submit_rotation_response::Outcome,
    },
};

use crate::{Error, Token, path};

mod cookie;

/// A place where an API's answer may have a newer token, or an extra that belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RotationRule {
    source: RotationSource,
    strip_prefix: String,
    extra: String,
}

/// A place in an API's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RotationSource {
    /// The header of this name.
    Header(String),
    /// The cookie of this name that the answer sets.
    Cookie(String),
    /// The text in a JSON body to which this path leads: names with dots between them, and
    /// positions in arrays from 0; `\\.` is a dot in a name and `\\\\` a backslash.
    Body(String),
}

/// A newer token, for [`Client::submit_rotation`](crate::Client::submit_rotation).
#[derive(Clone)]
#[must_use]
pub struct Rotation {
    previous: PreviousToken,
    value: Option<SecretString>,
    extras: BTreeMap<String, SecretString>,
}

/// What became of a newer token that was handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Submission {
    /// Everyone gets it from now on.
    Accepted,
    /// The token that is held is this one already.
    Unchanged,
    /// Another token has taken the previous one's place already: get that.
    Superseded,
}

impl RotationRule {
    /// Returns where it is.
    pub fn source(&self) -> &RotationSource {
        &self.source
    }

    /// Returns what is cut off the start of what is there, if it starts with that.
    pub fn strip_prefix(&self) -> Option<&str> {
        Some(self.strip_prefix.as_str()).filter(|prefix| !prefix.is_empty())
    }

    /// Returns the name of the extra that it replaces; `None` if it replaces the token
    /// itself.
    pub fn extra(&self) -> Option<&str> {
        Some(self.extra.as_str()).filter(|name| !name.is_empty())
    }

    /// Reads a rule; one of a later version finds nothing here.
    pub(crate) fn read(rule: v1::RotationRule) -> Option<Self> {
        let v1::RotationRule { source, strip_prefix, extra } = rule;
        let source = match source? {
            rotation_rule::Source::Header(name) => RotationSource::Header(name),
            rotation_rule::Source::Cookie(name) => RotationSource::Cookie(name),
            rotation_rule::Source::Body(path) => RotationSource::Body(path),
        };
        Some(Self { source, strip_prefix, extra })
    }
}

impl Rotation {
    /// Returns what is newer in an answer to a request that was made with `token`, if
    /// anything is. The answer must be the API's own: see [`Token::hosts`].
    pub fn of(token: &Token, headers: &HeaderMap, body: Option<&[u8]>) -> Option<Self> {
        let is_json = |rule: &RotationRule| matches!(rule.source, RotationSource::Body(_));
        let body = body.filter(|_| token.rotations().iter().any(is_json));
        let body = body.and_then(|body| serde_json::from_slice(body).ok()).unwrap_or(Value::Null);
        let mut found: BTreeMap<Option<&str>, String> = BTreeMap::new();
        for rule in token.rotations() {
            if !found.contains_key(&rule.extra())
                && let Some(text) = rule.source.find(headers, &body)
            {
                let text = text.strip_prefix(&rule.strip_prefix).unwrap_or(text);
                if !text.is_empty() {
                    found.insert(rule.extra(), text.to_owned());
                }
            }
        }
        let is_held = |extra: Option<&str>, text: &str| {
            let held = extra.map_or(Some(token.value()), |name| token.extras().get(name));
            held.is_some_and(|held| held.expose_secret() == text)
        };
        found.retain(|extra, text| !is_held(*extra, text));
        if found.is_empty() {
            return None;
        }
        let value = found.remove(&None).map(SecretString::from);
        let extra = |(name, text): (Option<&str>, String)| Some((name?.to_owned(), text.into()));
        let extras = found.into_iter().filter_map(extra).collect();
        Some(Self { previous: PreviousToken::TokenId(token.id().to_owned()), value, extras })
    }

    /// Returns a newer token in the place of the one with this [id](Token::id).
    pub fn of_id(token_id: impl Into<String>, value: SecretString) -> Self {
        let previous = PreviousToken::TokenId(token_id.into());
        Self { previous, value: Some(value), extras: BTreeMap::new() }
    }

    /// Returns the id of the token before, if that is how it is named.
    pub(crate) fn previous_id(&self) -> Option<&str> {
        match &self.previous {
            PreviousToken::TokenId(id) => Some(id),
            PreviousToken::ValueSha256(_) => None,
        }
    }

    pub(crate) fn about(self, name: &str) -> SubmitRotationRequest {
        let Self { previous, value, extras } = self;
        let text = |secret: &SecretString| secret.expose_secret().to_owned();
        SubmitRotationRequest {
            name: name.to_owned(),
            previous_token: Some(previous),
            value: value.as_ref().map(text).unwrap_or_default(),
            extras: extras.iter().map(|(name, extra)| (name.clone(), text(extra))).collect(),
        }
    }
}

impl RotationSource {
    fn find<'a>(&self, headers: &'a HeaderMap, body: &'a Value) -> Option<&'a str> {
        match self {
            Self::Header(name) => headers.get(name)?.to_str().ok().map(str::trim),
            Self::Cookie(name) => cookie::find(headers, name),
            Self::Body(path) => path::values(body, path).first()?.as_str(),
        }
    }
}

impl Submission {
    pub(crate) fn read(answer: Result<SubmitRotationResponse, Error>) -> Result<Self, Error> {
        match answer {
            Ok(answer) => match answer.outcome() {
                Outcome::Accepted => Ok(Self::Accepted),
                Outcome::Unchanged => Ok(Self::Unchanged),
                Outcome::Unspecified => {
                    Err(Error::BadAnswer("the rotation's outcome is unknown to this client"))
                }
            },
            Err(error) if error.reason() == Some(reason::TOKEN_SUPERSEDED) => Ok(Self::Superseded),
            Err(error) => Err(error),
        }
    }
}

impl fmt::Debug for Rotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rotation")
            .field("previous", &self.previous)
            .field("value", &"[redacted]")
            .field("extras", &self.extras.keys().collect::<Vec<_>>())
            .finish()
    }
}

#[cfg(test)]
mod tests;
