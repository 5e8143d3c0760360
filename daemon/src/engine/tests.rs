mod change;
mod declared;
mod end;
mod errand;
mod login;
mod redefinition;
mod revocation;
mod secret;
mod settlement;
mod standing;
mod tell;

use std::{cell::RefCell, collections::BTreeMap, rc::Rc, time::Duration};

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use tokend_core::{
    Allowance, BootId, BootTime, Fate, History, Moment, Policy, Refusal, SplitMix, State,
    StoreFailure, after,
};
use tokend_provider::{Expiry, Issued, Outcome, Quota};
use tokio::sync::oneshot;

use super::*;
use crate::{
    credential::{CredentialId, Reader, Role, Supply},
    ports::{self, Damage, Job, Query, StoredCredential, Write, Written},
};

#[derive(Debug, Clone)]
struct ManualClock(Rc<RefCell<Moment>>);

impl Clock for ManualClock {
    fn now(&self) -> Moment {
        *self.0.borrow()
    }

    fn boot_id(&self) -> BootId {
        BootId([1; 16])
    }
}

/// A store or an issuer that notes what it is asked; the test answers.
#[derive(Debug)]
struct Asked<T>(Rc<RefCell<Vec<T>>>);

impl<T> Clone for Asked<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T> Default for Asked<T> {
    fn default() -> Self {
        Self(Rc::default())
    }
}

impl Store for Asked<(Ticket, Write)> {
    fn submit(&mut self, ticket: Ticket, write: Write) {
        self.0.borrow_mut().push((ticket, write));
    }

    fn look(&mut self, _: Ticket, query: Query) {
        panic!("no test looks at the ledger: {query:?}");
    }

    fn rekey(&mut self, _: Ticket, rekey: ports::Rekey, _: BootTime) {
        panic!("no test wants other keys: {rekey:?}");
    }
}

/// An issuer that notes what it is asked.
#[derive(Debug)]
struct Dancer {
    jobs: Asked<Job>,
    errands: Asked<ports::Errand>,
}

impl Issuer for Dancer {
    fn issue(&mut self, job: Job) {
        self.jobs.0.borrow_mut().push(job);
    }

    fn run(&mut self, errand: ports::Errand) {
        self.errands.0.borrow_mut().push(errand);
    }
}

const AUTHOR: Author = Author { uid: 0, pid: None };

struct Bench {
    engine: Engine<ManualClock, SplitMix, Dancer, Asked<(Ticket, Write)>>,
    clock: ManualClock,
    jobs: Asked<Job>,
    errands: Asked<ports::Errand>,
    writes: Asked<(Ticket, Write)>,
    slots: Arc<Slots>,
}

type Answer<T> = oneshot::Receiver<Result<T, Error>>;

impl Bench {
    fn new() -> Self {
        Self::load(Loaded::default())
    }

    fn load(loaded: Loaded) -> Self {
        let boot = BootTime(Duration::from_secs(100));
        let now = Moment { wall: start(), boot };
        let clock = ManualClock(Rc::new(RefCell::new(now)));
        let (jobs, errands) = (Asked::default(), Asked::default());
        let (writes, slots) = (Asked::default(), Arc::default());
        let dancer = Dancer { jobs: Asked::clone(&jobs), errands: Asked::clone(&errands) };
        let mut library = Library::built_in();
        library.insert(errand::acme());
        library.insert(revocation::club());
        library.insert(login::walled());
        let mut engine = Engine::new(
            clock.clone(),
            SplitMix::new(1),
            dancer,
            Asked::clone(&writes),
            Arc::new(library),
            Arc::clone(&slots),
            loaded,
        );
        engine.wake();
        Self { engine, clock, jobs, errands, writes, slots }
    }

    /// Asks the engine something. The answer is there when it has been given.
    fn ask<T>(&mut self, command: impl FnOnce(Reply<T>) -> Command) -> Answer<T> {
        let (reply, answer) = oneshot::channel();
        self.engine.command(command(reply));
        answer
    }

