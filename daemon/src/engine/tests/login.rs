//! Logins, and the refresh tokens that they leave behind.

use tokend_core::DoubtReason;
use tokend_provider::{Definition, LoginMethod, Source};
use tokio::sync::mpsc;

use super::*;
use crate::{
    credential::{Fingerprint, REFRESH_TOKEN, Replacement},
    engine::{LoginPlan, NewLogin, Supplier},
    ports::{ErrandEnded, Person, Progress},
};

const WALLED: &str = "
title = 'Walled'
[variables.client_id]
description = 'Who asks'
[oauth2]
grant = 'authorization_code'
client_auth = 'none'
authorization_url = 'https://auth.example.com/authorize'
token_url = 'https://auth.example.com/token'
revocation_url = 'https://auth.example.com/revoke'
";

/// A definition whose tokens take a person's login.
pub(super) fn walled() -> Definition {
    Definition::parse("walled", Source::File("walled.toml".into()), WALLED).unwrap()
}

/// A credential that a login has left a refresh token for, and a token that is due.
fn logged_in() -> Bench {
    let mut stored = stored_with_token("api", "walled");
    stored.credential.variables = [("client_id".to_owned(), "me".to_owned())].into();
    stored.credential.secrets = secrets("rt-1");
    let mut bench = Bench::load(Loaded { credentials: vec![stored], ..Loaded::default() });
    bench.pass(1_801);
    bench
}

fn secrets(refresh_token: &str) -> BTreeMap<String, SecretString> {
    [(REFRESH_TOKEN.to_owned(), SecretString::from(refresh_token))].into()
}

fn issued(value: &str, refresh_token: &str) -> Outcome {
    Outcome::Issued(Issued {
        value: SecretString::from(value),
        token_type: None,
        refresh_token: None,
        expiry: Expiry::After(Duration::from_secs(3_600)),
        expiry_mismatch: None,
        extras: BTreeMap::new(),
        date: None,
        secrets: secrets(refresh_token),
        quotas: Vec::new(),
    })
}

impl Bench {
    /// The refresh that is under way ends.
    fn end_refresh(&mut self, fate: Fate, outcome: Outcome) {
        let Job { name, issuance, .. } = self.jobs.0.borrow_mut().remove(0);
        let (sent_at, took) = (self.clock.now().wall, Duration::from_millis(50));
        self.engine.issued(ports::Issuance { name, issuance, sent_at, took, fate, outcome });
    }

    /// Sets a refresh token by hand.
    fn set_refresh_token(&mut self, refresh_token: &str) -> Answer<Snapshot> {
        let replacement = Replacement { secrets: secrets(refresh_token), ..Replacement::default() };
        let (name, etag, from) = (parsed("api"), None, Supplier::Operator);
        let change = |reply| Change::Replace { name, etag, replacement, from, reply };
        self.ask(|reply| Command::Change(change(reply), AUTHOR))
    }

    fn stored(&mut self) -> Arc<Credential> {
        let mut shown = self.ask(|reply| Command::Get { name: parsed("api"), reply });
        shown.try_recv().unwrap().unwrap().credential
    }

    fn refresh_token(&mut self) -> String {
        self.stored().secrets[REFRESH_TOKEN].expose_secret().to_owned()
    }

    /// Begins a login, up to where the person has the word.
    fn log_in(&mut self) -> (Answer<Arc<Published>>, mpsc::UnboundedReceiver<Progress>) {
        let (told, progress) = mpsc::unbounded_channel();
        let (_, redirects) = mpsc::channel(1);
        let person = Person { told, redirects, called_off: None };
        let mut plan =
            self.ask(|reply| Command::PlanLogin { name: parsed("api"), method: None, reply });
        let LoginPlan { method, redirect } = plan.try_recv().unwrap().unwrap();
        assert_eq!(method, LoginMethod::AuthorizationCode);
        let redirect_uri = redirect.map(|redirect| redirect.uri);
        let new = NewLogin { name: parsed("api"), method, redirect_uri, person };
        let answer = self.ask(|reply| Command::LogIn { new, author: AUTHOR, reply });
        assert!(matches!(self.done(), Write::Reserve(_)));
        (answer, progress)
    }

    fn end_login(&mut self, outcome: Outcome) {
        let errand = self.errands.0.borrow_mut().remove(0);
        let (id, sent_at, took) = (errand.id, self.clock.now().wall, Duration::from_millis(50));
        let fate = Fate::Answered;
        self.engine.returned(ErrandEnded { id, sent_at, took, fate, outcome });
    }
}

#[test]
fn what_is_sent_is_noted_before_and_replaced_together_with_the_token() {
    let mut bench = logged_in();
    let Write::Reserve(reservation) = bench.done() else { panic!("a refresh is due") };
    assert_eq!(reservation.spends, Some(Fingerprint::of(&"rt-1".into())));
    bench.end_refresh(Fate::Answered, issued("second", "rt-2"));
    let Write::Token { token, settled, .. } = bench.done() else { panic!("a token came") };
    assert!(settled.renewed);
    assert_eq!(token.payload.secrets[REFRESH_TOKEN].expose_secret(), "rt-2");
    assert_eq!(bench.refresh_token(), "rt-2");
    let former = &bench.stored().supply.former[REFRESH_TOKEN];
    assert_eq!(former.expose_secret(), "rt-1", "it is kept until the new one has worked");
}

