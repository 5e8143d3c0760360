//! Where the daemon itself is to read a secret.

use std::path;

use tokend_proto::v1::{SecretSource, secret_source};

/// Takes a file; a path is meant as it is here.
pub(crate) fn file(text: &str) -> Result<SecretSource, String> {
    let path = path::absolute(text).map_err(|_| "it needs a path".to_owned())?;
    let path = path.into_os_string().into_string().map_err(|_| "its path isn't text".to_owned())?;
    Ok(SecretSource { source: Some(secret_source::Source::File(path)) })
}

/// Takes a command, whose words are split as a shell does.
pub(crate) fn command(text: &str) -> Result<SecretSource, String> {
    let words =
        shlex::split(text).ok_or_else(|| "a quote in its command isn't closed".to_owned())?;
    if !words.first().is_some_and(|program| program.starts_with('/')) {
        return Err("its command has to begin with the absolute path of a program".to_owned());
    }
    let command = secret_source::Command { words, max_age: None };
    Ok(SecretSource { source: Some(secret_source::Source::Command(command)) })
}

/// Returns it as people read it: `file /etc/acme/key`, `command /usr/bin/pass`.
pub(crate) fn show(source: &SecretSource) -> String {
    match &source.source {
        Some(secret_source::Source::File(path)) => format!("file {path}"),
        Some(secret_source::Source::Command(command)) => {
            format!("command {}", command.words.join(" "))
        }
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_command_are_split_as_a_shell_does_and_nothing_else_is_done() {
        let shown = |text| command(text).map(|source| show(&source));
        let Some(secret_source::Source::Command(split)) =
            command("/usr/bin/op read 'op://a b/$c' --x=\"1 2\"").unwrap().source
        else {
            panic!("no command")
        };
        assert_eq!(split.words, ["/usr/bin/op", "read", "op://a b/$c", "--x=1 2"]);
        assert_eq!(shown("/bin/pass show a").unwrap(), "command /bin/pass show a");
        assert!(shown("/bin/echo 'a").unwrap_err().contains("quote"));
        for relative in ["pass show a", ""] {
            assert!(shown(relative).unwrap_err().contains("absolute path"), "{relative}");
        }
    }

    #[test]
    fn a_path_is_meant_as_it_is_here() {
        let here = std::env::current_dir().unwrap();
        let shown = show(&file("a/key").unwrap());
        assert_eq!(shown, format!("file {}/a/key", here.display()));
        assert_eq!(show(&file("/run/key").unwrap()), "file /run/key");
        assert!(file("").is_err());
    }
}
