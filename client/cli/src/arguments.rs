//! The command line.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};

use crate::{exit, input::Flag, secret::Place, span};

/// Gets tokens from tokend, adds credentials and shows how they are
#[derive(Debug, Parser)]
#[command(name = "tokend-cli", version, after_help = exit::HELP, max_term_width = 100)]
pub(crate) struct Arguments {
    /// Without a command: the first steps.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print a token
    Get(Get),
    /// Store a new credential
    #[command(after_help = "Without a terminal to ask on, the inputs that are needed must be \
        given by flags;\n`tokend-cli providers NAME` lists them. The credential stays stored if \
        its first token fails;\nthe exit status then tells why.")]
    Add(Add),
    /// Let users or groups read a credential's tokens
    Grant(Readers),
    /// Take users' or groups' access to a credential away
    RevokeAccess(Readers),
    /// Say whether a user may read a credential's tokens, and why
    #[command(after_help = "Exit status: 0 if the user may, 3 if not.")]
    Access {
        /// The credential's name
        name: String,
        /// A user's name or number
        #[arg(long = "as", value_name = "USER")]
        user: String,
        #[command(flatten)]
        form: Form,
    },
    /// Ask the provider for a new token now
    #[command(after_help = "It may cost an issuance, of which some providers allow a few a day. \
        It also makes tokend try\nagain after a refusal, once the cause is mended.")]
    Refresh { name: String },
    /// List the credentials
    List {
        #[command(flatten)]
        form: Form,
    },
    /// Show all about a credential but its secrets
    Show {
        /// The credential's name
        name: String,
        #[command(flatten)]
        form: Form,
    },
    /// Remove a credential with its tokens
    Remove {
        /// The credential's name
        name: String,
        /// Don't ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Show how all credentials are, and what to do
    Status {
        #[command(flatten)]
        form: Form,
    },
    /// List the APIs that tokend knows, or show what one needs
    Providers {
        /// A provider definition's name
        name: Option<String>,
        /// Print the definition itself, to write one of your own by
        #[arg(long, requires = "name", conflicts_with = "json")]
        definition: bool,
        #[command(flatten)]
        form: Form,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Form {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Get {
    /// The credential's name
    pub(crate) name: String,
    /// Print header lines: `Authorization: Bearer ..`
    #[arg(long, conflicts_with = "json")]
    pub(crate) header: bool,
    /// Print a JSON object with all that belongs to the token
    #[arg(long)]
    pub(crate) json: bool,
    /// The life that the token must still have (30s, 5m, 1h30m)
    #[arg(long, value_name = "SPAN", value_parser = span::parse)]
    pub(crate) min_ttl: Option<Duration>,
    /// How long to wait for the token
    #[arg(long, value_name = "SPAN", value_parser = span::parse, default_value = "60s")]
    pub(crate) timeout: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct Readers {
    /// The credential's name
    pub(crate) name: String,
    /// user:NAME, group:NAME, uid:NUMBER or gid:NUMBER
    #[arg(required = true, value_name = "READER")]
    pub(crate) readers: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Add {
    /// What to call it: lower-case letters, digits, - and _
    pub(crate) name: String,
    /// The provider definition, one of `tokend-cli providers`
    #[arg(long, short)]
    pub(crate) provider: String,
    /// Give an input that isn't a secret
    #[arg(long, value_name = "INPUT=VALUE")]
    var: Vec<String>,
    /// Read a secret from a file
    #[arg(long, value_name = "INPUT=PATH")]
    secret_file: Vec<String>,
    /// Read a secret from an environment variable
    #[arg(long, value_name = "INPUT=VARIABLE")]
    secret_env: Vec<String>,
    /// Read a secret from standard input
    #[arg(long, value_name = "INPUT")]
    secret_stdin: Option<String>,
    /// Read a secret from a shell command, such as `pass show acme`
    #[arg(long, value_name = "INPUT=COMMAND")]
    secret_command: Vec<String>,
    /// Let a user or group read the tokens: user:NAME, group:NAME, uid:NUMBER or gid:NUMBER
    #[arg(long = "reader", short, value_name = "READER")]
    pub(crate) readers: Vec<String>,
}

/// Makes a place of the text after the `=`.
type PlaceOf = fn(String) -> Place;

impl Add {
    /// Takes the flags that give inputs.
    pub(crate) fn take_flags(&mut self) -> Vec<Flag> {
        let secrets: [(_, _, PlaceOf); 3] = [
            ("--secret-file", &mut self.secret_file, |path| Place::File(PathBuf::from(path))),
            ("--secret-env", &mut self.secret_env, Place::Variable),
            ("--secret-command", &mut self.secret_command, Place::Command),
        ];
        let mut flags: Vec<_> = self.var.drain(..).map(Flag::Var).collect();
        for (flag, texts, place) in secrets {
            flags.extend(texts.drain(..).map(|text| Flag::Secret { flag, text, place }));
        }
        flags.extend(self.secret_stdin.take().map(Flag::SecretStdin));
        flags
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

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
        assert_eq!(get.min_ttl, Some(Duration::from_secs(5400)));
        assert_eq!(get.timeout, Duration::from_secs(5));
        let Ok(Command::Get(get)) = parse("get a --header") else { panic!("not read as get") };
        assert!(get.header && get.timeout == Duration::from_secs(60));
    }

    #[test]
    fn takes_each_flag_that_gives_an_input_with_its_place() {
        let line = "add a -p acme --var u=1 --secret-file f=/f --secret-env e=E --secret-command \
                    c=pass --secret-stdin s -r user:x --reader group:y";
        let Ok(Command::Add(mut add)) = parse(line) else { panic!("not read as add") };
        let flags: Vec<_> = add
            .take_flags()
            .into_iter()
            .map(|flag| match flag {
                Flag::Var(text) | Flag::SecretStdin(text) => (text, None),
                Flag::Secret { text, place, .. } => (text, Some(place("x".to_owned()))),
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
        assert_eq!(add.readers, ["user:x", "group:y"]);
    }

    #[test]
    fn bad_usage_ends_with_2() {
        for line in [
            "frob",
            "get",
            "get a --header --json",
            "get a --min-ttl soon",
            "add a",
            "add a -p p --secret-stdin x --secret-stdin y",
            "grant a",
            "access a",
        ] {
            assert_eq!(parse(line).map(drop), Err(2), "{line}");
        }
    }
}
