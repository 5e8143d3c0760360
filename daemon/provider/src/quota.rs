//! What the headers of an answer say of the tokens that are left.

use std::num::NonZeroU32;
use std::time::Duration;

use http::HeaderMap;
use jiff::Timestamp;

use self::field::Item;
use crate::date;

mod field;

/// Auth0's fields for client and organisation, which count tokens:
/// `b=per_hour;q=10;r=9;t=123,b=per_day;q=50;r=49;t=1234`
/// (<https://auth0.com/docs/fine-grained-m2m-token-quotas>).
const AUTH0: [&str; 2] = ["auth0-client-quota-limit", "auth0-organization-quota-limit"];

/// What the fields `..limit`, `..remaining` and `..reset` start with: those of
/// draft-ietf-httpapi-ratelimit-headers up to its sixth version, and what was in
/// use before it.
const TRIPLES: [&str; 3] = ["ratelimit-", "x-ratelimit-", "x-rate-limit-"];

/// What they end with where there are several, as Kong's. Other endings count
/// other things than requests.
const PERIODS: [&str; 7] = ["", "-second", "-minute", "-hour", "-day", "-month", "-year"];

/// More quotas than this are of no use to anyone.
const MOST: usize = 8;

/// What is said to start anew later is nonsense: no quota is known that counts longer
/// than a month.
const LONGEST: Duration = Duration::from_secs(31 * 86_400);

/// How many tokens the provider has left, by the headers of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Of how many.
    pub limit: Option<NonZeroU32>,
    /// How many are left; no more than the limit.
    pub remaining: u32,
    /// How long after the answer it starts anew; more than zero, and at most 31
    /// days.
    pub reset_after: Duration,
}

/// Reads all quotas in the headers, at most eight. `clock` is the provider's
/// clock at the answer, as far as it is known. What makes no sense is passed over.
pub(crate) fn read(headers: &HeaderMap, clock: Timestamp) -> Vec<Quota> {
    let mut quotas = Vec::new();
    for quota in auth0(headers).chain(draft(headers)).chain(triples(headers, clock)) {
        // Some send the same by several names.
        if quotas.len() < MOST && !quotas.contains(&quota) {
            quotas.push(quota);
        }
    }
    quotas
}

impl Quota {
    fn new(limit: Option<&str>, remaining: &str, reset_after: Duration) -> Option<Self> {
        let remaining = field::count(remaining)?;
        let limit = limit.and_then(field::count);
        // A limit of none is how some say that there is no limit. One that starts
        // anew right now says nothing of what comes.
        if limit.is_some_and(|limit| limit == 0 || limit < remaining)
            || reset_after.is_zero()
            || reset_after > LONGEST
        {
            return None;
        }
        let limit = limit.and_then(NonZeroU32::new);
        Some(Self { limit, remaining, reset_after })
    }
}

fn auth0(headers: &HeaderMap) -> impl Iterator<Item = Quota> {
    let items = AUTH0.iter().flat_map(|name| field::items(headers, name));
    items.filter_map(|item| Quota::new(item.get("q"), item.get("r")?, wait(item.get("t")?)?))
}

/// Reads `RateLimit` of draft-ietf-httpapi-ratelimit-headers, with the quota that
/// `RateLimit-Policy` has under the same name: since its eighth version
/// `"default";r=50;t=30`, in the seventh `limit=100, remaining=50, reset=30`.
fn draft(headers: &HeaderMap) -> impl Iterator<Item = Quota> {
    let policies: Vec<Item<'_>> = field::items(headers, "ratelimit-policy").collect();
    let items: Vec<Item<'_>> = field::items(headers, "ratelimit").collect();
    let seventh = || {
        let get = |key| items.iter().find_map(|item| item.get(key));
        Quota::new(get("limit"), get("remaining")?, wait(get("reset")?)?)
    };
    let eighth = |item: &Item<'_>| {
        let is_same = |policy: &&Item<'_>| item.name().is_some() && policy.name() == item.name();
        let policy = policies.iter().find(is_same);
        let get = |key| policy.and_then(|policy| policy.get(key));
        // Others count bytes or what is under way at once.
        if get("qu").is_some_and(|unit| unit != "requests") {
            return None;
        }
        Quota::new(get("q"), item.get("r")?, wait(item.get("t")?)?)
    };
    let quotas: Vec<Quota> = items.iter().filter_map(eighth).chain(seventh()).collect();
    quotas.into_iter()
}

fn triples(headers: &HeaderMap, clock: Timestamp) -> impl Iterator<Item = Quota> {
    let names = TRIPLES.iter().flat_map(|start| PERIODS.iter().map(move |end| (start, end)));
    names.filter_map(move |(start, end)| {
        let get = |part| field::first(headers, &format!("{start}{part}{end}"));
        Quota::new(get("limit"), get("remaining")?, reset(get("reset")?, clock)?)
    })
}

/// Reads a number of seconds to wait.
fn wait(text: &str) -> Option<Duration> {
    let seconds = field::number(text)?.min(LONGEST.as_secs_f64() + 1.0);
    Duration::try_from_secs_f64(seconds).ok()
}

/// Reads when a quota starts anew, in any of the forms in use: seconds to wait, a
/// Unix time or a date.
fn reset(text: &str, clock: Timestamp) -> Option<Duration> {
    let at = match field::number(text) {
        None => date::parse(text)?,
        Some(number) if number < date::UNIX_SECONDS => return wait(text),
        Some(number) => date::unix(number)?,
    };
    Some(date::between(clock, at))
}

#[cfg(test)]
mod tests;
