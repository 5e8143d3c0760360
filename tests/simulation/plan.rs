//! What a seed decides beforehand: accounts, credentials, limits, and how long tokens
//! live.

use std::{num::NonZeroU32, time::Duration};

use jiff::Timestamp;
use secrecy::ExposeSecret;
use tokend::{
    credential::{Access, CredentialId},
    engine::{NewCredential, Snapshot},
};
use tokend_core::Policy;
use tokend_provider::Limit;

use crate::{
    dice::Dice,
    people,
    provider::{Quota, Reuse},
    world::{
        caller::{credential, limits, secs},
        provider::Attempt,
    },
};

/// What a seed decides.
pub(crate) struct Plan {
    pub(crate) accounts: Vec<Account>,
    pub(crate) members: Vec<Member>,
    /// Whether the machine's clock is always right. Where a limit goes by the
    /// calendar it has to be: by a wrong clock, days end at another time.
    pub(crate) honest: bool,
}

/// An account at a provider.
#[derive(Clone)]
pub(crate) struct Account {
    /// How long its tokens live; `None` if they don't end.
    pub(crate) life: Option<Duration>,
    /// The limits that its credentials have at first.
    pub(crate) limits: Vec<Limit>,
    /// The longest window that a limit may ever have; none if there is never one.
    longest: Duration,
    /// Whether limits may go by the calendar.
    honest: bool,
    /// What its provider allows, tells of, and enforces.
    pub(crate) quota: Option<Quota>,
    /// Whether its provider says what time it is.
    pub(crate) dated: bool,
}

/// A credential.
#[derive(Clone)]
pub(crate) struct Member {
    /// Its place among the members.
    pub(crate) place: usize,
    pub(crate) name: String,
    /// Where its rows are, once it is stored.
    pub(crate) id: CredentialId,
    pub(crate) account: usize,
    pub(crate) policy: Policy,
    pub(crate) limits: Vec<Limit>,
    pub(crate) kind: Kind,
    /// Whether its API's answers bring newer tokens.
    pub(crate) slides: bool,
    /// Which of its secrets is stored: they are numbered.
    pub(crate) secret: usize,
    /// The refresh token that the last login left.
    pub(crate) login: String,
    /// When one of them was last replaced, as far as that is known.
    pub(crate) resupplied_at: Option<Timestamp>,
    /// Who may do what with its tokens.
    pub(crate) access: Access,
    /// Whether it is stored, as far as operators have heard.
    pub(crate) is_there: bool,
}

/// Where there are no more credentials, nobody waits for a turn.
pub(crate) const FEW: usize = 8;

/// How early tokens are replaced.
pub(crate) const POLICIES: [Policy; 4] =
    [Policy::Always, Policy::Always, Policy::Used, Policy::OnDemand];

/// How a provider's tokens are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain,
    /// A refresh token comes with each.
    Rotating,
    /// The same, and one that was replaced is taken for a while.
    Graceful,
    /// A refresh token comes with the first, and is never replaced.
    Reusing,
    /// Only a person's login brings the first refresh token, and each token another.
    Login,
    /// A new one ends the one before.
    EndsOld,
    /// It is given once more until a tenth of its life is left.
    Repeats,
    /// It ends if it isn't used for a third of its life.
    Session,
}

const KINDS: [Kind; 9] = [
    Kind::Plain,
    Kind::Rotating,
    Kind::Rotating,
    Kind::Graceful,
    Kind::Reusing,
    Kind::Login,
    Kind::EndsOld,
    Kind::Repeats,
    Kind::Session,
];

/// How long a refresh token that was replaced is still taken, where it is.
const GRACE: Duration = Duration::from_secs(600);

/// Lives in seconds.
const LIVES: [u64; 11] = [5, 8, 20, 60, 100, 300, 600, 3_600, 14_400, 86_400, 259_200];

const INPUTS: &str = "
title = 'Test'
account = '{{ var.client_id }}'
[variables.token_url]
description = 'Where'
kind = 'url'
[variables.client_id]
description = 'Who'
[secrets.client_secret]
description = 'What'
";

const OAUTH2: &str = "
[oauth2]
token_url = '{{ var.token_url }}'
grant = 'client_credentials'
client_auth = 'post'
revocation_url = '{{ var.token_url }}/revoke'
";

const LOGIN: &str = "
[secrets.refresh_token]
description = 'What the login left'
[oauth2]
token_url = '{{ var.token_url }}'
grant = 'refresh_token'
client_auth = 'post'
";

const SESSION: &str = "
[issue]
url = '{{ var.token_url }}'
json = { secret = '{{ secret.client_secret }}' }
[revoke]
url = '{{ var.token_url }}/end'
json = { session = '{{ token }}' }
[keepalive]
url = '{{ var.token_url }}/ping'
json = { session = '{{ token }}' }
[output]
token = 'body.access_token'
expires_in = 'body.expires_in'
";

