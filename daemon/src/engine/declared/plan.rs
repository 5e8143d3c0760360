//! What would become of a credential that is declared.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use tokend_core::{Name, Policy, Random};

use crate::{
    credential::{
        Credential, CredentialId, Declared, Fingerprint, REFRESH_TOKEN, Reader, Replacement,
        Supplied, Supply, is_same,
    },
    engine::{Engine, Error, change::distinct, dance::Dance, secret::check_supply},
    ports::{Clock, Issuer, Store},
};

/// What would become of a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Its name.
    pub name: Name,
    /// What is to be done.
    pub action: Action,
    /// Its etag; empty if it isn't there yet.
    pub etag: String,
    /// What it takes, in the order of the fields; no secret is in it.
    pub changes: Vec<FieldChange>,
}

/// What is to be done with a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It is made.
    Create,
    /// It is changed, and its token stays.
    Change,
    /// It comes to be of another account: its token is dropped, and another asked for.
    Anew,
    /// It is as it is to be.
    Leave,
}

/// How a field changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChange {
    /// The field, as the file has it: `variables.url`, say.
    pub field: String,
    /// What goes.
    pub removed: Vec<String>,
    /// What comes.
    pub added: Vec<String>,
}

impl<C: Clock, R: Random, I: Issuer, S: Store> Engine<C, R, I, S> {
    /// Returns what would become of a credential that is declared, and what it would be.
    pub(in crate::engine) fn planned(
        &mut self,
        declared: &Declared,
    ) -> Result<(Plan, Arc<Credential>), Error> {
        let name = &declared.name;
        if let Some((damage, _)) = self.damage(name) {
            return Err(Error::Damaged { name: name.clone(), message: damage.message.clone() });
        }
        let entry = self.entries.get(name);
        let Some(entry) = entry else { return self.planned_new(declared) };
        let stored = Arc::clone(&entry.credential);
        if let Some(place) = self.binding(&stored).filter(|_| declared.place.is_none()) {
            return Err(Error::Declared { name: name.clone(), place });
        }
        let account = entry.routine.as_ref().ok().map(|routine| routine.account().to_string());
        if stored.provider != declared.provider {
            return Err(Error::OtherProvider {
                name: name.clone(),
                stored: stored.provider.clone(),
                declared: declared.provider.clone(),
            });
        }
        let now = self.clock.now().wall;
        let settled = settled(&stored, declared);
        let (replacement, given) = replacement(&stored, declared)?;
        let keeps_login = self.doubts(declared) && stored.secrets.contains_key(REFRESH_TOKEN);
        let supplied = |overlap, keeps_login| {
            let (mut changed, mut replacement) = (settled.clone(), replacement.clone());
            if keeps_login {
                // The file's is known from now on, and another one counts.
                replacement.secrets.remove(REFRESH_TOKEN);
                replacement.sources.remove(REFRESH_TOKEN);
            }
            if !replacement.secrets.is_empty() || !replacement.sources.is_empty() {
                changed = changed.resupplied(&replacement, overlap, now);
            }
            follow(&mut changed.supply, declared, &given);
            changed
        };
        let mut credential = supplied(true, keeps_login);
        let mut dance = Dance::of(&self.definitions.now(), &credential)?;
        if dance.is_static() {
            credential = supplied(false, keeps_login);
        }
        let is_anew = account.is_some_and(|account| account != dance.account());
        if is_anew {
            credential = supplied(false, false);
            forget_login(&mut credential, declared);
            credential.id = CredentialId::draw(&mut self.random);
            credential.created_at = now;
            dance = Dance::of(&self.definitions.now(), &credential)?;
        }
        check_supply(&credential)?;
        self.check_unshared(&credential, &dance)?;
        let changes = changes(&stored, &credential, declared);
        let action = match (changes.is_empty(), is_anew) {
            (true, _) => Action::Leave,
            (false, true) => Action::Anew,
            (false, false) => Action::Change,
        };
        credential.revision = stored.revision.saturating_add(1);
        credential.updated_at = now;
        let plan = Plan { name: name.clone(), action, etag: stored.etag(), changes };
        Ok((plan, Arc::new(credential)))
    }

