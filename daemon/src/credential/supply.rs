//! Where a credential's secrets come from, how long they are good for, and how they are
//! replaced.

use std::{collections::BTreeMap, fmt::Display, path::PathBuf, time::Duration};

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::{Credential, Fingerprint, Grant, REFRESH_TOKEN};

/// What is known of a credential's secrets beside their values.
#[derive(Debug, Clone, Default)]
pub struct Supply {
    /// The secrets that others have taken the place of, by name, until those have worked.
    pub former: BTreeMap<String, SecretString>,
    /// When secrets end, by name.
    pub expire_times: BTreeMap<String, Timestamp>,
    /// Where the daemon itself finds secrets, by name.
    pub sources: BTreeMap<String, Source>,
    /// Secrets as references in files brought them last, by name. The provider may have replaced
    /// one since: it isn't put back until the reference holds another.
    pub given: BTreeMap<String, Fingerprint>,
    /// When secrets were last replaced, but by the provider.
    pub replaced_at: Option<Timestamp>,
}

/// Where the daemon finds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// In this file, which is watched.
    File(PathBuf),
    /// On the standard output of a command.
    Command {
        /// The program's absolute path and its arguments.
        words: Vec<String>,
        /// What it printed is good for so long; then it is run before an issuance.
        max_age: Duration,
    },
}

/// Secrets to be put in the place of a credential's own, and what is known of them.
#[derive(Debug, Clone, Default)]
pub struct Replacement {
    /// The secrets, by name.
    pub secrets: BTreeMap<String, SecretString>,
    /// When secrets end, these or those that are there.
    pub expire_times: BTreeMap<String, Timestamp>,
    /// Where the daemon finds these secrets from now on; one that isn't here is looked for
    /// nowhere any more.
    pub sources: BTreeMap<String, Source>,
}

/// How long what a command printed is good for, if no one says.
pub const MAX_AGE: Duration = Duration::from_secs(300);

impl Credential {
    /// Returns it with some of its secrets replaced. If they are to overlap, those before
    /// stay beside them until they have worked.
    #[must_use]
    pub fn resupplied(&self, replacement: &Replacement, overlap: bool, now: Timestamp) -> Self {
        let Replacement { secrets, expire_times, sources } = replacement;
        let mut changed = self.clone();
        let supply = &mut changed.supply;
        for (name, secret) in secrets {
            let before = changed.secrets.insert(name.clone(), secret.clone());
            supply.expire_times.remove(name);
            supply.sources.remove(name);
            supply.given.remove(name);
            if let Some(before) = before.filter(|before| !is_same(before, secret)) {
                // The last one that is known to have worked.
                supply.former.entry(name.clone()).or_insert(before);
            }
            let is_back = supply.former.get(name).is_some_and(|former| is_same(former, secret));
            if is_back || !overlap || name == REFRESH_TOKEN {
                supply.former.remove(name);
            }
        }
        supply.expire_times.extend(expire_times.clone());
        for (name, source) in sources {
            supply.sources.insert(name.clone(), source.clone());
            if let Some(secret) = secrets.get(name) {
                supply.given.insert(name.clone(), Fingerprint::of(secret));
            }
        }
        if !secrets.is_empty() {
            supply.replaced_at = Some(now);
        }
        changed.revision = self.revision.saturating_add(1);
        changed.updated_at = now;
        changed
    }

    /// Returns it as a token leaves it: with the secrets that came along in the place of its
    /// own, and without those whose successors the token shows to work.
    #[must_use]
    pub fn settled_by(&self, grant: &Grant, now: Timestamp) -> Self {
        let mut changed = self.with_secrets(&grant.secrets, now);
        let supply = &mut changed.supply;
        let used = self.secrets.get(REFRESH_TOKEN).cloned();
        for name in grant.secrets.keys() {
            // They are newer than whatever is known of others.
            supply.former.remove(name);
            supply.expire_times.remove(name);
            supply.sources.remove(name);
            if name == REFRESH_TOKEN {
                // It isn't sent again, and kept until its successor is known to work.
                supply.former.extend(used.clone().map(|used| (name.clone(), used)));
            }
        }
        for (name, worked) in &grant.proven {
            if changed.secrets.get(name).is_some_and(|secret| is_same(secret, worked)) {
                supply.former.remove(name);
            } else if let Some(former) = supply.former.get_mut(name) {
                // It has been replaced once more meanwhile, and is the last that has worked: the
                // one before may have ended.
                former.clone_from(worked);
            }
        }
        changed
    }

    /// Returns its secrets as they were before those that haven't worked yet, but for a
    /// refresh token: one that has a successor isn't sent.
    pub fn former_secrets(&self) -> BTreeMap<String, SecretString> {
        let mut secrets = self.secrets.clone();
        let former = self.supply.former.iter().filter(|(name, _)| *name != REFRESH_TOKEN);
        secrets.extend(former.map(|(name, secret)| (name.clone(), secret.clone())));
        secrets
    }

    /// Returns its secrets that haven't worked yet and have one before them.
    pub fn unproven_secrets(&self) -> BTreeMap<String, SecretString> {
        let is_unproven =
            |(name, _): &(&String, &SecretString)| self.supply.former.contains_key(*name);
        let unproven = self.secrets.iter().filter(is_unproven);
        unproven.map(|(name, secret)| (name.clone(), secret.clone())).collect()
    }
}

impl Grant {
    /// Tells whether the credential is another with this token.
    pub fn settles_secrets(&self) -> bool {
        !self.secrets.is_empty() || !self.proven.is_empty()
    }
}

impl Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "file {}", path.display()),
            // Its arguments may tell more than is anyone's business.
            Self::Command { words, .. } => {
                write!(f, "command {}", words.first().map_or("", String::as_str))
            }
        }
    }
}

/// Tells whether two secrets are the same.
pub fn is_same(one: &SecretString, other: &SecretString) -> bool {
    one.expose_secret() == other.expose_secret()
}
