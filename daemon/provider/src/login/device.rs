//! The code that a person types elsewhere, and the question whether that was done.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use jiff::Timestamp;
use minijinja::Value;
use minijinja::value::ValueKind;
use thiserror::Error;
use url::Url;
use zeroize::Zeroizing;

use super::Requested;
use crate::address::{self, AddressError};
use crate::definition::error::{Fault, Located};
use crate::definition::file::{self, Text};
use crate::expiry::{self, Life, Unit};
use crate::expression::{self, EvaluationError, Expression, Names};
use crate::recipe::Recipe;

/// How long to wait between questions, if nothing is said (RFC 8628 §3.2).
pub(crate) const INTERVAL: Duration = Duration::from_secs(5);

/// What each `slow_down` adds to that (RFC 8628 §3.5).
pub(crate) const SLOWER: Duration = Duration::from_secs(5);

/// Asking more often would be a busy loop.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);

/// Whoever waits for longer has a person wonder whether anything happens at all.
pub(crate) const LONGEST_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// How long a code can be typed, if nothing is said, which the standard forbids.
const LIFE: Duration = Duration::from_secs(10 * 60);

/// A person who hasn't typed the code in so long won't.
const LONGEST_LIFE: Duration = Duration::from_secs(60 * 60);

/// The error of RFC 8628 §3.5, and Microsoft's.
const DECLINED: &str = "body.error in ['access_denied', 'authorization_declined']";

/// What is longer, nobody types.
const LONGEST_USER_CODE: usize = 64;

/// No device code is longer.
const LONGEST_DEVICE_CODE: usize = 16 * 1024;

/// The compiled `[login.device]` and `[login.poll]`.
#[expect(clippy::struct_field_names, reason = "`device_code` is the standard's word")]
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) when: Option<Expression>,
    pub(crate) ways: Vec<Recipe>,
    device_code: Expression,
    user_code: Expression,
    verification_uri: Expression,
    verification_uri_complete: Expression,
    interval: Expression,
    expires_in: Expression,
    pub(crate) poll: Vec<Recipe>,
    pending: Expression,
    slow_down: Expression,
    declined: Expression,
    expired: Expression,
}

/// What to show to the person who is to type the code. Whoever knows it can let
/// themselves in, so `Debug` shows the host only.
#[derive(Clone, PartialEq, Eq)]
pub struct DevicePrompt {
    /// What the person types: at most 64 printable ASCII characters.
    pub user_code: String,
    /// Where: https, or http to loopback.
    pub verification_uri: Url,
    /// The same with the code in it, if there is such a thing.
    pub verification_uri_complete: Option<Url>,
}

/// What the answer with the codes says.
pub(crate) struct Codes {
    pub(crate) device_code: Zeroizing<String>,
    pub(crate) prompt: DevicePrompt,
    pub(crate) interval: Duration,
    pub(crate) until: Timestamp,
}

/// What an answer says of whether the code was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Typed {
    NotYet,
    SlowDown,
    Declined,
    Expired,
}

/// Why nobody can log in with an answer. Quotes selectors, never values.
#[derive(Debug, Error)]
pub(crate) enum CodesError {
    #[error("the answer has no `{0}`")]
    Missing(String),
    #[error("`{0}` in the answer is not a text")]
    NotText(String),
    #[error("`{0}` in the answer is too long or has characters that nobody types")]
    Untypable(String),
    #[error("`{0}` in the answer is too long or has control characters in it")]
    DeviceCode(String),
    #[error("`{selector}` in the answer isn't a page to open: it {reason}")]
    Address { selector: String, reason: AddressError },
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
}

