use std::time::Duration;

use super::*;
use crate::credential::{MAX_AGE, Source};

const WHOLE: &str = r#"
[credential.causely]
provider = "oauth2-client-credentials"
readers = ["uid:1000", "unit:reports.service"]
submitters = ["gid:7"]
refresh = "used"
limits = ["24/day", "24/day"]

[credential.causely.variables]
token_url = "https://auth.example/token"
client_id = 4711

[credential.causely.secrets]
client_secret = { command = ["/usr/bin/pass", "show", "causely"], max_age = "10m" }

[credential.plain]
provider = "static-bearer"
variables = { url = "https://api.example", user = "ann" }
secrets.token = { file = "/etc/plain" }
"#;

fn parse_as(text: &str, manner: Manner) -> Result<Vec<Declaration>, Vec<String>> {
    let parsed = parse(Path::new("a.toml"), text, &Library::built_in(), manner);
    parsed.map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect())
}

fn mistakes(text: &str) -> Vec<String> {
    parse_as(text, Manner::Bound).unwrap_err()
}

/// Returns what a secret that is written like this refers to, or what is wrong with it.
fn reference(written: &str) -> Result<Reference, String> {
    let text = format!(
        "[credential.a]\nprovider = 'static-bearer'\nvariables = {{ url = 'https://a.example', user = 'a' }}\n\
         secrets.token = {written}\n"
    );
    let mut declared = parse_as(&text, Manner::Bound).map_err(|all| all.join("\n"))?;
    Ok(declared.remove(0).secrets.remove("token").unwrap())
}

#[test]
fn a_file_says_all_of_a_credential_but_its_secrets() {
    let all = parse_as(WHOLE, Manner::Bound).unwrap();
    let [causely, plain] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(causely.name.as_str(), "causely");
    assert_eq!(causely.provider, "oauth2-client-credentials");
    assert_eq!(causely.place.to_string(), "a.toml:2");
    assert_eq!(causely.variables["client_id"], "4711");
    let readers: Vec<String> = causely.readers.iter().map(ToString::to_string).collect();
    assert_eq!(readers, ["uid:1000", "unit:reports.service"]);
    assert_eq!(causely.submitters.len(), 1);
    assert!(causely.refreshers.is_empty());
    assert_eq!(causely.policy, Policy::Used);
    assert_eq!(causely.limits.len(), 1, "a limit that is there twice is one");
    let words = ["/usr/bin/pass", "show", "causely"].map(str::to_owned).to_vec();
    let source = Source::Command { words, max_age: Duration::from_secs(600) };
    assert_eq!(causely.secrets["client_secret"], Reference::Source(source));
    assert_eq!(plain.policy, Policy::Always);
    assert_eq!(plain.place.line, 16);
}

#[test]
fn a_secret_is_somewhere_else() {
    for (written, expected) in [
        ("{ file = '/a' }", Reference::Source(Source::File("/a".into()))),
        ("{ credential = 'a' }", Reference::Credential("a".to_owned())),
        ("{ env = 'A' }", Reference::Env("A".to_owned())),
        (
            "{ command = ['/a'] }",
            Reference::Source(Source::Command { words: vec!["/a".to_owned()], max_age: MAX_AGE }),
        ),
    ] {
        assert_eq!(reference(written), Ok(expected));
    }
    for (written, complaint) in [
        ("{}", "say where it is: { file"),
        ("{ file = 'a' }", "the file \"a\" isn't an absolute path"),
        ("{ credential = '../a' }", "isn't the name of a credential of systemd's"),
        ("{ env = 'A=b' }", "isn't the name of a variable"),
        ("{ command = [] }", "absolute path of a program"),
        ("{ command = ['pass'] }", "absolute path of a program"),
        ("{ command = ['/a'], max_age = '10' }", "max_age is a time"),
        ("{ file = '/a', max_age = '10m' }", "max_age goes with `command`"),
        ("{ file = '/a', env = 'A' }", "a secret is in one place"),
        ("{ fle = '/a' }", "a.toml:4:19: unknown key `fle`, did you mean `file`?"),
    ] {
        let error = reference(written).unwrap_err();
        assert!(error.contains(complaint), "{written}: {error}");
    }
}

