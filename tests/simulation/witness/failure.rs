//! Holds what is done after a failure against the pause that it takes, and a refusal
//! against there being any attempt at all.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use jiff::Timestamp;
use tokend_core::{Cause, Policy, after};
use tokend_provider::Operation;

use super::{
    Lasting, Witness,
    terms::wanted_by,
    told::{demanded, is_throttled},
};
use crate::{
    plan::{Member, Plan},
    world::{
        Wanted, World,
        caller::secs,
        provider::{Attempt, What},
    },
};

/// What a provider's answer came to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Given,
    Denied,
    Failed,
}

/// How a credential fails. A restart changes nothing about that.
#[derive(Default)]
pub(super) struct Failures {
    /// The latest, since the last token that came.
    in_a_row: VecDeque<Timestamp>,
    /// When the provider may be asked again, or later.
    pause_until: Option<Timestamp>,
    /// When the latest failed after which nothing was wanted yet.
    fresh: Option<Timestamp>,
    /// How often the pause after a failure was exactly that long.
    pauses: BTreeMap<Duration, usize>,
    /// How long the latest told to stay away, and whether it said that there were too many.
    demanded: Duration,
    is_throttled: bool,
    /// The attempt whose answer was that the credential is refused.
    denied: Option<usize>,
    /// When someone last gave it other secrets.
    supplied_at: Option<Timestamp>,
    /// Whether a backup has taken the place of what was known, and nothing was heard since.
    is_unknown: bool,
}

/// No pause is shorter, by clocks that are written down in milliseconds.
pub(super) const LEAST_PAUSE: Duration = Duration::from_millis(998);

/// Who fails and goes on failing asks so often in [`A_WHILE`] at most: a token that ends
/// meanwhile has it ask more often near its end, and of waits up to a minute that are drawn
/// evenly there are some twenty.
const MOST_FAILURES: usize = 60;
const A_WHILE: Duration = Duration::from_secs(600);

/// So many pauses aren't alike to the nanosecond if each is drawn.
const ALIKE: usize = 3;

/// Returns what an attempt came to, as its provider knows it.
pub(super) fn end(attempt: &Attempt) -> End {
    match &attempt.what {
        Some(What::Answer { status: 401, .. }) => End::Denied,
        Some(What::Answer { status: 200, body, .. })
            if body.contains("access_token") || body.contains("session") =>
        {
            End::Given
        }
        _ => End::Failed,
    }
}

impl Failures {
    /// Notes how an attempt ended of which the daemon has heard; a token that was as good as
    /// expired when it came is a failure.
    pub(super) fn ended(&mut self, place: usize, attempt: &Attempt, is_brief: bool) {
        let before = if end(attempt) == End::Given { Duration::ZERO } else { self.demanded };
        self.demanded = demanded(attempt).unwrap_or_default().max(before);
        self.is_throttled = is_throttled(attempt);
        self.is_unknown = false;
        match end(attempt) {
            End::Given if !is_brief => {
                self.in_a_row.clear();
                (self.denied, self.pause_until, self.fresh) = (None, None, None);
            }
            came => {
                self.in_a_row.push_back(attempt.ended_at);
                self.pause_until = Some(after(attempt.ended_at, LEAST_PAUSE));
                self.fresh = Some(attempt.ended_at);
                let stops = came == End::Denied && attempt.operation != Operation::KeepAlive;
                self.denied = stops.then_some(place);
            }
        }
    }

    /// Notes that the daemon has been started anew, and knows of its latest attempt what is
    /// on the disk: if that is nothing, it counts as a failure from its reservation on.
    pub(super) fn restarted(&mut self, latest: Option<&Attempt>, world: &World) {
        self.fresh = None;
        let is_settled = |place: &usize| world.disk.is_settled(world.attempts[*place].issuance);
        self.denied = self.denied.filter(is_settled);
        let unsettled = latest.filter(|latest| !world.disk.is_settled(latest.issuance));
        let mut wanted = world.wanted.iter().rev();
        let is_its = |wanted: &&Wanted| unsettled.is_some_and(|it| it.issuance == wanted.issuance);
        if let Some(wanted) = wanted.find(is_its) {
            self.pause_until = Some(after(wanted.at, LEAST_PAUSE));
        }
        // In another boot there is only the wall clock to go by.
        let booted_at = world.machine.booted_at();
        self.pause_until = self.pause_until.filter(|until| *until > after(booted_at, LEAST_PAUSE));
    }

