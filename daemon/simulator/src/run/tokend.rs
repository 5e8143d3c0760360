//! tokend itself: its keeper, with a ledger and a provider that are simulated.

use std::{collections::VecDeque, time::Duration};

use tokend_core::{
    Caller, Effect, Failure, Fate, History, Input, IssuanceId, Keeper, Lifetime, Name, Policy,
    Random, Receipt, Report, Ruling, Terms, TokenId, Verdict, Waiter, WaiterId,
};

use super::{Answer, Callers, Ledger, Runner, callers::Now};
use crate::{Millis, World, clock::moment, span::millis};

/// A caller whose API goes on refusing a new token asks again after this.
const PATIENCE: Millis = 60_000;

/// All callers run as one user.
const USER: Caller = Caller(1_000);

pub(super) struct Tokend<R> {
    keeper: Keeper<()>,
    name: Name,
    random: R,
    life: Duration,
    latency: Duration,
    /// The one that is under way.
    issuance: Option<IssuanceId>,
    /// The one that callers see.
    token: Option<TokenId>,
    /// When a caller whose report led to nothing repeats it.
    report_at: Option<Millis>,
    callers: Callers,
    /// When a token is asked for that tokend doesn't have at hand.
    call_at: Option<Millis>,
}

type Effects = Vec<(Name, Effect<()>)>;

impl<R: Random> Tokend<R> {
    pub(super) fn new(world: &World, callers: Callers, mut random: R) -> Self {
        let mut keeper = Keeper::default();
        let name: Name = "simulated".parse().expect("it is a name");
        let (history, policy) = (History::default(), callers.refresh);
        let terms = Terms { policy, ..Terms::default() };
        let loaded = Input::Loaded { token: None, history, terms, new: false };
        let effects = keeper.handle(moment(0), &mut random, &(), &name, loaded);
        debug_assert!(effects.is_empty(), "what isn't new waits to be woken");
        let [life, latency] = [world.life, world.latency].map(Duration::from_millis);
        let (issuance, token, report_at) = (None, None, None);
        // Callers of one that always has a token don't matter.
        let call_at = (policy != Policy::Always).then(|| callers.next_unserved(0, 0));
        Self { keeper, name, random, life, latency, issuance, token, report_at, callers, call_at }
    }

    fn handle(&mut self, now: Millis, input: Input<()>) -> Effects {
        let callers = Now(self.callers.demand(now));
        self.keeper.handle(moment(now), &mut self.random, &callers, &self.name, input)
    }

    /// Does what the keeper wants to be done; tells whether a request is sent.
    fn act(&mut self, now: Millis, effects: Effects, ledger: &mut Ledger<'_>) -> bool {
        let mut sends = false;
        let mut effects = VecDeque::from(effects);
        while let Some((_, effect)) = effects.pop_front() {
            let input = match effect {
                Effect::Reserve { issuance, cause, .. } => match ledger.reserve(cause, now) {
                    Ok(allowance) => Input::Reserved { issuance, allowance },
                    Err(retry_after) => Input::Refused { issuance, retry_after },
                },
                Effect::Persist { issuance, .. } => Input::Persisted(issuance),
                Effect::Send { issuance, .. } => {
                    self.issuance = Some(issuance);
                    sends = true;
                    continue;
                }
                Effect::Publish(token) => {
                    self.token = Some(token.id);
                    self.report_at = None;
                    continue;
                }
                Effect::Rule { ruling, .. } => {
                    self.report_at = match ruling {
                        Ruling::Superseded | Ruling::Refreshed | Ruling::CredentialDead { .. } => {
                            None
                        }
                        Ruling::Suppressed { retry_after } => Some(now + millis(retry_after)),
                        Ruling::NotATokenProblem => Some(now + PATIENCE),
                    };
                    continue;
                }
                // The ledger knows already, and nobody waits.
                // No one hands over or revokes anything.
                Effect::Settle { .. }
                | Effect::Answer { .. }
                | Effect::Keep(_)
                | Effect::Withdraw
                | Effect::Discard
                | Effect::Acknowledge { .. } => continue,
            };
            effects.extend(self.handle(now, input));
        }
        sends
    }
}

impl<R: Random> Runner for Tokend<R> {
    fn due(&self, now: Millis) -> Option<Millis> {
        let idle = self.keeper.idle(moment(now)).map(|idle| now + millis(idle));
        idle.into_iter().chain(self.report_at).chain(self.call_at).min()
    }

    fn wake(&mut self, now: Millis, ledger: &mut Ledger<'_>) -> bool {
        if self.report_at.is_some_and(|at| at <= now) {
            return self.rejected(now, ledger);
        }
        if self.call_at.is_some_and(|at| at <= now) {
            self.call_at = Some(self.callers.again(now));
            let waiter = Waiter { id: WaiterId(0), min_ttl: Some(Duration::ZERO) };
            let effects = self.handle(now, Input::Requested(waiter));
            return self.act(now, effects, ledger);
        }
        let callers = Now(self.callers.demand(now));
        let effects = self.keeper.wake(moment(now), &mut self.random, &callers, usize::MAX);
        self.act(now, effects, ledger)
    }

    fn answered(
        &mut self,
        now: Millis,
        sent: Millis,
        answer: Answer,
        ledger: &mut Ledger<'_>,
    ) -> bool {
        let Some(issuance) = self.issuance.take() else { return false };
        let receipt =
            Receipt { date: Some(moment(now).wall), took: self.latency, ..Receipt::default() };
        if answer == Answer::Token {
            let end = sent + millis(self.life);
            self.call_at = self.call_at.map(|_| self.callers.next_unserved(now, end));
        }
        let input = match answer {
            Answer::Token => Input::Issued {
                issuance,
                sent_at: moment(sent).wall,
                lifetime: Lifetime::For(self.life),
                same: false,
                refreshable: false,
                replaced: false,
                session: None,
                payload: (),
                receipt,
            },
            Answer::Failure { seen } => {
                let fate = if seen { Fate::Answered } else { Fate::Unsent };
                let (verdict, message) = (Verdict::Transient, String::new());
                let failure = Failure { verdict, retry_after: None, message };
                Input::Failed { issuance, fate, failure, receipt }
            }
        };
        let effects = self.handle(now, input);
        self.act(now, effects, ledger)
    }

    fn rejected(&mut self, now: Millis, ledger: &mut Ledger<'_>) -> bool {
        self.report_at = None;
        let Some(token_id) = self.token else { return false };
        let report = Report { waiter: WaiterId(0), token_id, caller: USER };
        let effects = self.handle(now, Input::Reported(report));
        self.act(now, effects, ledger)
    }
}
