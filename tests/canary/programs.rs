//! The programs that the daemon and the command run, and what these show of themselves meanwhile.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    SECRETS,
    support::{
        Place, canary, contains,
        provider::{Provider, Reply},
        text,
    },
};

/// A program that notes its arguments, those of whoever runs it, and its environment.
struct Recorder {
    program: PathBuf,
}

impl Recorder {
    /// Makes one that then does as a shell's words say.
    fn new(place: &Place, name: &str, words: &str) -> Self {
        let program = place.path().join(name);
        let script = format!(
            "#!/bin/sh\ncat /proc/$$/cmdline /proc/$PPID/cmdline >> \"$0.arguments\"\n\
             cat /proc/$$/environ >> \"$0.environment\"\n{words}\n"
        );
        // Not by this process: what another test starts meanwhile would inherit the file that
        // is written, and a file that is open for writing can't be run (ETXTBSY, execve(2)).
        let written = program.with_extension("new");
        fs::write(&written, script).unwrap();
        fs::set_permissions(&written, fs::Permissions::from_mode(0o755)).unwrap();
        let copied = Command::new("cp").arg("-p").arg(&written).arg(&program).status().unwrap();
        assert!(copied.success());
        Self { program }
    }

    fn shown(&self) -> std::path::Display<'_> {
        self.program.display()
    }

    /// Checks what it has noted: its environment only if no token was asked to be in it.
    #[track_caller]
    fn search(&self, is_asked_for: bool) {
        let noted = |what: &str| fs::read(format!("{}.{what}", self.shown())).unwrap();
        let arguments = noted("arguments");
        assert!(contains(&arguments, self.program.as_os_str().as_encoded_bytes()));
        canary::assert_none(&format!("the arguments of {}", self.shown()), &arguments);
        let environment = noted("environment");
        assert!(contains(&environment, b"PATH="));
        if is_asked_for {
            assert!(canary::find(&environment).is_some(), "the token was asked for there");
        } else {
            canary::assert_none(&format!("the environment of {}", self.shown()), &environment);
        }
    }
}

/// Keeps a secret in a file for a program to print.
fn keep(path: &Path, secret: &str) {
    fs::write(path, canary::real(secret)).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn what_the_daemon_runs_has_no_secret_in_its_arguments_and_its_environment() {
    let (place, provider) = (Place::new(), Provider::issuing());
    keep(&place.path().join("kept"), SECRETS[0]);
    let source = Recorder::new(&place, "source", "cat \"${0%/*}/kept\"");
    let issues = r#"echo "{\"token\":\"token-1-$1\"}"; cat > "$0.input""#;
    let dance = Recorder::new(&place, "dance", &issues.replace("$1", &canary::real("c0ffee")));
    place.define(
        "acme",
        &format!(
            "title = 'Acme'\nsecrets.key.description = 'A key'\n[exec]\ncommand = ['{}']\n\
             [output]\ntoken = 'body.token'\n[lifetime]\ndefault = '1h'\n",
            dance.shown()
        ),
    );
    let hook = Recorder::new(&place, "hook", "echo > \"${0%/*}/pipe\"");
    let pipe = place.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    place.configure(&format!("on_login_needed = ['{}']", hook.shown()));
    let _daemon = place.start();

    let token_url = format!("token_url={}/token", provider.url());
    let command = format!("client_secret={}", source.shown());
    let flags = ["--var", &token_url, "--var", "client_id=tester", "--source-command", &command];
    let words = ["add", "sourced", "--provider", "oauth2-client-credentials"];
    let added = place.run(words.iter().chain(&flags));
    assert!(added.status.success(), "{}", text(&added.stderr));
    let words = ["add", "danced", "--provider", "acme", "--secret-stdin", "key"];
    let added = place.run_with_input(words, SECRETS[0]);
    assert!(added.status.success(), "{}", text(&added.stderr));
    let denied = Provider::scripted(|_, _| Reply::json(400, r#"{"error":"invalid_grant"}"#));
    let token_url = format!("token_url={}/token", denied.url());
    let words = ["import", "dead", "--provider", "oauth2-refresh-token", "--refresh-token"];
    let flags = ["--var", &token_url, "--var", "client_id=tester", "--var", "user=me"];
    place.run_with_input(words.iter().chain(&flags), SECRETS[0]);
    fs::read(&pipe).unwrap();

    for program in [&source, &dance, &hook] {
        program.search(false);
    }
    let input = fs::read(format!("{}.input", dance.shown())).unwrap();
    assert!(canary::find(&input).is_some(), "what it is to know comes on standard input");
}

#[test]
fn what_the_command_runs_has_no_secret_but_where_it_was_asked_for() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let _daemon = place.start();
    keep(&place.path().join("kept"), SECRETS[0]);
    let command = Recorder::new(&place, "command", "cat \"${0%/*}/kept\"");
    let token_url = format!("token_url={}/token", provider.url());
    let secret = format!("client_secret={}", command.shown());
    let flags = ["--var", &token_url, "--var", "client_id=tester", "--secret-command", &secret];
    let words = ["add", "api", "--provider", "oauth2-client-credentials"];
    let added = place.run(words.iter().chain(&flags));
    assert!(added.status.success(), "{}", text(&added.stderr));
    command.search(false);

    for (name, flags, is_asked_for) in
        [("variable", &["api"][..], true), ("file", &["--files", "api"], false)]
    {
        let program = Recorder::new(&place, name, "");
        let words = ["exec"].iter().chain(flags).chain(&["--"]).map(|word| (*word).to_owned());
        let ended = place.run(words.chain([program.shown().to_string()]));
        assert!(ended.status.success(), "{}", text(&ended.stderr));
        program.search(is_asked_for);
    }
}
