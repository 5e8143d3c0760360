//! People who log in, and what keeps tokens coming afterwards, with the real binaries.

#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

mod support;

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Output, Stdio},
    sync::{Arc, Mutex},
};

use support::{
    Place, assert_output, canary, contains, disguises,
    provider::{Provider, Reply, Request},
    text,
};
use url::Url;

/// A provider of the strict kind: each refresh token can be used once, and what is used
/// twice ends all that came of its login (RFC 9700 §4.14.2).
#[derive(Default)]
struct Strict {
    logins: usize,
    issued: usize,
    current: Option<String>,
    reuses: usize,
    answers_lost: usize,
}

fn strict() -> (Provider, Arc<Mutex<Strict>>) {
    let books = Arc::new(Mutex::new(Strict::default()));
    let kept = Arc::clone(&books);
    let provider =
        Provider::scripted(move |_, request| kept.lock().unwrap().answer(&fields(&request.body)));
    (provider, books)
}

impl Strict {
    fn answer(&mut self, form: &BTreeMap<String, String>) -> Reply {
        match form["grant_type"].as_str() {
            "authorization_code" if form["code"] == "g00d-c0ffee" => {
                assert!(form["code_verifier"].len() >= 43);
                self.logins += 1;
            }
            "refresh_token" if self.current.as_ref() == Some(&form["refresh_token"]) => {}
            "refresh_token" => {
                self.reuses += 1;
                self.current = None;
                return Reply::json(400, r#"{"error":"invalid_grant"}"#);
            }
            _ => return Reply::json(400, r#"{"error":"invalid_grant"}"#),
        }
        self.issued += 1;
        let refresh_token = format!("r3fresh-{}-Horse_Battery", self.issued);
        self.current = Some(refresh_token.clone());
        if self.answers_lost > 0 {
            self.answers_lost -= 1;
            return Reply::json(502, "the backend is gone");
        }
        let body = format!(
            r#"{{"access_token":"token-{}-c0ffee","token_type":"Bearer","expires_in":3600,"refresh_token":"{refresh_token}"}}"#,
            self.issued
        );
        Reply::json(200, body)
    }
}

fn fields(form: &str) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(form.as_bytes()).into_owned().collect()
}

fn definition(url: &str, more: &str) -> String {
    format!(
        r#"
title = "Acme"
[variables.client_id]
description = "The client's id"
[oauth2]
grant = "authorization_code"
client_auth = "none"
authorization_url = "{url}/authorize"
token_url = "{url}/token"
{more}
"#
    )
}

/// A place with a credential that wants a login, and its provider.
fn place(more: &str) -> (Place, support::Daemon, Provider, Arc<Mutex<Strict>>) {
    let (place, (provider, books)) = (Place::new(), strict());
    place.define("acme", &definition(provider.url(), more));
    let daemon = place.start();
    let added = place.run(["add", "api", "--provider", "acme", "--var", "client_id=tester"]);
    let said = text(&added.stdout) + &text(&added.stderr);
    assert!(added.status.success() && said.contains("tokend-cli login api"), "{said}");
    (place, daemon, provider, books)
}

/// A login that waits for its person.
struct Login {
    child: Child,
    page: Url,
    said: BufReader<std::process::ChildStderr>,
}

fn begin(place: &Place) -> Login {
    let mut command = place.cli();
    command.args(["login", "api", "--no-browser"]).stdin(Stdio::null());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let page = find_page(&mut said);
    Login { child, page, said }
}

/// Reads on until the page is named.
fn find_page(said: &mut impl BufRead) -> Url {
    let mut lines = String::new();
    loop {
        let mut line = String::new();
        assert!(said.read_line(&mut line).unwrap() > 0, "no page was shown: {lines}");
        let page = line.trim().parse().ok().filter(|url: &Url| url.path() == "/authorize");
        if let Some(page) = page {
            return page;
        }
        lines += &line;
    }
}

impl Login {
    fn parameters(&self) -> BTreeMap<String, String> {
        self.page.query_pairs().into_owned().collect()
    }

