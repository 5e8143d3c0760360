//! The command line.

mod add;
mod apply;
mod backup;
mod budget;
mod completions;
mod events;
mod exec;
mod get;
mod helper;
mod import;
mod inputs;
mod key;
mod login;
mod need;
mod providers;
mod remote;
mod restore;
mod revocations;
mod sink;
mod status;
mod supply;
mod terms;
mod top;
mod unlock;
mod watch;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, builder::NonEmptyStringValueParser};

use crate::exit;

pub(crate) use crate::arguments::{
    add::{Add, Terms},
    apply::Apply,
    backup::Backup,
    budget::{Accept, Budget, BudgetCommand},
    completions::{Completions, Man, Shell},
    events::Events,
    exec::{Exec, Handed},
    get::{Format, Get},
    helper::{Helper, Mapping, Protocol},
    import::{Import, Source},
    inputs::{Inputs, Secrets},
    key::{KeyCommand, PassphraseInput},
    login::Login,
    need::Need,
    providers::{Checked, Explain, Providers, ProvidersCommand, Shown, Try},
    remote::Remote,
    restore::Restore,
    revocations::{Revocations, RevocationsCommand},
    sink::{Content, Sink},
    status::Status,
    supply::{SetSecret, Supply},
    terms::{Policy, Set},
    unlock::Unlock,
    watch::Watch,
};

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
    #[command(after_help = get::HELP)]
    Get(Get),
    /// Run a program with tokens, in its environment or in files
    #[command(after_help = exec::HELP)]
    Exec(Exec),
    /// Tell of tokens as they change, or run a program for each
    #[command(after_help = watch::HELP)]
    Watch(Watch),
    /// Keep a file that holds the current token
    #[command(after_help = sink::HELP)]
    Sink(Sink),
    /// Store a new credential
    #[command(after_help = "Without a terminal to ask on, the inputs that are needed must be \
        given by flags;\n`tokend-cli providers show NAME` lists them. The credential stays stored if \
        its first token fails;\nthe exit status then tells why.")]
    Add(Add),
    /// Make credentials as a file declares them, after a look at what changes
    #[command(after_help = apply::HELP)]
    Apply(Apply),
    /// Store a new credential out of what another program keeps
    #[command(after_help = import::HELP)]
    Import(Import),
    /// Log in at a credential's provider, in a browser or by a code
    #[command(after_help = login::HELP)]
    Login(Login),
    /// Change how a credential's tokens are kept
    #[command(after_help = "What isn't named stays as it is, and so does the token that is held. \
        The limits are those of the\ncredential's own, beside the provider definition's; the \
        strictest holds.")]
    Set(Set),
    /// Replace secrets of a credential
    #[command(after_help = SET_SECRET_HELP)]
    SetSecret(SetSecret),
    /// Let users, groups or units read a credential's tokens
    Grant(Grant),
    /// Take users', groups' or units' access to a credential away
    RevokeAccess(RevokeAccess),
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
        It also makes tokend try\nagain after a refusal, once the cause is mended, if an operator runs it. Whoever is let in by\n`grant --refresh` is heard four times in a row and then once an hour.")]
    Refresh {
        /// The credential's name
        name: String,
        #[command(flatten)]
        form: Form,
    },
    /// End the token that is held, here and at the provider
    #[command(after_help = REVOKE_HELP)]
    Revoke {
        /// The credential's name
        name: String,
        /// Drop it here only; it lives on at the provider until its end
        #[arg(long)]
        local: bool,
        /// Don't ask
        #[arg(long, short)]
        yes: bool,
        #[command(flatten)]
        form: Form,
    },
    /// List the tokens that providers haven't ended yet, or give one up
    Revocations(Revocations),
    /// List what can be done at the provider besides tokens, or do it
    #[command(after_help = REMOTE_HELP)]
    Remote(Remote),
    /// Report that an API refused a token, so that tokend gets another
    #[command(after_help = REJECT_HELP)]
    Reject(Reject),
    /// Hand over a newer token that an API's answer has brought
    #[command(visible_alias = "rotate", after_help = ROTATED_HELP)]
    Rotated(Rotated),
    /// Give git and docker what they ask a credential helper for
    #[command(after_help = helper::HELP)]
    Helper(Helper),
    /// List the credentials; without an operator's rights, those whose tokens you may read
    List {
        #[command(flatten)]
        form: Form,
    },
    /// Show all about a credential but its secrets
    Show {
        /// The credential's name
        name: String,
        /// Print it as a file declares it, for credentials.d or `apply`
        #[arg(long, conflicts_with = "json")]
        toml: bool,
        #[command(flatten)]
        form: Form,
    },
    /// Remove a credential with its tokens
    #[command(after_help = "The token that is held ends at the provider, too, if the provider \
        definition says a way to end it. A\nkey that the user gave is left alone.")]
    Remove {
        /// The credential's name
        name: String,
        /// Leave its token to live on at the provider
        #[arg(long)]
        keep_token: bool,
        /// Don't ask
        #[arg(long, short)]
        yes: bool,
        #[command(flatten)]
        form: Form,
    },
    /// Show how all credentials are, and what to do; or the story of one
    #[command(after_help = status::HELP)]
    Status(Status),
    /// Watch all credentials as they change
    #[command(after_help = top::HELP)]
    Top,
    /// Have tokend read its configuration again, and go by it
    #[command(after_help = RELOAD_HELP)]
    Reload {
        #[command(flatten)]
        form: Form,
    },
    /// Give the passphrase of tokend's store, which it waits for
    #[command(after_help = unlock::HELP)]
    Unlock(Unlock),
    /// List what was asked of the providers: when, why, and what came of it
    Issuances(Issuances),
    /// Tell what has happened: tokens issued, failures, rejections, changes
    #[command(after_help = events::HELP)]
    Events(Events),
    /// Show how much of the limits on issuances is used, and how long the rest lasts
    Budget(Budget),
    /// Copy the store to a file, while tokend serves
    #[command(after_help = backup::HELP)]
    Backup(Backup),
    /// Put a backup in the place of the store, while tokend serves
    #[command(after_help = restore::HELP)]
    Restore(Restore),
    /// Give the store other keys, while tokend serves
    #[command(subcommand)]
    Key(KeyCommand),
    /// List the APIs that tokend knows, show what one needs, and help to write more
    Providers(Providers),
    /// Print a script that makes a shell complete commands and names
    #[command(after_help = completions::HELP)]
    Completions(Completions),
    /// Write the manual pages
    Man(Man),
}

