//! Backups that are taken, and restored much later.

use tokend::engine::Accounts;

use super::Run;
use crate::{plan::Member, world::backup::Backup};

/// The backups that there are, and what is known of the last restoration.
#[derive(Default)]
pub(in super::super) struct Backups {
    kept: Option<Kept>,
}

/// A backup, and how credentials were then.
struct Kept {
    backup: Backup,
    members: Vec<Member>,
    about_to_be: Vec<Vec<Member>>,
    /// How many requests had been sent by then.
    attempts: usize,
}

impl Run {
    /// Someone takes a backup, or restores the last one.
    pub(super) fn back_up_or_restore(&mut self) {
        match self.backups.kept.take() {
            Some(kept) if self.dice.percent(60) => self.restore(kept),
            _ => {
                self.note(format_args!("a backup is taken"));
                self.backups.kept = Some(Kept {
                    backup: self.world.back_up(),
                    members: self.plan.members.clone(),
                    about_to_be: self.about_to_be(),
                    attempts: self.world.attempts.len(),
                });
            }
        }
    }

    /// The state of before is put in the place of what there is. Now and then an operator says
    /// how many tokens were asked for since.
    fn restore(&mut self, kept: Kept) {
        self.note(format_args!("a backup is restored"));
        self.leave();
        // Whoever does that makes room for it.
        self.world.disk.full = false;
        self.changes = super::Changes::default();
        self.world.restore(&kept.backup);
        let gone = std::mem::replace(&mut self.plan.members, kept.members.clone());
        self.find_members(&kept.about_to_be);
        self.witness.restored(&gone, kept.attempts, &self.plan, &self.world);
        self.had.clear();
        self.go_on();
        if self.dice.percent(25) {
            self.accept();
        }
        // It can be restored once more.
        if self.dice.percent(30) {
            self.backups.kept = Some(kept);
        }
    }

    fn accept(&mut self) {
        let position = self.member();
        let member = self.plan.members[position].clone();
        let used = self.witness.lacking(member.account, &self.plan, &self.world);
        self.note(format_args!("an operator knows that {used} tokens were asked for"));
        let account = Accounts::Of(member.name.parse().expect("it is a name"));
        drop(self.world.accept(account, used));
    }
}
