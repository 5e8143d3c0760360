//! Takes the token and all that comes with it out of an answer.

use std::collections::BTreeMap;

use jiff::Timestamp;
use minijinja::Value;
use minijinja::value::ValueKind;
use secrecy::SecretString;
use thiserror::Error;

use crate::definition::error::{Fault, Located};
use crate::definition::file;
use crate::expiry::{self, Expiry, Told};
use crate::expression::{self, EvaluationError, Expression, Scope};
use crate::input::declaration;
use crate::outcome::Issued;
use crate::renewal::Held;

/// No token is longer: headers of 8 to 64 KiB are the most that servers take,
/// and a value of this size is a mistaken selector.
const LONGEST: usize = 100 * 1024;

/// The selectors of `[output]`.
#[derive(Debug)]
pub(crate) struct Output {
    token: Expression,
    strip_prefix: Option<String>,
    token_type: Option<Expression>,
    refresh_token: Option<Expression>,
    expires_in: Option<Expression>,
    expires_at: Option<Expression>,
    extras: Vec<(String, Expression)>,
    default: Expiry,
}

/// Why an answer that passes for a success isn't one. Quotes selectors, never
/// values.
#[derive(Debug, Error)]
pub(crate) enum OutputError {
    #[error("the answer has no `{0}`")]
    Missing(String),
    #[error("`{0}` in the answer is not a text")]
    NotText(String),
    #[error("`{0}` in the answer is empty")]
    Empty(String),
    #[error("`{0}` in the answer is longer than 100 KiB")]
    TooLong(String),
    #[error("`{0}` in the answer has characters that a token can't have")]
    Characters(String),
    #[error("`{0}` in the answer is not a number of seconds")]
    NotSeconds(String),
    #[error("`{0}` in the answer is not a date")]
    NotDate(String),
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
}

impl Output {
    /// Returns the expiry of a token whose answer doesn't tell.
    pub(crate) fn default(&self) -> Expiry {
        self.default
    }

    /// Compiles `[output]`; `default` is `[lifetime] default`.
    pub(crate) fn compile(
        file: &file::Output,
        default: Expiry,
        scope: &Scope,
    ) -> Result<Self, Located> {
        let optional = |text: &Option<_>| expression::optional(text.as_ref(), scope);
        let token = file.token.as_ref();
        let token = token.ok_or_else(|| Fault::MissingKey("output.token".to_owned()).anywhere())?;
        let extras = file.extras.iter().map(|(name, selector)| {
            let name = declaration::valid(name)?.to_owned();
            Ok((name, Expression::compile(selector, scope)?))
        });
        Ok(Self {
            token: Expression::compile(token, scope)?,
            strip_prefix: file.strip_prefix.clone(),
            token_type: optional(&file.token_type)?,
            refresh_token: optional(&file.refresh_token)?,
            expires_in: optional(&file.expires_in)?,
            expires_at: optional(&file.expires_at)?,
            extras: extras.collect::<Result<_, Located>>()?,
            default,
        })
    }

    /// Reads an answer to a request that was sent at `started_at`. What was `kept`
    /// is as good as what it doesn't bring anew.
    pub(crate) fn read(
        &self,
        context: &Value,
        kept: Option<&Held>,
        started_at: Timestamp,
        date: Option<Timestamp>,
    ) -> Result<Issued, OutputError> {
        let token = self.token.find(context)?;
        let token = token.ok_or_else(|| OutputError::Missing(self.token.to_string()))?;
        let told = self.told(context, date)?;
        let refresh_token = match find(self.refresh_token.as_ref(), context)? {
            // One that can't be used is no reason to throw the token away.
            Some((selector, value)) => self.token(selector, &value).ok(),
            None => None,
        };
        Ok(Issued {
            value: self.token(&self.token, &token)?,
            token_type: self.token_type(context)?,
            refresh_token: refresh_token.or_else(|| kept?.refresh_token.clone()),
            expiry: told.resolve(started_at, self.default),
            expiry_mismatch: told.mismatch(),
            extras: self.extras(context, kept)?,
            date,
            quotas: Vec::new(),
        })
    }

    /// Lists the tokens in an answer, as far as they can be found in it.
    pub(crate) fn secrets(&self, context: &Value) -> Vec<SecretString> {
        std::iter::once(&self.token)
            .chain(&self.refresh_token)
            .filter_map(|selector| selector.find(context).ok()?)
            .filter_map(|value| Some(SecretString::from(self.strip(value.as_str()?))))
            .collect()
    }

    fn strip<'a>(&self, text: &'a str) -> &'a str {
        self.strip_prefix.as_deref().and_then(|prefix| text.strip_prefix(prefix)).unwrap_or(text)
    }

    fn token(&self, selector: &Expression, value: &Value) -> Result<SecretString, OutputError> {
        let named = || selector.to_string();
        let text = self.strip(value.as_str().ok_or_else(|| OutputError::NotText(named()))?);
        if text.is_empty() {
            return Err(OutputError::Empty(named()));
        }
        if text.len() > LONGEST {
            return Err(OutputError::TooLong(named()));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(OutputError::Characters(named()));
        }
        Ok(SecretString::from(text))
    }

    /// A type that isn't a plain word is of no use to anyone, and no reason to
    /// throw a token away.
    fn token_type(&self, context: &Value) -> Result<Option<String>, OutputError> {
        let Some((_, value)) = find(self.token_type.as_ref(), context)? else {
            return Ok(None);
        };
        let is_word = |text: &&str| {
            !text.is_empty() && text.len() <= 64 && text.bytes().all(|b| b.is_ascii_graphic())
        };
        Ok(value.as_str().filter(is_word).map(str::to_owned))
    }

    fn told(&self, context: &Value, date: Option<Timestamp>) -> Result<Told, OutputError> {
        let mut told = Told { date, ..Told::default() };
        if let Some((selector, value)) = find(self.expires_in.as_ref(), context)? {
            let life = expiry::seconds(&value);
            told.life = Some(life.ok_or_else(|| OutputError::NotSeconds(selector.to_string()))?);
        }
        if let Some((selector, value)) = find(self.expires_at.as_ref(), context)? {
            let end = expiry::moment(&value);
            told.end = Some(end.ok_or_else(|| OutputError::NotDate(selector.to_string()))?);
        }
        Ok(told)
    }

    fn extras(
        &self,
        context: &Value,
        kept: Option<&Held>,
    ) -> Result<BTreeMap<String, SecretString>, OutputError> {
        let mut extras = BTreeMap::new();
        for (name, selector) in &self.extras {
            let named = || selector.to_string();
            let Some(value) = selector.find(context)? else {
                let kept = kept.and_then(|kept| kept.extras.get(name));
                let kept = kept.ok_or_else(|| OutputError::Missing(named()))?;
                extras.insert(name.clone(), kept.clone());
                continue;
            };
            if !matches!(value.kind(), ValueKind::String | ValueKind::Number | ValueKind::Bool) {
                return Err(OutputError::NotText(named()));
            }
            let text = value.to_string();
            if text.len() > LONGEST {
                return Err(OutputError::TooLong(named()));
            }
            if text.contains(char::is_control) {
                return Err(OutputError::Characters(named()));
            }
            extras.insert(name.clone(), SecretString::from(text));
        }
        Ok(extras)
    }
}

fn find<'a>(
    selector: Option<&'a Expression>,
    context: &Value,
) -> Result<Option<(&'a Expression, Value)>, OutputError> {
    let Some(selector) = selector else {
        return Ok(None);
    };
    Ok(selector.find(context)?.map(|value| (selector, value)))
}
