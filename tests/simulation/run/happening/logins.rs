//! People who log in, where nothing else brings a refresh token.

use tokend_core::{Setback, State};

use super::{Run, terms::What};
use crate::plan::Kind;

impl Run {
    /// Somebody logs in, be it needed or not.
    pub(super) fn log_in_sometime(&mut self) {
        let position = self.member();
        if self.plan.members[position].kind == Kind::Login {
            self.log_in(position);
        }
    }

    fn log_in(&mut self, position: usize) {
        let token = self.login(position);
        let name = self.plan.members[position].name.clone();
        self.note(format_args!("somebody logs in with {name}"));
        let answer = self.world.set_secret(&name, "refresh_token", &token);
        self.submit(position, What::Login(answer));
        if self.dice.percent(20) {
            self.end_within(5);
        }
    }

    /// Has the provider let someone in, and returns the refresh token that comes of it.
    pub(in super::super) fn login(&mut self, position: usize) -> String {
        let token = self.provider.borrow_mut().log_in();
        let member = &mut self.plan.members[position];
        member.login.clone_from(&token);
        // It may be there though nobody hears of it.
        member.resupplied_at = Some(self.world.truth());
        token
    }

    /// An operator does what is needed for a credential that has stopped: logs in if the daemon
    /// says so, or else tries again.
    pub(in super::super) fn help(&mut self, position: usize) {
        let snapshot = self.world.look(&self.plan.members[position].name);
        let needed = matches!(snapshot.setback, Some((Setback::LoginNeeded(_), _)));
        assert!(!needed || self.plan.members[position].kind == Kind::Login, "nobody can log in");
        if snapshot.state == State::Refused && needed {
            self.log_in(position);
            self.crash_in = None;
        } else if snapshot.state == State::Refused {
            self.force_one(position);
        }
    }
}
