//! Secrets that are replaced.

mod source;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokend_provider::Verdict;

use super::*;
use crate::credential::{Replacement, is_same};

const REFUSED: &str = "the new `client_secret` of api was refused (invalid_client); the old one \
                       still works: set it again: `tokend-cli set-secret api client_secret`";

fn secrets(all: &[(&str, &str)]) -> Replacement {
    let secrets = all.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
    Replacement { secrets, ..Replacement::default() }
}

impl Bench {
    fn replace(&mut self, replacement: Replacement) -> Answer<Snapshot> {
        let (name, etag, from) = (parsed("api"), None, Supplier::Operator);
        self.ask(|reply| {
            Command::Change(Change::Replace { name, etag, replacement, from, reply }, AUTHOR)
        })
    }

    /// Replaces the client's secret, on disk and all.
    fn set(&mut self, value: &str) {
        let mut replaced = self.replace(secrets(&[("client_secret", value)]));
        self.done();
        replaced.try_recv().unwrap().unwrap();
    }

    /// The secret with which the provider is asked.
    fn asked_with(&self) -> String {
        let jobs = self.jobs.0.borrow();
        let [job] = &jobs[..] else { panic!("one job was due: {jobs:?}") };
        let ambient = tokend_provider::Ambient { now: start(), entropy: [0; 32] };
        let (definition, inputs) = (&job.definition, &job.inputs);
        let held = job.held.as_ref();
        let step =
            tokend_provider::Exchange::start(definition, inputs, job.operation, held, ambient);
        let Ok(tokend_provider::Step::Send(_, request)) = step else { panic!("{step:?}") };
        let basic = request.headers["authorization"].to_str().unwrap();
        let pair = basic.strip_prefix("Basic ").unwrap();
        let pair = String::from_utf8(STANDARD.decode(pair).unwrap()).unwrap();
        pair.strip_prefix("me:").unwrap().to_owned()
    }

    fn deny(&mut self) {
        let job = self.jobs.0.borrow_mut().remove(0);
        let failure = tokend_provider::Failure::new(Verdict::Denied, "invalid_client");
        self.engine.issued(ports::Issuance {
            name: job.name,
            issuance: job.issuance,
            sent_at: self.clock.now().wall,
            took: Duration::from_millis(50),
            fate: Fate::Answered,
            outcome: Outcome::Failed(failure),
        });
    }

    fn refresh(&mut self) -> Answer<Arc<Published>> {
        let answer = self.ask(|reply| Command::Refresh { name: parsed("api"), reply });
        self.done();
        answer
    }

    fn shown(&mut self) -> Snapshot {
        let mut shown = self.ask(|reply| Command::Get { name: parsed("api"), reply });
        shown.try_recv().unwrap().unwrap()
    }

    fn problems(&mut self) -> Vec<String> {
        self.ask(|reply| Command::Problems { reply }).try_recv().unwrap().unwrap()
    }

    fn former(&mut self) -> Vec<String> {
        let former = self.shown().credential.supply.former.clone();
        former.values().map(|secret| secret.expose_secret().to_owned()).collect()
    }
}

#[test]
fn a_new_secret_is_tried_first_and_the_one_before_goes_once_it_has_worked() {
    let mut bench = Bench::with_token("api");
    bench.set("n3w");
    assert_eq!(bench.former(), ["hunter2"]);
    assert!(bench.jobs.0.borrow().is_empty(), "the token that is held is good");
    assert_eq!(bench.value("api").as_deref(), Some("first"));

    let mut refreshed = bench.refresh();
    assert_eq!(bench.asked_with(), "n3w");
    bench.issue("second", 3_600);
    let Write::Token { token, .. } = bench.done() else { panic!("a token was due") };
    assert!(is_same(&token.payload.proven["client_secret"], &"n3w".into()));
    assert!(refreshed.try_recv().unwrap().is_ok());
    assert!(bench.former().is_empty());
    assert!(bench.problems().is_empty());
}

#[test]
fn while_the_new_secret_is_refused_the_one_before_gets_tokens_in_the_same_issuance() {
    let mut bench = Bench::with_token("api");
    bench.set("wr0ng");
    for (is_first, value) in [(true, "second"), (false, "third")] {
        let mut refreshed = bench.refresh();
        if is_first {
            assert_eq!(bench.asked_with(), "wr0ng");
            let issuance = bench.jobs.0.borrow()[0].issuance;
            bench.deny();
            assert!(bench.writes.0.borrow().is_empty(), "the issuance isn't over");
            assert_eq!(bench.jobs.0.borrow()[0].issuance, issuance, "it is counted once");
        }
        assert_eq!(bench.asked_with(), "hunter2", "what was refused isn't tried again");
        bench.issue(value, 3_600);
        bench.done();
        assert!(refreshed.try_recv().unwrap().is_ok());
        assert_eq!(bench.value("api").as_deref(), Some(value));
        assert_eq!(bench.former(), ["hunter2"]);
        assert_eq!(bench.problems(), [REFUSED]);
    }
    // Whoever sets it again doesn't lose the one that works.
    bench.set("n3w");
    assert_eq!(bench.former(), ["hunter2"]);
    assert!(bench.problems().is_empty(), "nobody has tried this one");
    bench.refresh();
    bench.issue("fourth", 3_600);
    bench.done();
    assert!(bench.former().is_empty());
}

