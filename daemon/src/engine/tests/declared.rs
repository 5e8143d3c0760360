//! Credentials that files declare.

use tokend_core::Cause;

use super::{tell::Ear, *};
use crate::{
    credential::{Declared, Fingerprint, Place, REFRESH_TOKEN, Supplied},
    ports::{Happening, event},
};

const FILE: &str = "/etc/tokend/credentials.d/a.toml";

fn place() -> Place {
    Place { file: FILE.into(), line: 1 }
}

/// Returns the tests' usual credential as a file would declare it.
fn declared(secret: &str) -> Declared {
    let Credential { name, provider, variables, .. } = credential("api");
    let supplied = Supplied::Read {
        secret: SecretString::from(secret),
        source: None,
        from: "env SECRET".to_owned(),
    };
    Declared {
        name,
        provider,
        variables,
        secrets: [("client_secret".to_owned(), supplied)].into(),
        readers: Vec::new(),
        submitters: Vec::new(),
        refreshers: Vec::new(),
        policy: Policy::Always,
        limits: Vec::new(),
        place: Some(place()),
    }
}

impl Bench {
    fn plan(&mut self, declared: &Declared) -> Plan {
        let declared = Box::new(declared.clone());
        let mut answer = self.ask(|reply| Command::Plan { declared, reply });
        answer.try_recv().unwrap().unwrap()
    }

    fn declare(&mut self, declared: &Declared) -> Answer<Snapshot> {
        let etag = self.plan(declared).etag;
        let declared = Box::new(declared.clone());
        let change = |reply| Change::Declare { declared, etag, reply };
        self.ask(|reply| Command::Change(change(reply), AUTHOR))
    }

    fn as_shown(&mut self) -> Credential {
        let mut shown = self.ask(|reply| Command::Get { name: parsed("api"), reply });
        Credential::clone(&shown.try_recv().unwrap().unwrap().credential)
    }
}

fn shown(plan: &Plan) -> Vec<String> {
    let change = |it: &FieldChange| {
        format!("{} -{} +{}", it.field, it.removed.join(" "), it.added.join(" "))
    };
    plan.changes.iter().map(change).collect()
}

#[test]
fn what_differs_is_changed_in_one_write_and_only_once_that_is_on_disk() {
    let mut bench = Bench::with_token("api");
    let mut as_it_is = declared("hunter2");
    assert!(bench.declare(&as_it_is).try_recv().is_err(), "it is taken over");
    assert_eq!(bench.writes.0.borrow().len(), 1);
    bench.done();
    assert_eq!(bench.plan(&as_it_is).action, Action::Leave);
    assert!(bench.declare(&as_it_is).try_recv().unwrap().is_ok());
    assert!(bench.writes.0.borrow().is_empty(), "nothing differs");

    as_it_is.readers = vec![user(1)];
    as_it_is.limits = vec!["24/day".parse().unwrap()];
    assert_eq!(shown(&bench.plan(&as_it_is)), ["readers - +uid:1", "limits - +24/day"]);
    let mut failed = bench.declare(&as_it_is);
    bench.answer_write(Err(StoreFailure { full: true, message: "disk full".to_owned() }));
    assert!(matches!(failed.try_recv().unwrap(), Err(Error::Store(_))));
    assert!(bench.slots.get("api").unwrap().access().readers.is_empty());
    let mut changed = bench.declare(&as_it_is);
    assert!(matches!(bench.done(), Write::Credential(_)));
    assert!(changed.try_recv().unwrap().is_ok());
    assert_eq!(bench.slots.get("api").unwrap().access().readers, [user(1)]);
    assert_eq!(bench.value("api").as_deref(), Some("first"), "its token stays");
}

