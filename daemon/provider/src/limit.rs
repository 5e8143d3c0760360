//! How many tokens a provider issues in what time.

use std::num::NonZeroU32;
use std::time::Duration;

use jiff::tz::TimeZone;
use minijinja::Value;

use crate::definition::error::{Fault, Located};
use crate::definition::file::{self, Node, Text};
use crate::expression::Scope;
use crate::input::InputError;
use crate::template::Template;
use crate::{date, zone};

pub use self::text::LimitError;

mod text;

/// A limit of the provider's: at most this many tokens are issued to one account
/// in each window.
///
/// As a text it is `50/12h`, `24/day` or `1000/month@America/New_York`.
///
/// ```
/// use tokend_provider::{Limit, LimitError};
///
/// let limit: Limit = "1000/month@America/New_York".parse()?;
/// assert_eq!(limit.count.get(), 1000);
/// assert_eq!(limit.to_string(), "1000/month@America/New_York");
/// # Ok::<(), LimitError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// How many tokens.
    pub count: NonZeroU32,
    /// In what time.
    pub window: Window,
}

/// The time in which a limit counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Window {
    /// Any stretch of time of this length.
    Sliding(Duration),
    /// The hour, day or month that the calendar of a place shows; each starts
    /// anew at zero.
    Calendar {
        /// Which of them.
        period: Period,
        /// Whose calendar; it has an IANA name.
        zone: TimeZone,
    },
}

/// A period of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Period {
    /// From minute 0 to minute 0.
    Hour,
    /// From midnight to midnight; 23 to 25 hours where clocks are put forward and
    /// back.
    Day,
    /// From the first to the first.
    Month,
}

/// A compiled limit.
#[derive(Debug)]
pub(crate) struct LimitRule {
    count: Template,
    window: Window,
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
        limits.push(Limit { count, window: rule.window.clone() });
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
    Ok(LimitRule { count, window: window(limit)? })
}

fn window(limit: &file::Limit) -> Result<Window, Located> {
    match (&limit.window, &limit.per, &limit.zone) {
        (None, None, _) => Err(Fault::NoWindow.at(limit.count.span())),
        (Some(_), Some(per), _) => Err(Fault::TwoWindows.at(per.span())),
        (Some(_), None, Some(zone)) => Err(Fault::SlidingZone.at(zone.span())),
        (Some(window), None, None) => duration(window).map(Window::Sliding),
        (None, Some(per), None) => Ok(Window::of((*per.get_ref()).into(), TimeZone::UTC)),
        (None, Some(per), Some(name)) => {
            let zone =
                zone::find(name.get_ref()).map_err(|error| Fault::from(error).at(name.span()))?;
            Ok(Window::of((*per.get_ref()).into(), zone))
        }
    }
}

/// Parses a duration of the definition.
pub(crate) fn duration(text: &Text) -> Result<Duration, Located> {
    date::parse_duration(text.get_ref())
        .ok_or_else(|| Fault::Duration(text.get_ref().clone()).at(text.span()))
}

impl Window {
    fn of(period: Period, zone: TimeZone) -> Self {
        Self::Calendar { period, zone }
    }
}

impl From<file::Period> for Period {
    fn from(period: file::Period) -> Self {
        match period {
            file::Period::Hour => Self::Hour,
            file::Period::Day => Self::Day,
            file::Period::Month => Self::Month,
        }
    }
}