    /// Leads the browser back, and returns what it shows.
    fn lead_back(&self, parameters: &[(&str, &str)]) -> String {
        let mut url: Url = self.parameters()["redirect_uri"].parse().unwrap();
        let parameters = parameters.iter().map(|(name, value)| (name, canary::real(value)));
        url.query_pairs_mut().extend_pairs(parameters);
        get(&url)
    }

    fn end(mut self) -> (Output, String) {
        let mut said = String::new();
        self.said.read_to_string(&mut said).unwrap();
        (self.child.wait_with_output().unwrap(), said)
    }
}

fn get(url: &Url) -> String {
    let address = (url.host_str().unwrap(), url.port().unwrap());
    let mut stream = TcpStream::connect(address).unwrap();
    let target = &url[url::Position::BeforePath..];
    write!(
        stream,
        "GET {target} HTTP/1.1\r\nhost: {}:{}\r\nconnection: close\r\n\r\n",
        address.0, address.1
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn log_in(place: &Place) {
    let login = begin(place);
    let state = login.parameters()["state"].clone();
    login.lead_back(&[("code", "g00d-c0ffee"), ("state", &state)]);
    let (output, said) = login.end();
    assert!(output.status.success(), "{said}");
}

const LOGIN_NEEDED: Option<i32> = Some(5);

#[test]
fn a_person_logs_in_once_and_tokens_keep_coming() {
    let (place, daemon, provider, books) = place("");
    let without = place.run(["get", "api"]);
    assert_eq!(without.status.code(), LOGIN_NEEDED);
    assert!(text(&without.stderr).contains("tokend-cli login api"), "{}", text(&without.stderr));
    assert!(provider.requests().is_empty(), "nothing can be asked for");

    let login = begin(&place);
    let parameters = login.parameters();
    for (name, value) in
        [("response_type", "code"), ("client_id", "tester"), ("code_challenge_method", "S256")]
    {
        assert_eq!(parameters[name], value);
    }
    // Someone else's redirect ends nothing.
    let strange = login.lead_back(&[("code", "g00d-c0ffee"), ("state", "of-another-login")]);
    assert!(strange.starts_with("HTTP/1.1 400"), "{strange}");
    let shown = login.lead_back(&[("code", "g00d-c0ffee"), ("state", &parameters["state"])]);
    assert!(shown.starts_with("HTTP/1.1 200"), "{shown}");
    let (output, said) = login.end();
    assert!(output.status.success(), "{said}");
    assert_output(&place.run(["get", "api"]), 0, "token-1-c0ffee\n", "");

    for number in 2..5 {
        assert!(place.run(["refresh", "api"]).status.success());
        let expected = format!("token-{number}-c0ffee\n");
        assert_output(&place.run(["get", "api"]), 0, &expected, "");
    }
    // It outlives the daemon, and nothing of it lies in the clear.
    daemon.kill();
    let daemon = place.start_with(|command| {
        command.env("TOKEND_LOG", "trace");
    });
    assert_output(&place.run(["get", "api"]), 0, "token-4-c0ffee\n", "");
    assert!(place.run(["refresh", "api"]).status.success());
    log_in(&place);
    let log = daemon.end().log;
    assert!(log.contains(" TRACE "), "the log isn't talkative");
    for secret in
        ["r3fresh-1-Horse_Battery", "r3fresh-4-Horse_Battery", "g00d-c0ffee", &parameters["state"]]
    {
        for disguise in disguises(secret) {
            assert!(!contains(log.as_bytes(), &disguise), "{secret} is in the log");
            for (path, content) in place.stored() {
                assert!(!contains(&content, &disguise), "{secret} is in {}", path.display());
            }
        }
    }
    let books = books.lock().unwrap();
    assert_eq!((books.logins, books.issued, books.reuses), (2, 6, 0));
}

#[test]
fn a_lost_answer_costs_a_login_and_no_refresh_token_is_sent_twice() {
    let (place, daemon, provider, books) = place("");
    log_in(&place);
    books.lock().unwrap().answers_lost = 1;
    assert!(!place.run(["refresh", "api"]).status.success());
    // What is held is served, and what is to be done is said.
    assert_output(&place.run(["get", "api"]), 0, "token-1-c0ffee\n", "");
    let again = place.run(["refresh", "api"]);
    assert_eq!(again.status.code(), LOGIN_NEEDED, "{}", text(&again.stderr));
    let status = text(&place.run(["status"]).stdout);
    assert!(status.contains("tokend-cli login api"), "{status}");
    daemon.kill();
    let _daemon = place.start();
    assert_eq!(place.run(["refresh", "api"]).status.code(), LOGIN_NEEDED);
    assert_eq!(provider.requests().len(), 2);
    log_in(&place);
    assert!(place.run(["refresh", "api"]).status.success());
    assert_eq!(books.lock().unwrap().reuses, 0);
}

#[test]
fn a_daemon_that_dies_while_it_is_refreshed_sends_no_refresh_token_twice() {
    let (place, daemon, provider, books) = place("");
    log_in(&place);
    provider.close();
    let mut refresh = place.cli().args(["refresh", "api"]).stderr(Stdio::null()).spawn().unwrap();
    provider.wait_for_requests(2);
    daemon.kill();
    provider.open();
    refresh.wait().unwrap();
    let _daemon = place.start();
    assert_output(&place.run(["get", "api"]), 0, "token-1-c0ffee\n", "");
    assert_eq!(place.run(["refresh", "api"]).status.code(), LOGIN_NEEDED);
    assert_eq!(provider.requests().len(), 2);
    assert_eq!(books.lock().unwrap().reuses, 0);
}

#[test]
fn an_end_in_the_middle_of_a_refresh_waits_for_the_refresh_token() {
    let (place, mut daemon, provider, books) = place("");
    log_in(&place);
    provider.close();
    let mut refresh = place.cli().args(["refresh", "api"]).stderr(Stdio::null()).spawn().unwrap();
    provider.wait_for_requests(2);
    daemon.signal(nix::sys::signal::Signal::SIGTERM);
    daemon.wait_for_log("waits for an answer that brings a refresh token");
    provider.open();
    let ended = daemon.end();
    assert_eq!(ended.code, Some(0), "{}", ended.log);
    refresh.wait().unwrap();
    let _daemon = place.start();
    assert_output(&place.run(["get", "api"]), 0, "token-2-c0ffee\n", "");
    assert!(place.run(["refresh", "api"]).status.success());
    assert_eq!(books.lock().unwrap().reuses, 0);
}

#[test]
fn within_the_grace_that_a_definition_states_a_lost_answer_costs_nothing() {
    let (place, _daemon, _provider, books) = place("[lifetime]\nrefresh_grace = '10m'");
    log_in(&place);
    let before = books.lock().unwrap().current.clone();
    books.lock().unwrap().answers_lost = 1;
    assert!(!place.run(["refresh", "api"]).status.success());
    // The provider takes the one before once more.
    books.lock().unwrap().current = before;
    assert!(place.run(["refresh", "api"]).status.success());
    assert_output(&place.run(["get", "api"]), 0, "token-3-c0ffee\n", "");
    assert!(place.run(["refresh", "api"]).status.success());
}

#[test]
fn two_credentials_do_not_hold_one_refresh_token() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let _daemon = place.start();
    let token_url = format!("token_url={}/token", provider.url());
    let import = |name: &str| {
        let arguments = ["import", name, "--provider", "oauth2-refresh-token", "--refresh-token"];
        let more = ["--var", &token_url, "--var", "client_id=tester", "--var", "user=me"];
        place.run_with_input(arguments.into_iter().chain(more), "r3fresh-Horse_Battery\n")
    };
    assert!(import("first").status.success());
    let second = import("second");
    assert_eq!(second.status.code(), Some(2), "{}", text(&second.stderr));
    assert!(text(&second.stderr).contains("the one of first"), "{}", text(&second.stderr));
}

#[test]
fn a_refresh_token_that_is_set_anew_ends_the_wait_for_a_login() {
    let (place, _daemon, _provider, books) = place("");
    log_in(&place);
    books.lock().unwrap().answers_lost = 1;
    assert!(!place.run(["refresh", "api"]).status.success());
    assert_eq!(place.run(["refresh", "api"]).status.code(), LOGIN_NEEDED);
    books.lock().unwrap().current = Some("r3fresh-by-hand-Horse_Battery".to_owned());
    let set = place
        .run_with_input(["set-secret", "api", "refresh_token"], "r3fresh-by-hand-Horse_Battery\n");
    assert!(set.status.success(), "{}", text(&set.stderr));
    // It is asked with at once.
    assert!(place.run(["refresh", "api"]).status.success());
    assert_ne!(text(&place.run(["get", "api"]).stdout), "token-1-c0ffee\n");
    assert_eq!(books.lock().unwrap().reuses, 0);
}

#[test]
fn a_store_that_is_restored_from_a_backup_sends_no_old_refresh_token() {
    let (place, daemon, provider, books) = place("");
    log_in(&place);
    assert_eq!(daemon.end().code, Some(0));
    let database = place.state().join("tokend.db");
    let backup = std::fs::read(&database).unwrap();
    let daemon = place.start();
    assert!(place.run(["refresh", "api"]).status.success());
    assert_eq!(daemon.end().code, Some(0));
    std::fs::write(&database, backup).unwrap();
    let _daemon = place.start();
    let status = text(&place.run(["status"]).stdout);
    assert!(status.contains("restored from a backup"), "{status}");
    assert_eq!(place.run(["refresh", "api"]).status.code(), LOGIN_NEEDED);
    assert_eq!(provider.requests().len(), 2);
    log_in(&place);
    assert!(place.run(["refresh", "api"]).status.success());
    assert_eq!(books.lock().unwrap().reuses, 0);
}

#[test]
fn one_who_declines_and_one_who_goes_away_change_nothing() {
    let (place, _daemon, provider, _) = place("");
    let login = begin(&place);
    let state = login.parameters()["state"].clone();
    let other = place.run(["login", "api", "--no-browser"]);
    assert!(text(&other.stderr).contains("somebody logs in for api already"), "{other:?}");
    login.lead_back(&[("error", "access_denied"), ("state", &state)]);
    let (output, said) = login.end();
    assert!(!output.status.success() && said.contains("declined"), "{said}");

    let mut login = begin(&place);
    login.child.kill().unwrap();
    login.end();
    assert!(provider.requests().is_empty());
    log_in(&place);
    assert_output(&place.run(["get", "api"]), 0, "token-1-c0ffee\n", "");
}

/// A provider whose codes are typed elsewhere: after two questions somebody has.
fn device() -> Provider {
    let mut asked = 0;
    Provider::scripted(move |_, request: &Request| {
        if request.path == "/device" {
            let body = r#"{"device_code":"d3vice-c0ffee","user_code":"WDJB-MJHT","verification_uri":"http://127.0.0.1:9/device","expires_in":600,"interval":1}"#;
            return Reply::json(200, body);
        }
        asked += 1;
        match asked {
            1 => Reply::json(400, r#"{"error":"authorization_pending"}"#),
            2 => Reply::json(
                200,
                r#"{"access_token":"token-1-c0ffee","expires_in":3600,"refresh_token":"r3fresh-c0ffee"}"#,
            ),
            _ => Reply::json(
                200,
                r#"{"access_token":"token-2-c0ffee","expires_in":3600,"refresh_token":"r3fresh-c0ffee"}"#,
            ),
        }
    })
}

#[test]
fn a_code_that_is_typed_elsewhere_logs_in_as_well() {
    let (place, provider) = (Place::new(), device());
    let url = provider.url();
    let text_of = format!(
        "title = 'Acme'\n[variables.client_id]\ndescription = 'The client'\n[oauth2]\n\
         grant = 'device_code'\nclient_auth = 'none'\ntoken_url = '{url}/token'\n\
         device_authorization_url = '{url}/device'\n"
    );
    place.define("acme", &text_of);
    let _daemon = place.start();
    place.run(["add", "api", "--provider", "acme", "--var", "client_id=tester"]);
    let output = place.run(["login", "api"]);
    let said = text(&output.stderr);
    assert!(output.status.success() && said.contains("WDJB-MJHT"), "{said}");
    assert_output(&place.run(["get", "api"]), 0, "token-1-c0ffee\n", "");
    // This provider leaves the refresh token as it is.
    for _ in 0..2 {
        assert!(place.run(["refresh", "api"]).status.success());
    }
    assert_output(&place.run(["get", "api"]), 0, "token-2-c0ffee\n", "");
}
