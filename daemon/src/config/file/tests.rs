use super::*;

fn parsed(text: &str) -> Result<File, Vec<Mistake>> {
    File::parse(Path::new("tokend.toml"), text)
}

/// Returns what is wrong, without the lines themselves.
fn errors_of(text: &str) -> Vec<String> {
    let mistakes = parsed(text).expect_err("there is a mistake");
    let first = |mistake: &Mistake| mistake.to_string().lines().next().unwrap().to_owned();
    mistakes.iter().map(first).collect()
}

fn error_of(text: &str) -> String {
    let mut errors = errors_of(text);
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors.remove(0)
}

#[test]
fn all_mistakes_are_told_at_once_each_with_its_place() {
    let text = "state_dri = '/x'\nlog = 7\nunit_wait = 'soon'\nprovider_dirs = ['/a', 'b']\n";
    assert_eq!(
        errors_of(text),
        [
            "tokend.toml:1:1: unknown key `state_dri`, did you mean `state_dir`?",
            "tokend.toml:2:7: invalid type: integer `7`, expected a text in quotes",
            "tokend.toml:3:13: unit_wait is \"soon\"; give a time of at most 1h, such as \"60s\"",
            "tokend.toml:4:24: provider_dirs is \"b\"; give an absolute path",
        ]
    );
    let mistakes = parsed(text).unwrap_err();
    assert!(mistakes[0].to_string().ends_with("\n1 | state_dri = '/x'\n  | ^^^^^^^^^"));
    let error = error_of("log = 'info'\nstate_dir = '/x");
    assert!(error.starts_with("tokend.toml:2:"), "{error}");
}

#[test]
fn relative_paths_are_refused() {
    let error = error_of("state_dir = 'x'");
    assert_eq!(error, r#"tokend.toml:1:13: state_dir is "x"; give an absolute path"#);
}

#[test]
fn the_root_directory_is_no_place_for_tokends_files() {
    for key in ["state_dir", "runtime_dir"] {
        let error = error_of(&format!("{key} = '/'"));
        assert!(error.ends_with(&format!("{key} is \"/\"; give it a directory of its own")));
    }
}

#[test]
fn a_listener_has_a_name_a_directory_and_credentials() {
    let listener = |lines: &str| format!("log = 'info'\n[[listener]]\n{lines}\n");
    let whole = "name = 'ci'\ndirectory = '/r/ci'\ncredentials = ['a', 'b']";
    for (text, line, complaint) in [
        (listener("name = 'ci'\ncredentials = ['a']"), 2, "missing key `directory`"),
        (listener("name = 'C I'\n"), 3, "\"C I\" isn't a listener's name: use"),
        (listener("name = 'ci'\ndirectory = 'x'"), 4, "\"x\" is no directory for a socket"),
        (listener("directory = '/'"), 3, "\"/\" is no directory for a socket"),
        (listener("credentials = []"), 3, "it lists no credentials"),
        (listener("credentials = ['a', 'B']"), 3, "\"B\" isn't a credential's name"),
        (
            listener(&format!("{whole}\nanyon = true")),
            6,
            "unknown key `anyon`, did you mean `anyone`?",
        ),
        (listener(&format!("{whole}\nanyone = 'yes'")), 6, "invalid type: string \"yes\""),
        ("listener = 1".to_owned(), 1, "write a listener as a table, under [[listener]]"),
    ] {
        let error = error_of(&text);
        assert!(error.starts_with(&format!("tokend.toml:{line}:")), "{text}: {error}");
        assert!(error.contains(complaint), "{text}: {error}");
    }
    let two = listener(&format!("{whole}\n[[listener]]\n{whole}"));
    let places =
        parsed(&two).unwrap().listeners.into_iter().map(|(_, place)| place.unwrap().line());
    assert_eq!(places.collect::<Vec<_>>(), [2, 6]);
}

#[test]
fn the_key_has_one_source_that_is_known() {
    let error = error_of("key_file = '/k'\nkey_source = 'file:/k'");
    assert!(error.starts_with("tokend.toml:2:1: key_file and key_source both"), "{error}");
    for value in ["key", "file:key", "credential:a/b", "tpm:0"] {
        let error = error_of(&format!("key_source = '{value}'"));
        let expected = format!("tokend.toml:1:14: key_source is \"{value}\"; give \"file:\"");
        assert!(error.starts_with(&expected), "{error}");
    }
}

#[test]
fn a_hook_names_a_program() {
    for text in ["on_login_needed = []", "on_login_needed = ['', 'x']"] {
        let error = error_of(text);
        assert!(error.contains(": on_login_needed names no program"), "{error}");
    }
}

#[test]
fn a_filter_of_the_log_is_one() {
    assert!(
        error_of("log = 'a=b=c'").starts_with("tokend.toml:1:7: log is \"a=b=c\", which isn't")
    );
    assert!(parsed("log = 'warn,tokend::audit=info'").is_ok());
}

#[test]
fn times_are_written_with_their_units_and_have_a_bound() {
    for value in ["60", "-1s", "2h", "soon", ""] {
        let error = error_of(&format!("unit_wait = '{value}'"));
        let expected = format!(
            "tokend.toml:1:13: unit_wait is {value:?}; give a time of at most 1h, such as \"60s\""
        );
        assert_eq!(error, expected);
    }
    for (value, seconds) in [("0s", 0), ("90s", 90), ("1m 30s", 90), ("1h", 3_600)] {
        let file = parsed(&format!("unit_wait = '{value}'")).unwrap();
        assert_eq!(file.unit_wait, Some(Duration::from_secs(seconds)));
    }
}

#[test]
fn a_missing_file_is_an_error_only_if_it_was_named() {
    let path = Path::new("/nowhere/tokend.toml");
    assert!(File::read_if_there(path).is_ok());
    assert!(matches!(File::read(path), Err(ConfigError::Unreadable { .. })));
}

#[test]
fn the_example_names_each_key_and_says_nothing_as_it_is() {
    let text = include_str!("../../../../systemd/tokend.toml");
    let quiet = parsed(text).unwrap();
    assert!(quiet.state_dir.is_none() && quiet.log.is_none() && quiet.listeners.is_empty());
    // Prose has a space behind the mark.
    let uncommented: Vec<&str> = text
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') => rest,
            _ => line,
        })
        .collect();
    // Of the two that say where the key is, one is to be left out.
    let lines = |without: &str| -> String {
        let lines = uncommented.iter().filter(|line| !line.starts_with(without));
        lines.copied().collect::<Vec<_>>().join("\n")
    };
    for key in ["key_file", "key_source"] {
        if let Err(mistakes) = parsed(&lines(key)) {
            panic!("{mistakes:?}");
        }
    }
    for key in KEYS.iter().filter(|key| **key != "listener") {
        let is_there = uncommented.iter().any(|line| line.starts_with(&format!("{key} = ")));
        assert!(is_there, "{key}");
    }
    assert_eq!(parsed(&lines("key_file")).unwrap().listeners.len(), 1);
}
