//! Flags against a definition.

use super::*;

fn provider() -> Provider {
    let input = |name: &str| ProviderInput {
        name: name.to_owned(),
        required: true,
        ..ProviderInput::default()
    };
    Provider {
        name: "acme".to_owned(),
        inputs: vec![
            ProviderInput { description: "the client's id".to_owned(), ..input("client_id") },
            ProviderInput { secret: true, ..input("client_secret") },
            ProviderInput {
                default_value: "eu".to_owned(),
                choices: vec!["eu".to_owned(), "us".to_owned()],
                ..input("region")
            },
            ProviderInput { required: false, ..input("scope") },
        ],
        ..Provider::default()
    }
}

fn var(text: &str) -> Flag {
    Flag::Var(text.to_owned())
}

fn file(text: &str) -> Flag {
    Flag::Secret {
        flag: "--secret-file",
        text: text.to_owned(),
        place: |path| Place::File(path.into()),
    }
}

fn refused(flags: Vec<Flag>) -> (String, Option<String>) {
    let problem = plan(&provider(), flags, true).unwrap_err();
    (problem.to_string(), problem.remedy())
}

#[test]
fn a_complete_command_asks_nothing() {
    let provider = provider();
    let flags = vec![var("client_id=a=b"), file("client_secret=/x=y")];
    let plan = plan(&provider, flags, true).unwrap();
    assert!(plan.asked.is_empty());
    assert_eq!(plan.given[0].1, Origin::CommandLine("a=b".to_owned()));
    assert_eq!(plan.given[1].1, Origin::Secret(Place::File("/x=y".into())));
}

#[test]
fn a_person_is_asked_for_all_that_isnt_given_in_order() {
    let provider = provider();
    let plan = plan(&provider, vec![Flag::SecretStdin("client_secret".to_owned())], true).unwrap();
    let asked: Vec<_> = plan.asked.iter().map(|input| input.name.as_str()).collect();
    assert_eq!(asked, ["client_id", "region", "scope"]);
    assert_eq!(plan.given[0].1, Origin::Secret(Place::Stdin));
}

#[test]
fn without_a_terminal_everything_missing_is_listed_with_its_flag() {
    let problem = plan(&provider(), vec![var("scope=x")], false).unwrap_err();
    assert_eq!(
        problem.to_string(),
        "acme needs more, and there is no terminal to ask on: client_id, client_secret"
    );
    assert_eq!(
        problem.remedy().unwrap(),
        "give\n\
         --var client_id=VALUE: the client's id\n\
         --secret-file client_secret=PATH, --secret-env client_secret=VARIABLE, \
         --secret-stdin client_secret or --secret-command client_secret=COMMAND"
    );
}

#[test]
fn a_secret_on_the_command_line_is_refused_and_not_repeated() {
    let piped = Flag::SecretStdin("client_secret=s3cret".to_owned());
    for flag in [var("client_secret=s3cret"), piped] {
        let (message, remedy) = refused(vec![flag]);
        assert_eq!(
            message,
            "client_secret is a secret and can't be given on the command line, \
             where other users can read it"
        );
        assert!(remedy.unwrap().starts_with("give it as --secret-file client_secret=PATH"));
    }
    for flag in [var("s3cret"), var("=s3cret"), file("s3cret")] {
        let (message, remedy) = refused(vec![flag]);
        assert!(message.contains("takes INPUT="), "{message}");
        assert!(!message.contains("s3cret") && remedy.is_none(), "{message}");
    }
}

#[test]
fn flags_that_dont_fit_are_refused() {
    let table: [(Vec<Flag>, &str, Option<&str>); 4] = [
        (
            vec![var("colour=red")],
            "acme has no input \"colour\"",
            Some("it has client_id, client_secret, region, scope"),
        ),
        (vec![var("scope=a"), var("scope=b")], "scope is given twice", None),
        (vec![file("scope=/x")], "scope isn't a secret", Some("give it as --var scope=VALUE")),
        (vec![var("region=mars")], "region can only be one of eu, us", None),
    ];
    for (flags, message, remedy) in table {
        let told = refused(flags);
        assert_eq!((told.0.as_str(), told.1.as_deref()), (message, remedy));
    }
}