    fn create(&mut self, name: &str) -> Answer<Snapshot> {
        let stored = credential(name);
        let new = NewCredential {
            name: stored.name,
            provider: stored.provider,
            variables: stored.variables,
            secrets: stored.secrets,
            supply: stored.supply,
            readers: Vec::new(),
            submitters: Vec::new(),
            refreshers: Vec::new(),
            policy: stored.policy,
            limits: stored.limits,
        };
        self.ask(|reply| Command::Change(Change::Create { new, reply }, AUTHOR))
    }

    fn grant(&mut self, name: &str, uid: u32, etag: Option<String>) -> Answer<Snapshot> {
        let (name, readers) = (parsed(name), vec![user(uid)]);
        self.ask(|reply| {
            Command::Change(
                Change::Grant { name, etag, readers, role: Role::Reader, reply },
                AUTHOR,
            )
        })
    }

    fn acquire(&mut self, name: &str) -> Answer<Arc<Published>> {
        let name = parsed(name);
        self.ask(|reply| Command::Acquire { name, min_ttl: None, reply })
    }

    fn etag(&mut self, name: &str) -> String {
        let mut shown = self.ask(|reply| Command::Get { name: parsed(name), reply });
        shown.try_recv().unwrap().unwrap().credential.etag()
    }

    fn remove(&mut self, name: &str) -> Answer<bool> {
        let (name, etag, revoke) = (parsed(name), None, true);
        self.ask(|reply| Command::Change(Change::Remove { name, etag, revoke, reply }, AUTHOR))
    }

    /// Takes the oldest write that waits for its answer.
    fn next_write(&mut self) -> (Ticket, Write) {
        self.writes.0.borrow_mut().remove(0)
    }

    fn answer_write(&mut self, result: Result<ports::Reply, StoreFailure>) -> Write {
        let (ticket, write) = self.next_write();
        self.engine.written(Written { ticket, result });
        write
    }

    /// The oldest write is done.
    fn done(&mut self) -> Write {
        let reserves = matches!(self.writes.0.borrow()[0], (_, Write::Reserve(_)));
        let granted = ports::Reply::Reserved(Allowance::default());
        self.answer_write(Ok(if reserves { granted } else { ports::Reply::Done }))
    }

    /// The provider answers the oldest job.
    fn issue(&mut self, value: &str, life: u64) {
        self.issue_telling(value, life, Vec::new());
    }

    /// It does so and tells of its limits.
    fn issue_telling(&mut self, value: &str, life: u64, quotas: Vec<Quota>) {
        let job = self.jobs.0.borrow_mut().remove(0);
        let outcome = Outcome::Issued(Issued {
            value: SecretString::from(value),
            token_type: Some("Bearer".to_owned()),
            refresh_token: None,
            expiry: Expiry::After(Duration::from_secs(life)),
            expiry_mismatch: None,
            extras: BTreeMap::new(),
            date: None,
            secrets: BTreeMap::new(),
            quotas,
        });
        self.engine.issued(ports::Issuance {
            name: job.name,
            issuance: job.issuance,
            sent_at: self.clock.now().wall,
            took: Duration::from_millis(50),
            fate: Fate::Answered,
            outcome,
        });
    }

    /// A credential with its first token.
    fn with_token(name: &str) -> Self {
        let mut bench = Self::new();
        let mut created = bench.create(name);
        bench.done();
        bench.done();
        bench.issue("first", 3_600);
        bench.done();
        assert!(created.try_recv().unwrap().is_ok());
        bench
    }

    fn pass(&mut self, secs: u64) {
        let wait = Duration::from_secs(secs);
        {
            let mut now = self.clock.0.borrow_mut();
            *now = Moment { wall: after(now.wall, wait), boot: now.boot.after(wait) };
        }
        self.engine.wake();
    }

    fn value(&self, name: &str) -> Option<String> {
        let now = self.clock.now();
        let published = self.slots.get(name)?.acquire(None, now)?;
        Some(published.token().payload.value.expose_secret().to_owned())
    }
}