#[test]
fn if_both_are_refused_the_new_one_is_what_is_told_and_another_ends_it_at_once() {
    let mut bench = Bench::with_token("api");
    bench.set("wr0ng");
    let mut refreshed = bench.refresh();
    bench.deny();
    bench.deny();
    assert!(matches!(bench.done(), Write::Failure { fate: Fate::Answered, .. }));
    let refused = refreshed.try_recv().unwrap().unwrap_err();
    assert_eq!(refused.to_string(), "the provider refused the credential: invalid_client");
    assert_eq!(bench.shown().state, State::Refused);
    bench.set("n3w");
    bench.pass(0);
    bench.pass(3_700);
    assert_eq!(bench.shown().state, State::Issuing);
}

#[test]
fn a_refused_credential_is_asked_for_again_as_soon_as_it_has_another_secret() {
    let mut bench = Bench::new();
    bench.create("api");
    bench.done();
    bench.done();
    bench.deny();
    bench.done();
    assert_eq!(bench.shown().state, State::Refused);
    let mut replaced = bench.replace(secrets(&[("client_secret", "n3w")]));
    assert!(bench.jobs.0.borrow().is_empty());
    assert!(matches!(bench.done(), Write::Credential(_)), "it is on disk before it is used");
    assert!(replaced.try_recv().unwrap().is_ok());
    assert!(matches!(bench.done(), Write::Reserve(_)));
    assert_eq!(bench.asked_with(), "n3w");
}

#[test]
fn a_secret_that_is_set_while_another_is_tried_proves_nothing_and_leaves_the_one_that_worked() {
    let mut bench = Bench::with_token("api");
    bench.set("n3w");
    bench.refresh();
    assert_eq!(bench.asked_with(), "n3w");
    bench.set("newer");
    bench.issue("second", 3_600);
    bench.done();
    assert_eq!(bench.former(), ["n3w"], "it is the last that has worked");
    let mut refreshed = bench.refresh();
    assert_eq!(bench.asked_with(), "newer");
    bench.deny();
    assert_eq!(bench.asked_with(), "n3w");
    bench.issue("third", 3_600);
    bench.done();
    assert!(refreshed.try_recv().unwrap().is_ok());
    assert_eq!(bench.former(), ["n3w"]);
}

#[test]
fn a_change_that_is_asked_for_meanwhile_keeps_both_itself_and_the_secrets() {
    let mut bench = Bench::with_token("api");
    let mut replaced = bench.replace(secrets(&[("client_secret", "n3w")]));
    let mut granted = bench.grant("api", 7, None);
    bench.done();
    bench.done();
    assert!(replaced.try_recv().unwrap().is_ok());
    let stored = granted.try_recv().unwrap().unwrap().credential;
    assert_eq!(stored.readers, [user(7)]);
    assert_eq!(stored.secrets["client_secret"].expose_secret(), "n3w");
    assert_eq!(stored.revision, 3);
}

#[test]
fn what_the_definition_does_not_take_is_refused_and_changes_nothing() {
    let mut bench = Bench::with_token("api");
    for (replacement, part) in [
        (secrets(&[("client_sekret", "x")]), "client_sekret"),
        (secrets(&[("client_secret", "")]), "client_secret"),
        (
            Replacement {
                expire_times: [("password".to_owned(), start())].into(),
                ..Replacement::default()
            },
            "api has no secret \"password\"; it has client_secret",
        ),
    ] {
        let error = bench.replace(replacement).try_recv().unwrap().unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
        assert!(bench.writes.0.borrow().is_empty());
    }
    let etag = Some(bench.etag("api"));
    bench.set("n3w");
    let name = parsed("api");
    let (replacement, from) = (secrets(&[("client_secret", "late")]), Supplier::Operator);
    let mut late = bench.ask(|reply| {
        Command::Change(Change::Replace { name, etag, replacement, from, reply }, AUTHOR)
    });
    assert!(matches!(late.try_recv().unwrap(), Err(Error::EtagMismatch(_))));
}