    fn planned_new(&mut self, declared: &Declared) -> Result<(Plan, Arc<Credential>), Error> {
        let now = self.clock.now().wall;
        let empty = Credential {
            id: CredentialId::draw(&mut self.random),
            name: declared.name.clone(),
            provider: declared.provider.clone(),
            variables: BTreeMap::new(),
            secrets: BTreeMap::new(),
            supply: Supply::default(),
            readers: Vec::new(),
            submitters: Vec::new(),
            refreshers: Vec::new(),
            policy: Policy::default(),
            limits: Vec::new(),
            declared_in: None,
            revision: 0,
            created_at: now,
            updated_at: now,
        };
        let (replacement, given) = replacement(&empty, declared)?;
        let mut credential = settled(&empty, declared).resupplied(&replacement, false, now);
        follow(&mut credential.supply, declared, &given);
        credential.revision = 1;
        let dance = Dance::of(&self.definitions.now(), &credential)?;
        check_supply(&credential)?;
        self.check_unshared(&credential, &dance)?;
        let mut changes = vec![FieldChange {
            field: "provider".to_owned(),
            removed: Vec::new(),
            added: vec![declared.provider.clone()],
        }];
        changes.extend(self::changes(&empty, &credential, declared));
        let name = declared.name.clone();
        let plan = Plan { name, action: Action::Create, etag: String::new(), changes };
        Ok((plan, Arc::new(credential)))
    }
}

/// Returns a credential with all that is declared of it but for the secrets that come.
fn settled(stored: &Credential, declared: &Declared) -> Credential {
    let mut settled = stored.clone();
    settled.variables.clone_from(&declared.variables);
    settled.readers = distinct(declared.readers.clone());
    settled.submitters = distinct(declared.submitters.clone());
    settled.refreshers = distinct(declared.refreshers.clone());
    settled.policy = declared.policy;
    settled.limits.clone_from(&declared.limits);
    settled.declared_in.clone_from(&declared.place);
    // What a file has given goes when the file doesn't speak of it any more.
    let is_gone = |input: &&String| {
        declared.place.is_some() && !declared.secrets.contains_key(input.as_str())
    };
    let gone: Vec<String> = stored.supply.given.keys().filter(is_gone).cloned().collect();
    for input in gone {
        let supply = &mut settled.supply;
        let given = supply.given.remove(&input);
        supply.sources.remove(&input);
        if settled.secrets.get(&input).map(Fingerprint::of) != given {
            // A login or the provider has put another in its place since: that is no file's.
            continue;
        }
        settled.secrets.remove(&input);
        supply.former.remove(&input);
        supply.expire_times.remove(&input);
    }
    settled
}

/// Returns the secrets that come in the place of those that are stored, and what references have
/// brought.
fn replacement(
    stored: &Credential,
    declared: &Declared,
) -> Result<(Replacement, BTreeMap<String, Fingerprint>), Error> {
    let mut replacement = Replacement::default();
    let mut given = BTreeMap::new();
    for (input, supplied) in &declared.secrets {
        let held = stored.secrets.get(input);
        match supplied {
            Supplied::Minded => {}
            Supplied::Read { secret, source, .. } => {
                let print = Fingerprint::of(secret);
                given.insert(input.clone(), print);
                let is_held = held.is_some_and(|held| is_same(held, secret));
                if is_held {
                    replacement.sources.extend(source.clone().map(|it| (input.clone(), it)));
                } else if stored.supply.given.get(input) != Some(&print) {
                    replacement.secrets.insert(input.clone(), secret.clone());
                    replacement.sources.extend(source.clone().map(|it| (input.clone(), it)));
                }
            }
            Supplied::Unreadable { source, problem } => {
                if held.is_none() {
                    return Err(Error::NotSupplied {
                        name: declared.name.clone(),
                        input: input.clone(),
                        problem: problem.clone(),
                    });
                }
                // The last one holds until the source yields another.
                replacement.sources.extend(source.clone().map(|it| (input.clone(), it)));
            }
        }
    }
    Ok((replacement, given))
}

