//! Takes the token and all that comes with it out of an answer.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use jiff::Timestamp;
use minijinja::Value;
use minijinja::value::ValueKind;
use secrecy::SecretString;
use thiserror::Error;

use crate::date::Format;
use crate::definition::error::{Fault, Located};
use crate::definition::file::{self, Text};
use crate::expiry::{self, Expiry, Told, Unit};
use crate::expression::{self, EvaluationError, Expression, Names, context};
use crate::input::declaration;
use crate::outcome::Issued;
use crate::renewal::Held;

/// No token is longer: headers of 8 to 64 KiB are the most that servers take,
/// and a value of this size is a mistaken selector.
pub(crate) const LONGEST: usize = 100 * 1024;

/// The selectors of `[output]`.
#[derive(Debug)]
pub(crate) struct Output {
    token: Expression,
    strip_prefix: Option<String>,
    token_type: Option<Expression>,
    refresh_token: Option<Expression>,
    expires_in: Option<Expression>,
    expires_unit: Unit,
    expires_at: Option<Expression>,
    expires_format: Format,
    extras: Vec<Extra>,
    /// What takes the place of the user's secrets.
    secrets: Vec<(String, Expression)>,
}

/// A value besides the token.
#[derive(Debug)]
struct Extra {
    name: String,
    selector: Expression,
    required: bool,
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
    /// Compiles what a request's own `output` says, and what `[output]` says besides.
    pub(crate) fn compile(
        own: &file::Output,
        all: &file::Output,
        names: &Names,
    ) -> Result<Self, Located> {
        let file = own.or(all);
        let (answer, found) = (names.answer(), names.found());
        let optional = |text: &Option<_>| expression::optional(text.as_ref(), &found);
        let token = file.token.as_ref();
        let token = token.ok_or_else(|| Fault::MissingKey("output.token".to_owned()).anywhere())?;
        let extra = |name: &Text, selector: &Text, required| {
            let name = declaration::valid(name)?.to_owned();
            Ok(Extra { name, selector: Expression::compile(selector, &found)?, required })
        };
        let extras = file.extras.iter().map(|(name, selector)| extra(name, selector, true));
        let rest = file.optional_extras.iter();
        let extras = extras.chain(rest.map(|(name, selector)| extra(name, selector, false)));
        let secrets = file.secrets.iter().map(|(name, selector)| {
            names.check_secret(name)?;
            Ok((name.get_ref().clone(), Expression::compile(selector, &found)?))
        });
        Ok(Self {
            token: Expression::compile(token, &answer)?,
            strip_prefix: file.strip_prefix.clone(),
            token_type: optional(&file.token_type)?,
            refresh_token: optional(&file.refresh_token)?,
            expires_in: optional(&file.expires_in)?,
            expires_unit: file.expires_unit.unwrap_or_default(),
            expires_at: optional(&file.expires_at)?,
            expires_format: Format::compile(
                file.expires_format.as_ref(),
                file.expires_zone.as_ref(),
            )?,
            extras: extras.collect::<Result<_, Located>>()?,
            secrets: secrets.collect::<Result<_, Located>>()?,
        })
    }

    /// Reads an answer to a request that was sent at `started_at`. What was `kept`
    /// is as good as what it doesn't bring anew; a token whose answer doesn't tell
    /// has the life `default`.
    pub(crate) fn read(
        &self,
        context: &Value,
        kept: Option<&Held>,
        started_at: Timestamp,
        date: Option<Timestamp>,
        default: Expiry,
    ) -> Result<Issued, OutputError> {
        let token = self.token.find(context)?;
        let token = token.ok_or_else(|| OutputError::Missing(self.token.to_string()))?;
        let value = self.token(&self.token, &token)?;
        let context = &context::found(context.clone(), &value);
        let told = self.told(context, date)?;
        let refresh_token = match find(self.refresh_token.as_ref(), context)? {
            // One that can't be used is no reason to throw the token away.
            Some((selector, value)) => self.token(selector, &value).ok(),
            None => None,
        };
        Ok(Issued {
            value,
            token_type: self.token_type(context)?,
            refresh_token: refresh_token.or_else(|| kept?.refresh_token.clone()),
            expiry: told.resolve(started_at, default),
            expiry_mismatch: told.mismatch(),
            extras: self.extras(context, kept)?,
            secrets: self.replaced(context)?,
            date,
            quotas: Vec::new(),
        })
    }

