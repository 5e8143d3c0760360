//! The flags of `get`.

use std::ffi::OsString;

use clap::{Args, ValueEnum};

use crate::{arguments::Need, host::Host};

pub(super) const HELP: &str = "\
Plain `get` prints the token's value: of a name and a password, the password. --basic prints both as
`curl --user` takes them. --field prints one value: `token`, one of the token's extras by its name,
and of a name and a password `id` or `secret`. Each prints one line. If there is no token, nothing
is printed.

Formats:
  plain       the token, as without --format; header and json are --header and --json
  env         for the shell: eval \"$(tokend-cli get NAME --format env)\" sets and exports a
              variable, NAME_TOKEN or the one of --as
  curl        for `curl --config -`
  kubernetes  for kubectl's `exec` (client.authentication.k8s.io, v1 or v1beta1)
  aws         for `credential_process`; the keys are the token's extras access_key_id,
              secret_access_key and session_token, or a name and a password
  docker      a credential helper's answer
  git         a credential helper's answer
  netrc       for `curl --netrc-file` and other readers of a .netrc
docs/cli.md has an example of each.";

#[derive(Debug, Args)]
pub(crate) struct Get {
    /// The credential's name
    pub(crate) name: String,
    /// Print header lines: `Authorization: Bearer ..`
    #[arg(long, conflicts_with = "json")]
    header: bool,
    /// Print a JSON object with all that belongs to the token
    #[arg(long)]
    json: bool,
    /// Print the token in the form that a tool takes
    #[arg(long, value_name = "FORMAT", value_enum, conflicts_with_all = ["json", "header"])]
    format: Option<Format>,
    /// Print a name and a password as `name:password`
    #[arg(long, conflicts_with_all = ["json", "header", "format"])]
    pub(crate) basic: bool,
    /// Print one of the token's values: `token`, `id`, `secret` or an extra
    #[arg(long, value_name = "NAME", conflicts_with_all = ["json", "header", "basic"])]
    pub(crate) field: Option<String>,
    /// The variable to set, with --format env
    #[arg(long = "as", value_name = "VARIABLE", value_parser = variable, requires = "format")]
    pub(crate) variable: Option<String>,
    /// The host that the token is for, with --format docker, git or netrc
    #[arg(long, value_name = "HOST", requires = "format")]
    pub(crate) host: Option<Host>,
    /// The user's name, with --format docker, git or netrc; by default what the host expects
    /// beside a token
    #[arg(long, value_name = "NAME", requires = "format")]
    pub(crate) username: Option<String>,
    #[command(flatten)]
    pub(crate) need: Need,
}

/// A form that tools take a token in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Plain,
    Header,
    Json,
    Env,
    Curl,
    Kubernetes,
    Aws,
    Docker,
    Git,
    Netrc,
}

impl Get {
    /// Reads a command line that asks for a token and nothing else: most do, and to make the
    /// whole of what the command understands takes longer than to ask for the token.
    pub(crate) fn of_plain_words(words: &[OsString]) -> Option<Self> {
        let [_, verb, name] = words else { return None };
        let name = name.to_str().filter(|name| verb == "get" && !name.starts_with('-'))?;
        Some(Self {
            name: name.to_owned(),
            header: false,
            json: false,
            format: None,
            basic: false,
            field: None,
            variable: None,
            host: None,
            username: None,
            need: Need::usual(),
        })
    }

    /// Returns the form to print.
    pub(crate) fn format(&self) -> Format {
        match self.format {
            Some(format) => format,
            None if self.header => Format::Header,
            None if self.json => Format::Json,
            None => Format::Plain,
        }
    }

    /// Returns a flag that is given and means nothing to the form, if one is.
    pub(crate) fn misplaced(&self) -> Option<&'static str> {
        use Format::{Aws, Curl, Docker, Env, Git, Header, Json, Netrc};
        let format = self.format();
        let is_login = matches!(format, Docker | Git | Netrc);
        [
            ("--as", self.variable.is_some() && format != Env),
            ("--host", self.host.is_some() && !is_login),
            ("--username", self.username.is_some() && !is_login),
            ("--field", self.field.is_some() && matches!(format, Aws | Curl | Header | Json)),
        ]
        .into_iter()
        .find_map(|(flag, misplaced)| misplaced.then_some(flag))
    }
}

/// Reads the name of a variable as shells take it (POSIX.1-2024, XBD §3.216).
fn variable(text: &str) -> Result<String, String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if text.starts_with(|c: char| !c.is_ascii_digit()) && text.chars().all(is_part) {
        Ok(text.to_owned())
    } else {
        Err("a variable's name has letters, digits and underscores, and no digit in front"
            .to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::arguments::{Arguments, Command};

    fn parse(line: &str) -> Option<Get> {
        let words = ["tokend-cli", "get", "a"].into_iter().chain(line.split_whitespace());
        match Arguments::try_parse_from(words).ok()?.command? {
            Command::Get(get) => Some(get),
            other => panic!("not read as get: {other:?}"),
        }
    }

    #[test]
    fn a_token_is_printed_in_one_form() {
        for (line, format) in [
            ("", Format::Plain),
            ("--field org", Format::Plain),
            ("--header", Format::Header),
            ("--json", Format::Json),
            ("--format json", Format::Json),
            ("--format kubernetes", Format::Kubernetes),
        ] {
            assert_eq!(parse(line).unwrap().format(), format, "{line}");
        }
        for line in [
            "--header --json",
            "--format env --header",
            "--format env --json",
            "--format env --basic",
            "--format yaml",
            "--as X",
            "--host git.example",
            "--format env --as 1X",
            "--format env --as X;id",
            "--format env --as ",
        ] {
            assert!(parse(line).is_none(), "{line}");
        }
    }

    #[test]
    fn plain_words_are_read_as_the_parser_reads_them() {
        let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        for line in ["tokend-cli get a", "/usr/bin/tokend-cli get help", "x get a.b-c_1", "x get "]
        {
            let Some(Command::Get(parsed)) = Arguments::parse_from(words(line)).command else {
                panic!("not read as get: {line}");
            };
            let read = Get::of_plain_words(&words(line)).unwrap();
            assert_eq!(format!("{read:?}"), format!("{parsed:?}"), "{line}");
        }
        for line in
            ["x", "x get", "x get -h", "x get --help", "x get a b", "x get a --json", "x list a"]
        {
            assert!(Get::of_plain_words(&words(line)).is_none(), "{line}");
        }
    }

    #[test]
    fn a_flag_of_another_form_is_told() {
        for (line, flag) in [
            ("--format env --as MY_2ND", None),
            ("--format git --host git.example --username x --field org", None),
            ("--format curl --as X", Some("--as")),
            ("--format env --host git.example", Some("--host")),
            ("--format aws --username x", Some("--username")),
            ("--format curl --field org", Some("--field")),
        ] {
            assert_eq!(parse(line).unwrap().misplaced(), flag, "{line}");
        }
    }
}
