//! How long tokens live beside what their answers say, as `[lifetime]` tells.

use std::num::NonZeroU32;
use std::time::Duration;

use minijinja::Value;
use toml::Spanned;

use crate::date;
use crate::definition::error::{Fault, Located};
use crate::definition::file::{self, Text};
use crate::expiry::Expiry;
use crate::expression::Scope;
use crate::input::InputError;
use crate::limit::{Limit, Window};
use crate::template::Template;

/// What a provider's tokens do that their answers don't say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lifetimes {
    /// Until this long before a token's end, whoever asks gets the same token
    /// again.
    pub same_token_until: Option<Duration>,
    /// A new token ends the one before this long after it was issued; zero means
    /// at once. `None`: the old one lives on until its own end.
    pub ends_old_after: Option<Duration>,
    /// A token that isn't used for this long ends, whatever life it was told to
    /// have; that life bounds it all the same.
    pub idle: Option<Duration>,
    /// How many refreshes a refresh token serves before a new login is needed; at
    /// least 1.
    pub max_refreshes: Option<u32>,
    /// For so long a refresh token that has been exchanged for another can be sent once
    /// more without harm; [`Duration::MAX`] if that never does harm. `None`: to send it
    /// again may end the login.
    pub refresh_grace: Option<Duration>,
}

/// The compiled `[lifetime]`.
#[derive(Debug)]
pub(crate) struct Lifetime {
    default: Option<Span>,
    same_token_until: Option<Span>,
    ends_old_after: Option<Span>,
    idle: Option<Span>,
    min_interval: Option<Span>,
    max_live: Option<NonZeroU32>,
    max_refreshes: Option<NonZeroU32>,
    refresh_grace: Option<Span>,
}

/// What `[lifetime]` says with these inputs.
#[derive(Debug)]
pub(crate) struct Lives {
    /// The expiry of a token whose answer doesn't tell.
    pub(crate) default: Expiry,
    pub(crate) lifetimes: Lifetimes,
    /// What it says about how many tokens there can be in what time.
    pub(crate) limits: Vec<Limit>,
}

impl Lifetime {
    /// Compiles `[lifetime]`.
    pub(crate) fn compile(file: &file::Lifetime, scope: &Scope) -> Result<Self, Located> {
        let span = |key: &'static str, text: &Option<Text>| {
            text.as_ref().map(|text| Span::compile(key, text, scope)).transpose()
        };
        let count = |key, count: &Option<Spanned<i64>>| {
            count.as_ref().map(|count| at_least_one(count, key)).transpose()
        };
        let endless = file.default.as_ref().is_none_or(|default| default.get_ref() == NEVER);
        if let (Some(live), true, None) = (&file.max_live, endless, &file.idle) {
            return Err(Fault::EndlessLive.at(live.span()));
        }
        Ok(Self {
            default: span("default", &file.default)?,
            same_token_until: span("same_token_until", &file.same_token_until)?,
            ends_old_after: span("ends_old_after", &file.ends_old_after)?,
            idle: span("idle", &file.idle)?,
            min_interval: span("min_interval", &file.min_interval)?,
            max_live: count("max_live", &file.max_live)?,
            max_refreshes: count("max_refreshes", &file.max_refreshes)?,
            refresh_grace: span(REFRESH_GRACE, &file.refresh_grace)?,
        })
    }

    /// Renders all durations; those whose variable isn't given are left out.
    pub(crate) fn render(&self, context: &Value) -> Result<Lives, InputError> {
        let render = |span: &Option<Span>| match span {
            None => Ok(None),
            Some(span) => span.render(context),
        };
        let finite = |span: &Option<Span>| {
            render(span).map(|life| match life {
                Some(Expiry::After(life)) => Some(life),
                _ => None,
            })
        };
        let default = render(&self.default)?.unwrap_or(Expiry::Unknown);
        let mut limits = Vec::new();
        if let Some(interval) = finite(&self.min_interval)?.filter(|span| !span.is_zero()) {
            limits.push(Limit { count: NonZeroU32::MIN, window: Window::Sliding(interval) });
        }
        let idle = finite(&self.idle)?;
        // As many as can be issued while the first of them lives.
        let life = match default {
            Expiry::After(life) => Some(life),
            _ => idle,
        };
        if let (Some(count), Some(life)) = (self.max_live, life.filter(|life| !life.is_zero())) {
            limits.push(Limit { count, window: Window::Sliding(life) });
        }
        let lifetimes = Lifetimes {
            same_token_until: finite(&self.same_token_until)?,
            ends_old_after: finite(&self.ends_old_after)?,
            idle,
            max_refreshes: self.max_refreshes.map(NonZeroU32::get),
            refresh_grace: match render(&self.refresh_grace)? {
                Some(Expiry::After(grace)) => Some(grace),
                Some(_) => Some(Duration::MAX),
                None => None,
            },
        };
        Ok(Lives { default, lifetimes, limits })
    }
}

