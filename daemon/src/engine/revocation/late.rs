//! Tokens that come when they are to be ended already: their credential has been removed,
//! or its login ended, while they were asked for.

use std::{collections::BTreeMap, sync::Arc};

use tokend_core::{IssuanceId, Random, Token, TokenId};
use tokend_provider::{Failure, Issued, Outcome, Verdict};
use tracing::info;

use super::super::{
    Engine,
    dance::{self, Dance},
};
use crate::{
    credential::{Credential, CredentialId},
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
        self.0.insert(issuance, Asked { credential, dance, is_unwanted: false });
    }

    /// Has what comes for a credential ended, or kept after all.
    pub(in crate::engine) fn turn_away(&mut self, credential: CredentialId, is_unwanted: bool) {
        for asked in self.0.values_mut().filter(|asked| asked.credential.id == credential) {
            asked.is_unwanted = is_unwanted;
        }
    }
}

impl<C: Clock, R: Random, I: Issuer, S: Store> Engine<C, R, I, S> {
    /// Has a token ended that isn't wanted any more, and makes a failure of it.
    pub(in crate::engine) fn turned_away(&mut self, ended: ports::Issuance) -> ports::Issuance {
        let asked = self.sent.0.remove(&ended.issuance).filter(|asked| asked.is_unwanted);
        let Some(Asked { credential, dance, .. }) = asked else { return ended };
        let Outcome::Issued(issued) = ended.outcome else { return ended };
        let message = "the token came when it was to be ended already";
        let failure = Failure::new(Verdict::Transient, message);
        info!(credential = %ended.name, issuance = %ended.issuance, "{message}");
        let Issued { date, .. } = issued;
        let (expires_at, payload) =
            (dance::told(issued.expiry).end(ended.sent_at), dance::grant(issued));
        let credential = credential.with_secrets(&payload.secrets, ended.sent_at);
        let token = Token {
            id: TokenId::draw(&mut self.random),
            issued_at: ended.sent_at,
            expires_at,
            refresh_at: None,
            taken_up: None,
            refreshes: None,
            keeps_refresh_token: false,
            session: None,
            payload,
        };
        let dance = Dance::of(&self.definitions, &credential).unwrap_or(dance);
        if let Some(revocation) = self.revocation_of(&credential, &dance, Some(Arc::new(token))) {
            self.write_revocation(revocation, Leaving::Token, None);
        }
        let outcome = Outcome::Failed(Failure { date, ..failure });
        ports::Issuance { outcome, ..ended }
    }
}
