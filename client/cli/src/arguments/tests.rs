//! Command lines, as they are read.

mod secret;

use std::time::Duration;

use clap::CommandFactory as _;

use super::*;
use crate::{input::Flag, secret::Place};

fn parse(line: &str) -> Result<Command, i32> {
    let words = ["tokend-cli"].into_iter().chain(line.split_whitespace());
    match Arguments::try_parse_from(words) {
        Ok(arguments) => Ok(arguments.command.expect("the line names a command")),
        Err(error) => Err(error.exit_code()),
    }
}

#[test]
fn the_definition_is_sound() {
    Arguments::command().debug_assert();
}

#[test]
fn reads_get() {
    let Ok(Command::Get(get)) = parse("get a --min-ttl 1h30m --timeout 5s") else {
        panic!("not read as get");
    };
    assert_eq!(get.need.min_ttl, Some(Duration::from_secs(5400)));
    assert_eq!(get.need.timeout, Duration::from_secs(5));
    assert_eq!(get.format(), Format::Plain);
}

#[test]
fn takes_each_flag_that_gives_an_input_with_its_place() {
    let line = "add a -p acme --var u=1 --secret-file f=/f --secret-env e=E --secret-command \
                c=pass --secret-stdin s -r user:x --reader group:y";
    let Ok(Command::Add(add)) = parse(line) else { panic!("not read as add") };
    let flags: Vec<_> = add
        .inputs
        .take_flags()
        .into_iter()
        .map(|flag| match flag {
            Flag::Var(text) | Flag::Argument(text) | Flag::SecretStdin(text) => (text, None),
            Flag::Secret { text, place, .. } => (text, Some(place("x".to_owned()))),
            Flag::Source { .. } => panic!("no source is given"),
        })
        .collect();
    assert_eq!(
        flags,
        [
            ("u=1".to_owned(), None),
            ("f=/f".to_owned(), Some(Place::File("x".into()))),
            ("e=E".to_owned(), Some(Place::Variable("x".to_owned()))),
            ("c=pass".to_owned(), Some(Place::Command("x".to_owned()))),
            ("s".to_owned(), None),
        ]
    );
    assert_eq!(add.terms.readers, ["user:x", "group:y"]);
}

#[test]
fn bad_usage_ends_with_2() {
    for line in [
        "frob",
        "get",
        "get a --header --json",
        "get a --basic --header",
        "get a --basic --field id",
        "set-secret",
        "set-secret a --expires 2027-01-31",
        "set-secret a key --expires soon",
        "set-secret a --source-file key=/f --source-max-age 1m",
        "add a -p p --secret-expires key",
        "get a --min-ttl soon",
        "add a",
        "add a -p p --secret-stdin x --secret-stdin y",
        "grant a",
        "access a",
        "set a",
        "set a --refresh sometimes",
        "set a --limit 5/h --no-limits",
        "reject a --status 42",
        "issuances --limit 0",
        "remote a --arg k=v",
        "providers --definition",
        "providers show",
        "providers check",
        "providers list acme",
        "providers try acme --secret s3cret",
    ] {
        assert_eq!(parse(line).map(drop), Err(2), "{line}");
    }
}

#[test]
fn a_token_is_no_argument() {
    // Other users can read the command lines of all processes.
    for line in [
        "reject a s3cret",
        "reject a --token s3cret",
        "reject a --token-stdin=s3cret",
        "reject a - s3cret",
        "rotated a s3cret",
        "rotated a --token s3cret",
    ] {
        assert_eq!(parse(line).map(drop), Err(2), "{line}");
    }
    let Ok(Command::Reject(reject)) = parse("reject a --status 401 --token-stdin") else {
        panic!("not read as reject");
    };
    assert!(reject.token_stdin && reject.status == Some(401));
    assert!(parse("reject a -").is_ok() && parse("rotate a --body answer.json").is_ok());
}

