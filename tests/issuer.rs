//! The issuer against providers that misbehave: what is sent where, what is read
//! of the answer, and what is counted.

#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

mod support;

#[path = "issuer/alone.rs"]
mod alone;
#[path = "issuer/bounds.rs"]
mod bounds;
#[path = "issuer/certificates.rs"]
mod certificates;
#[path = "issuer/floods.rs"]
mod floods;
#[path = "issuer/frames.rs"]
mod frames;
#[path = "issuer/garbage.rs"]
mod garbage;
#[path = "support/log.rs"]
mod log;
#[path = "issuer/neighbours.rs"]
mod neighbours;
#[path = "issuer/places.rs"]
mod places;
#[path = "issuer/probe.rs"]
mod probe;
#[path = "issuer/proxy.rs"]
mod proxy;
#[path = "issuer/raw.rs"]
mod raw;
#[path = "issuer/redirects.rs"]
mod redirects;
#[path = "issuer/tls.rs"]
mod tls;
#[path = "issuer/traces.rs"]
mod traces;

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use secrecy::SecretString;
use support::provider::{Provider, Reply};
use tokend::{
    clock::SystemClock,
    issuer::HttpIssuer,
    ports::{Clock, Ended, Issuance, Issuer, Job, LONGEST_ISSUANCE},
};
use tokend_core::{BootTime, Fate, IssuanceId, SplitMix};
use tokend_provider::{
    AcceptedInputs, Definition, Failure, Inputs, Library, Operation, Outcome, RetryAfter, Source,
    Verdict,
};

const SECRET: &str = "s3cret-Horse_Battery";

/// Runs one dance against `url` and returns its end.
fn dance(url: &str) -> Issuance {
    dance_after(url, Duration::ZERO)
}

/// Runs one dance whose reservation took so long.
fn dance_after(url: &str, wait: Duration) -> Issuance {
    let definition = Library::built_in().get("oauth2-client-credentials").unwrap();
    let variables = [("token_url", format!("{url}/token")), ("client_id", "tester".to_owned())];
    let inputs = definition.accept(Inputs {
        variables: variables.map(|(key, value)| (key.to_owned(), value)).into(),
        secrets: [("client_secret".to_owned(), SecretString::from(SECRET))].into(),
    });
    perform(definition, inputs.unwrap(), wait)
}

/// Runs one dance of a definition that says `http` in `[http]`, can use the given
/// inputs there, and sends a secret in the query of `url`.
fn dance_by(
    http: &str,
    url: &str,
    variables: &[(&str, &str)],
    secrets: &[(&str, &str)],
) -> Issuance {
    let (definition, inputs) = defined_by(http, url, variables, secrets);
    perform(definition, inputs, Duration::ZERO)
}

fn defined_by(
    http: &str,
    url: &str,
    variables: &[(&str, &str)],
    secrets: &[(&str, &str)],
) -> (Arc<Definition>, AcceptedInputs) {
    use std::fmt::Write;
    let mut text = "title = ''\noutput.token = 'body.access_token'\n\
                    issue = { url = '{{ var.url }}/token', query = { key = '{{ secret.key }}' } }\n"
        .to_owned();
    let variables = [&[("url", url)], variables].concat();
    let secrets = [&[("key", SECRET)], secrets].concat();
    for (name, _) in &variables {
        writeln!(text, "variables.{name} = {{ description = '' }}").unwrap();
    }
    for (name, _) in &secrets {
        writeln!(text, "secrets.{name} = {{ description = '' }}").unwrap();
    }
    let text = format!("{text}[http]\n{http}");
    let definition = Arc::new(Definition::parse("test", Source::BuiltIn, &text).unwrap());
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let inputs = definition.accept(Inputs {
        variables: variables.iter().map(own).collect(),
        secrets: secrets.iter().map(own).map(|(name, value)| (name, value.into())).collect(),
    });
    (definition, inputs.unwrap())
}

fn perform(definition: Arc<Definition>, inputs: AcceptedInputs, wait: Duration) -> Issuance {
    let mut running = Running::start();
    running.begin("api", definition, inputs, wait);
    let ended = running.ended();
    running.issuer.finish();
    ended
}

/// An issuer, and the ends of its dances in their order.
struct Running {
    issuer: HttpIssuer,
    delivered: mpsc::Receiver<Ended>,
}

impl Running {
    fn start() -> Self {
        let (deliver, delivered) = mpsc::channel();
        // What ends when nobody looks any more is of no interest.
        let deliver = move |ended| drop(deliver.send(ended));
        let issuer = HttpIssuer::spawn(SystemClock::new().unwrap(), deliver).unwrap();
        Self { issuer, delivered }
    }