const SLIDING: [u64; 8] = [10, 60, 300, 900, 3_600, 21_600, 43_200, 86_400];

/// A day, where it is longest.
pub(crate) const DAY: Duration = Duration::from_secs(25 * 3_600);

/// The hours by Greenwich when days of January end that limits may go by: in New York, in Berlin
/// and there.
const ENDS_OF_DAYS: [u64; 3] = [5, 23, 24];

const CALENDAR: [&str; 4] = ["hour", "day@Europe/Berlin", "day", "day@America/New_York"];

impl Plan {
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        let honest = dice.percent(25);
        let accounts: Vec<Account> =
            (0..=dice.below(2)).map(|_| Account::draw(honest, dice)).collect();
        // Now and then there are more than may ask a provider at a time.
        let many = if dice.percent(5) { 10 + dice.index(4) } else { 1 + dice.index(4) };
        let member = |number: usize, dice: &mut Dice| {
            // They are of one account, since others don't wait for each other.
            let account = if many > FEW { 0 } else { dice.index(accounts.len()) };
            // What lives for seconds can't be told apart by a part of that.
            let long = accounts[account].life.is_some_and(|life| life >= secs(20));
            let kind = if long { dice.pick(&KINDS) } else { Kind::Plain };
            Member {
                place: number,
                name: format!("c{number}"),
                id: CredentialId([0; 16]),
                account,
                policy: dice.pick(&POLICIES),
                limits: accounts[account].limits.clone(),
                secret: 0,
                login: String::new(),
                resupplied_at: None,
                access: draw_access(dice),
                is_there: false,
                kind,
                slides: kind.may_slide() && dice.percent(60),
            }
        };
        let members = (0..many).map(|number| member(number, dice)).collect();
        Self { accounts, members, honest }
    }

    /// Returns whose request an attempt is.
    pub(crate) fn owner(&self, attempt: &Attempt) -> &Member {
        let place = attempt.name.as_str()[1..].parse::<usize>().expect("a number is its name");
        &self.members[place]
    }

    /// Returns the limits of an account: all that one of its credentials knows of.
    pub(crate) fn limits(&self, account: usize) -> Vec<Limit> {
        let mut all: Vec<Limit> = Vec::new();
        let sharers = self.members.iter().filter(|it| it.is_there && it.account == account);
        for limit in sharers.flat_map(|member| &member.limits) {
            if !all.contains(limit) {
                all.push(limit.clone());
            }
        }
        all
    }

    /// Returns the longest time that is worth to let pass between two happenings.
    pub(crate) fn scale(&self, dice: &mut Dice) -> Duration {
        let lives = self.accounts.iter().filter_map(|account| account.life);
        let shortest = lives.min().unwrap_or(secs(3_600));
        (shortest * 2).clamp(secs(20), secs(6 * 3_600)).mul_f64(dice.pick(&[0.1, 0.5, 1.0]))
    }

    /// Draws the hour at which it begins: where limits go by the calendar that is before a day
    /// ends there, or soon after.
    pub(crate) fn hour(&self, dice: &mut Dice) -> Duration {
        if !self.honest {
            return Duration::ZERO;
        }
        let end = secs(dice.pick(&ENDS_OF_DAYS) * 3_600);
        end.saturating_sub(dice.span(secs(10), secs(3_600)))
    }

    /// Returns the definitions, by their names.
    pub(crate) fn definitions(&self) -> Vec<(String, String)> {
        let all = self.members.iter();
        all.map(|member| (member.name.clone(), self.definition(member))).collect()
    }

    fn definition(&self, member: &Member) -> String {
        let life = self.accounts[member.account].life;
        let part = |share: u64| life.unwrap_or_default().as_secs().div_ceil(share);
        let request = match member.kind {
            Kind::Login => LOGIN,
            Kind::Session => SESSION,
            _ => OAUTH2,
        };
        let refresh = match member.kind {
            Kind::Rotating | Kind::Graceful | Kind::Reusing => "refresh = true",
            _ => "",
        };
        let lifetime = match member.kind {
            Kind::Graceful => format!("refresh_grace = '{}s'", GRACE.as_secs()),
            Kind::Reusing => "refresh_grace = 'always'".to_owned(),
            Kind::EndsOld => "ends_old_after = '0s'".to_owned(),
            Kind::Repeats => format!("same_token_until = '{}s'", part(10)),
            Kind::Session => format!("idle = '{}s'", part(3)),
            _ => String::new(),
        };
        // What an API hands out has no answer of its own that tells.
        let default = match life {
            None => "default = 'never'".to_owned(),
            Some(life) if member.slides => format!("default = '{}s'", life.as_secs()),
            Some(_) => String::new(),
        };
        let rotated = if member.slides { "[[rotated]]\nheader = 'x-token'" } else { "" };
        format!("{INPUTS}{request}{refresh}\n[lifetime]\n{lifetime}\n{default}\n{rotated}\n")
    }

    /// Returns what is to be stored of a credential.
    pub(crate) fn new_credential(member: &Member) -> NewCredential {
        let account = member.account;
        let mut new = credential(&member.name);
        new.variables.clear();
        new.variables.insert("token_url".to_owned(), format!("https://p{account}.example/token"));
        new.variables.insert("client_id".to_owned(), format!("account{account}"));
        let mut secrets = vec![("client_secret".to_owned(), secret(member.secret).into())];
        if member.kind == Kind::Login {
            secrets.push(("refresh_token".to_owned(), member.login.clone().into()));
        }
        NewCredential {
            secrets: secrets.into_iter().collect(),
            provider: member.name.clone(),
            policy: member.policy,
            limits: member.limits.clone(),
            readers: member.access.readers.clone(),
            submitters: member.access.submitters.clone(),
            refreshers: member.access.refreshers.clone(),
            ..new
        }
    }
}

