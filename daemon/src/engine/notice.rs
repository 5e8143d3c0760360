//! Who has to log in, told once.

use std::collections::BTreeSet;

use tokend_core::{Name, Random, Setback};
use tracing::warn;

use super::Engine;
use crate::ports::{Clock, Issuer, LoginNeeded, Notices, Store};

/// The credentials for which a person has to log in, and where that is told.
#[derive(Debug, Default)]
pub(super) struct Logins {
    needed: BTreeSet<Name>,
    notices: Option<Notices>,
}

impl Logins {
    /// Notes what went wrong last with a credential. That a login is needed is told when
    /// it comes to that; further attempts that fail are no news before a success.
    pub(super) fn note(&mut self, name: &Name, setback: Option<&Setback>) {
        match setback {
            Some(Setback::LoginNeeded(message)) => {
                if self.needed.insert(name.clone()) {
                    let command = format!("tokend-cli login {name}");
                    warn!(credential = %name, "a login is needed: run `{command}`: {message}");
                    self.tell(name, message);
                }
            }
            Some(_) => {}
            None => self.forget(name),
        }
    }

    /// Forgets a credential: it is well, or gone.
    pub(super) fn forget(&mut self, name: &Name) {
        self.needed.remove(name);
    }

    fn tell(&self, name: &Name, message: &str) {
        let Some(notices) = &self.notices else { return };
        let notice = LoginNeeded { name: name.clone(), message: message.to_owned() };
        if notices.try_send(notice).is_err() {
            warn!(credential = %name, "too many logins are needed at once to tell of this one");
        }
    }
}

impl<C: Clock, R: Random, I: Issuer, S: Store> Engine<C, R, I, S> {
    /// Has people told when a login is needed; also where one is already.
    pub fn tell_logins(&mut self, notices: Notices) {
        self.logins.notices = Some(notices);
        for name in &self.logins.needed {
            let view = self.keeper.view(name, self.clock.now());
            if let Some((setback, _)) = view.and_then(|view| view.setback) {
                self.logins.tell(name, &setback.to_string());
            }
        }
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
            logins.note(&name, setback);
        }
        let notice = LoginNeeded { name: name.clone(), message: "invalid_grant".to_owned() };
        assert_eq!(told.try_recv().unwrap(), notice);
        assert!(told.try_recv().is_err());
        logins.note(&name, None);
        logins.note(&name, Some(&needed));
        assert_eq!(told.try_recv().unwrap(), notice);
    }
}
