//! Who has to log in, told once.

use std::collections::BTreeSet;

use tokend_core::{Name, Random, Setback};
use tracing::warn;

use super::Engine;
use crate::{
    credential::REFRESH_TOKEN,
    ports::{Clock, Issuer, LoginNeeded, Notices, Store},
};

/// The credentials for which a person has to log in, and where that is told.
#[derive(Debug, Default)]
pub(super) struct Logins {
    needed: BTreeSet<Name>,
    notices: Option<Notices>,
}

impl Logins {
    /// Notes what went wrong last with a credential. That a login is needed is told when
    /// it comes to that; further attempts that fail are no news before a success. Returns why
    /// one is needed, if that is news.
    pub(super) fn note(
        &mut self,
        name: &Name,
        command: &str,
        setback: Option<&Setback>,
    ) -> Option<String> {
        match setback {
            Some(Setback::LoginNeeded(message)) => {
                let is_news = self.needed.insert(name.clone());
                if is_news {
                    self.tell(name, command, message);
                }
                return is_news.then(|| message.clone());
            }
            Some(_) => {}
            None => self.forget(name),
        }
        None
    }

    /// Forgets a credential: it is well, or gone.
    pub(super) fn forget(&mut self, name: &Name) {
        self.needed.remove(name);
    }

    fn tell(&self, name: &Name, command: &str, message: &str) {
        let Some(notices) = &self.notices else { return };
        let (command, message) = (command.to_owned(), message.to_owned());
        let notice = LoginNeeded { name: name.clone(), command, message };
        if notices.try_send(notice).is_err() {
            warn!(credential = %name, "too many logins are needed at once to tell of this one");
        }
    }
}

impl<C: Clock, R: Random, I: Issuer, S: Store> Engine<C, R, I, S> {
    /// Returns what brings what a login leaves behind: a login, or another refresh token,
    /// where tokend knows no login.
    pub(super) fn login_command(&self, name: &Name) -> String {
        let dance = self.entries.get(name).and_then(super::Entry::dance);
        if dance.is_some_and(|dance| dance.definition.logins(&dance.inputs).is_empty()) {
            format!("tokend-cli set-secret {name} {REFRESH_TOKEN} --now")
        } else {
            format!("tokend-cli login {name}")
        }
    }

    /// Has people told when a login is needed; also where one is already.
    pub fn tell_logins(&mut self, notices: Notices) {
        self.logins.notices = Some(notices);
        for (name, command, message) in self.needed_logins() {
            self.logins.tell(&name, &command, &message);
        }
    }

    /// Returns the credentials for which a login is needed, what to run, and why.
    pub(super) fn needed_logins(&self) -> Vec<(Name, String, String)> {
        let all = self.logins.needed.iter().filter_map(|name| {
            let (setback, _) = self.keeper.view(name, self.clock.now())?.setback?;
            Some((name.clone(), self.login_command(name), setback.to_string()))
        });
        all.collect()
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[test]
    fn a_login_is_told_when_it_comes_to_it_and_not_again_before_a_success() {
        let (notices, mut told) = mpsc::channel(8);
        let mut logins = Logins { notices: Some(notices), ..Logins::default() };
        let name: Name = "api".parse().unwrap();
        let needed = Setback::LoginNeeded("invalid_grant".to_owned());
        for setback in [Some(&needed), Some(&needed), Some(&Setback::Budget), Some(&needed)] {
            logins.note(&name, "log in", setback);
        }
        let (command, message) = ("log in".to_owned(), "invalid_grant".to_owned());
        let notice = LoginNeeded { name: name.clone(), command, message };
        assert_eq!(told.try_recv().unwrap(), notice);
        assert!(told.try_recv().is_err());
        logins.note(&name, "log in", None);
        logins.note(&name, "log in", Some(&needed));
        assert_eq!(told.try_recv().unwrap(), notice);
    }
}
