//! Logins: a person lets tokend in, and what comes of it keeps tokens coming.

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;
use tokend_core::{
    BootTime, Cause, Failure, Fate, Input, IssuanceId, Name, Random, Receipt, Refusal, Stamp,
    StoreFailure, Verdict, WaiterId,
};
use tokend_provider::{Exchange, Issued, LoginEnd, LoginMethod, Outcome, Redirect};
use tokio::sync::oneshot;
use tracing::info;
use url::Url;

use super::{
    Author, Engine, Entry, Error, Reply,
    change::Pending,
    dance::{self, Dance},
    errand::{Errand, MOST, Start},
};
use crate::{
    credential::{Credential, REFRESH_TOKEN},
    ports::{
        self, Clock, ErrandEnded, Happening, Issuer, Person, Reservation, Settled, Store, Write,
    },
    published::Published,
};

/// So long a login takes at most: a code can be typed for an hour, and then the token is
/// asked for.
const LONGEST_LOGIN: Duration = Duration::from_secs(65 * 60);

/// So many people can be about to log in: the other errands don't wait for people.
const MOST_LOGINS: usize = MOST / 2;

/// How a person can log in.
#[derive(Debug)]
pub struct LoginPlan {
    /// On a page or with a code.
    pub method: LoginMethod,
    /// Where the page leads back to, if it is one.
    pub redirect: Option<Redirect>,
}

/// A login that someone has begun.
#[derive(Debug)]
pub struct NewLogin {
    /// With which credential.
    pub name: Name,
    /// As the plan has it.
    pub method: LoginMethod,
    /// Where redirects come in, if it is a page.
    pub redirect_uri: Option<Url>,
    /// The person.
    pub person: Person,
}

/// A login that is under way.
#[derive(Debug)]
pub(super) struct Login {
    pub(super) name: Name,
    /// As it is when the login begins. One that is made anew has another id.
    credential: Arc<Credential>,
    issuance: IssuanceId,
    begun_at: BootTime,
    method: LoginMethod,
    redirect_uri: Option<Url>,
    person: Option<Person>,
    /// Calls it off when it is dropped.
    keep: Option<oneshot::Sender<()>>,
    reply: Reply<Arc<Published>>,
}

impl Login {
    pub(super) fn refuse(self, error: Error) {
        let _ = self.reply.send(Err(error));
    }
}

impl<C: Clock, R: Random, I: Issuer, S: Store> Engine<C, R, I, S> {
    /// Finds out how a person logs in.
    pub(super) fn plan_login(
        &self,
        name: &Name,
        method: Option<LoginMethod>,
    ) -> Result<LoginPlan, Error> {
        let Dance { definition, inputs } = self.danced(name)?;
        let methods = definition.logins(&inputs);
        let method = match method {
            Some(method) if methods.contains(&method) => Some(method),
            Some(_) => None,
            None => methods.first().copied(),
        };
        let method = method.ok_or_else(|| Error::NoLogin {
            name: name.clone(),
            provider: definition.name().to_owned(),
            other: methods.first().copied(),
        })?;
        let redirect = match method {
            LoginMethod::AuthorizationCode => Some(definition.redirect(&inputs)?),
            LoginMethod::DeviceCode => None,
        };
        Ok(LoginPlan { method, redirect })
    }

    /// Begins a login, if the limits of the account allow its token.
    pub(super) fn log_in(&mut self, new: NewLogin, author: Author, reply: Reply<Arc<Published>>) {
        let NewLogin { name, method, redirect_uri, person } = new;
        let account = match self.admit_login(&name, method) {
            Ok(account) => account,
            Err(error) => return drop(reply.send(Err(error))),
        };
        let Author { uid, pid } = author;
        let issuance = IssuanceId::draw(&mut self.random);
        info!(credential = %name, %issuance, uid, pid, ?method, "somebody logs in");
        let Some(Entry { credential, .. }) = self.entries.get(&name) else { return };
        let credential = Arc::clone(credential);
        let at = self.clock.stamp();
        let reservation = Reservation {
            issuance,
            credential: credential.id,
            account: self.accounts.get(&account),
            cause: Cause::Login,
            replacements: credential.supply.replacements,
            spends: None,
            within: LONGEST_LOGIN,
            at,
        };
        let (keep, called_off) = oneshot::channel();
        let person = Some(Person { called_off: Some(called_off), ..person });
        let (begun_at, keep) = (at.moment.boot, Some(keep));
        let login = Login {
            name,
            credential,
            issuance,
            begun_at,
            method,
            redirect_uri,
            person,
            keep,
            reply,
        };
        self.submit(Pending::Login(Box::new(login)), Write::Reserve(reservation));
    }