const SET_SECRET_HELP: &str = "\
The values come as with `add`: from the terminal, a file, an environment variable, standard input or
a command, never from the arguments. Where the token is one of the secrets, everyone gets the new
one from then on. Elsewhere the next token is asked for with the new one; if the provider refuses
it, the one before is tried, which is kept until the new one has worked. --secret-expires alone
changes the date only.";

const RELOAD_HELP: &str = "\
Reads tokend.toml, the provider definitions and whatever else they name. If anything is wrong
anywhere, nothing changes, and each mistake is told with its place; `tokend check` tells them
without a reload. No token is lost, and no call is disturbed.

Exit status: 0 if tokend goes by all of it, 1 if there are mistakes.";

const REVOKE_HELP: &str = "\
Nobody gets the token any more from the start. If the provider fails, tokend goes on trying, also
after a restart: `tokend-cli revocations` shows it, and to revoke once more tries at once. Where the
token came of a person's login, that login ends with it. No other token is asked for until someone
asks for one or runs `tokend-cli refresh`.

Exit status: 0 if the provider has ended it, 4 if tokend goes on trying, 5 if the provider says no.";

const REMOTE_HELP: &str = "\
What the provider answers goes to standard output. It can hold a secret that is told this once: a
new key, say.";

const REJECT_HELP: &str = "\
Reports the token that is held now, unless standard input says which: `tokend-cli reject NAME - <
FILE`. It may cost an issuance.
`tokend-cli get NAME --json` says in rejection how an answer of the API tells.

Exit status:
  0  there is another token: get it and repeat the request, once
  1  it isn't the token: the API's answer doesn't say so, or a new one was refused as well
  4  there is no other for now, or it is still on its way
  5  a person must act: no issuance can bring another token";

const ROTATED_HELP: &str = "\
Reads from standard input what `curl --dump-header` or `curl --include` has written of an answer: of
several heads in a row, as of proxies and redirects, the last counts. If it brings a newer token, everyone gets that from then on; if
it brings none, nothing happens. A newer token by itself will do as well, or the value of a header.
`tokend-cli get NAME --json` says in rotations where in an answer a newer token may be.

Exit status: 0 if everyone gets it, or there is none. If another token has taken the place of the
one that the API was asked with, it is 0 for an answer, since that one is as good, and 1 for a
token by itself.";

#[derive(Debug, Args)]
pub(crate) struct Form {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_field_names, reason = "the field is the argument's name")]
pub(crate) struct Readers {
    /// The credential's name
    pub(crate) name: String,
    /// user:NAME, group:NAME, uid:NUMBER, gid:NUMBER or unit:NAME.service
    #[arg(required = true, value_name = "READER")]
    pub(crate) readers: Vec<String>,
    #[command(flatten)]
    pub(crate) form: Form,
}

#[derive(Debug, Args)]
pub(crate) struct Grant {
    #[command(flatten)]
    pub(crate) readers: Readers,
    /// Let them submit newer tokens as well, which an API's answers have brought
    #[arg(long, conflicts_with = "refresh")]
    pub(crate) submit: bool,
    /// Let them have the provider asked for a new token as well, by `tokend-cli refresh`
    #[arg(long)]
    pub(crate) refresh: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RevokeAccess {
    #[command(flatten)]
    pub(crate) readers: Readers,
    /// Take the right to submit newer tokens away, and no more than that
    #[arg(long, conflicts_with = "refresh")]
    pub(crate) submit: bool,
    /// Take the right to have the provider asked away, and no more than that
    #[arg(long)]
    pub(crate) refresh: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Reject {
    /// The credential's name
    pub(crate) name: String,
    /// The HTTP status of the API's answer
    #[arg(long, value_parser = clap::value_parser!(u16).range(100..=599))]
    pub(crate) status: Option<u16>,
    /// The API's code for the error, such as `invalid_token`
    #[arg(long, value_name = "TEXT")]
    pub(crate) code: Option<String>,
    /// `-`: read the refused token from standard input; only its hash leaves the command
    #[arg(value_name = "-", value_parser = ["-"], hide_possible_values = true)]
    pub(crate) token: Option<String>,
    /// The same as `-`
    #[arg(long, conflicts_with = "token")]
    pub(crate) token_stdin: bool,
    #[command(flatten)]
    pub(crate) form: Form,
}

#[derive(Debug, Args)]
pub(crate) struct Rotated {
    /// The credential's name
    pub(crate) name: String,
    /// The id of the token that the API was asked with, as `get --json` tells it; without it,
    /// the one that is held now
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) token_id: Option<String>,
    /// The environment variable that holds the token that the API was asked with
    #[arg(long, value_name = "VARIABLE", conflicts_with = "token_id")]
    pub(crate) token_env: Option<String>,
    /// The file that holds the answer's body, if that may bring a newer token
    #[arg(long, value_name = "FILE")]
    pub(crate) body: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Issuances {
    /// The credential's name; without it, those of all, removed ones too
    pub(crate) name: Option<String>,
    /// List at most so many, the latest
    #[arg(long, value_name = "COUNT", default_value = "20",
        value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) form: Form,
}

#[cfg(test)]
mod tests;
