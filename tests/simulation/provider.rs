//! A provider of moods, and what it has given.

#[path = "provider/end.rs"]
mod end;
#[path = "provider/family.rs"]
mod family;
#[path = "provider/meter.rs"]
mod meter;
#[path = "provider/newer.rs"]
mod newer;
#[path = "provider/secrets.rs"]
mod secrets;
#[path = "provider/trouble.rs"]
mod trouble;

use std::{cell::RefCell, collections::BTreeMap, rc::Rc, time::Duration};

use jiff::{Timestamp, fmt::rfc2822::DateTimePrinter};
use tokend_core::after;
use tokend_provider::Operation;

use self::{family::Families, meter::Meter, secrets::Secrets};
pub(crate) use self::{family::Reuse, meter::Quota};
use crate::{
    dice::Dice,
    plan::{Account, Kind, Member, Plan},
    world::{
        caller::secs,
        provider::{Arrival, Attempt, What},
    },
};

/// A provider, shared by the world that asks it and the run that sets its mood.
pub(crate) type Shared = Rc<RefCell<Provider>>;

pub(crate) struct Provider {
    seed: u64,
    /// What is drawn for one answer.
    dice: Dice,
    /// How often each has asked.
    asked: BTreeMap<String, u64>,
    accounts: Vec<Account>,
    members: Vec<Member>,
    /// One for each account.
    moods: Vec<Mood>,
    /// All tokens by their values.
    given: BTreeMap<String, Given>,
    /// What is given once more to those whose provider repeats itself.
    current: BTreeMap<String, (String, Timestamp)>,
    families: Families,
    /// How often somebody has logged in.
    logins: usize,
    /// How many newer tokens an API has handed out.
    newer: usize,
    /// One for each member.
    secrets: Vec<Secrets>,
    /// One for each account; none if it has no quota.
    meters: Vec<Option<Meter>>,
    /// What a clock that was set may have hidden of the time.
    hidden: Duration,
    /// Until when anyone was told to stay away.
    away_until: Timestamp,
}

/// A token, as its provider told of it.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    /// When it ends, by true time; `None` if it doesn't.
    pub(crate) end: Option<Timestamp>,
    /// When it was first given.
    pub(crate) since: Timestamp,
    /// The places among the attempts of the one that it came with first ..
    pub(crate) first: Option<usize>,
    /// .. and last; none if an API has handed it out.
    pub(crate) attempt: Option<usize>,
    /// When a session ends whatever is done.
    last: Timestamp,
    /// Whether it was ended on request.
    pub(crate) has_ended: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    Slow,
    OutOfOrder,
    Throttling,
    Unreachable,
    Silent,
    Refusing,
    Lying,
    /// It says how many are left, and is wrong.
    Counting,
}

const MOODS: [Mood; 14] = [
    Mood::Well,
    Mood::Well,
    Mood::Well,
    Mood::Well,
    Mood::Slow,
    Mood::Slow,
    Mood::OutOfOrder,
    Mood::OutOfOrder,
    Mood::Throttling,
    Mood::Unreachable,
    Mood::Silent,
    Mood::Refusing,
    Mood::Lying,
    Mood::Counting,
];

impl Provider {
    pub(crate) fn new(plan: &Plan, seed: u64) -> Shared {
        let (accounts, members) = (plan.accounts.clone(), plan.members.clone());
        let moods = vec![Mood::Well; accounts.len()];
        let meters = accounts.iter().map(|account| account.quota.map(Meter::new)).collect();
        let secrets = vec![Secrets::default(); members.len()];
        let provider = Self {
            seed,
            dice: Dice::of(seed, "provider", 0),
            asked: BTreeMap::new(),
            accounts,
            members,
            moods,
            given: BTreeMap::new(),
            current: BTreeMap::new(),
            families: Families::default(),
            logins: 0,
            newer: 0,
            secrets,
            meters,
            hidden: Duration::ZERO,
            away_until: Timestamp::MIN,
        };
        Rc::new(RefCell::new(provider))
    }

    /// Somebody logs in; returns the refresh token that this leaves.
    pub(crate) fn log_in(&mut self) -> String {
        self.logins += 1;
        let token = format!("login{}", self.logins);
        self.families.give(&token);
        token
    }

    /// Notes how much time a clock that was set may have hidden.
    pub(crate) fn forgive(&mut self, hidden: Duration) {
        self.hidden = hidden;
    }