#[test]
fn of_another_account_it_takes_the_place_of_the_one_before_with_its_token() {
    let mut bench = Bench::with_token("api");
    let before = bench.as_shown().id;
    let mut other = declared("hunter2");
    other.variables.insert("client_id".to_owned(), "other".to_owned());
    assert_eq!(bench.plan(&other).action, Action::Anew);
    let mut changed = bench.declare(&other);
    assert_eq!(bench.value("api").as_deref(), Some("first"));
    assert!(matches!(bench.done(), Write::Anew { before: gone, .. } if gone == before));
    let answer = changed.try_recv().unwrap().unwrap();
    assert_ne!(answer.credential.id, before);
    assert_eq!(bench.value("api"), None);
    assert!(matches!(bench.done(), Write::Reserve(it) if it.credential == answer.credential.id));
    bench.issue("second", 3_600);
    bench.done();
    assert_eq!(bench.value("api").as_deref(), Some("second"));
}

#[test]
fn what_a_file_changes_is_told_once_it_is_on_disk_and_what_it_leaves_is_no_news() {
    let mut bench = Bench::with_token("api");
    let ear = Ear::listen(&mut bench);
    ear.take();
    let mut wanted = declared("hunter2");
    wanted.readers = vec![user(1)];
    bench.declare(&wanted);
    assert!(ear.take().is_empty(), "it isn't on disk");
    bench.done();
    let told = ear.take();
    let [Happening::Changed(event::Change::Declared(shared), doer)] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!((shared.readers.as_deref(), doer.uid()), (Some("uid:1"), Some(0)));
    bench.declare(&wanted);
    assert!(ear.take().is_empty(), "nothing differs");
}

#[test]
fn what_a_file_makes_anew_is_told_before_its_token_and_that_of_before_does_not_end() {
    let mut bench = Bench::with_token("api");
    let ear = Ear::listen(&mut bench);
    ear.take();
    let mut other = declared("hunter2");
    other.variables.insert("client_id".to_owned(), "other".to_owned());
    bench.declare(&other);
    assert!(ear.take().is_empty(), "it isn't on disk");
    bench.done();
    bench.pass(3_601);
    let told = ear.take();
    assert!(matches!(&told[..], [Happening::Changed(event::Change::Anew(_), _)]), "{told:?}");
    bench.done();
    bench.issue("second", 3_600);
    bench.done();
    let told = ear.take();
    assert!(matches!(&told[..], [Happening::Issued { cause: Cause::Absent, .. }]), "{told:?}");
}

#[test]
fn what_has_changed_since_the_plan_is_not_overwritten() {
    let mut bench = Bench::with_token("api");
    let etag = bench.plan(&declared("another")).etag;
    bench.grant("api", 1, None);
    bench.done();
    let declared = Box::new(declared("another"));
    let change = |reply| Change::Declare { declared, etag, reply };
    let mut late = bench.ask(|reply| Command::Change(change(reply), AUTHOR));
    assert!(matches!(late.try_recv().unwrap(), Err(Error::EtagMismatch(_))));
    assert_eq!(bench.as_shown().readers, [user(1)]);
}

#[test]
fn a_secret_that_the_provider_replaced_stays_until_its_reference_holds_another() {
    let mut bench = Bench::with_token("api");
    bench.declare(&declared("hunter2"));
    bench.done();
    // As an answer brings it along with a token.
    let mut refreshed = bench.ask(|reply| Command::Refresh { name: parsed("api"), reply });
    bench.done();
    let job = bench.jobs.0.borrow_mut().remove(0);
    bench.engine.issued(ports::Issuance {
        name: job.name,
        issuance: job.issuance,
        sent_at: bench.clock.now().wall,
        took: Duration::from_millis(50),
        fate: Fate::Answered,
        outcome: Outcome::Issued(Issued {
            value: SecretString::from("second"),
            token_type: None,
            refresh_token: None,
            expiry: Expiry::After(Duration::from_secs(3_600)),
            expiry_mismatch: None,
            extras: BTreeMap::new(),
            date: None,
            secrets: [("client_secret".to_owned(), "successor".into())].into(),
            quotas: Vec::new(),
        }),
    });
    bench.done();
    assert!(refreshed.try_recv().unwrap().is_ok());
    let held =
        |bench: &mut Bench| bench.as_shown().secrets["client_secret"].expose_secret().to_owned();
    assert_eq!(held(&mut bench), "successor");
    assert_eq!(bench.plan(&declared("hunter2")).action, Action::Leave);
    assert_eq!(bench.plan(&declared("hunter3")).action, Action::Change);
    bench.declare(&declared("hunter3"));
    bench.done();
    assert_eq!(held(&mut bench), "hunter3");
}