    /// Returns the account that a login counts against, if it can begin.
    fn admit_login(&self, name: &Name, method: LoginMethod) -> Result<String, Error> {
        self.plan_login(name, Some(method))?;
        let logs_in = |errand: &Errand| matches!(errand, Errand::Login(it) if it.name == *name);
        let about_to =
            |pending: &Pending| matches!(pending, Pending::Login(it) if it.name == *name);
        if self.errands.values().any(logs_in) || self.writing.values().any(about_to) {
            return Err(Error::LoginUnderWay(name.clone()));
        }
        let logins = self.errands.values().filter(|errand| matches!(errand, Errand::Login(_)));
        if logins.count() >= MOST_LOGINS {
            return Err(Error::TooManyErrands);
        }
        self.check_room()?;
        Ok(self.danced(name)?.account().to_owned())
    }

    /// The ledger has the login's issuance, or not.
    pub(super) fn login_reserved(
        &mut self,
        mut login: Login,
        result: Result<ports::Reply, StoreFailure>,
    ) {
        match result {
            Ok(ports::Reply::Reserved(_)) => {}
            Ok(ports::Reply::Refused { retry_after, unknown }) => {
                self.note_unknown(&login.name, unknown);
                let refusal = Refusal::BudgetExhausted { retry_after };
                let error = self.refusal(&login.name, refusal);
                return login.refuse(error);
            }
            // No store answers a reservation with less.
            Ok(ports::Reply::Done) => return,
            Err(failure) => return login.refuse(Error::Store(failure)),
        }
        let begun = match self.identified(&login.name) {
            _ if self.stopping => Err(Error::Stopping),
            Ok(id) if id == login.credential.id => self.danced(&login.name),
            _ => Err(Error::NotFound(login.name.clone())),
        };
        let ambient = self.ambient();
        let started = begun.and_then(|Dance { definition, inputs }| {
            let (method, uri) = (login.method, login.redirect_uri.as_ref());
            let first = Exchange::login(&definition, &inputs, method, uri, ambient)?;
            Ok((first, inputs))
        });
        match started {
            Ok((first, inputs)) => {
                let (begun_at, person) = (login.begun_at, login.person.take());
                let credential = Some(login.name.clone());
                let within = LONGEST_LOGIN;
                let start =
                    Start { credential, begun_at, within, first, inputs, watcher: None, person };
                self.begin(Errand::Login(login), start);
            }
            Err(error) => {
                let failure = Failure::transient(error.to_string());
                self.settle_login(login.issuance, Fate::Unsent, failure, self.settled_now());
                login.refuse(error);
            }
        }
    }

