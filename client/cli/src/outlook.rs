//! What will happen to a credential next, and why.

use jiff::tz::TimeZone;
use prost_types::Timestamp;
use tokend_proto::v1::{
    Budget, Credential,
    credential::{RefreshPolicy, State},
};

use crate::{budget, life, moment};

/// Where limits leave room, a token is replaced before this share of its life is over.
const EARLY: f64 = 0.5;

/// Where no limit is known, no token becomes older than this before it is replaced, however
/// long it lives; if it does, that is the provider's way.
const LATE: f64 = 0.9;

/// Returns what will happen next and why, a sentence without its full stop.
pub(crate) fn of(
    credential: &Credential,
    budgets: &[Budget],
    now: &Timestamp,
    zone: &TimeZone,
) -> String {
    let ahead = |time: &Timestamp| moment::ahead(now, time, zone);
    let name = &credential.name;
    let served = served(credential, now, zone);
    match credential.state() {
        State::Unspecified => {
            "this tokend-cli doesn't know its state: it is older than tokend".to_owned()
        }
        State::Empty => "a token is asked for as soon as someone asks".to_owned(),
        State::Issuing => "a token is being asked for".to_owned(),
        State::Refreshing => format!("the next token is being asked for{served}"),
        State::Refused => format!("nothing until someone acts: the provider refuses it{served}"),
        State::LoginNeeded => format!("nothing until someone logs in{served}"),
        State::BackingOff => {
            let failure = credential.last_failure.as_ref();
            let when = failure.and_then(|failure| failure.retry_time.as_ref()).map(ahead);
            let when = when.unwrap_or_else(|| "as soon as someone asks".to_owned());
            match failure.map_or(0, |failure| failure.consecutive) {
                0 | 1 => format!("the next attempt is {when}, since the last one failed{served}"),
                times => {
                    format!("the next attempt is {when}, since {times} failed in a row{served}")
                }
            }
        }
        State::Limited => {
            let retry = credential.last_failure.as_ref().and_then(|last| last.retry_time);
            let free = budget::tightest(name, budgets).and_then(|tightest| tightest.reset_time);
            let when = retry.or(free).map_or_else(|| "later".to_owned(), |time| ahead(&time));
            format!("the limits allow the next token {when}{served}")
        }
        State::Fresh => refresh(credential, budgets, now, zone),
    }
}

/// Returns what is served while the next token isn't there.
fn served(credential: &Credential, now: &Timestamp, zone: &TimeZone) -> String {
    let Some(token) = credential.token.as_ref().filter(|token| !token.expired) else {
        return "; until then nobody gets one".to_owned();
    };
    match &token.expire_time {
        Some(end) => {
            format!("; until then this one is served, which ends {}", moment::ahead(now, end, zone))
        }
        None => "; until then this one is served".to_owned(),
    }
}

fn refresh(
    credential: &Credential,
    budgets: &[Budget],
    now: &Timestamp,
    zone: &TimeZone,
) -> String {
    let Some(token) = &credential.token else { return "a token is asked for".to_owned() };
    let Some(end) = &token.expire_time else {
        return "nothing: the token doesn't end".to_owned();
    };
    let Some(due) = &token.refresh_time else {
        let end = moment::ahead(now, end, zone);
        return format!("the token ends {end}; whoever asks first after that waits for the next");
    };
    let share = life::of(credential, now).and_then(|life| life.left_at_refresh);
    let age = share.map(|left| 1.0 - left);
    let at = age.map_or_else(String::new, |age| format!(", at {:.0} % of its life", age * 100.0));
    let why = match budget::tightest(&credential.name, budgets) {
        None if age.is_some_and(|age| age > LATE) => "since the provider allows no earlier one",
        None => "since no limit is known",
        Some(limit) if limit.remaining == 0 => "if the limits, which are spent now, allow it then",
        Some(limit) if limit.remaining <= limit.reserved => {
            "if the limits, of which only what is held back is left now, allow it then"
        }
        Some(_) if age.is_some_and(|age| age < EARLY) => "since the limits leave room",
        Some(_) => "since the limits or the provider allow no earlier one",
    };
    let when = moment::ahead(now, due, zone);
    let used = match credential.refresh_policy() {
        RefreshPolicy::Used => " and if someone has asked for it lately",
        _ => "",
    };
    format!("the token is replaced {when}{at}, {why}{used}")
}

#[cfg(test)]
mod tests;