#[test]
fn reads_how_tokens_are_to_be_kept() {
    let Ok(Command::Add(add)) = parse("add a -p p --refresh on-demand --limit 1/h") else {
        panic!("not read as add");
    };
    assert_eq!(
        (add.terms.refresh, add.terms.limits),
        (Some(Policy::OnDemand), vec!["1/h".to_owned()])
    );
    let Ok(Command::Set(set)) = parse("set a --limit 50/12h --limit 24/day@Europe/Berlin") else {
        panic!("not read as set");
    };
    assert_eq!(set.change.limits, ["50/12h", "24/day@Europe/Berlin"]);
    assert!(set.change.refresh.is_none() && !set.change.no_limits);
}

#[test]
fn providers_can_be_shown_without_saying_so() {
    let Ok(Command::Providers(providers)) = parse("providers acme --definition") else {
        panic!("not read as providers");
    };
    assert!(providers.command.is_none() && providers.definition);
    assert_eq!(providers.name.as_deref(), Some("acme"));
    let Ok(Command::Providers(providers)) = parse("providers show list --json") else {
        panic!("not read as providers");
    };
    let Some(ProvidersCommand::Show(shown)) = providers.command else { panic!("not shown") };
    assert!(shown.name == "list" && shown.form.json);
}

#[test]
fn a_login_has_one_way_and_an_import_one_source() {
    for line in [
        "login",
        "login a --device --paste",
        "login a http://127.0.0.1/?code=s3cret",
        "import a",
        "import a --env .env",
        "import a --refresh-token",
        "import a -p p --env .env --google key.json",
        "import a --google key.json --map A=b",
    ] {
        assert_eq!(parse(line).map(drop), Err(2), "{line}");
    }
    for line in ["import a --google -", "import a -p p --refresh-token -", "login a --no-browser"] {
        assert!(parse(line).is_ok(), "{line}");
    }
}

#[test]
fn whatever_prints_something_prints_json_too() {
    const OTHERS: [(&str, &str); 11] = [
        ("exec", "what it prints is the program's"),
        ("sink", "it prints nothing; the file has --format"),
        ("completions", "it prints a script"),
        ("man", "it prints nothing"),
        ("rotated", "it prints nothing"),
        ("helper", "it prints nothing by itself"),
        ("key", "it prints nothing by itself"),
        ("helper git", "what it prints is git's to say"),
        ("helper docker", "what it prints is docker's to say"),
        ("providers schema", "it prints JSON"),
        ("top", "it draws on a terminal; status has --json"),
    ];
    fn without(command: &clap::Command, above: &str, found: &mut Vec<String>) {
        for command in command.get_subcommands() {
            let path = format!("{above} {}", command.get_name()).trim_start().to_owned();
            let excused = OTHERS.iter().any(|(other, reason)| path == *other && !reason.is_empty());
            let has_json = command.get_arguments().any(|it| it.get_long() == Some("json"));
            if has_json == excused {
                found.push(path.clone());
            }
            without(command, &path, found);
        }
    }
    let mut found = Vec::new();
    without(&Arguments::command(), "", &mut found);
    assert!(found.is_empty(), "{found:?} lack --json, or need no excuse");
}

#[test]
fn the_documents_list_all_commands_in_their_own_words() {
    fn rows(command: &clap::Command, above: &str, found: &mut Vec<String>) {
        let path = format!("{above} {}", command.get_name());
        let about = command.get_about().expect("each command says what it does");
        found.push(format!("| `{path}` | {about} |"));
        command.get_subcommands().for_each(|below| rows(below, &path, found));
    }
    let mut expected = Vec::new();
    Arguments::command().get_subcommands().for_each(|it| rows(it, "tokend-cli", &mut expected));
    let page = include_str!("../../../../docs/cli.md");
    let listed: Vec<_> = page.lines().filter(|line| line.starts_with("| `tokend-cli ")).collect();
    assert_eq!(listed, expected);
}
