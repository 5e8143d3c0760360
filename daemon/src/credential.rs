//! What the daemon knows of a credential and of a token: the parts that are
//! stored, secrets included.

mod declaration;
mod principal;
mod reader;
mod supply;
mod unit;

use std::{
    collections::BTreeMap,
    fmt::{Debug, Formatter},
};

use jiff::Timestamp;
use ring::digest::{SHA256, digest};
use secrecy::{ExposeSecret, SecretString};
use tokend_core::{Name, Policy, Random};
use tokend_provider::Limit;

pub use self::{
    declaration::{Declared, Place, Supplied},
    principal::{OVERFLOW, PrincipalError, reader},
    reader::Reader,
    supply::{MAX_AGE, Replacement, Source, Supply, is_same},
    unit::{NoUnits, Units, is_service, is_unit},
};

/// The id of a credential's rows. A credential that is removed and made again
/// has another one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CredentialId(pub [u8; 16]);

/// A named use of a provider.
#[derive(Debug, Clone)]
pub struct Credential {
    /// The id of its rows.
    pub id: CredentialId,
    /// The name by which callers ask for it.
    pub name: Name,
    /// The name of its provider definition.
    pub provider: String,
    /// The values of the definition's variables.
    pub variables: BTreeMap<String, String>,
    /// The secrets that the definition asks for.
    pub secrets: BTreeMap<String, SecretString>,
    /// What else is known of its secrets.
    pub supply: Supply,
    /// Who may read its tokens besides root and the daemon's own user.
    pub readers: Vec<Reader>,
    /// Who may submit newer tokens, and read as well.
    pub submitters: Vec<Reader>,
    /// Who may have the token replaced now, and read as well.
    pub refreshers: Vec<Reader>,
    /// When its tokens are refreshed ahead of their end.
    pub policy: Policy,
    /// Limits on issuances beside those of the definition.
    pub limits: Vec<Limit>,
    /// The file that declares it, if one does or did.
    pub declared_in: Option<Place>,
    /// Counts the changes of the stored credential.
    pub revision: u64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Who may do what with a credential's tokens, besides root and the daemon's own user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// Who may read them.
    pub readers: Vec<Reader>,
    /// Who may submit newer ones, and read them as well.
    pub submitters: Vec<Reader>,
    /// Who may have them replaced now, and read them as well.
    pub refreshers: Vec<Reader>,
}

/// What someone is let do with a credential's tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Read them.
    Reader,
    /// Read them, and submit newer ones.
    Submitter,
    /// Read them, and have them replaced now.
    Refresher,
}

/// What a provider issued: the secret part of a token.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The token itself.
    pub value: SecretString,
    /// What the provider calls its type, such as `Bearer`.
    pub token_type: Option<String>,
    /// The refresh token that came with it.
    pub refresh_token: Option<SecretString>,
    /// Other values that callers need, by the definition's names for them.
    pub extras: BTreeMap<String, SecretString>,
    /// Secrets that came in the place of the credential's, by name: they are written
    /// together with the token, as the credential's. Empty once that is done.
    pub secrets: BTreeMap<String, SecretString>,
    /// The credential's secrets that it shows to work, by name, where others were kept
    /// beside them until then.
    pub proven: BTreeMap<String, SecretString>,
}

impl Credential {
    /// Returns it with some of its secrets replaced.
    #[must_use]
    pub fn with_secrets(&self, secrets: &BTreeMap<String, SecretString>, now: Timestamp) -> Self {
        let mut all = self.secrets.clone();
        all.extend(secrets.iter().map(|(name, secret)| (name.clone(), secret.clone())));
        // An empty one is none.
        all.retain(|_, secret| !secret.expose_secret().is_empty());
        Self {
            secrets: all,
            revision: self.revision.saturating_add(1),
            updated_at: now,
            ..self.clone()
        }
    }

    /// Returns it without what a person's login left behind among its secrets.
    #[must_use]
    pub fn without_login(&self, now: Timestamp) -> Self {
        let mut rest = self.clone();
        rest.secrets.remove(REFRESH_TOKEN);
        rest.supply.former.remove(REFRESH_TOKEN);
        rest.supply.expire_times.remove(REFRESH_TOKEN);
        rest.supply.sources.remove(REFRESH_TOKEN);
        rest.supply.given.remove(REFRESH_TOKEN);
        rest.revision = rest.revision.saturating_add(1);
        rest.updated_at = now;
        rest
    }

    /// Returns who may do what with its tokens.
    pub fn access(&self) -> Access {
        Access {
            readers: self.readers.clone(),
            submitters: self.submitters.clone(),
            refreshers: self.refreshers.clone(),
        }
    }

    /// Returns what changes with every change of the stored credential, and with
    /// its removal.
    pub fn etag(&self) -> String {
        format!("{:?}-{}", self.id, self.revision)
    }
}

/// The SHA-256 hash of a secret: it tells whether two are the same.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// Returns a secret's.
    pub fn of(secret: &SecretString) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, secret.expose_secret().as_bytes()).as_ref());
        Self(hash)
    }
}

impl Debug for Fingerprint {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fingerprint([redacted])")
    }
}

/// The name of the secret that a login leaves behind.
pub const REFRESH_TOKEN: &str = "refresh_token";

/// Returns the refresh token that the next dance sends, if it sends one: the one that came
/// with a token, else the one that a login left behind.
pub fn refresh_token<'a>(
    credential: &'a Credential,
    grant: Option<&'a Grant>,
) -> Option<&'a SecretString> {
    let held = grant.and_then(|grant| grant.refresh_token.as_ref());
    held.or_else(|| credential.secrets.get(REFRESH_TOKEN))
}

impl CredentialId {
    /// Draws a new id.
    pub fn draw(random: &mut impl Random) -> Self {
        let mut bytes = [0; 16];
        random.fill(&mut bytes);
        Self(bytes)
    }
}

impl Debug for CredentialId {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}