#[test]
fn a_secret_that_stands_in_the_file_is_refused_and_not_repeated() {
    for written in ["'s3cret'", "['s3cret']", "5309", "{ value = 's3cret' }", "\"s3cret"] {
        let error = reference(written).unwrap_err();
        assert!(error.starts_with("a.toml:4:"), "{error}");
        assert!(!error.contains("s3cret") && !error.contains("5309"), "{error}");
    }
    let error = reference("'s3cret'").unwrap_err();
    assert!(error.contains("a secret can't stand in this file; say where it is"), "{error}");
}

#[test]
fn all_mistakes_are_told_at_once_each_with_its_place() {
    let told = mistakes(
        r#"credentials = 1
[credential.Causely]
provider = "oauth2-client-credentals"
reader = ["uid:1"]

[credential.b]
provider = "oauth2-client-credentials"
readers = ["uid:1", "bob"]
refresh = "usd"
limits = ["24/day", "many"]
variables.token_ur = "https://a.example"
variables.client_secret = "x"
secrets.client_id = { env = "A" }

[credential.c]
limits = "24/day"

[credential.d]
provider = "static-bearer"
variables = { url = "http://a.example", user = "a" }
secrets.token = { env = "A" }
"#,
    );
    for expected in [
        "a.toml:1:1: unknown key `credentials`, did you mean `credential`?",
        "a.toml:2:13: ",
        "a.toml:3:12: there is no provider definition \"oauth2-client-credentals\", did you mean \
         \"oauth2-client-credentials\"?",
        "a.toml:4:1: unknown key `reader`, did you mean `readers`?",
        "a.toml:7:12: `variables.token_url` is missing",
        "a.toml:8:21: \"bob\" is no reader",
        "a.toml:9:11: `usd` says not when to refresh, did you mean `used`?",
        "a.toml:10:21: the limit \"many\":",
        "a.toml:11:11: oauth2-client-credentials has no `token_ur`, did you mean `token_url`?",
        "a.toml:12:11: `client_secret` is a secret: below `secrets`, say where it is",
        "a.toml:13:9: `client_id` is a variable: write it below `variables`",
        "a.toml:15:13: `credential.c` needs `provider`",
        "a.toml:16:10: invalid type",
        "a.toml:20:15: `url` ",
    ] {
        assert!(told.iter().any(|it| it.starts_with(expected)), "{expected}: {told:#?}");
    }
}

#[test]
fn what_is_no_toml_is_said_to_be_none() {
    let told = mistakes("[credential.a]\nprovider = \n");
    assert!(told[0].starts_with("a.toml:2:"), "{told:?}");
    assert!(mistakes("credential = 1")[0].contains("`credential` is a table"));
}

#[test]
fn a_secret_without_a_reference_is_asked_for_where_someone_is_there() {
    let text = "[credential.a]\nprovider = 'static-bearer'\n\
                variables = { url = 'https://a.example', user = 'a' }\n";
    assert!(parse_as(text, Manner::Applied).is_ok());
    let told = mistakes(text);
    assert!(told[0].contains("`secrets.token` is missing"), "{told:?}");
}

#[test]
fn all_files_of_all_directories_are_read_and_a_name_is_declared_once() {
    let [one, two] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let plain = WHOLE.split("\n[credential.plain]").nth(1).unwrap();
    let write = |dir: &Path, file: &str, name: &str| {
        fs::write(dir.join(file), format!("[credential.{name}]{plain}")).unwrap();
    };
    write(one.path(), "b.toml", "b");
    write(two.path(), "a.toml", "a");
    write(two.path(), ".#a.toml", "an-editors-lock");
    write(two.path(), "README", "no-declaration");
    let all = [one.path().to_owned(), two.path().to_owned(), "/nowhere".into()];
    let names = |read: Vec<Declaration>| read.into_iter().map(|it| it.name.to_string());
    let read_all = || read(&all, &Library::built_in());
    assert_eq!(names(read_all().unwrap()).collect::<Vec<_>>(), ["b", "a"]);

    write(two.path(), "c.toml", "b");
    fs::write(two.path().join("d.toml"), "x = 1").unwrap();
    let told = read_all().unwrap_err();
    assert_eq!(told.len(), 2, "{told:?}");
    let twice = told.iter().find(|it| it.message.contains("b is declared at")).unwrap();
    assert_eq!(twice.position, Some((1, 1)));
    assert!(twice.message.contains("b.toml:1 already"), "{twice}");
}