    /// Whether what is read differs each time, though nothing is sent.
    pub(crate) fn is_passing(&self) -> bool {
        let extras = self.extras.iter().map(|extra| &extra.selector);
        extras.chain([&self.token]).any(Expression::is_passing)
    }

    /// The names of the signatures that it uses.
    pub(crate) fn signs(&self) -> impl Iterator<Item = &str> {
        let rest = [&self.token_type, &self.refresh_token, &self.expires_in, &self.expires_at];
        let extras = self.extras.iter().map(|extra| &extra.selector);
        let secrets = self.secrets.iter().map(|(_, selector)| selector);
        let all = rest.into_iter().flatten().chain(extras).chain(secrets).chain([&self.token]);
        all.flat_map(Expression::signs)
    }

    /// Lists the tokens in an answer, as far as they can be found in it.
    pub(crate) fn secrets(&self, context: &Value) -> Vec<SecretString> {
        std::iter::once(&self.token)
            .chain(&self.refresh_token)
            .chain(self.secrets.iter().map(|(_, selector)| selector))
            .chain(self.extras.iter().map(|extra| &extra.selector))
            .filter_map(|selector| selector.find(context).ok()?)
            .filter(|value| matches!(value.kind(), ValueKind::String | ValueKind::Number))
            .map(|value| SecretString::from(self.strip(&value.to_string())))
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
            let life = expiry::life(&value, self.expires_unit);
            told.life = Some(life.ok_or_else(|| OutputError::NotSeconds(selector.to_string()))?);
        }
        if let Some((selector, value)) = find(self.expires_at.as_ref(), context)? {
            let end = expiry::moment(&value, &self.expires_format);
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
        for Extra { name, selector, required } in &self.extras {
            let named = || selector.to_string();
            let Some(value) = selector.find(context)? else {
                match kept.and_then(|kept| kept.extras.get(name)) {
                    Some(kept) => drop(extras.insert(name.clone(), kept.clone())),
                    None if *required => return Err(OutputError::Missing(named())),
                    None => {}
                }
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

    fn replaced(&self, context: &Value) -> Result<BTreeMap<String, SecretString>, OutputError> {
        let mut secrets = BTreeMap::new();
        for (name, selector) in &self.secrets {
            if let Some(value) = selector.find(context)? {
                secrets.insert(name.clone(), self.token(selector, &value)?);
            }
        }
        Ok(secrets)
    }
}

impl file::Output {
    /// What this says, and what `all` says besides.
    fn or(&self, all: &Self) -> Self {
        let either = |own: &Option<Text>, all: &Option<Text>| own.clone().or_else(|| all.clone());
        let both = |own: &IndexMap<Text, Text>, all: &IndexMap<Text, Text>| {
            let mut both = all.clone();
            both.extend(own.iter().map(|(name, text)| (name.clone(), text.clone())));
            both
        };
        Self {
            token: either(&self.token, &all.token),
            strip_prefix: self.strip_prefix.clone().or_else(|| all.strip_prefix.clone()),
            token_type: either(&self.token_type, &all.token_type),
            refresh_token: either(&self.refresh_token, &all.refresh_token),
            expires_in: either(&self.expires_in, &all.expires_in),
            expires_unit: self.expires_unit.or(all.expires_unit),
            expires_at: either(&self.expires_at, &all.expires_at),
            expires_format: either(&self.expires_format, &all.expires_format),
            expires_zone: either(&self.expires_zone, &all.expires_zone),
            extras: both(&self.extras, &all.extras),
            optional_extras: both(&self.optional_extras, &all.optional_extras),
            secrets: both(&self.secrets, &all.secrets),
        }
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
