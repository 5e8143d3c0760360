//! Operators who change what a credential's terms are, remove it, and add it again.

use std::{collections::BTreeMap, sync::Arc};

use tokend::{
    credential::{Credential, Reader, Role},
    engine::{Error, Snapshot},
};
use tokend_core::{Cause, Policy};
use tokend_provider::Limit;
use tokio::sync::oneshot::error::TryRecvError;

use super::Run;
use crate::{
    people,
    plan::{Member, POLICIES, Plan},
    world::{
        caller::Waiting,
        provider::{self, Attempt},
    },
};

/// Changes that are under way, in the order in which they were asked for.
#[derive(Default)]
pub(in super::super) struct Changes {
    waiting: Vec<Change>,
    /// Those of which nothing was heard before the daemon ended.
    unheard: Vec<Change>,
    /// Those that the store couldn't write, and that may be on the disk all the same.
    failed: Vec<Change>,
    /// How someone has seen a credential who may want to change it.
    read: BTreeMap<usize, Arc<Credential>>,
}

/// A change to what is stored of a credential.
struct Change {
    member: usize,
    what: What,
}

pub(super) enum What {
    /// As it was when it was read, if that is to matter.
    Kept(Policy, Vec<Limit>, Option<Arc<Credential>>, Waiting<Snapshot>),
    Removed(Waiting<bool>),
    Secret(usize, Waiting<Snapshot>),
    Login(Waiting<Snapshot>),
    Granted(Reader, Role, Waiting<Snapshot>),
    Ungranted(Reader, Role, Waiting<Snapshot>),
    Added(Waiting<Snapshot>),
}

impl Run {
    /// An operator changes something about a credential, or about all that share its account.
    pub(super) fn change(&mut self) {
        let position = self.member();
        match self.dice.below(10) {
            0..6 => self.keep(position),
            6..8 => self.remove(position),
            _ => self.add(position),
        }
        if self.dice.percent(20) {
            self.end_within(5);
        }
    }

    fn keep(&mut self, position: usize) {
        let account = self.plan.members[position].account;
        let policy = self.dice.pick(&POLICIES);
        let limits = match self.dice.below(3) {
            // As they are, but wider or tighter.
            0 => self.plan.members[position].scaled(self.dice.percent(50)),
            1 => Vec::new(),
            _ => self.plan.accounts[account].draw_limits(&mut self.dice),
        };
        let all = self.dice.percent(50);
        for member in 0..self.plan.members.len() {
            let Member { account: of, name, .. } = self.plan.members[member].clone();
            if member != position && (!all || of != account) {
                continue;
            }
            let texts: Vec<String> = limits.iter().map(ToString::to_string).collect();
            self.note(format_args!("an operator changes {name}: {policy:?}, limits {texts:?}"));
            let read = self.read(member);
            let answer = match &read {
                Some(read) => self.world.keep_since(read, policy, limits.clone()),
                None => self.world.keep(&name, policy, limits.clone()),
            };
            self.submit(member, What::Kept(policy, limits.clone(), read, answer));
        }
    }

    /// Returns how a credential was read, be it now or long ago, by someone who wants nothing to be
    /// undone that has changed since.
    fn read(&mut self, position: usize) -> Option<Arc<Credential>> {
        if self.dice.percent(50) {
            return None;
        }
        let now = self.world.find(&self.plan.members[position].name)?.credential;
        let before = self.changes.read.insert(position, Arc::clone(&now));
        before.filter(|_| self.dice.percent(60)).or(Some(now))
    }

    fn remove(&mut self, position: usize) {
        let name = self.plan.members[position].name.clone();
        let revoke = self.dice.percent(50);
        self.note(format_args!("an operator removes {name}, its token is to end: {revoke}"));
        let answer = self.world.remove_with(&name, revoke);
        self.submit(position, What::Removed(answer));
    }

    /// An operator has no use for a credential any more.
    pub(in super::super) fn let_go(&mut self, position: usize) {
        let answer = self.world.remove(&self.plan.members[position].name);
        self.submit(position, What::Removed(answer));
    }

    /// An operator adds a credential that isn't there any more, or finds that it still is.
    pub(in super::super) fn add(&mut self, position: usize) {
        self.login(position);
        let member = self.plan.members[position].clone();
        self.note(format_args!("an operator adds {}", member.name));
        let answer = self.world.create(Plan::new_credential(&member));
        self.submit(position, What::Added(answer));
    }

    pub(super) fn submit(&mut self, member: usize, what: What) {
        self.changes.waiting.push(Change { member, what });
        self.look();
    }

    /// Those who have changed something hear what there is to hear.
    pub(in super::super) fn hear_changes(&mut self) {
        let mut position = 0;
        while position < self.changes.waiting.len() {
            let Change { member, what } = &mut self.changes.waiting[position];
            let (member, heard) = (*member, what.hear());
            match heard {
                Err(TryRecvError::Empty) => position += 1,
                Err(TryRecvError::Closed) => panic!("someone who changes something was forgotten"),
                Ok(Err(error)) => {
                    let change = self.changes.waiting.remove(position);
                    let name = self.plan.members[member].name.clone();
                    self.note(format_args!("{name} stays as it is: {error}"));
                    if matches!(error, Error::Store(_)) {
                        self.changes.failed.push(change);
                    }
                }
                Ok(Ok(snapshot)) => {
                    let change = self.changes.waiting.remove(position);
                    self.changes.failed.retain(|failed| failed.member != member);
                    let name = self.plan.members[member].name.clone();
                    self.note(format_args!("{name} is as it was wanted"));
                    change.what.check(&name, snapshot.as_ref());
                    let id = snapshot.map(|snapshot| snapshot.credential.id);
                    if matches!(change.what, What::Removed(_) | What::Added(_)) {
                        self.witness.replaced(&self.plan.members[member], &self.world);
                    }
                    let after = change.what.applied_to(&self.plan.members[member]);
                    let id = id.unwrap_or(after.id);
                    self.plan.members[member] = Member { id, ..after };
                    self.witness.changed(&self.plan.members[member], &self.world);
                    if matches!(change.what, What::Secret(..) | What::Login(_)) {
                        self.plan.members[member].resupplied_at = Some(self.world.truth());
                        self.witness.supplied(&self.plan.members[member], &self.world);
                        self.try_secrets();
                    }
                    self.witness.terms_changed(&self.plan, &self.world);
                }
            }
        }
    }

