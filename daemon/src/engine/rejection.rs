//! Callers' reports that an API refused a token.

use std::time::Duration;

use ring::digest::{SHA256, digest};
use secrecy::ExposeSecret;
use tokend_core::{Caller, Input, Name, Random, Report, Ruling, TokenId, WaiterId};
use tracing::{debug, info};

use super::{Engine, Error, Named, Rejection, Reply};
use crate::ports::{Clock, Happening, Issuer, Store};

/// So many reports of a user in a row are worth a line each.
const LOUD_REPORTS: u32 = 3;

/// How long a report waits for a new token.
pub const LONGEST_REPORT: Duration = Duration::from_secs(10);

/// Who waits for a ruling.
#[derive(Debug)]
pub(super) struct Reporter {
    caller: Caller,
    /// Whether this user reports time and again.
    repeated: bool,
    reply: Reply<Ruling>,
}

impl Reporter {
    pub(super) fn refuse(self, error: Error) {
        let _ = self.reply.send(Err(error));
    }
}

impl<C: Clock, R: Random, I: Issuer, S: Store> Engine<C, R, I, S> {
    /// Hands a report to the core, if it speaks against the token at all.
    pub(super) fn report_rejection(
        &mut self,
        name: &Name,
        rejection: &Rejection,
        reply: Reply<Ruling>,
    ) {
        let Rejection { token, caller, status, code } = rejection;
        let repeated = self.reports_of(name, *caller) >= LOUD_REPORTS;
        let reporter = Reporter { caller: *caller, repeated, reply };
        let refused = self.entries.get(name).map_or(&[][..], |entry| match &entry.routine {
            Ok(routine) => &routine.definition.rejection().statuses,
            Err(_) => &[],
        });
        if !speaks_against_token(*status, code, refused) {
            self.tell_ruling(name, reporter, Ruling::NotATokenProblem);
            return;
        }
        // One that isn't ours, or no longer, is taken for an older one.
        let held = self.named(name, token);
        let token_id = held.unwrap_or(TokenId([0; 16]));
        // A caller must not fill the log.
        if held.is_some() && !repeated {
            info!(credential = %name, uid = caller.0, ?status, code, %token_id, "an API refused a token");
        } else {
            debug!(credential = %name, uid = caller.0, ?status, code, "an API refused a token");
        }
        let waiter = WaiterId(self.number());
        self.reporting.insert(waiter, reporter);
        let report = Report { waiter, token_id, caller: *caller };
        self.step(name, Input::Reported(report));
    }

    fn reports_of(&self, name: &Name, caller: Caller) -> u32 {
        let view = self.keeper.view(name, self.clock.now());
        let reports = view.into_iter().flat_map(|view| view.reports);
        reports.filter(|(user, _)| *user == caller).map(|(_, reports)| reports.count).sum()
    }

    /// Returns the id of the token that is held, if that is the one that a caller names.
    pub(super) fn named(&self, name: &Name, token: &Named) -> Option<TokenId> {
        let published = self.entries.get(name)?.slot.published()?;
        let held = published.token();
        let is_held = match token {
            Named::Id(id) => *id == held.id.to_string(),
            Named::Hash(hash) => {
                let value = held.payload.value.expose_secret().as_bytes();
                digest(&SHA256, value).as_ref() == hash
            }
        };
        is_held.then_some(held.id)
    }

    pub(super) fn rule(&mut self, name: &Name, waiter: WaiterId, ruling: Ruling) {
        if let Some(reporter) = self.reporting.remove(&waiter) {
            self.tell_ruling(name, reporter, ruling);
        }
    }

    fn tell_ruling(&self, name: &Name, reporter: Reporter, ruling: Ruling) {
        let Reporter { caller: Caller(uid), repeated, reply } = reporter;
        self.tell(Some(name), Happening::Rejected { uid, ruling: ruling.clone(), repeated });
        let _ = reply.send(Ok(ruling));
    }
}

/// Tells whether an API's answer says that it is the token that is wrong, if
/// `refused` are the statuses by which this API says so.
///
/// Whoever is told 403 or `insufficient_scope` (RFC 6750 §3.1) was recognised. What
/// an API says with 200 has been judged by the caller.
fn speaks_against_token(status: Option<u16>, code: &str, refused: &[u16]) -> bool {
    match (status, code) {
        (_, "insufficient_scope") => false,
        (_, "invalid_token") | (None, _) => true,
        (Some(status), _) => refused.contains(&status) || matches!(status, 200..=299 | 400 | 401),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_speaks_against_a_token_and_what_does_not() {
        for (status, code, speaks) in [
            (None, "", true),
            (Some(401), "", true),
            (Some(401), "insufficient_scope", false),
            (Some(200), "UNAUTHENTICATED", true),
            (Some(400), "", true),
            (Some(403), "", false),
            (Some(403), "invalid_token", true),
            (Some(419), "", true),
            (Some(404), "", false),
            (Some(429), "", false),
            (Some(503), "", false),
            (Some(302), "", false),
        ] {
            assert_eq!(speaks_against_token(status, code, &[419]), speaks, "{status:?} {code}");
        }
    }
}