fn start() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn parsed(name: &str) -> Name {
    name.parse().unwrap()
}

fn user(id: u32) -> Reader {
    Reader::User { id, name: None }
}

fn credential(name: &str) -> Credential {
    let variable = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    Credential {
        id: CredentialId([7; 16]),
        name: parsed(name),
        provider: "oauth2-client-credentials".to_owned(),
        variables: [("token_url", "https://auth.example.com/token"), ("client_id", "me")]
            .map(variable)
            .into(),
        secrets: [("client_secret".to_owned(), SecretString::from("hunter2"))].into(),
        supply: Supply::default(),
        readers: Vec::new(),
        submitters: Vec::new(),
        refreshers: Vec::new(),
        policy: Policy::Always,
        limits: Vec::new(),
        declared_in: None,
        revision: 1,
        created_at: start(),
        updated_at: start(),
    }
}

fn stored_with_token(name: &str, provider: &str) -> StoredCredential {
    let payload = Grant {
        value: SecretString::from("stored"),
        token_type: None,
        refresh_token: None,
        secrets: BTreeMap::new(),
        proven: BTreeMap::new(),
        extras: BTreeMap::new(),
    };
    StoredCredential {
        credential: Credential { provider: provider.to_owned(), ..credential(name) },
        token: Some(tokend_core::Token {
            id: tokend_core::TokenId([3; 16]),
            issued_at: start(),
            expires_at: Some(after(start(), Duration::from_secs(3_600))),
            refresh_at: Some(after(start(), Duration::from_secs(1_800))),
            taken_up: None,
            refreshes: None,
            session: None,
            payload,
        }),
        history: History::default(),
    }
}

#[test]
fn a_credential_is_on_disk_before_it_is_known_and_asks_for_its_token_at_once() {
    let mut bench = Bench::new();
    let mut created = bench.create("api");
    assert!(created.try_recv().is_err(), "not answered before it is on disk");
    assert!(bench.slots.get("api").is_none());
    assert!(matches!(bench.done(), Write::Credential(_)));
    assert_eq!(created.try_recv().unwrap().unwrap().state, State::Issuing);

    assert!(bench.jobs.0.borrow().is_empty(), "nothing is sent before the ledger has it");
    let Write::Reserve(reservation) = bench.done() else { panic!("a reservation was due") };
    assert_eq!(reservation.account.name, "auth.example.com/me");
    bench.issue("first", 3_600);
    assert_eq!(bench.value("api"), None, "nothing is served before it is on disk");
    assert!(matches!(bench.done(), Write::Token { .. }));
    assert_eq!(bench.value("api").as_deref(), Some("first"));
}

#[test]
fn what_an_answer_told_of_limits_is_written_as_of_then_however_late_that_can_be() {
    let mut bench = Bench::new();
    let _created = bench.create("api");
    bench.done();
    bench.done();
    let (limit, reset_after) = (None, Duration::from_secs(600));
    bench.issue_telling("first", 3_600, vec![Quota { limit, remaining: 2, reset_after }]);
    let told = |write: Write| match write {
        Write::Token { settled, .. } => (settled.quotas.len(), settled.at.moment),
        other => panic!("a token was due: {other:?}"),
    };
    let then = bench.clock.now();
    for _ in 0..2 {
        let full = StoreFailure { full: true, message: "disk full".to_owned() };
        assert_eq!(told(bench.answer_write(Err(full))), (1, then));
        bench.pass(120);
    }
    assert_eq!(told(bench.done()), (1, then));
    assert_eq!(bench.value("api").as_deref(), Some("first"));
    // It is the one answer's: what another doesn't tell isn't told again.
    bench.pass(2_161);
    bench.pass(60);
    bench.done();
    bench.issue("second", 3_600);
    assert_eq!(told(bench.done()), (0, bench.clock.now()));
}

