//! Decides whether an answer brings a token, and what its refusal means.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use http::header::RETRY_AFTER;
use jiff::Timestamp;
use minijinja::Value;

use crate::answer::{Answer, Document};
use crate::date::{self, Format};
use crate::definition::error::Located;
use crate::definition::file;
use crate::expiry::{self, Life, Unit};
use crate::expression::{self, EvaluationError, Expression, Scope};
use crate::outcome::{RetryAfter, Verdict};

/// Too Many Requests (RFC 6585 §4), the code of RFC 8628 §3.5, and the codes that
/// GraphQL servers use, most of which answer everything with 200.
const LIMITED: &str = "status == 429 or status < 500 and (body.error == 'slow_down' \
    or body.errors[0].extensions.code in ['RATE_LIMITED', 'THROTTLED', 'TOO_MANY_REQUESTS'])";

/// Unauthorized, and the error codes of RFC 6749 §5.2 and §4.1.2.1 and RFC 8707 §2
/// that only a person can mend, as well as Apollo's. Some APIs send those with 200,
/// so the status decides only that the provider isn't out of order, and that it is
/// the provider who answers: a redirect and 407 are the word of what stands before
/// it. 403 alone is as often a firewall's as the provider's.
const DENIED: &str = "status == 401 \
    or (status < 300 or status >= 400 and status < 500 and status != 407) \
    and (body.error in ['invalid_client', 'invalid_grant', 'unauthorized_client', \
    'unsupported_grant_type', 'invalid_scope', 'invalid_request', 'access_denied', \
    'invalid_target'] or body.errors[0].extensions.code in ['UNAUTHENTICATED', 'FORBIDDEN'])";

/// Success, without any of the ways in which APIs say with 200 that it isn't. Codes
/// aren't among them: what is a success differs from one API to the next.
const OK: &str = "status >= 200 and status < 300 and not body.error and not body.errors \
    and body.ok is not false and body.success is not false and body.status != 'error'";

/// They are the same for all definitions.
static PRESETS: LazyLock<[Arc<Expression>; 3]> =
    LazyLock::new(|| [LIMITED, DENIED, OK].map(|rule| Arc::new(Expression::preset(rule))));

/// The rules by which answers are judged, in the order limited, denied, ok.
#[derive(Debug)]
pub(crate) struct Verdicts {
    limited: Arc<Expression>,
    denied: Arc<Expression>,
    ok: Arc<Expression>,
    retry_after: Option<Expression>,
    judges_pages: bool,
}

impl Verdicts {
    /// Compiles the rules: a request's own, else those for all, else the defaults
    /// above.
    pub(crate) fn compile(
        own: &file::Request,
        all: &file::Verdicts,
        scope: &Scope,
    ) -> Result<Self, Located> {
        let rule = |own: &Option<file::Text>, all: &Option<file::Text>, default: &Arc<_>| match own
            .as_ref()
            .or(all.as_ref())
        {
            Some(text) => Expression::compile(text, scope).map(Arc::new),
            None => Ok(Arc::clone(default)),
        };
        let [limited, denied, ok] = &*PRESETS;
        Ok(Self {
            limited: rule(&own.limited, &all.limited, limited)?,
            denied: rule(&own.denied, &all.denied, denied)?,
            ok: rule(&own.ok, &all.ok, ok)?,
            retry_after: expression::optional(all.retry_after.as_ref(), scope)?,
            judges_pages: own.judges_pages,
        })
    }

    /// Tells when to ask again, by the definition's own rule, else by the header.
    pub(crate) fn retry_after(
        &self,
        answer: &Answer,
        context: &Value,
        date: Option<Timestamp>,
    ) -> Option<RetryAfter> {
        // A rule that fails on this answer has nothing to say about it.
        let told = self.retry_after.as_ref().and_then(|rule| rule.find(context).ok()?);
        told.and_then(|value| wait(&value, date)).or_else(|| retry_after(answer, date))
    }

    /// Judges an answer; `None` means that it brings a token.
    ///
    /// Only a limit is read from a page or a malformed body: those come from
    /// what stands before the provider as often as from the provider itself.
    pub(crate) fn judge(
        &self,
        document: &Document,
        context: &Value,
    ) -> Result<Option<Verdict>, EvaluationError> {
        if self.limited.holds(context)? {
            return Ok(Some(Verdict::Limited));
        }
        match document {
            Document::Html if self.judges_pages => {}
            Document::Html | Document::Malformed(_) => return Ok(Some(Verdict::Transient)),
            Document::Json(_) | Document::Xml(_) | Document::Text(_) => {}
        }
        if self.denied.holds(context)? {
            return Ok(Some(Verdict::Denied));
        }
        Ok((!self.ok.holds(context)?).then_some(Verdict::Transient))
    }
}

/// Reads a number of seconds, a duration or a date.
fn wait(value: &Value, date: Option<Timestamp>) -> Option<RetryAfter> {
    // A Unix time first, which no delay is as long as.
    let Some(at) = expiry::moment(value, &Format::default()) else {
        let Life::For(delay) = expiry::life(value, Unit::default())? else { return None };
        return Some(RetryAfter::After(delay));
    };
    Some(match date {
        Some(date) => RetryAfter::After(date::between(date, at)),
        None => RetryAfter::At(at),
    })
}

/// Reads the header `Retry-After` (RFC 9110 §10.2.3). A date is turned into a
/// delay by the provider's own clock, if the answer tells it.
pub(crate) fn retry_after(answer: &Answer, date: Option<Timestamp>) -> Option<RetryAfter> {
    let text = answer.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let seconds = text.parse().unwrap_or(u64::MAX);
        return Some(RetryAfter::After(Duration::from_secs(seconds).min(date::LONGEST)));
    }
    let at = date::parse_http(text)?;
    Some(match date {
        Some(date) => RetryAfter::After(date::between(date, at)),
        None => RetryAfter::At(at),
    })
}

#[cfg(test)]
mod tests;
