//! Tokens that come when they are to be ended already: their credential has been removed,
//! or its login ended, while they were asked for.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use secrecy::SecretString;
use tokend_core::{Fate, IssuanceId, Name, Random, Token, TokenId};
use tokend_provider::{Failure, Issued, Outcome, Verdict};
use tracing::info;

use super::super::{
    Engine,
    dance::{self, Dance},
};
use crate::{
    credential::{Credential, CredentialId, Fingerprint, REFRESH_TOKEN, is_same},
    ports::{self, Clock, Issuer, Leaving, Store},
};

/// Issuances that are under way.
#[derive(Debug, Default)]
pub(in crate::engine) struct Sent(BTreeMap<IssuanceId, Asked>);

/// What was asked for a token.
#[derive(Debug)]
struct Asked {
    credential: Arc<Credential>,
    dance: Dance,
    is_unwanted: bool,
    /// Tokens that have been revoked since.
    revoked: Vec<SecretString>,
}

impl Sent {
    /// Notes that an issuance is under way.
    pub(in crate::engine) fn note(
        &mut self,
        issuance: IssuanceId,
        credential: &Arc<Credential>,
        dance: &Dance,
    ) {
        let (credential, dance) = (Arc::clone(credential), dance.clone());
        let (is_unwanted, revoked) = (false, Vec::new());
        self.0.insert(issuance, Asked { credential, dance, is_unwanted, revoked });
    }

    /// Returns for which credential an issuance is under way, if it is.
    pub(in crate::engine) fn credential(&self, issuance: IssuanceId) -> Option<CredentialId> {
        self.0.get(&issuance).map(|asked| asked.credential.id)
    }

    /// Has what comes for a credential ended, or kept after all.
    pub(in crate::engine) fn turn_away(&mut self, credential: CredentialId, is_unwanted: bool) {
        for asked in self.0.values_mut().filter(|asked| asked.credential.id == credential) {
            asked.is_unwanted = is_unwanted;
        }
    }

    /// Notes that a token has been revoked: an answer may bring it that was given before.
    pub(super) fn note_revoked(&mut self, credential: CredentialId, value: &SecretString) {
        for asked in self.0.values_mut().filter(|asked| asked.credential.id == credential) {
            asked.revoked.push(value.clone());
        }
    }
}

impl<C: Clock, R: Random, I: Issuer, S: Store> Engine<C, R, I, S> {
    /// Has a token ended that isn't wanted any more, and makes a failure of it.
    pub(in crate::engine) fn turned_away(&mut self, ended: ports::Issuance) -> ports::Issuance {
        let Some(asked) = self.sent.0.remove(&ended.issuance) else { return ended };
        if !asked.is_unwanted {
            let ended = self.given_again(ended, &asked);
            return if self.is_overtaken(&ended.name, &asked) { overtaken(ended) } else { ended };
        }
        let Asked { credential, dance, .. } = asked;
        let Outcome::Issued(issued) = ended.outcome else { return ended };
        let message = "the token came when it was to be ended already";
        let failure = Failure::new(Verdict::Transient, message);
        info!(credential = %ended.name, issuance = %ended.issuance, "{message}");
        let (date, quotas) = (issued.date, issued.quotas.clone());
        self.end_unwanted(&credential, dance, issued, ended.sent_at);
        let outcome = Outcome::Failed(Failure { date, quotas, ..failure });
        ports::Issuance { outcome, ..ended }
    }

    /// Makes a failure of a token that the provider gives once more though it is to be ended, or has
    /// been meanwhile. One with a refresh token is taken, since that would be lost.
    fn given_again(&self, ended: ports::Issuance, asked: &Asked) -> ports::Issuance {
        let Outcome::Issued(issued) = &ended.outcome else { return ended };
        let is_it = |revoked: &SecretString| is_same(revoked, &issued.value);
        let end = if issued.refresh_token.is_some() {
            return ended;
        } else if self.revocations.has_value(asked.credential.id, &issued.value) {
            "is to be revoked"
        } else if asked.revoked.iter().any(is_it) {
            "was revoked meanwhile"
        } else {
            return ended;
        };
        let message = format!("the provider gave the token once more that {end}");
        let failure = Failure::new(Verdict::Transient, &message);
        let (date, quotas) = (issued.date, issued.quotas.clone());
        let outcome = Outcome::Failed(Failure { date, quotas, ..failure });
        ports::Issuance { outcome, ..ended }
    }

    /// Has ended what was issued for a credential, or a login, that isn't there any more.
    pub(in crate::engine) fn end_unwanted(
        &mut self,
        credential: &Credential,
        dance: Dance,
        issued: Issued,
        sent_at: Timestamp,
    ) {
        let (expires_at, payload) = (dance::told(issued.expiry).end(sent_at), dance::grant(issued));
        let credential = credential.with_secrets(&payload.secrets, sent_at);
        let token = Token {
            id: TokenId::draw(&mut self.random),
            issued_at: sent_at,
            expires_at,
            refresh_at: None,
            taken_up: None,
            refreshes: None,
            session: None,
            payload,
        };
        let dance = Dance::of(&self.definitions.now(), &credential).unwrap_or(dance);
        if let Some(revocation) = self.revocation_of(&credential, &dance, Some(Arc::new(token))) {
            self.write_revocation(revocation, Leaving::Token, None);
        }
    }

    /// Tells whether a person has set another refresh token than was sent: what comes of that
    /// one, or doesn't, says nothing of the other.
    fn is_overtaken(&self, name: &Name, asked: &Asked) -> bool {
        let of =
            |credential: &Credential| credential.secrets.get(REFRESH_TOKEN).map(Fingerprint::of);
        let now = self.entries.get(name).filter(|entry| entry.credential.id == asked.credential.id);
        now.is_some_and(|entry| of(&entry.credential) != of(&asked.credential))
    }
}

/// Makes a failure of what came for an earlier refresh token.
fn overtaken(ended: ports::Issuance) -> ports::Issuance {
    if ended.fate == Fate::Unsent {
        return ended;
    }
    let failure = Failure::new(Verdict::Transient, "another refresh token was set meanwhile");
    ports::Issuance { fate: Fate::Answered, outcome: Outcome::Failed(failure), ..ended }
}