/// Notes what references have brought, and which of them the daemon doesn't mind.
fn follow(supply: &mut Supply, declared: &Declared, given: &BTreeMap<String, Fingerprint>) {
    for (input, supplied) in &declared.secrets {
        let (Supplied::Read { source: None, .. } | Supplied::Unreadable { source: None, .. }) =
            supplied
        else {
            continue;
        };
        supply.sources.remove(input);
    }
    supply.given.extend(given.clone());
}

/// Drops what a login of another account has left behind.
fn forget_login(credential: &mut Credential, declared: &Declared) {
    if !declared.secrets.contains_key(REFRESH_TOKEN) {
        *credential = credential.without_login(credential.updated_at);
    }
    credential.supply.former.clear();
}

/// Returns how the fields differ.
fn changes(before: &Credential, after: &Credential, declared: &Declared) -> Vec<FieldChange> {
    let mut all = Vec::new();
    let mut note = |field: String, removed: Vec<String>, added: Vec<String>| {
        if removed != added {
            let stays = |it: &String| removed.contains(it) && added.contains(it);
            let [removed, added] =
                [&removed, &added].map(|all| all.iter().filter(|it| !stays(it)).cloned().collect());
            all.push(FieldChange { field, removed, added });
        }
    };
    let texts = |readers: &[_]| -> Vec<String> { readers.iter().map(Reader::to_string).collect() };
    let names = before.variables.keys().chain(after.variables.keys());
    for name in names.collect::<BTreeSet<_>>() {
        let value = |of: &Credential| of.variables.get(name).cloned().into_iter().collect();
        note(format!("variables.{name}"), value(before), value(after));
    }
    let names = before.secrets.keys().chain(after.secrets.keys());
    for name in names.collect::<BTreeSet<_>>() {
        let (removed, added) = secret(name, before, after, declared);
        note(format!("secrets.{name}"), removed, added);
    }
    note("readers".to_owned(), texts(&before.readers), texts(&after.readers));
    note("submitters".to_owned(), texts(&before.submitters), texts(&after.submitters));
    note("refreshers".to_owned(), texts(&before.refreshers), texts(&after.refreshers));
    let policy = |it: &Credential| vec![word(it.policy).to_owned()];
    note("refresh".to_owned(), policy(before), policy(after));
    let limits = |it: &Credential| it.limits.iter().map(ToString::to_string).collect();
    note("limits".to_owned(), limits(before), limits(after));
    // That it stands on another line is no change.
    let file = |it: &Credential| -> Vec<String> {
        it.declared_in.iter().map(|place| place.file.display().to_string()).collect()
    };
    note("declared in".to_owned(), file(before), file(after));
    all
}

/// Returns what is said of a secret that comes or goes.
fn secret(
    name: &str,
    before: &Credential,
    after: &Credential,
    declared: &Declared,
) -> (Vec<String>, Vec<String>) {
    let from = |it: &Credential| it.supply.sources.get(name).map(ToString::to_string);
    let print = |it: &Credential| it.secrets.get(name).map(Fingerprint::of);
    let given = |it: &Credential| it.supply.given.get(name).copied();
    let is_same = print(before) == print(after)
        && from(before) == from(after)
        && given(before) == given(after);
    if is_same {
        return (Vec::new(), Vec::new());
    }
    let removed =
        print(before).map(|_| from(before).unwrap_or_else(|| "what is stored".to_owned()));
    let added = print(after).map(|_| match declared.secrets.get(name) {
        Some(Supplied::Read { from, .. }) if from.is_empty() => "what was asked for".to_owned(),
        Some(Supplied::Read { from, .. }) => from.clone(),
        _ => from(after).unwrap_or_else(|| "what is stored".to_owned()),
    });
    let (removed, mut added): (Vec<_>, Vec<_>) =
        (removed.into_iter().collect(), added.into_iter().collect());
    if removed == added {
        // The same place holds another one.
        for from in &mut added {
            from.push_str(", another value");
        }
    }
    (removed, added)
}

fn word(policy: Policy) -> &'static str {
    match policy {
        Policy::Always => "always",
        Policy::Used => "used",
        Policy::OnDemand => "on-demand",
    }
}