impl Device {
    pub(super) fn compile(
        login: &file::Login,
        span: Range<usize>,
        names: &Names,
        requests: &Requested<'_>,
    ) -> Result<Option<Self>, Located> {
        let (device, poll) = match (&login.device, &login.poll) {
            (None, None) => return Ok(None),
            (Some(device), Some(poll)) => (device.get_ref(), poll.get_ref()),
            (Some(_), None) => return Err(Fault::MissingKey("login.poll".to_owned()).at(span)),
            (None, Some(_)) => return Err(Fault::MissingKey("login.device".to_owned()).at(span)),
        };
        let known = Names { login: expression::DEVICE, ..names.clone() };
        let told = names.judgement();
        let rules = known.judgement();
        let or = |text: &Option<Text>, usual: &str, scope| match text {
            Some(text) => Expression::compile(text, scope),
            None => Ok(Expression::preset(usual)),
        };
        let uri = "body.verification_uri or body.verification_url";
        Ok(Some(Self {
            when: expression::optional(device.when.as_ref(), &super::conditional(names))?,
            ways: requests(&device.request, names)?,
            device_code: or(&device.device_code, "body.device_code", &told)?,
            user_code: or(&device.user_code, "body.user_code", &told)?,
            verification_uri: or(&device.verification_uri, uri, &told)?,
            verification_uri_complete: or(
                &device.verification_uri_complete,
                "body.verification_uri_complete",
                &told,
            )?,
            interval: or(&device.interval, "body.interval", &told)?,
            expires_in: or(&device.expires_in, "body.expires_in", &told)?,
            poll: requests(&poll.request, &known)?,
            pending: or(&poll.pending, "body.error == 'authorization_pending'", &rules)?,
            slow_down: or(&poll.slow_down, "body.error == 'slow_down'", &rules)?,
            declined: or(&poll.declined, DECLINED, &rules)?,
            expired: or(&poll.expired, "body.error == 'expired_token'", &rules)?,
        }))
    }

    /// Reads the codes from the answer to a request that was sent at `sent_at`.
    pub(crate) fn read(&self, context: &Value, sent_at: Timestamp) -> Result<Codes, CodesError> {
        let device_code = Zeroizing::new(text(&self.device_code, context)?);
        if device_code.len() > LONGEST_DEVICE_CODE || device_code.contains(char::is_control) {
            return Err(CodesError::DeviceCode(self.device_code.to_string()));
        }
        let user_code = text(&self.user_code, context)?.trim().to_owned();
        let is_typed = |c: char| c.is_ascii_graphic() || c == ' ';
        if user_code.len() > LONGEST_USER_CODE || !user_code.chars().all(is_typed) {
            return Err(CodesError::Untypable(self.user_code.to_string()));
        }
        let verification_uri = text(&self.verification_uri, context)?;
        let verification_uri = address::page(&verification_uri).map_err(|reason| {
            CodesError::Address { selector: self.verification_uri.to_string(), reason }
        })?;
        // The other one will do where this can't be opened.
        let complete = text(&self.verification_uri_complete, context).ok();
        let complete = complete.and_then(|text| address::page(&text).ok());
        let span = |selector: &Expression| match selector.find(context) {
            Ok(Some(value)) => match expiry::life(&value, Unit::default()) {
                Some(Life::For(span)) => Some(span),
                _ => None,
            },
            _ => None,
        };
        let interval = span(&self.interval).unwrap_or(INTERVAL);
        let life = span(&self.expires_in).unwrap_or(LIFE).min(LONGEST_LIFE);
        Ok(Codes {
            device_code,
            prompt: DevicePrompt {
                user_code,
                verification_uri,
                verification_uri_complete: complete,
            },
            interval: interval.clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL),
            until: sent_at.saturating_add(life).unwrap_or(Timestamp::MAX),
        })
    }

    /// Reads whether the code was typed; `None` if the answer is about something else.
    pub(crate) fn typed(&self, context: &Value) -> Result<Option<Typed>, EvaluationError> {
        let rules = [
            (&self.pending, Typed::NotYet),
            (&self.slow_down, Typed::SlowDown),
            (&self.declined, Typed::Declined),
            (&self.expired, Typed::Expired),
        ];
        for (rule, typed) in rules {
            if rule.holds(context)? {
                return Ok(Some(typed));
            }
        }
        Ok(None)
    }
}

fn text(selector: &Expression, context: &Value) -> Result<String, CodesError> {
    let value = selector.find(context)?;
    let value = value.ok_or_else(|| CodesError::Missing(selector.to_string()))?;
    match value.kind() {
        ValueKind::String | ValueKind::Number if !value.to_string().trim().is_empty() => {
            Ok(value.to_string())
        }
        ValueKind::String => Err(CodesError::Missing(selector.to_string())),
        _ => Err(CodesError::NotText(selector.to_string())),
    }
}

impl fmt::Debug for DevicePrompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevicePrompt")
            .field("verification_uri", &self.verification_uri.origin().ascii_serialization())
            .finish_non_exhaustive()
    }
}