#[test]
fn a_caller_who_gives_up_does_not_stop_the_issuance() {
    let mut bench = Bench::new();
    bench.create("api");
    bench.done();
    drop(bench.acquire("api"));
    let mut patient = bench.acquire("api");
    bench.done();
    bench.issue("first", 3_600);
    bench.done();
    assert!(patient.try_recv().unwrap().is_ok());
}

#[test]
fn a_stored_token_is_served_at_once_and_refreshed_when_it_is_due() {
    let credentials = vec![stored_with_token("api", "oauth2-client-credentials")];
    let mut bench = Bench::load(Loaded { credentials, ..Loaded::default() });
    assert_eq!(bench.value("api").as_deref(), Some("stored"));
    assert!(bench.writes.0.borrow().is_empty(), "a restart costs no issuance");
    assert!(bench.engine.idle() <= Duration::from_secs(30));
    bench.pass(1_801);
    assert!(matches!(bench.done(), Write::Reserve(_)));
    bench.issue("fresh", 3_600);
    assert_eq!(bench.value("api").as_deref(), Some("stored"));
    bench.done();
    assert_eq!(bench.value("api").as_deref(), Some("fresh"));
}

#[test]
fn a_credential_whose_definition_is_gone_serves_what_it_holds_and_sends_nothing() {
    let credentials = vec![stored_with_token("api", "no-such-provider")];
    let mut bench = Bench::load(Loaded { credentials, ..Loaded::default() });
    assert_eq!(bench.value("api").as_deref(), Some("stored"));
    let problem = "there is no provider definition \"no-such-provider\"";
    let problems = bench.ask(|reply| Command::Problems { reply }).try_recv().unwrap().unwrap();
    assert_eq!(problems, [format!("no new token can be asked for api: {problem}")]);
    bench.pass(1_801);
    assert!(bench.writes.0.borrow().is_empty() && bench.jobs.0.borrow().is_empty());
    assert_eq!(bench.value("api").as_deref(), Some("stored"));
    let mut shown = bench.ask(|reply| Command::Get { name: parsed("api"), reply });
    let (setback, _) = shown.try_recv().unwrap().unwrap().setback.unwrap();
    assert_eq!(setback.to_string(), problem);
}

#[test]
fn a_damaged_credential_is_said_to_be_damaged_and_nothing_is_written_over_it() {
    let id = CredentialId([7; 16]);
    let credential = (parsed("api"), id);
    let damage = Damage { credential, message: "row 1 was altered".to_owned() };
    let mut bench = Bench::load(Loaded { damaged: vec![damage], ..Loaded::default() });
    let told = bench.acquire("api").try_recv().unwrap();
    assert!(matches!(told, Err(Error::Damaged { .. })), "{told:?}");
    let told = bench.create("api").try_recv().unwrap();
    assert!(matches!(told, Err(Error::Damaged { .. })), "{told:?}");
    let problems = bench.ask(|reply| Command::Problems { reply }).try_recv().unwrap();
    assert_eq!(problems.unwrap(), ["the credential api is damaged: row 1 was altered"]);
    assert!(bench.writes.0.borrow().is_empty());

    let mut removed = bench.remove("api");
    assert!(matches!(bench.done(), Write::Remove(removed) if removed == id));
    assert!(removed.try_recv().unwrap().is_ok());
    let problems = bench.ask(|reply| Command::Problems { reply }).try_recv().unwrap();
    assert!(problems.unwrap().is_empty());
}

#[test]
fn health_follows_failures() {
    let mut bench = Bench::with_token("api");
    let slot = bench.slots.get("api").unwrap();
    assert!(slot.is_healthy(bench.clock.now()));
    bench.pass(2_161);
    // What was missed is made up for within a minute.
    bench.pass(60);
    bench.answer_write(Err(StoreFailure { full: false, message: "I/O error".to_owned() }));
    assert_eq!(bench.value("api").as_deref(), Some("first"));
    assert!(!slot.is_healthy(bench.clock.now()), "it can serve but not refresh");
}
