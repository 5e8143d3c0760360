//! Reloads: tokend reads its configuration again, wholly or not at all, and goes on serving.

#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

mod support;

#[path = "reload/system.rs"]
mod system;

use std::{
    fs,
    io::{BufRead, BufReader},
    iter,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    process::{Child, ChildStdout, Output, Stdio},
    thread,
};

use serde_json::Value;

use support::{Daemon, Place, provider::Provider, text};

const SECRET: &str = "s3cret-Horse_Battery";

fn definition(scheme: &str, path: &str) -> String {
    format!(
        "title = 'Acme'\n\
         variables.url.description = 'where it is'\n\
         secrets.client_secret.description = 'the secret'\n\
         issue = {{ url = \"{{{{ var.url }}}}/{path}\", form = {{ s = \"{{{{ secret.client_secret }}}}\" }} }}\n\
         output = {{ token = 'body.access_token', expires_in = 'body.expires_in' }}\n\
         present.headers.Authorization = \"{scheme} {{{{ token }}}}\"\n"
    )
}

fn place() -> (Place, Daemon, Provider) {
    let place = Place::new();
    place.define("acme", &definition("Bearer", "first"));
    let (daemon, provider) = (place.start(), Provider::issuing());
    add(&place, &provider, "api");
    (place, daemon, provider)
}

fn add(place: &Place, provider: &Provider, name: &str) {
    let url = format!("url={}", provider.url());
    let words =
        ["add", name, "--provider", "acme", "--var", &url, "--secret-stdin", "client_secret"];
    let added = place.run_with_input(words, SECRET);
    assert!(added.status.success(), "{}", text(&added.stderr));
}

fn reload(place: &Place) -> String {
    let reloaded = place.run(["reload"]);
    assert!(reloaded.status.success(), "{}{}", text(&reloaded.stdout), text(&reloaded.stderr));
    text(&reloaded.stdout)
}

/// Reloads with a mistake, and returns what is said of it without the place's own path.
fn refused(place: &Place) -> String {
    let reloaded = place.run(["reload"]);
    assert_eq!(reloaded.status.code(), Some(1), "{}", text(&reloaded.stdout));
    assert_eq!(text(&reloaded.stdout), "");
    text(&reloaded.stderr).replace(&place.path().display().to_string(), "DIR")
}

fn status(place: &Place) -> Value {
    let status = place.run(["status", "--json"]);
    assert!(status.status.success(), "{}", text(&status.stderr));
    serde_json::from_slice(&status.stdout).unwrap()
}

fn get(place: &Place, arguments: &[&str]) -> String {
    let got = place.run(["get"].iter().chain(arguments));
    assert!(got.status.success(), "{}", text(&got.stderr));
    text(&got.stdout)
}

fn paths(provider: &Provider) -> Vec<String> {
    provider.requests().into_iter().map(|request| request.path).collect()
}

/// Returns the kind and the message of what happened last.
fn last_event(place: &Place) -> (String, String) {
    let told = text(&place.run(["events", "--json"]).stdout);
    let event: Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
    let field = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
    (field("kind"), field("message"))
}