/// The word for a life without an end.
const NEVER: &str = "never";

/// The word for a refresh token that can be sent any number of times.
const ALWAYS: &str = "always";

const REFRESH_GRACE: &str = "refresh_grace";

/// A duration, which a variable can tell.
#[derive(Debug)]
struct Span {
    key: &'static str,
    template: Template,
}

impl Span {
    fn compile(key: &'static str, text: &Text, scope: &Scope) -> Result<Self, Located> {
        let template = Template::compile_whole(text, scope)?;
        if let Some(literal) = template.as_literal()
            && !Self::is_fit(key, literal)
        {
            return Err(Fault::Duration(literal.to_owned()).at(text.span()));
        }
        Ok(Self { key, template })
    }

    fn is_fit(key: &str, text: &str) -> bool {
        match key {
            "default" => text == NEVER || date::parse_duration(text).is_some(),
            REFRESH_GRACE => text == ALWAYS || date::parse_delay(text).is_some(),
            "ends_old_after" | "same_token_until" => date::parse_delay(text).is_some(),
            _ => date::parse_duration(text).is_some(),
        }
    }

    fn render(&self, context: &Value) -> Result<Option<Expiry>, InputError> {
        let text = self.template.text(context);
        let text = text.map_err(|reason| InputError::Derived { part: "lifetime", reason })?;
        let Some(text) = text else { return Ok(None) };
        // A variable that is a duration counts in seconds.
        let text = match text.parse::<u64>() {
            Ok(seconds) => format!("{seconds}s"),
            Err(_) => text.to_string(),
        };
        if !Self::is_fit(self.key, &text) {
            return Err(InputError::Lifetime { key: self.key, value: text });
        }
        Ok(match date::parse_delay(&text) {
            Some(life) => Some(Expiry::After(life)),
            None => Some(Expiry::Never),
        })
    }
}

fn at_least_one(count: &Spanned<i64>, key: &'static str) -> Result<NonZeroU32, Located> {
    let number = u32::try_from(*count.get_ref()).ok().and_then(NonZeroU32::new);
    number.ok_or_else(|| Fault::AtLeastOne(key).at(count.span()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{PLAIN, accept, definition, inputs};

    #[test]
    fn what_answers_do_not_say_is_said_by_the_definition() {
        let text = format!(
            "{PLAIN}[lifetime]\nsame_token_until = '30m'\nends_old_after = '0s'\nidle = '20m'\n\
             max_refreshes = 3\nrefresh_grace = '10m'"
        );
        let expected = Lifetimes {
            same_token_until: Some(Duration::from_secs(1800)),
            ends_old_after: Some(Duration::ZERO),
            idle: Some(Duration::from_secs(1200)),
            max_refreshes: Some(3),
            refresh_grace: Some(Duration::from_secs(600)),
        };
        let lifetimes = |text: &str| {
            let definition = definition(text);
            *accept(&definition, inputs(&[], &[("password", "hunter2")])).lifetimes()
        };
        assert_eq!(lifetimes(&text), expected);
        assert_eq!(lifetimes(PLAIN), Lifetimes::default());
        let always = lifetimes(&format!("{PLAIN}[lifetime]\nrefresh_grace = 'always'"));
        assert_eq!(always.refresh_grace, Some(Duration::MAX));
    }

    #[test]
    fn the_interval_and_the_live_tokens_are_limits() {
        let text = format!(
            "{PLAIN}[lifetime]\ndefault = '24h'\nmin_interval = '5m'\nmax_live = 15\n\
             [[limits]]\ncount = 9\nper = 'hour'"
        );
        let definition = definition(&text);
        let accepted = accept(&definition, inputs(&[], &[("password", "hunter2")]));
        let limits: Vec<_> = accepted.limits().iter().map(ToString::to_string).collect();
        assert_eq!(limits, ["9/hour", "1/5m", "15/1d"]);
    }
}
