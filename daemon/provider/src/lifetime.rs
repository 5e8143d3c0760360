//! How long tokens live beside what their answers say, as `[lifetime]` tells.

use std::num::NonZeroU32;
use std::time::Duration;

use toml::Spanned;

use crate::date;
use crate::definition::error::{Fault, Located};
use crate::definition::file::{self, Text};
use crate::expiry::Expiry;
use crate::limit::{self, LimitRule};

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
}

/// The compiled `[lifetime]`.
#[derive(Debug)]
pub(crate) struct Lifetime {
    /// The expiry of a token whose answer doesn't tell.
    pub(crate) default: Expiry,
    pub(crate) lifetimes: Lifetimes,
    /// What it says about how many tokens there can be in what time.
    pub(crate) limits: Vec<LimitRule>,
}

impl Lifetime {
    /// Compiles `[lifetime]`.
    pub(crate) fn compile(file: &file::Lifetime) -> Result<Self, Located> {
        let duration = |text: &Option<Text>| text.as_ref().map(limit::duration).transpose();
        let default = match &file.default {
            None => Expiry::Unknown,
            Some(text) if text.get_ref() == "never" => Expiry::Never,
            Some(text) => limit::duration(text).map(Expiry::After)?,
        };
        let mut limits = Vec::new();
        if let Some(interval) = duration(&file.min_interval)? {
            limits.push(LimitRule::sliding(NonZeroU32::MIN, interval));
        }
        if let Some(live) = &file.max_live {
            let count = at_least_one(live, "max_live")?;
            // As many as can be issued while the first of them lives.
            let Expiry::After(life) = default else {
                return Err(Fault::EndlessLive.at(live.span()));
            };
            limits.push(LimitRule::sliding(count, life));
        }
        let refreshes = file.max_refreshes.as_ref();
        let refreshes = refreshes.map(|count| at_least_one(count, "max_refreshes")).transpose()?;
        let lifetimes = Lifetimes {
            same_token_until: duration(&file.same_token_until)?,
            ends_old_after: file.ends_old_after.as_ref().map(delay).transpose()?,
            idle: duration(&file.idle)?,
            max_refreshes: refreshes.map(NonZeroU32::get),
        };
        Ok(Self { default, lifetimes, limits })
    }
}

fn delay(text: &Text) -> Result<Duration, Located> {
    date::parse_delay(text.get_ref())
        .ok_or_else(|| Fault::Duration(text.get_ref().clone()).at(text.span()))
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
             max_refreshes = 3"
        );
        let expected = Lifetimes {
            same_token_until: Some(Duration::from_secs(1800)),
            ends_old_after: Some(Duration::ZERO),
            idle: Some(Duration::from_secs(1200)),
            max_refreshes: Some(3),
        };
        assert_eq!(*definition(&text).lifetimes(), expected);
        assert_eq!(*definition(PLAIN).lifetimes(), Lifetimes::default());
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