    /// The daemon has ended: nobody hears any more what became of it.
    pub(in super::super) fn leave_changes(&mut self) {
        self.changes.unheard.append(&mut self.changes.waiting);
    }

    /// Returns how credentials may be by now, though nobody has heard of it: as the first
    /// change that is under way leaves them, or one that couldn't be written.
    pub(super) fn about_to_be(&self) -> Vec<Vec<Member>> {
        let Changes { waiting, unheard, failed, .. } = &self.changes;
        let possible = |member: &Member| {
            let of = |change: &&Change| change.member == member.place;
            let first = unheard.iter().chain(waiting).find(of);
            let all = failed.iter().filter(of).chain(first);
            all.map(|change| change.what.applied_to(member)).collect()
        };
        self.plan.members.iter().map(possible).collect()
    }

    /// Holds what the daemon has found in its store against what it had acknowledged before: of
    /// each credential, the first change that wasn't heard of may have been made.
    pub(in super::super) fn find_changes(&mut self) {
        let about_to_be = self.about_to_be();
        self.changes.unheard.clear();
        self.changes.failed.clear();
        self.find_members(&about_to_be);
    }

    /// Whoever has other secrets than those that brought the last token may try them.
    pub(in super::super) fn try_secrets(&mut self) {
        for member in &self.plan.members {
            let brought = |it: &&Attempt| {
                let issued = matches!(it.what, Some(provider::What::Answer { status: 200, .. }));
                issued && it.heard && it.name.as_str() == member.name
            };
            let last = self.world.attempts.iter().rev().find(brought).map(|it| it.sent_at);
            if member.resupplied_at.is_some_and(|at| last.is_none_or(|last| last < at)) {
                self.witness.wishes(member, Cause::Aging, &self.world);
            }
        }
    }

    /// Holds what the daemon has found against how credentials are, or else are about to be.
    pub(super) fn find_members(&mut self, about_to_be: &[Vec<Member>]) {
        for (position, possible) in about_to_be.iter().enumerate() {
            let member = self.plan.members[position].clone();
            let found = self.world.find(&member.name);
            let fits = |member: &Member| member.is_as_found(found.as_ref());
            if fits(&member) {
                continue;
            }
            let changed = possible.iter().find(|member| fits(member)).cloned();
            let name = &member.name;
            let changed = changed.unwrap_or_else(|| panic!("{name} isn't as it was stored"));
            self.note(format_args!("{name} is as it was wanted, though nobody heard of it"));
            if changed.is_there != member.is_there {
                self.witness.replaced(&member, &self.world);
            }
            let id = found.as_ref().map_or(member.id, |found| found.credential.id);
            let resupplied = changed.secret != member.secret || changed.login != member.login;
            self.plan.members[position] = Member { id, ..changed };
            if resupplied {
                self.plan.members[position].resupplied_at = Some(self.world.truth());
                self.witness.supplied(&self.plan.members[position], &self.world);
            }
        }
        self.witness.terms_changed(&self.plan, &self.world);
    }
}

impl What {
    fn hear(&mut self) -> Result<Result<Option<Snapshot>, Error>, TryRecvError> {
        match self {
            Self::Kept(.., answer)
            | Self::Secret(_, answer)
            | Self::Login(answer)
            | Self::Granted(.., answer)
            | Self::Ungranted(.., answer)
            | Self::Added(answer) => answer.try_recv().map(|answer| answer.map(Some)),
            Self::Removed(answer) => answer.try_recv().map(|answer| answer.map(|_| None)),
        }
    }

    /// Checks that nothing had changed in between if that was to matter.
    fn check(&self, name: &str, snapshot: Option<&Snapshot>) {
        if let (Self::Kept(_, _, Some(read), _), Some(Snapshot { credential, .. })) =
            (self, snapshot)
        {
            let is_next = credential.id == read.id && credential.revision == read.revision + 1;
            assert!(is_next, "{name} is changed by one who hasn't seen what it was like");
        }
    }

    fn applied_to(&self, member: &Member) -> Member {
        let member = member.clone();
        match self {
            Self::Kept(policy, limits, ..) => {
                Member { policy: *policy, limits: limits.clone(), ..member }
            }
            Self::Secret(number, _) => Member { secret: *number, ..member },
            Self::Login(_) => member,
            Self::Granted(reader, role, _) => {
                Member { access: people::with(&member.access, reader, *role), ..member }
            }
            Self::Ungranted(reader, role, _) => {
                Member { access: people::without(&member.access, reader, *role), ..member }
            }
            Self::Removed(_) => Member { is_there: false, ..member },
            Self::Added(_) => Member { is_there: true, ..member },
        }
    }
}