    /// Returns when the latest failed after which nothing was wanted yet, if it is the first in a
    /// row and nobody said that there were too many.
    pub(super) fn first(&self) -> Option<Timestamp> {
        self.fresh.filter(|_| self.in_a_row.len() == 1 && !self.is_throttled)
    }

    /// Returns how long the provider has told to stay away, at most.
    pub(super) fn demanded(&self) -> Duration {
        self.demanded
    }

    /// Returns what is known of a credential that comes of a backup.
    pub(super) fn restored() -> Self {
        Self { is_unknown: true, ..Self::default() }
    }

    /// Tells whether the provider has refused the credential, or may have.
    pub(super) fn is_denied(&self) -> bool {
        self.denied.is_some() || self.is_unknown
    }

    /// Notes that what was refused is asked for in another way.
    pub(super) fn begun_anew(&mut self) {
        self.denied = None;
    }

    /// Notes that there are other secrets, with which what fails may go well.
    pub(super) fn supplied(&mut self, at: Timestamp) {
        self.mended();
        self.supplied_at = Some(at);
    }

    /// Forgets what was: someone has mended the cause.
    fn mended(&mut self) {
        self.in_a_row.clear();
        (self.denied, self.pause_until, self.fresh) = (None, None, None);
    }
}

impl Witness {
    /// Forgets how what was under way has ended when other secrets came: it went on with those
    /// before.
    pub(super) fn forget_former_secrets(&mut self, member: &Member, world: &World) {
        let Lasting { failures, wanted, .. } = &mut self.lasting[member.place];
        let former = wanted[1].map(|issuance| wanted_by(issuance, world).at);
        if former.is_some_and(|former| failures.supplied_at >= Some(former)) {
            failures.mended();
        }
    }

    /// Checks that it is time for a reservation after what has failed.
    pub(super) fn check_patience(
        &mut self,
        wanted: &Wanted,
        member: &Member,
        plan: &Plan,
        world: &World,
    ) {
        let Wanted { cause, at, .. } = wanted;
        let is_asked = self.is_asked(member, *at);
        let retry_until = self.retry_until(member, plan, world);
        let fresh = self.lasting[member.place].failures.fresh;
        let is_steady = fresh.is_some_and(|failed_at| self.is_steady_since(failed_at));
        let is_due = world.disk.acknowledged(member.id).is_none_or(|token| {
            let shown = at.checked_add(world.machine.wrong_by()).expect("no overflow");
            token.refresh_at.is_some_and(|due| after(due, secs(1)) < shown)
        });
        let failures = &mut self.lasting[member.place].failures;
        if matches!(cause, Cause::Forced | Cause::Login) {
            failures.mended();
            // An operator's wish doesn't end what the provider demanded; a login does.
            let away_until = &mut self.known[member.place].away_until;
            *away_until = away_until.filter(|_| *cause == Cause::Forced);
            return;
        }
        let name = &member.name;
        let is_late = retry_until.is_some_and(|until| until < *at);
        assert!(!is_late, "{} isn't tried again in time after a refresh failed", member.name);
        assert!(failures.denied.is_none(), "{name} is asked for after it was refused: {cause:?}");
        let pause_until = failures.pause_until.take();
        let is_early = pause_until.is_some_and(|until| until > *at);
        assert!(!is_early, "{name} is asked for without a pause after a failure: {cause:?}");
        while failures.in_a_row.front().is_some_and(|first| after(*first, A_WHILE) < *at) {
            failures.in_a_row.pop_front();
        }
        let often = failures.in_a_row.len();
        assert!(often < MOST_FAILURES, "{name} has failed {often} times in a while, in a row");

        let by_itself = matches!(cause, Cause::Aging | Cause::Absent) && !is_asked;
        let waits_alone = member.policy == Policy::Always && plan.members.len() <= super::FEW;
        let Some(failed_at) = failures.fresh.take() else { return };
        if !by_itself || !waits_alone || !is_steady || !is_due {
            return;
        }
        let pause = Duration::try_from(at.duration_since(failed_at)).unwrap_or_default();
        let alike = failures.pauses.entry(pause).or_default();
        *alike += 1;
        assert!(*alike < ALIKE, "{name} pauses for {pause:?} time and again");
    }
}