/// Someone who watches at a socket, line by line.
struct Watcher {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Watcher {
    fn at(place: &Place, socket: &Path, names: &[&str]) -> Self {
        let mut command = place.cli();
        command.env("TOKEND_SOCKET", socket);
        command.arg("watch").args(names).args(["--json"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    fn next(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"))
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_changed_definition_holds_from_the_next_issuance_on_and_costs_none() {
    let (place, _daemon, provider) = place();
    assert_eq!(get(&place, &["api", "--header"]), "Authorization: Bearer token-1-c0ffee\n");
    assert_eq!(reload(&place), "nothing has changed\n");

    place.define("acme", &definition("Token", "second"));
    let said = reload(&place);
    assert_eq!(
        said,
        "provider acme: changed\nthe next issuance goes by the changed definition: api\n"
    );
    // The token is the same; what callers do with it is what the definition says now.
    assert_eq!(get(&place, &["api", "--header"]), "Authorization: Token token-1-c0ffee\n");
    assert_eq!(paths(&provider), ["/first"]);
    assert!(place.run(["refresh", "api"]).status.success());
    assert_eq!(paths(&provider), ["/first", "/second"]);
    assert_eq!(reload(&place), "nothing has changed\n");
    let shown = text(&place.run(["providers", "show", "acme", "--definition"]).stdout);
    assert!(shown.contains("/second"), "{shown}");
}

#[test]
fn calls_and_streams_that_are_open_outlive_a_changed_definition() {
    let (place, _daemon, provider) = place();
    let mut watcher = Watcher::at(&place, &place.socket(), &["api"]);
    let first = watcher.next();
    assert_eq!(first["event"], "token", "{first}");
    provider.close();
    let (place, provider) = (&place, &provider);
    thread::scope(|scope| {
        let call = scope.spawn(|| place.run(["refresh", "api"]));
        provider.wait_for_requests(2);
        place.define("acme", &definition("Token", "second"));
        // It waits for nobody.
        assert!(reload(place).starts_with("provider acme: changed\n"));
        assert_eq!(get(place, &["api", "--header"]), "Authorization: Token token-1-c0ffee\n");
        provider.open();
        let called = call.join().unwrap();
        assert!(called.status.success(), "{}", text(&called.stderr));
    });
    // The same stream tells of the next token.
    let mut told = iter::repeat_with(|| watcher.next());
    let next = told.find(|told| told["token_id"] != first["token_id"]).unwrap();
    assert_eq!(next["event"], "token", "{next}");
    assert_eq!(get(place, &["api", "--header"]), "Authorization: Token token-2-c0ffee\n");
    assert_eq!(paths(provider), ["/first", "/first"], "it ends as it began");
}

#[test]
fn a_definition_that_is_gone_leaves_the_token_and_one_that_comes_brings_the_next() {
    let (place, _daemon, provider) = place();
    let file = place.path().join("providers.d/acme.toml");
    fs::rename(&file, place.path().join("aside")).unwrap();
    let said = reload(&place);
    let gone = "provider acme: gone\nno new token can be asked for api any more: there is no \
                provider definition \"acme\"";
    assert!(said.starts_with(gone), "{said}");
    assert_eq!(get(&place, &["api", "--header"]), "Authorization: Bearer token-1-c0ffee\n");
    assert!(!place.run(["refresh", "api"]).status.success());
    let problems = status(&place)["problems"].to_string();
    assert!(problems.contains("no new token can be asked for api"), "{problems}");

    fs::rename(place.path().join("aside"), &file).unwrap();
    assert_eq!(reload(&place), "provider acme: new\ntokens can be asked for again: api\n");
    // The token that is held isn't due.
    assert_eq!(paths(&provider), ["/first"]);
    assert!(place.run(["refresh", "api"]).status.success());
    assert_eq!(paths(&provider), ["/first", "/first"]);
    assert_eq!(status(&place)["problems"], Value::Array(Vec::new()));
}

#[test]
fn a_credential_without_a_definition_gets_its_first_token_once_there_is_one() {
    let place = Place::new();
    let (daemon, provider) = (place.start(), Provider::scripted(|_, _| panic!("not asked yet")));
    drop(provider);
    place.define("acme", &definition("Bearer", "first"));
    reload(&place);
    let provider = Provider::issuing();
    add(&place, &provider, "api");
    let file = place.path().join("providers.d/acme.toml");
    let text_of_it = fs::read_to_string(&file).unwrap();
    fs::remove_file(&file).unwrap();
    assert!(place.run(["revoke", "api", "--local", "--yes"]).status.success());
    assert_eq!(daemon.end().code, Some(0));

    let _daemon = place.start();
    let got = place.run(["get", "api"]);
    assert!(!got.status.success(), "{}", text(&got.stdout));
    let remedy = status(&place)["credentials"][0]["last_failure"]["remedy"].to_string();
    assert!(remedy.contains("acme and run `tokend-cli reload`"), "{remedy}");
    fs::write(&file, text_of_it).unwrap();
    let said = reload(&place);
    assert!(said.ends_with("tokens can be asked for again: api\n"), "{said}");
    assert_eq!(get(&place, &["api"]), "token-2-c0ffee\n");
}

#[test]
fn with_a_mistake_anywhere_nothing_changes_and_each_is_told_with_its_place() {
    let (place, _daemon, provider) = place();
    place.define("acme", &definition("Token", "second"));
    place.define("broken", "title = 1\n");
    place.define("misspelt", "titel = 'x'\n");
    let said = refused(&place);
    for line in [
        "DIR/providers.d/broken.toml:1:9: invalid type: integer `1`, expected a text in quotes",
        "DIR/providers.d/misspelt.toml:1:1: unknown key `titel`, did you mean `title`?",
        "1 | titel = 'x'\n  | ^^^^^",
        "tokend-cli: nothing has changed: mend this, then reload\n",
    ] {
        assert!(said.contains(line), "{said}");
    }
    assert_eq!(get(&place, &["api", "--header"]), "Authorization: Bearer token-1-c0ffee\n");
    let told = status(&place);
    let problem = told["problems"][0].as_str().unwrap();
    assert!(problem.starts_with("what runs isn't what is on the disk: the last reload failed at "));
    assert!(problem.contains("broken.toml:1:9") && problem.contains(" and 1 more; "), "{problem}");
    assert_eq!(told["failed_reload"]["mistakes"][1]["line"], 1);
    let (kind, message) = last_event(&place);
    assert_eq!(kind, "RELOAD_FAILED");
    assert!(message.contains("broken.toml:1:9: invalid type") && message.ends_with(" and 1 more"));

    for name in ["broken", "misspelt"] {
        fs::remove_file(place.path().join(format!("providers.d/{name}.toml"))).unwrap();
    }
    reload(&place);
    let reloaded = ("RELOADED".to_owned(), "provider acme: changed and 1 more".to_owned());
    assert_eq!(last_event(&place), reloaded);
    assert_eq!(status(&place)["problems"], Value::Array(Vec::new()));
    assert_eq!(get(&place, &["api", "--header"]), "Authorization: Token token-1-c0ffee\n");
    assert_eq!(paths(&provider), ["/first"]);
}

#[test]
fn mistakes_in_the_settings_are_told_all_at_once_and_so_by_a_check() {
    let (place, _daemon, _provider) = place();
    let sound = fs::read_to_string(place.config()).unwrap();
    let checked = place.tokend(["check"]);
    assert!(checked.status.success(), "{}", text(&checked.stderr));
    let said = text(&checked.stdout);
    assert!(said.starts_with("nothing is wrong with ") && said.contains("/state/key\n"), "{said}");

    place.configure("lgo = 'info'\nunit_wait = 'soon'");
    place.define("broken", "title = 1\n");
    let lines = [
        "DIR/tokend.toml:5:1: unknown key `lgo`, did you mean `log`?\n5 | lgo = 'info'\n  | ^^^\n",
        "DIR/tokend.toml:6:13: unit_wait is \"soon\"; give a time of at most 1h",
        "DIR/providers.d/broken.toml:1:9: invalid type",
    ];
    let reloaded = refused(&place);
    let checked = place.tokend(["check"]);
    assert_eq!(checked.status.code(), Some(1));
    let checked = text(&checked.stderr).replace(&place.path().display().to_string(), "DIR");
    for line in lines {
        assert!(reloaded.contains(line), "{reloaded}");
        // With tokend.toml unread, nobody knows where the definitions are.
        assert_eq!(checked.contains(line), !line.contains("broken"), "{checked}");
    }
    let file = place.config().display().to_string();
    let json = place.tokend(["check", "--json", &file]);
    let told: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&told[0]["line"], &told[1]["column"]), (&5.into(), &13.into()));
    fs::write(place.config(), sound).unwrap();
    fs::remove_file(place.path().join("providers.d/broken.toml")).unwrap();
    assert!(place.tokend(["check"]).status.success());
    fs::set_permissions(place.state().join("key"), fs::Permissions::from_mode(0o644)).unwrap();
    let checked = place.tokend(["check"]);
    assert_eq!(checked.status.code(), Some(1));
    assert!(text(&checked.stderr).contains("/state/key"), "{}", text(&checked.stderr));
}

#[test]
fn listeners_come_change_and_go_and_whoever_is_connected_stays_connected() {
    let (place, daemon, provider) = place();
    add(&place, &provider, "other");
    let config = fs::read_to_string(place.config()).unwrap();
    let directory = place.runtime().join("closed/ci");
    let socket = directory.join("tokend.sock");
    let configure = |lines: &str| {
        let directory = directory.display();
        let listener =
            format!("{config}[[listener]]\nname = 'ci'\ndirectory = '{directory}'\n{lines}\n");
        fs::write(place.config(), listener).unwrap();
    };
    let inside = |arguments: &[&str]| -> Output {
        let mut command = place.cli();
        command.env("TOKEND_SOCKET", &socket);
        command.args(arguments).output().unwrap()
    };
    configure("credentials = ['api']\nanyone = true");
    assert_eq!(reload(&place), format!("listener ci: new, at {}\n", socket.display()));
    assert_eq!(text(&inside(&["get", "api"]).stdout), "token-1-c0ffee\n");
    assert!(!inside(&["get", "other"]).status.success());
    assert_eq!(fs::metadata(&socket).unwrap().mode() & 0o777, 0o666);

    let mut watcher = Watcher::at(&place, &socket, &["api", "other"]);
    let seen: Vec<Value> = [watcher.next(), watcher.next()].into();
    assert!(seen.iter().any(|told| told["name"] == "api"), "{seen:?}");
    let number = fs::metadata(&socket).unwrap().ino();
    configure("credentials = ['other']\nanyone = true");
    assert_eq!(reload(&place), "listener ci: +other -api\n");
    assert_eq!(text(&inside(&["get", "other"]).stdout), "token-2-c0ffee\n");
    assert!(!inside(&["get", "api"]).status.success());
    assert_eq!(fs::metadata(&socket).unwrap().ino(), number);
    // The same stream tells of both.
    let seen: Vec<Value> = [watcher.next(), watcher.next()].into();
    let names: Vec<_> = seen.iter().filter_map(|told| told["name"].as_str()).collect();
    assert!(names.contains(&"api") && names.contains(&"other"), "{seen:?}");

    configure("credentials = ['other']\ngroup = 'no-such-group'");
    let said = refused(&place);
    assert!(said.contains("there is no group \"no-such-group\" for the listener"), "{said}");
    assert_eq!(text(&inside(&["get", "other"]).stdout), "token-2-c0ffee\n");
    for above in directory.ancestors().take(3) {
        fs::set_permissions(above, fs::Permissions::from_mode(0o755)).unwrap();
    }
    configure("credentials = ['other']\nanyone = true\nsubmit = true");
    assert!(refused(&place).contains("would let any user of this machine read"));

    fs::write(place.config(), &config).unwrap();
    assert_eq!(reload(&place), format!("listener ci: gone from {}\n", socket.display()));
    assert!(!socket.exists());
    assert_eq!(status(&place)["listeners"], Value::Array(Vec::new()));
    configure("credentials = ['other']");
    reload(&place);
    assert_eq!(daemon.end().code, Some(0));
    assert!(!socket.exists(), "the daemon takes along what came by a reload");
}

#[test]
fn settings_take_effect_at_once_or_are_said_to_need_a_restart() {
    let (place, mut daemon, _provider) = place();
    let elsewhere = place.path().join("elsewhere");
    let config = fs::read_to_string(place.config()).unwrap();
    let changed = config
        .replace("log = \"trace\"", "log = \"warn\"\nunit_wait = '5s'\nrevoke_on_shutdown = true")
        .replace("/state'", "/elsewhere'");
    fs::write(place.config(), &changed).unwrap();
    let said = reload(&place);
    for line in [
        "log: \"trace\" before, \"warn\" now\n",
        "unit_wait: 60s before, 5s now\n",
        "revoke_on_shutdown: false before, true now\n",
        &format!(
            "needs a restart: state_dir is \"{}\" and will be \"{}\"\n",
            place.state().display(),
            elsewhere.display()
        ),
    ] {
        assert!(said.contains(line), "{said}");
    }
    let needs = status(&place)["needs_restart"].to_string();
    assert!(needs.contains("state_dir is"), "{needs}");
    assert!(status(&place)["problems"][0].as_str().unwrap().starts_with("needs a restart: "));
    // At this level it tells of little.
    assert_eq!(get(&place, &["api"]), "token-1-c0ffee\n");
    daemon.wait_for_log("needs a restart: state_dir");
    fs::write(place.config(), config).unwrap();
    assert!(reload(&place).contains("log: \"warn\" before, \"trace\" now\n"));
    assert_eq!(status(&place)["needs_restart"], Value::Array(Vec::new()));
    assert_eq!(status(&place)["problems"], Value::Array(Vec::new()));
}
