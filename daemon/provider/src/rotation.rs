//! How an API's answer hands over a newer token, as `[[rotated]]` tells.

use std::collections::BTreeMap;

use http::HeaderName;
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use toml::Spanned;

use crate::definition::Definition;
use crate::definition::error::{Fault, Located};
use crate::definition::file;
use crate::expression::Scope;
use crate::header;
use crate::input::AcceptedInputs;
use crate::output::LONGEST;
use crate::placement::PlacementError;
use crate::rejection;
use crate::renewal::Held;

/// A place where any answer of the API may have a newer token. It is plain data, for
/// clients in any language to go by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// Where it is.
    pub source: RotationSource,
    /// What is cut off the value's start if it is there, such as `Bearer `.
    pub strip_prefix: Option<String>,
    /// The extra that the value replaces; `None` if it replaces the token itself.
    pub extra: Option<String>,
}

/// A place in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RotationSource {
    /// The header of this name.
    Header(String),
    /// The cookie of this name that the answer sets (RFC 6265 §4.1).
    Cookie(String),
    /// The place in a JSON body to which this path leads, written as that of a
    /// [`BodyRule`](crate::BodyRule).
    Body(String),
}

/// Why what a caller hands over can't take the place of what is held. Shows no secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RotationError {
    /// The definition has no `[[rotated]]`.
    #[error("no answer of this API brings a newer token: its definition has no [[rotated]]")]
    Unsupported,
    /// There is nothing that could replace anything.
    #[error("say what is newer: the token's value, or an extra")]
    Nothing,
    /// No answer brings this.
    #[error("no answer of this API brings another {0}: no [[rotated]] of its definition says so")]
    NotRotated(String),
    /// It is no token.
    #[error("the value is no token: that has 1 to {LONGEST} visible ASCII characters")]
    Token,
    /// It is no extra.
    #[error("`{0}` is longer than {LONGEST} bytes or has control characters in it")]
    Extra(String),
    /// It doesn't fit where callers put it.
    #[error(transparent)]
    Placement(#[from] PlacementError),
}

/// Compiles all `[[rotated]]`; `scope` knows the extras.
pub(crate) fn compile(
    file: &[Spanned<file::Rotated>],
    scope: &Scope,
) -> Result<Vec<Rotation>, Located> {
    file.iter().map(|rule| compile_one(rule, scope)).collect()
}

fn compile_one(rule: &Spanned<file::Rotated>, scope: &Scope) -> Result<Rotation, Located> {
    let file::Rotated { header: field, cookie, body, strip_prefix, extra } = rule.get_ref();
    let source = match (field, cookie, body) {
        (Some(name), None, None) => {
            if name.get_ref().parse::<HeaderName>().is_err() {
                return Err(Fault::HeaderName(name.get_ref().clone()).at(name.span()));
            }
            RotationSource::Header(name.get_ref().clone())
        }
        (None, Some(name), None) => RotationSource::Cookie(header::cookie(name)?.to_owned()),
        (None, None, Some(path)) => RotationSource::Body(rejection::path(path)?),
        (None, None, None) => return Err(Fault::NoRotationSource.at(rule.span())),
        _ => return Err(Fault::TwoRotationSources.at(rule.span())),
    };
    if let Some(extra) = extra {
        let name = format!("extra.{}", extra.get_ref());
        scope.check(&name).map_err(|fault| fault.at(extra.span()))?;
    }
    let extra = extra.as_ref().map(|extra| extra.get_ref().clone());
    Ok(Rotation { source, strip_prefix: strip_prefix.clone(), extra })
}

impl Definition {
    /// Puts what an answer of the API has brought in the place of what is held: another
    /// `value` for the token, and `extras`.
    ///
    /// # Errors
    /// If no `[[rotated]]` names it, or it isn't what an answer of the provider could
    /// have brought.
    pub fn rotate(
        &self,
        inputs: &AcceptedInputs,
        held: Held,
        value: Option<SecretString>,
        extras: BTreeMap<String, SecretString>,
    ) -> Result<Held, RotationError> {
        if self.rotations().is_empty() {
            return Err(RotationError::Unsupported);
        }
        if value.is_none() && extras.is_empty() {
            return Err(RotationError::Nothing);
        }
        let is_named = |extra: Option<&str>| {
            self.rotations().iter().any(|rotation| rotation.extra.as_deref() == extra)
        };
        if let Some(value) = &value {
            if !is_named(None) {
                return Err(RotationError::NotRotated("token".to_owned()));
            }
            let text = value.expose_secret();
            let fits = (1..=LONGEST).contains(&text.len());
            if !fits || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(RotationError::Token);
            }
        }
        for (name, extra) in &extras {
            if !is_named(Some(name)) {
                return Err(RotationError::NotRotated(format!("`{name}`")));
            }
            let text = extra.expose_secret();
            if text.len() > LONGEST || text.contains(char::is_control) {
                return Err(RotationError::Extra(name.clone()));
            }
        }
        let mut rotated = held;
        rotated.extras.extend(extras);
        rotated.value = value.unwrap_or(rotated.value);
        self.placements(inputs, &rotated.value, &rotated.extras)?;
        Ok(rotated)
    }
}

#[cfg(test)]
mod tests;