    /// Begins a dance whose reservation took so long.
    fn begin(
        &mut self,
        name: &str,
        definition: Arc<Definition>,
        inputs: AcceptedInputs,
        wait: Duration,
    ) {
        let now = SystemClock::new().unwrap().now().boot;
        self.issuer.issue(Job {
            reserved_at: BootTime(now.0.checked_sub(wait).unwrap()),
            name: name.parse().unwrap(),
            issuance: IssuanceId::draw(&mut SplitMix::new(1)),
            operation: Operation::Issue,
            entropy: [7; 32],
            held: None,
            definition,
            inputs: Arc::new(inputs),
        });
    }

    /// Returns the next dance that ends.
    fn ended(&self) -> Issuance {
        match self.delivered.recv_timeout(support::PATIENCE).unwrap() {
            Ended::Issuance(issuance) => issuance,
            Ended::Errand(errand) => panic!("nobody ran one: {errand:?}"),
        }
    }
}

fn is_issued(ended: &Issuance) -> bool {
    matches!(ended.outcome, Outcome::Issued(_))
}

fn failure(ended: &Issuance) -> &Failure {
    match &ended.outcome {
        Outcome::Failed(failure) => failure,
        other => panic!("it succeeded: {other:?}"),
    }
}

#[test]
fn after_a_sleep_nothing_is_sent_that_the_ledger_takes_for_past() {
    let provider = Provider::issuing();
    let ended = dance_after(provider.url(), LONGEST_ISSUANCE + Duration::from_secs(1));
    assert_eq!((ended.fate, provider.requests().len()), (Fate::Unsent, 0));
    assert_eq!(failure(&ended).message, "the machine slept before the request was sent");
}

#[test]
fn a_refused_connection_proves_that_nothing_was_sent() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let ended = dance(&url);
    let message =
        "can't connect to 127.0.0.1: tcp connect error: Connection refused (os error 111)";
    assert_eq!(failure(&ended).message, message);
    assert_eq!(ended.fate, Fate::Unsent);
}

#[test]
fn a_handshake_that_fails_sends_no_secret_and_costs_nothing() {
    let provider = Provider::issuing();
    // It doesn't speak TLS.
    let ended = dance(&provider.url().replace("http://", "https://"));
    let Failure { verdict, message, .. } = failure(&ended);
    assert_eq!((*verdict, ended.fate), (Verdict::Transient, Fate::Unsent), "{message}");
    assert!(message.starts_with("can't connect to 127.0.0.1: "), "{message}");
    assert!(provider.requests().iter().all(|request| !request.body.contains("grant_type")));
}

#[test]
fn a_connection_that_breaks_after_the_request_counts_as_sent_and_is_not_tried_again() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let served = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut first = [0; 1];
        stream.read_exact(&mut first).unwrap();
        drop(stream);
        listener.set_nonblocking(true).unwrap();
        listener
    });
    let ended = dance(&url);
    assert_eq!(ended.fate, Fate::Lost);
    assert_eq!(failure(&ended).verdict, Verdict::Transient);
    let again = served.join().unwrap().accept();
    assert_eq!(again.unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "no second connection");
}

#[test]
fn a_limit_tells_when_to_come_back() {
    let provider = Provider::scripted(|_, _| Reply::json(429, "{}").with("retry-after", "120"));
    let ended = dance(provider.url());
    assert_eq!(failure(&ended).verdict, Verdict::Limited);
    let wait = std::time::Duration::from_secs(120);
    assert_eq!(failure(&ended).retry_after, Some(RetryAfter::After(wait)));
}

#[test]
fn a_secret_that_a_provider_echoes_is_masked() {
    let provider = Provider::scripted(|_, _| {
        let body = format!(r#"{{"error":"invalid_client","error_description":"not {SECRET}"}}"#);
        Reply::json(401, body)
    });
    let ended = dance(provider.url());
    let message = &failure(&ended).message;
    assert!(!message.contains(SECRET) && message.contains("not "), "{message}");
}

#[test]
fn a_provider_that_does_not_speak_http_is_a_failure_like_any_other() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 1_024];
        let _ = stream.read(&mut request);
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n");
    });
    let ended = dance(&url);
    assert_eq!(failure(&ended).verdict, Verdict::Transient);
    assert!(failure(&ended).message.starts_with("the connection to 127.0.0.1 failed: "));
}