#[test]
fn what_files_say_is_not_changed_by_hand_while_they_say_it() {
    let mut bench = Bench::with_token("api");
    bench.declare(&declared("hunter2"));
    bench.done();
    let bind = |bench: &mut Bench, places: Option<BTreeMap<Name, Place>>| {
        let bound = Bound { places, problems: Vec::new() };
        bench.ask(|reply| Command::Bind { bound, reply });
    };
    // Whether files that can't be read still say it, nobody knows.
    for places in [None, Some([(parsed("api"), place())].into())] {
        bind(&mut bench, places);
        let refused = bench.grant("api", 1, None).try_recv().unwrap();
        assert!(matches!(refused, Err(Error::Declared { .. })), "{refused:?}");
        let refused = bench.remove("api").try_recv().unwrap();
        assert!(matches!(refused, Err(Error::Declared { .. })), "{refused:?}");
    }
    assert!(bench.engine.declaration_problems().is_empty());
    bind(&mut bench, Some(BTreeMap::new()));
    let problems = bench.engine.declaration_problems();
    assert!(problems[0].starts_with(&format!("api is no longer declared in {FILE}")));
    let mut granted = bench.grant("api", 1, None);
    bench.done();
    assert!(granted.try_recv().unwrap().is_ok());
    assert_eq!(bench.engine.declaration_problems(), [""; 0], "it is whoever's changed it");
}

/// Returns a credential of a person's login, with a refresh token in the place of the one that
/// its file has given.
fn logged_in(given: &str) -> StoredCredential {
    let mut stored = stored_with_token("api", "walled");
    let credential = &mut stored.credential;
    credential.variables = [("client_id".to_owned(), "me".to_owned())].into();
    credential.secrets = [(REFRESH_TOKEN.to_owned(), "rt-login".into())].into();
    let given = Fingerprint::of(&given.into());
    credential.supply.given = [(REFRESH_TOKEN.to_owned(), given)].into();
    credential.declared_in = Some(place());
    stored
}

#[test]
fn what_a_login_has_brought_stays_when_the_file_refers_to_none_any_more() {
    for (given, stays) in [("rt-file", true), ("rt-login", false)] {
        let credentials = vec![logged_in(given)];
        let mut bench = Bench::load(Loaded { credentials, ..Loaded::default() });
        let variables = bench.as_shown().variables;
        let provider = "walled".to_owned();
        let silent =
            Declared { provider, variables, secrets: BTreeMap::new(), ..declared("unused") };
        drop(bench.declare(&silent));
        bench.done();
        let shown = bench.as_shown();
        assert_eq!(shown.secrets.contains_key(REFRESH_TOKEN), stays, "{given}");
        assert!(shown.supply.given.is_empty());
    }
}

#[test]
fn one_made_anew_keeps_the_refresh_token_that_it_had() {
    let credentials = vec![logged_in("rt-login")];
    let mut bench = Bench::load(Loaded { credentials, ..Loaded::default() });
    let variables = [("client_id".to_owned(), "other".to_owned())].into();
    let supplied =
        Supplied::Read { secret: "rt-login".into(), source: None, from: "env SECRET".to_owned() };
    let secrets = [(REFRESH_TOKEN.to_owned(), supplied)].into();
    let provider = "walled".to_owned();
    let other = Declared { provider, variables, secrets, ..declared("unused") };
    assert_eq!(bench.plan(&other).action, Action::Anew);
    let mut changed = bench.declare(&other);
    bench.done();
    assert!(changed.try_recv().unwrap().is_ok());
}
