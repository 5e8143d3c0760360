//! How many tokens a provider issues in what time.

use std::num::NonZeroU32;
use std::time::Duration;

use minijinja::Value;

use crate::date;
use crate::definition::error::{Fault, Located};
use crate::definition::file::{self, Node, Text};
use crate::expression::Scope;
use crate::input::InputError;
use crate::template::Template;

/// A limit of the provider's: in any stretch of time as long as the window, at
/// most this many tokens are issued to one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// How many tokens.
    pub count: NonZeroU32,
    /// In what time.
    pub window: Duration,
}

/// A compiled `[[limits]]`.
#[derive(Debug)]
pub(crate) struct LimitRule {
    count: Template,
    window: Duration,
}

/// Compiles `[[limits]]`.
pub(crate) fn compile(limits: &[file::Limit], scope: &Scope) -> Result<Vec<LimitRule>, Located> {
    limits.iter().map(|limit| compile_one(limit, scope)).collect()
}

/// Renders the limits; those whose variable isn't given are left out.
pub(crate) fn render(rules: &[LimitRule], context: &Value) -> Result<Vec<Limit>, InputError> {
    let mut limits = Vec::with_capacity(rules.len());
    for rule in rules {
        let count = rule.count.text(context);
        let count = count.map_err(|reason| InputError::Derived { part: "limits", reason })?;
        let Some(count) = count else { continue };
        let count = count.parse().map_err(|_| InputError::Limit(count.to_string()))?;
        limits.push(Limit { count, window: rule.window });
    }
    Ok(limits)
}

fn compile_one(limit: &file::Limit, scope: &Scope) -> Result<LimitRule, Located> {
    let span = limit.count.span();
    let count = match limit.count.get_ref() {
        Node::Integer(count) if u32::try_from(*count).is_ok_and(|count| count > 0) => {
            Template::literal(count.to_string())
        }
        Node::Text(text) => {
            let template = Template::compile_whole(&Text::new(span.clone(), text.clone()), scope)?;
            if template.as_whole().is_none() {
                return Err(Fault::Count.at(span));
            }
            template
        }
        _ => return Err(Fault::Count.at(span)),
    };
    Ok(LimitRule { count, window: duration(&limit.window)? })
}

/// Parses a duration of the definition.
pub(crate) fn duration(text: &Text) -> Result<Duration, Located> {
    date::parse_duration(text.get_ref())
        .ok_or_else(|| Fault::Duration(text.get_ref().clone()).at(text.span()))
}