    /// Tells whether an account's quota leaves nothing but to operators.
    pub(crate) fn is_exhausted(&self, account: usize, at: Timestamp) -> bool {
        self.meters[account].as_ref().is_some_and(|meter| meter.is_exhausted(at))
    }

    /// Changes the mood of one account, and returns which and to what.
    pub(crate) fn change(&mut self, dice: &mut Dice) -> (usize, Mood) {
        let account = dice.index(self.moods.len());
        self.moods[account] = dice.pick(&MOODS);
        (account, self.moods[account])
    }

    /// Has all accounts be told to wait.
    pub(crate) fn throttle_all(&mut self) {
        self.moods.fill(Mood::Throttling);
    }

    /// Ends all trouble.
    pub(crate) fn recover(&mut self) {
        self.moods.fill(Mood::Well);
    }

    /// Returns what is known of a token.
    pub(crate) fn given(&self, value: &str) -> &Given {
        &self.given[value]
    }

    /// Returns until when someone was told to stay away.
    pub(crate) fn away_until(&self) -> Timestamp {
        self.away_until
    }

    /// Answers a request.
    pub(crate) fn answer(&mut self, attempt: &Attempt) -> Arrival {
        let member = self.members.iter().find(|member| member.name == attempt.name.as_str());
        let member = member.expect("no one else asks").clone();
        let asked = self.asked.entry(member.name.clone()).or_default();
        *asked += 1;
        self.dice = Dice::of(self.seed, &member.name, *asked);
        let account = self.accounts[member.account].clone();
        let mood = self.moods[member.account];
        let at = attempt.sent_at;
        let refresh_token = form(&attempt.body, "refresh_token");
        if let Some(token) = &refresh_token {
            self.families.check(token, member.kind.reuse(), at, self.hidden);
        }
        let arrival = match mood {
            mood if mood.is_metered() && !self.secrets[member.place].admit(&attempt.body, at) => {
                Arrival::json(401, r#"{"error":"invalid_client"}"#)
            }
            _ if self.is_beyond(attempt, &member, mood) => Arrival::status(429),
            Mood::Counting if account.quota.is_some() => self.give(attempt, &member, account.life),
            Mood::Well | Mood::Slow => self.give(attempt, &member, account.life),
            Mood::OutOfOrder => self.broken(at, account.dated),
            Mood::Throttling => self.throttle(at),
            Mood::Unreachable => Arrival::refused(),
            Mood::Silent => Arrival::lost(),
            Mood::Refusing => Arrival::json(401, r#"{"error":"invalid_client"}"#),
            Mood::Lying => {
                let life = account.life.unwrap_or(secs(60));
                let told = [Duration::ZERO, secs(1), secs(4), life / 3, life * 2];
                let told = self.dice.pick(&told);
                self.give(attempt, &member, Some(told))
            }
            Mood::Counting => {
                let (left, reset) = (self.dice.below(3), 1 + self.dice.below(600));
                self.stay_away(at, secs(reset));
                self.give(attempt, &member, account.life)
                    .with("ratelimit-limit", "10")
                    .with("ratelimit-remaining", left.to_string())
                    .with("ratelimit-reset", reset.to_string())
            }
        };
        let arrival = match &self.meters[member.account] {
            Some(meter) if mood.is_metered() => meter.tell(arrival, at),
            _ => arrival,
        };
        let exchange = |families: &mut Families| {
            if let Some(token) = &refresh_token {
                families.exchange(token, at);
            }
        };
        let took = match (mood, self.dice.percent(3)) {
            // Even a good provider loses an answer now and then.
            (Mood::Well, true) => {
                exchange(&mut self.families);
                return self.on_its_way(Arrival::lost());
            }
            (Mood::Slow, _) => self.dice.span(secs(1), secs(44)),
            (Mood::Silent, _) => {
                exchange(&mut self.families);
                return self.on_its_way(arrival);
            }
            _ => self.dice.span(Duration::from_millis(5), secs(2)),
        };
        // Whoever refuses has replaced none, nor has one that is out of order and says so.
        if let What::Answer { status: 200, body, .. } = &arrival.what
            && !body.contains("errors")
        {
            exchange(&mut self.families);
        }
        let arrival = self.on_its_way(arrival.after(took));
        if account.dated { arrival.with("date", http_date(after(at, took))) } else { arrival }
    }

    /// Counts a request against the account's quota, and tells whether it is one too many.
    fn is_beyond(&mut self, attempt: &Attempt, member: &Member, mood: Mood) -> bool {
        let counts = attempt.operation != Operation::KeepAlive && mood.reaches();
        let Some(meter) = self.meters[member.account].as_mut().filter(|_| counts) else {
            return false;
        };
        let is_beyond = meter.count(attempt.sent_at) && mood.is_metered();
        if is_beyond {
            self.away_until = self.away_until.max(meter.ends_at());
        }
        is_beyond
    }

    /// The request takes any part of the time.
    fn on_its_way(&mut self, arrival: Arrival) -> Arrival {
        let share = self.dice.below(90);
        let reaches_after = arrival.took * u32::try_from(share).expect("below 90") / 100;
        Arrival { reaches_after, ..arrival }
    }

    fn give(&mut self, attempt: &Attempt, member: &Member, life: Option<Duration>) -> Arrival {
        let at = attempt.sent_at;
        let place = Some(attempt.number - 1);
        if attempt.operation == Operation::KeepAlive {
            let value = attempt.body.split('"').nth(3).expect("the session is named");
            let given = self.given.get_mut(value).expect("what is kept alive was given");
            let prolonged = after(at, idle(self.accounts[member.account].life)).min(given.last);
            given.end = given.end.max(Some(prolonged));
            given.attempt = place;
            return Arrival::json(200, format!(r#"{{"session":"{value}"}}"#));
        }
        let mut value = format!("t0ken-{}", attempt.number);
        let has_ended = false;
        let Some(mut life) = life else {
            let given =
                Given { end: None, since: at, first: place, attempt: place, last: at, has_ended };
            self.given.insert(value.clone(), given);
            return Arrival::json(200, format!(r#"{{"access_token":"{value}"}}"#));
        };
        if member.kind == Kind::Repeats {
            match self.current.get(&member.name) {
                Some((held, end)) if after(at, life / 10) < *end => {
                    value.clone_from(held);
                    let left = end.duration_since(at).as_secs();
                    life = secs(u64::try_from(left).expect("it hasn't ended"));
                }
                _ => {
                    self.current.insert(member.name.clone(), (value.clone(), after(at, life)));
                }
            }
        }
        let told = after(at, life);
        let end = match member.kind {
            Kind::Session => told.min(after(at, idle(self.accounts[member.account].life))),
            _ => told,
        };
        let before = self.given.get(&value);
        let (first, since) = before.map_or((place, at), |given| (given.first, given.since));
        let end = Some(end).max(before.and_then(|given| given.end));
        let given = Given { end, since, first, attempt: place, last: told, has_ended };
        self.given.insert(value.clone(), given);
        let refresh = match member.kind.reuse() {
            Reuse::Never | Reuse::Within(_) if member.kind.refreshes() => {
                Some(format!("r{}", attempt.number))
            }
            Reuse::Always if attempt.operation == Operation::Issue => {
                Some(format!("r{}", attempt.number))
            }
            _ => None,
        };
        let refresh = refresh.map_or(String::new(), |token| {
            self.families.give(&token);
            format!(r#","refresh_token":"{token}""#)
        });
        let life = life.as_secs();
        Arrival::json(200, format!(r#"{{"access_token":"{value}","expires_in":{life}{refresh}}}"#))
    }

    fn stay_away(&mut self, at: Timestamp, wait: Duration) {
        self.away_until = self.away_until.max(after(at, wait));
    }
}

impl Mood {
    /// Tells whether a request gets to where it is counted.
    fn reaches(self) -> bool {
        self.is_metered() || self == Self::Silent
    }

    /// Tells whether quotas are told of and enforced.
    fn is_metered(self) -> bool {
        matches!(self, Self::Well | Self::Slow | Self::Lying | Self::Counting)
    }
}

/// Returns the value of a field of a form.
fn form(body: &str, field: &str) -> Option<String> {
    let fields = body.split('&').filter_map(|pair| pair.split_once('='));
    fields.into_iter().find(|(name, _)| *name == field).map(|(_, value)| value.to_owned())
}

/// How long a session lives unused whose tokens have this life.
pub(crate) fn idle(life: Option<Duration>) -> Duration {
    secs(life.unwrap_or_default().as_secs().div_ceil(3))
}

fn http_date(at: Timestamp) -> String {
    DateTimePrinter::new().timestamp_to_rfc9110_string(&at).expect("it is after the year 0")
}
