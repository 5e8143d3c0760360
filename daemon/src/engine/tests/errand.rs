//! Errands for operators.

use tokend_provider::{Definition, Inputs, Source};
use tokio::sync::mpsc;

use super::*;
use crate::ports::{ErrandEnded, Spoken};

const DEFINITION: &str = "\
title = 'Acme'
variables = { token_url = { description = '', kind = 'url' }, client_id = { description = '' } }
secrets = { client_secret = { description = '' } }
limits = [{ count = 5, window = '1h' }]
issue = { url = '{{ var.token_url }}', form = { key = '{{ secret.client_secret }}' } }
output = { token = 'body.token' }
revoke = { url = '{{ var.token_url }}/revoke', form = { token = '{{ token }}' } }
remote.list = { description = 'lists', request = { url = '{{ var.token_url }}/list', form = { token = '{{ token }}' } } }
";

pub(super) fn acme() -> Definition {
    Definition::parse("acme", Source::BuiltIn, DEFINITION).unwrap()
}

pub(super) fn bench() -> Bench {
    let credentials = vec![stored_with_token("api", "acme")];
    Bench::load(Loaded { credentials, ..Loaded::default() })
}

impl Bench {
    fn attempt(&mut self) -> (Answer<Tried>, mpsc::UnboundedReceiver<Spoken>) {
        let Credential { variables, secrets, .. } = credential("api");
        let (watcher, spoken) = mpsc::unbounded_channel();
        let inputs = Inputs { variables, secrets };
        let candidate = Candidate { definition: Arc::new(acme()), inputs, watcher };
        (self.ask(|reply| Command::Try { candidate, author: AUTHOR, reply }), spoken)
    }

    /// The oldest errand ends.
    pub(super) fn end_errand(&mut self, outcome: Outcome) {
        let errand = self.errands.0.borrow_mut().remove(0);
        let (took, fate) = (Duration::from_millis(50), Fate::Answered);
        let sent_at = self.clock.now().wall;
        self.engine.returned(ErrandEnded { id: errand.id, sent_at, took, fate, outcome });
    }
}

pub(super) fn failed(message: &str) -> Outcome {
    let verdict = tokend_provider::Verdict::Transient;
    Outcome::Failed(tokend_provider::Failure::new(verdict, message))
}

fn list(bench: &mut Bench) -> Answer<serde_json::Value> {
    let (name, operation, arguments) = (parsed("api"), "list".to_owned(), BTreeMap::new());
    bench.ask(|reply| Command::Remote { name, operation, arguments, author: AUTHOR, reply })
}

#[test]
fn a_trial_is_reserved_first_with_all_limits_of_the_account() {
    let mut bench = bench();
    let (mut tried, _spoken) = bench.attempt();
    assert!(bench.errands.0.borrow().is_empty(), "nothing is sent before the ledger has it");
    let Write::Reserve(reservation) = bench.done() else { panic!("a reservation was due") };
    assert_eq!(reservation.account.name, "auth.example.com/me");
    assert_eq!(reservation.account.limits.len(), 1);
    assert_ne!(reservation.credential, CredentialId([7; 16]));
    bench.end_errand(failed("down"));
    let Write::Failure { issuance, fate, failure, .. } = bench.done() else {
        panic!("a settlement was due")
    };
    assert!(issuance == reservation.issuance && fate == Fate::Answered);
    assert_eq!(failure.message, "a trial of acme: down");
    let Tried { findings, problem } = tried.try_recv().unwrap().unwrap();
    assert_eq!(problem.unwrap().to_string(), "there is no token: down");
    assert!(findings.contains(&("message".to_owned(), "down".to_owned())), "{findings:?}");
}

#[test]
fn a_trial_that_the_limits_do_not_allow_sends_nothing() {
    let mut bench = bench();
    let (mut tried, _spoken) = bench.attempt();
    let retry_after = Duration::from_secs(60);
    bench.answer_write(Ok(ports::Reply::Refused { retry_after, unknown: false }));
    let told = tried.try_recv().unwrap();
    assert!(matches!(told, Err(Error::Refused(Refusal::BudgetExhausted { .. }))), "{told:?}");
    assert!(bench.errands.0.borrow().is_empty() && bench.writes.0.borrow().is_empty());
}

#[test]
fn no_more_errands_begin_than_may_be_under_way() {
    let mut bench = bench();
    let mut waiting: Vec<_> = (0..15).map(|_| list(&mut bench)).collect();
    let (_tried, _spoken) = bench.attempt();
    let told = list(&mut bench).try_recv().unwrap();
    assert!(matches!(told, Err(Error::TooManyErrands)), "{told:?}");
    let told = bench.attempt().0.try_recv().unwrap();
    assert!(matches!(told, Err(Error::TooManyErrands)), "{told:?}");
    bench.end_errand(Outcome::Told(serde_json::Value::Null));
    assert!(waiting.remove(0).try_recv().unwrap().is_ok());
    assert!(list(&mut bench).try_recv().is_err(), "it is under way");
}

#[test]
fn the_end_waits_for_errands_and_begins_none() {
    let mut bench = bench();
    let (mut tried, _spoken) = bench.attempt();
    let mut listed = list(&mut bench);
    bench.engine.stop();
    // What is reserved is settled without being sent.
    assert!(matches!(bench.done(), Write::Reserve(_)));
    assert!(matches!(bench.done(), Write::Failure { fate: Fate::Unsent, .. }));
    assert!(matches!(tried.try_recv().unwrap(), Err(Error::Stopping)));
    assert!(bench.writes.0.borrow().is_empty() && !bench.engine.is_quiet());
    bench.end_errand(Outcome::Told(serde_json::Value::Null));
    assert!(listed.try_recv().unwrap().is_ok() && bench.engine.is_quiet());
    let told = list(&mut bench).try_recv().unwrap();
    assert!(matches!(told, Err(Error::Stopping)), "{told:?}");
}

#[test]
fn whoever_waits_for_an_errand_at_the_end_is_told() {
    let mut bench = bench();
    let mut listed = list(&mut bench);
    bench.engine.stop();
    bench.engine.dismiss();
    assert!(matches!(listed.try_recv().unwrap(), Err(Error::Stopping)));
}