#[test]
fn a_static_token_is_served_at_once_and_nothing_is_kept_of_the_one_before() {
    let mut stored = stored_with_token("api", "static-bearer");
    let variable = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    stored.credential.variables =
        [("url", "https://api.example.com"), ("user", "me")].map(variable).into();
    stored.credential.secrets = [("token".to_owned(), "stored".into())].into();
    let mut bench = Bench::load(Loaded { credentials: vec![stored], ..Loaded::default() });
    let mut replaced = bench.replace(secrets(&[("token", "n3w")]));
    bench.done();
    bench.done();
    assert!(replaced.try_recv().is_err(), "the one before is still served");
    bench.issue("n3w", 3_600);
    let Write::Token { settled, .. } = bench.done() else { panic!("a token was due") };
    assert!(settled.free, "it is no issuance");
    let snapshot = replaced.try_recv().unwrap().unwrap();
    assert!(snapshot.is_static && snapshot.credential.supply.former.is_empty());
    assert_eq!(bench.value("api").as_deref(), Some("n3w"));
}

#[test]
fn what_was_replaced_just_before_the_end_is_taken_up_after_the_start() {
    let mut stored = stored_with_token("api", "static-bearer");
    let variable = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    stored.credential.variables =
        [("url", "https://api.example.com"), ("user", "me")].map(variable).into();
    stored.credential.secrets = [("token".to_owned(), "n3w".into())].into();
    stored.credential.supply.replaced_at = Some(after(start(), Duration::from_secs(1)));
    let mut bench = Bench::load(Loaded { credentials: vec![stored], ..Loaded::default() });
    bench.done();
    bench.issue("n3w", 3_600);
    bench.done();
    assert_eq!(bench.value("api").as_deref(), Some("n3w"));
}

#[test]
fn which_secrets_were_refused_is_told_by_their_order_and_not_by_clocks() {
    let (verdict, message) = (tokend_core::Verdict::Denied, "no".to_owned());
    let denied = tokend_core::Failure { verdict, retry_after: None, message };
    // By the clock they were replaced after the refusal, or before it.
    for (replaced_at, replacements, state) in [
        (2, Some(2), State::Refused),
        (0, Some(2), State::Refused),
        (2, Some(1), State::Issuing),
        (0, Some(1), State::Issuing),
        (2, None, State::Issuing),
        (0, None, State::Refused),
    ] {
        let mut stored = stored_with_token("api", "oauth2-client-credentials");
        let time = |secs| after(start(), Duration::from_secs(secs));
        stored.token = None;
        stored.credential.supply.replaced_at = Some(time(replaced_at));
        stored.credential.supply.replacements = 2;
        stored.history = History {
            consecutive_failures: 1,
            last_failure: Some((denied.clone(), time(1), Duration::ZERO)),
            replacements,
            ..History::default()
        };
        let mut bench = Bench::load(Loaded { credentials: vec![stored], ..Loaded::default() });
        assert_eq!(bench.shown().state, state, "{replaced_at} {replacements:?}");
    }
}

#[test]
fn a_reservation_says_how_often_secrets_have_been_replaced() {
    let mut bench = Bench::with_token("api");
    for times in 1..=2 {
        bench.replace(secrets(&[("client_secret", &format!("n3w {times}"))]));
        bench.done();
        bench.pass(3_600 * times);
        let Write::Reserve(reservation) = bench.done() else { panic!("a reservation was due") };
        assert_eq!(reservation.replacements, times);
        bench.issue("next", 3_600 * times);
        bench.done();
    }
}

#[test]
fn a_secret_that_ends_is_told_of_from_thirty_days_before() {
    const DAY: u64 = 24 * 3_600;
    let mut bench = Bench::with_token("api");
    let end = after(start(), Duration::from_secs(40 * DAY));
    let expire_times = [("client_secret".to_owned(), end)].into();
    bench.replace(Replacement { expire_times, ..Replacement::default() });
    bench.done();
    assert!(bench.former().is_empty(), "the secret itself is the same");
    for (days, told) in [
        (9, None),
        (2, Some("ends in 29 days")),
        (23, Some("ends in 6 days")),
        (6, Some("has ended")),
        (30, Some("has ended")),
    ] {
        bench.pass(days * DAY);
        let text = |when: &str| {
            format!(
                "the client_secret of api {when} (2026-02-10T00:00:00Z); `tokend-cli set-secret api \
                 client_secret` takes another"
            )
        };
        assert_eq!(bench.problems(), told.map(text).into_iter().collect::<Vec<_>>());
    }
    let shown = bench.shown().credential;
    assert_eq!(shown.supply.expire_times["client_secret"], end);
    bench.replace(secrets(&[("client_secret", "n3w")]));
    while !bench.writes.0.borrow().is_empty() {
        bench.done();
    }
    assert!(bench.problems().is_empty(), "it was the date of the one before");
}
