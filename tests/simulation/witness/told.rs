//! Holds what is sent against what the provider has told of its limits.

use std::time::Duration;

use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};
use tokend_core::after;
use tokend_provider::Operation;

use super::{
    Witness,
    failure::{End, end},
    ledger::share,
};
use crate::{
    plan::Member,
    world::{
        World,
        caller::secs,
        provider::{Attempt, What},
    },
};

/// What a provider has told those of an account.
#[derive(Default)]
pub(super) struct Told {
    /// The answers that told something and aren't on the disk yet, by their places.
    heard: Vec<usize>,
    /// That they are to stay away ..
    away: Option<Word>,
    /// .. and how many are left.
    left: Option<Word>,
    /// When it last told anything of the kind.
    last_at: Option<Timestamp>,
}

/// What was told, and is on the disk.
struct Word {
    left: usize,
    /// Of how many.
    all: usize,
    told_at: Timestamp,
    noted_at: Timestamp,
    until: Timestamp,
}

/// Whoever isn't told for how long to stay away does so for a minute.
const MEANT: Duration = Duration::from_secs(60);

/// What was told has no bearing on anything after a day.
const LONGEST: Duration = Duration::from_secs(25 * 3_600);

/// Returns the value of a header.
fn header<'a>(attempt: &'a Attempt, name: &str) -> Option<&'a str> {
    let Some(What::Answer { headers, .. }) = &attempt.what else { return None };
    headers.iter().find(|(other, _)| *other == name).map(|(_, value)| value.as_str())
}

fn number(attempt: &Attempt, name: &str) -> Option<u64> {
    header(attempt, name)?.parse().ok()
}

/// Returns how long an answer told to stay away, if it told that in a way that can be
/// understood: a date says something beside another of the same clock.
pub(super) fn demanded(attempt: &Attempt) -> Option<Duration> {
    let date = |name| DateTimeParser::new().parse_timestamp(header(attempt, name)?).ok();
    number(attempt, "retry-after").map(secs).or_else(|| {
        let wait = date("retry-after")?.duration_since(date("date")?);
        Some(Duration::try_from(wait).unwrap_or_default())
    })
}

/// Returns how many seconds an answer told to wait.
pub(super) fn wait_in(what: &What) -> Option<Duration> {
    let What::Answer { headers, .. } = what else { return None };
    let (_, wait) = headers.iter().find(|(name, _)| *name == "retry-after")?;
    wait.parse().ok().map(secs)
}

pub(super) fn is_throttled(attempt: &Attempt) -> bool {
    matches!(attempt.what, Some(What::Answer { status: 429, .. }))
}

/// To keep a session alive issues nothing, and tells nothing of issuances.
fn is_issuance(attempt: &Attempt) -> bool {
    attempt.operation != Operation::KeepAlive
}

impl Told {
    /// Notes an answer that the daemon has heard.
    pub(super) fn ended(&mut self, place: usize, attempt: &Attempt) {
        if end(attempt) == End::Given {
            self.disprove(attempt);
        }
        let is_counted = header(attempt, "ratelimit-remaining").is_some();
        let is_told = is_throttled(attempt) || is_counted && is_issuance(attempt);
        if is_told {
            self.last_at = Some(attempt.ended_at);
        }
        if is_told || end(attempt) == End::Given {
            self.heard.push(place);
        }
    }

    /// Looks what is on the disk of what was heard.
    pub(super) fn look(&mut self, world: &World) {
        let is_settled = |place: &mut usize| world.disk.is_settled(world.attempts[*place].issuance);
        let settled: Vec<usize> = self.heard.extract_if(.., is_settled).collect();
        for place in settled {
            let (attempt, noted_at) = (&world.attempts[place], world.truth());
            let told_at = attempt.ended_at;
            let said = |left, all, wait| {
                let size = |number| usize::try_from(number).expect("it is small");
                let until = after(attempt.ended_at, wait);
                Word { left: size(left), all: size(all).max(1), told_at, noted_at, until }
            };
            // What was told since goes on to hold, whatever is written late.
            let is_latest = |word: &Option<Word>| word.iter().all(|word| word.told_at <= told_at);
            if is_throttled(attempt) && is_latest(&self.away) {
                let is_plain = header(attempt, "retry-after").is_none();
                let wait = if is_plain { Some(MEANT) } else { demanded(attempt) };
                self.away = wait.map(|wait| said(0, 1, wait));
            } else if !is_throttled(attempt) {
                self.disprove(attempt);
            }
            let told = number(attempt, "ratelimit-remaining").filter(|_| is_issuance(attempt));
            let told = told.filter(|_| is_latest(&self.left));
            if let Some((left, reset)) = told.zip(number(attempt, "ratelimit-reset")) {
                let all = number(attempt, "ratelimit-limit").unwrap_or(left);
                self.left = Some(said(left, all, secs(reset)));
            }
        }
    }

    /// A token has come: something was left after all.
    fn disprove(&mut self, attempt: &Attempt) {
        if is_issuance(attempt) {
            self.away = None;
            self.left = self.left.take().filter(|word| word.left > 0);
        }
    }

    /// Notes that the daemon has been started anew.
    pub(super) fn restarted(&mut self, world: &World) {
        self.look(world);
        self.heard.clear();
        let this_boot = |word: &Word| word.noted_at >= world.machine.booted_at();
        self.away = self.away.take().filter(this_boot);
        self.left = self.left.take().filter(this_boot);
    }

    /// Notes that a backup has taken the place of the store, which may know of none of it.
    pub(super) fn restored(&mut self) {
        self.heard.clear();
        (self.away, self.left) = (None, None);
    }

    /// Tells whether what was told may still matter to how much is asked for.
    pub(super) fn matters(&self, now: Timestamp) -> bool {
        self.last_at.is_some_and(|last| after(last, LONGEST) > now)
    }
}

impl Witness {
    /// Checks that what was told allows a request.
    pub(super) fn check_told(&self, attempt: &Attempt, member: &Member, world: &World) {
        let cause = attempt.cause;
        if cause.is_wish() || attempt.operation == Operation::KeepAlive {
            return;
        }
        let mut wanted = world.wanted.iter().rev();
        let Some(wanted) = wanted.find(|wanted| wanted.issuance == attempt.issuance) else {
            return;
        };
        let told = &self.told[member.account];
        let holds =
            |word: &&Word| word.noted_at < wanted.at && after(wanted.at, secs(1)) < word.until;
        let name = &attempt.name;
        let is_away = told.away.iter().any(|word| holds(&word));
        assert!(!is_away, "{name} asks, though its account was told to stay away");
        let spent = |word: &Word| word.left == 0 || word.all - word.left >= share(word.all, cause);
        let is_spent = told.left.iter().any(|word| holds(&word) && spent(word));
        assert!(
            !is_spent,
            "{name} asks for {cause:?}, though its account was told that none is left"
        );
    }
}