/// Draws whom operators let in at first.
fn draw_access(dice: &mut Dice) -> Access {
    (0..=dice.below(3)).fold(Access::default(), |access, _| {
        people::with(&access, &people::draw_reader(dice), people::draw_role(dice))
    })
}

/// Returns a secret by its number.
pub(crate) fn secret(number: usize) -> String {
    format!("hunter2-{number}-")
}

impl Kind {
    /// Tells whether refresh tokens come with tokens.
    pub(crate) fn refreshes(self) -> bool {
        matches!(self, Self::Rotating | Self::Graceful | Self::Reusing | Self::Login)
    }

    /// Tells whether an API may hand out newer tokens of this kind.
    fn may_slide(self) -> bool {
        self == Self::Plain || self.refreshes()
    }

    /// Returns how a refresh token is taken that has been exchanged.
    pub(crate) fn reuse(self) -> Reuse {
        match self {
            Self::Graceful => Reuse::Within(GRACE),
            Self::Reusing => Reuse::Always,
            _ => Reuse::Never,
        }
    }
}

impl Member {
    /// Returns its limits with twice or half the count.
    pub(crate) fn scaled(&self, wider: bool) -> Vec<Limit> {
        let scaled = |limit: &Limit| {
            let count = limit.count.get();
            let count = if wider { count * 2 } else { count.div_ceil(2) };
            let count = NonZeroU32::new(count).expect("it is no less than one");
            Limit { count, ..limit.clone() }
        };
        self.limits.iter().map(scaled).collect()
    }

    /// Tells whether the daemon has found it as it is thought to be.
    pub(crate) fn is_as_found(&self, found: Option<&Snapshot>) -> bool {
        match found.map(|found| &found.credential) {
            Some(found) => {
                let is_known =
                    found.secrets["client_secret"].expose_secret() == secret(self.secret);
                let terms = (&found.policy, &found.limits, &found.access());
                let known = (&self.policy, &self.limits, &self.access);
                self.is_there && is_known && terms == known
            }
            None => !self.is_there,
        }
    }
}

impl Account {
    fn draw(honest: bool, dice: &mut Dice) -> Self {
        let endless = dice.percent(5);
        let life = secs(dice.pick(&LIVES));
        let longest = if honest { DAY } else { secs(dice.pick(&SLIDING)) };
        let dated = dice.percent(60);
        let life = (!endless).then_some(life);
        let quota = dice.percent(25).then(|| Quota {
            count: dice.pick(&[2, 3, 5, 10, 20]),
            window: secs(dice.pick(&[30, 60, 600, 3_600])),
        });
        let unlimited = Self { life, limits: Vec::new(), longest, honest, quota, dated };
        Self { limits: unlimited.draw_limits(dice), ..unlimited }
    }

    /// Draws limits, none of which looks further back than any may.
    pub(crate) fn draw_limits(&self, dice: &mut Dice) -> Vec<Limit> {
        let count = dice.pick(&[0, 1, 1, 2, 3]);
        let texts: Vec<String> = (0..count).map(|_| self.draw_limit(dice)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        limits(&texts)
    }

    fn draw_limit(&self, dice: &mut Dice) -> String {
        let count = dice.pick(&[1, 2, 3, 4, 5, 8, 13, 20]);
        if self.honest && dice.percent(50) {
            return format!("{count}/{}", dice.pick(&CALENDAR));
        }
        let short = SLIDING.iter().filter(|length| secs(**length) <= self.longest);
        let short: Vec<u64> = short.copied().collect();
        format!("{count}/{}s", dice.pick(&short))
    }

    /// Returns the longest time for which an issuance may ever count.
    pub(crate) fn longest_window(&self) -> Duration {
        self.longest
    }
}