#[test]
fn changes_that_wait_are_made_from_what_came_meanwhile() {
    let mut bench = logged_in();
    bench.done();
    // One is being written when the token comes, and another is wanted.
    bench.grant("api", 1, None);
    bench.end_refresh(Fate::Answered, issued("second", "rt-2"));
    bench.grant("api", 2, None);
    assert!(matches!(bench.done(), Write::Credential(_)));
    bench.grant("api", 3, None);
    assert!(matches!(bench.done(), Write::Token { .. }));
    for _ in 0..2 {
        let Write::Credential(credential) = bench.done() else { panic!("readers change") };
        assert_eq!(credential.secrets[REFRESH_TOKEN].expose_secret(), "rt-2");
    }
    assert_eq!(bench.stored().readers.len(), 3);
}

#[test]
fn a_refresh_token_that_is_set_while_another_is_sent_stays_and_is_beyond_doubt() {
    for (fate, outcome) in [
        (Fate::Answered, issued("late", "rt-2")),
        (
            Fate::Lost,
            Outcome::Failed(tokend_provider::Failure::new(
                tokend_provider::Verdict::Transient,
                "lost",
            )),
        ),
        (
            Fate::Answered,
            Outcome::Failed(tokend_provider::Failure::new(
                tokend_provider::Verdict::Denied,
                "invalid_grant",
            )),
        ),
    ] {
        let mut bench = logged_in();
        bench.done();
        bench.set_refresh_token("rt-x");
        bench.done();
        bench.end_refresh(fate, outcome);
        let Write::Failure { spent, .. } = bench.done() else { panic!("it isn't wanted") };
        assert!(!spent);
        assert_eq!(bench.refresh_token(), "rt-x");
        bench.pass(10);
        let Write::Reserve(reservation) = bench.done() else { panic!("it is tried") };
        assert_eq!(reservation.spends, Some(Fingerprint::of(&"rt-x".into())));
    }
}

#[test]
fn what_was_not_noted_is_not_sent() {
    let mut bench = logged_in();
    // It is set between the reservation's being asked for and its being made.
    bench.set_refresh_token("rt-x");
    let granted = ports::Reply::Reserved(Allowance::default());
    let (ticket, write) = bench.next_write();
    assert!(matches!(write, Write::Reserve(_)));
    assert!(matches!(bench.done(), Write::Credential(_)));
    bench.engine.written(Written { ticket, result: Ok(granted) });
    assert!(bench.jobs.0.borrow().is_empty());
    let Write::Failure { fate, .. } = bench.done() else { panic!("nothing is sent") };
    assert_eq!(fate, Fate::Unsent);
}

#[test]
fn a_login_takes_the_place_of_what_was_there_and_of_what_is_under_way() {
    let mut bench = logged_in();
    bench.done();
    let (mut answer, _progress) = bench.log_in();
    bench.end_login(issued("fresh", "rt-login"));
    bench.end_refresh(Fate::Answered, issued("late", "rt-2"));
    assert!(answer.try_recv().is_err(), "not before it is on disk");
    assert!(matches!(bench.done(), Write::Token { .. }));
    assert!(answer.try_recv().unwrap().is_ok());
    assert_eq!(bench.value("api").as_deref(), Some("fresh"));
    assert_eq!(bench.refresh_token(), "rt-login");
}

#[test]
fn a_login_for_a_credential_that_is_gone_is_ended_and_no_other_of_its_name_gets_its_token() {
    let mut bench = logged_in();
    bench.done();
    let (mut answer, _progress) = bench.log_in();
    bench.remove("api");
    while !bench.writes.0.borrow().is_empty() {
        bench.done();
    }
    let mut errand = bench.errands.0.borrow_mut().remove(0);
    let called_off = errand.person.as_mut().unwrap().called_off.as_mut().unwrap();
    assert!(
        called_off
            .try_recv()
            .is_err_and(|error| { matches!(error, oneshot::error::TryRecvError::Closed) })
    );
    bench.errands.0.borrow_mut().insert(0, errand);
    bench.create("api");
    bench.done();
    bench.end_login(issued("orphan", "rt-login"));
    assert!(answer.try_recv().unwrap().is_err());
    let writes = std::mem::take(&mut *bench.writes.0.borrow_mut());
    let is_revoked = writes.iter().any(|(_, write)| matches!(write, Write::Revoke { .. }));
    assert!(is_revoked, "{writes:?}");
    assert_eq!(bench.value("api"), None);
}

#[test]
fn a_store_says_which_doubt_it_has_and_nothing_is_sent() {
    let mut stored = stored_with_token("api", "walled");
    stored.credential.variables = [("client_id".to_owned(), "me".to_owned())].into();
    stored.credential.secrets = secrets("rt-1");
    let reason = DoubtReason::Restored;
    let doubt = tokend_core::Doubt { reason, age: Duration::MAX, issuance: None };
    stored.history.doubt = Some(doubt);
    let loaded = Loaded { credentials: vec![stored], is_restored: true, ..Loaded::default() };
    let mut bench = Bench::load(loaded);
    bench.pass(86_400);
    assert!(bench.writes.0.borrow().is_empty());
    let mut problems = bench.ask(|reply| Command::Problems { reply });
    let problems = problems.try_recv().unwrap().unwrap();
    assert!(problems[0].starts_with("the store was restored from a backup"), "{problems:?}");
}