    /// A login has ended.
    pub(super) fn login_ended(&mut self, login: Login, ended: ErrandEnded) {
        let ErrandEnded { sent_at, took, fate, outcome, .. } = ended;
        let Login { name, credential, issuance, reply, .. } = login;
        let is_its = self.identified(&name).is_ok_and(|id| id == credential.id);
        match outcome {
            Outcome::Issued(issued) if is_its => {
                info!(credential = %name, %issuance, "login done");
                let waiter = self.enlist(reply);
                self.note_told(&name, issuance, &issued.quotas);
                let login = self.came_of_login(&name, issuance, waiter, sent_at, issued, took);
                self.step(&name, Input::LoggedIn(login));
            }
            outcome => {
                let (date, quotas, end) = match &outcome {
                    Outcome::Failed(failed) => {
                        (failed.date, dance::quotas(&failed.quotas), failed.login)
                    }
                    _ => (None, Vec::new(), None),
                };
                let error = if let Outcome::Issued(issued) = outcome {
                    if let Ok(dance) = Dance::of(&self.definitions.now(), &credential) {
                        self.end_unwanted(&credential, dance, issued, sent_at);
                    }
                    Error::NotFound(name.clone())
                } else {
                    self.not_done(format!("the login of {name} brought no token"), outcome)
                };
                let failure = match &error {
                    Error::NotDone { failure, .. } => failure.clone(),
                    other => Failure::transient(other.to_string()),
                };
                self.tell(
                    Some(&name),
                    Happening::Failed {
                        issuance,
                        cause: Cause::Login,
                        verdict: failure.verdict,
                        message: failure.message.clone(),
                        took,
                        consecutive: 1,
                        retry_at: None,
                    },
                );
                let settled = Settled {
                    at: Stamp { date, ..self.clock.stamp() },
                    took,
                    quotas: quotas.into_iter().chain(failure.quota()).collect(),
                    ..self.settled_now()
                };
                let message = failure.message.clone();
                self.settle_login(issuance, fate, failure, settled);
                let _ = reply.send(Err(match end {
                    Some(LoginEnd::Declined) => Error::LoginDeclined { name, message },
                    Some(LoginEnd::Expired) => Error::LoginExpired { name, message },
                    None => error,
                }));
            }
        }
    }

    /// Ends logins that wait for a person: all of them, or those of one credential.
    pub(super) fn call_off_logins(&mut self, of: Option<&Name>) {
        for errand in self.errands.values_mut() {
            if let Errand::Login(login) = errand
                && of.is_none_or(|name| login.name == *name)
            {
                login.keep = None;
            }
        }
    }

    fn came_of_login(
        &self,
        name: &Name,
        issuance: IssuanceId,
        waiter: WaiterId,
        sent_at: jiff::Timestamp,
        mut issued: Issued,
        took: Duration,
    ) -> tokend_core::Login<crate::credential::Grant> {
        let entry = self.entries.get(name);
        let dance = entry.and_then(super::Entry::dance);
        let dance = dance.as_ref();
        let had = entry.is_some_and(|it| it.credential.secrets.contains_key(REFRESH_TOKEN));
        if had && !issued.secrets.contains_key(REFRESH_TOKEN) {
            // What an earlier login left behind is no part of this one. Empty is none.
            issued.secrets.insert(REFRESH_TOKEN.to_owned(), SecretString::default());
        }
        let idle = dance.and_then(|dance| dance.inputs.lifetimes().idle);
        let told = dance::told(issued.expiry);
        let receipt = Receipt { date: issued.date, took, free: false, renewed: true };
        let payload = dance::grant(issued);
        let came = dance::held(&payload);
        tokend_core::Login {
            issuance,
            waiter,
            sent_at,
            lifetime: dance::unused(told, idle, sent_at),
            refreshable: dance.is_some_and(|dance| dance.can_refresh(&came)),
            session: dance.and_then(|dance| dance.session(&came, told, sent_at)),
            payload,
            receipt,
        }
    }

    /// Settles a login in the ledger that brought no token. It says nothing of the
    /// credential's own issuances: it isn't counted among their failures.
    fn settle_login(
        &mut self,
        issuance: IssuanceId,
        fate: Fate,
        mut failure: Failure,
        settled: Settled,
    ) {
        failure.message.insert_str(0, "a login: ");
        // A denial would keep the credential from asking after the next start.
        failure.verdict = Verdict::Transient;
        let write = Write::Failure { issuance, fate, spent: false, failure, settled };
        self.submit(Pending::Settlement { issuance }, write);
    }

    pub(super) fn settled_now(&self) -> Settled {
        Settled {
            at: self.clock.stamp(),
            took: Duration::ZERO,
            quotas: Vec::new(),
            free: false,
            renewed: false,
        }
    }
}
