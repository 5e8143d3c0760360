//! What lies on a disk as far as the store has said, and what may lie there besides.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;
use secrecy::ExposeSecret;
use tokend::{
    credential::{CredentialId, Grant},
    ports::{Leaving, Loaded, Revocation, Write},
};
use tokend_core::{IssuanceId, Name, RevocationId, Token, TokenId};

/// What lies on a disk.
#[derive(Debug, Clone, Default)]
pub(super) struct Contents {
    /// The credentials, with their revisions.
    credentials: BTreeMap<CredentialId, u64>,
    tokens: BTreeMap<CredentialId, Arc<Token<Grant>>>,
    revocations: BTreeMap<RevocationId, Arc<Revocation>>,
    settled: BTreeSet<IssuanceId>,
}

impl Contents {
    pub(super) fn tokens(&self) -> &BTreeMap<CredentialId, Arc<Token<Grant>>> {
        &self.tokens
    }

    pub(super) fn is_settled(&self, issuance: IssuanceId) -> bool {
        self.settled.contains(&issuance)
    }

    /// Returns of whom tokens are to be ended at their providers.
    pub(super) fn to_end(&self) -> Vec<Name> {
        self.revocations.values().map(|revocation| revocation.name.clone()).collect()
    }

    /// Tells whether a token, a refresh token or a session is to be ended at its provider.
    pub(super) fn is_to_end(&self, value: &str) -> bool {
        self.revocations.values().any(|revocation| {
            let Revocation { token, secrets, .. } = &**revocation;
            let grant = token.as_ref().map(|token| &token.payload);
            let own = grant.map(|grant| &grant.value).into_iter();
            let all = own.chain(grant.and_then(|grant| grant.refresh_token.as_ref()));
            let login = secrets.get("refresh_token");
            all.chain(login).any(|secret| secret.expose_secret() == value)
        })
    }

    /// Takes note of a write that was done.
    pub(super) fn apply(&mut self, write: &Write) {
        match write {
            Write::Credential(credential) | Write::Doubted(credential) => {
                self.credentials.insert(credential.id, credential.revision);
            }
            Write::Anew { before, credential } => {
                self.remove(*before);
                self.credentials.insert(credential.id, credential.revision);
            }
            Write::Remove(credential) => self.remove(*credential),
            Write::Token { credential, token, issuance, .. } => {
                self.settled.insert(*issuance);
                self.hold(*credential, token);
            }
            Write::Rotation { credential, token } => self.hold(*credential, token),
            Write::Revoke { revocation, leaving } => {
                let credential = revocation.credential;
                self.revocations.insert(revocation.id, Arc::clone(revocation));
                match (leaving, &revocation.token) {
                    (Leaving::Token, Some(token)) => self.release(credential, token.id),
                    (Leaving::Token, None) => {}
                    (Leaving::Login, _) => drop(self.tokens.remove(&credential)),
                    (Leaving::Credential, _) => self.remove(credential),
                }
            }
            Write::EndRevocation { id, token } => {
                self.revocations.remove(id);
                if let Some((credential, token)) = token {
                    self.release(*credential, *token);
                }
            }
            Write::Discard(credential) => {
                self.tokens.remove(credential);
            }
            Write::Failure { issuance, .. } => {
                self.settled.insert(*issuance);
            }
            Write::Reserve(_) | Write::Attempt(_) | Write::Accept { .. } => {}
        }
    }

    /// Tells whether this is what was read at a start.
    pub(super) fn is(&self, loaded: &Loaded) -> bool {
        let credentials = revisions(loaded);
        // A token that settles secrets changes its credential, too.
        let known = credentials.len() == self.credentials.len()
            && self.credentials.iter().all(|(id, least)| credentials.get(id) >= Some(least));
        let tokens = loaded.credentials.iter().filter_map(|stored| {
            stored.token.as_ref().map(|token| (stored.credential.id, identity(token)))
        });
        let held = self.tokens.iter().map(|(id, token)| (*id, identity(token)));
        let revocations = loaded.revocations.iter().map(|revocation| revocation.id);
        known
            && tokens.collect::<BTreeMap<_, _>>() == held.collect()
            && revocations.collect::<BTreeSet<_>>() == self.revocations.keys().copied().collect()
    }

    /// Takes over what nobody was told: the revisions of credentials that tokens changed.
    pub(super) fn learn(&mut self, loaded: &Loaded) {
        self.credentials = revisions(loaded);
    }

    /// Leaves as settled what both know to be, and returns what one of them does.
    pub(super) fn differ(&mut self, other: &Self) -> BTreeSet<IssuanceId> {
        let unsure = &self.settled ^ &other.settled;
        self.settled = &self.settled & &other.settled;
        unsure
    }

    fn hold(&mut self, credential: CredentialId, token: &Arc<Token<Grant>>) {
        // Nobody's tokens are stored for no one.
        if self.credentials.contains_key(&credential) {
            self.tokens.insert(credential, Arc::clone(token));
        }
    }

    /// A token is gone, unless another has taken its place.
    fn release(&mut self, credential: CredentialId, token: TokenId) {
        if self.tokens.get(&credential).is_some_and(|held| held.id == token) {
            self.tokens.remove(&credential);
        }
    }

    fn remove(&mut self, credential: CredentialId) {
        self.credentials.remove(&credential);
        self.tokens.remove(&credential);
    }
}

/// Returns what tells a token from others, and from itself before it was kept alive.
fn identity(token: &Token<Grant>) -> (TokenId, &str, Option<&str>, Option<i64>) {
    let Grant { value, refresh_token, .. } = &token.payload;
    let refresh_token = refresh_token.as_ref().map(ExposeSecret::expose_secret);
    let end = token.expires_at.map(Timestamp::as_millisecond);
    (token.id, value.expose_secret(), refresh_token, end)
}

fn revisions(loaded: &Loaded) -> BTreeMap<CredentialId, u64> {
    let credentials = loaded.credentials.iter().map(|stored| &stored.credential);
    credentials.map(|credential| (credential.id, credential.revision)).collect()
}
