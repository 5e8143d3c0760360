//! What `tokend` does when it is called: the daemon, `init`, `dev`.

mod check;
mod doctor;
mod key;
mod restore;
mod simulate;

use std::{
    error::Error,
    ffi::OsString,
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use clap::{Args, Parser, Subcommand};
use tokend::{
    config::{Config, ConfigError, Metrics, Surroundings},
    daemon::{self, Reloading},
    dev,
    init::{Initialised, Prompt, SYSTEM_USER, init},
    process,
    store::KeySource,
    systemd::{self, Inherited, Journal, JournalFormat},
};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use self::{check::Check, doctor::Doctor, key::KeyCommand, restore::Restore, simulate::Simulate};

/// Keeps API tokens fresh and serves them to the programs of this machine.
///
/// Without a subcommand it runs the daemon in the foreground. `tokend dev` shows
/// what it does without any set-up; `tokend init` makes the store that the daemon
/// needs.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The configuration file [default: tokend.toml in /etc/tokend for root, in
    /// ~/.config/tokend for others, if there is one]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,

    /// Serve metrics at an address of loopback, such as 127.0.0.1:9464, or write them to
    /// a file, in place of what `metrics` in the configuration file says
    #[arg(long, value_name = "ADDRESS|FILE")]
    metrics: Option<Metrics>,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the store and its key, once
    Init {
        /// The user that the daemon runs as [default: as root, tokend if there is
        /// such a user; else the current user]
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        #[command(flatten)]
        input: PassphraseInput,
    },
    /// Change the key that the store is sealed with, while tokend doesn't run
    #[command(subcommand)]
    Key(KeyCommand),
    /// Put a backup in the place of the store, while tokend doesn't run
    Restore(Restore),
    /// Look whether this machine is as tokend needs it, and say what to do; nothing is changed
    Doctor(Doctor),
    /// Check what a start or a reload would read, beside a tokend that runs or without one
    Check(Check),
    /// Try out how refreshes do within limits and through outages, for a year in seconds
    Simulate(Simulate),
    /// Run a daemon with a demo provider in a temporary directory, to try things
    Dev {
        /// The port of loopback that the demo provider listens on [default: a free one]
        #[arg(long, default_value_t = 0, hide_default_value = true)]
        port: u16,
        /// A command to run beside it; tokend ends with its exit code
        #[arg(last = true, value_name = "COMMAND")]
        command: Vec<OsString>,
    },
}

/// How passphrases come, where tokend.toml says that the key comes of one.
#[derive(Debug, Args)]
struct PassphraseInput {
    /// Read the passphrase from standard input and not at the terminal; one that there is comes
    /// first, a new one in the next line
    #[arg(long)]
    passphrase_stdin: bool,
}

impl PassphraseInput {
    fn prompt(&self) -> Prompt {
        if self.passphrase_stdin { Prompt::Input } else { Prompt::Terminal }
    }
}

/// Reads the command line and does what it says.
pub(crate) fn run() -> ExitCode {
    process::close();
    let arguments = Arguments::parse();
    let file = arguments.config.as_deref();
    let result = match arguments.command {
        None => serve(file, arguments.metrics),
        Some(Command::Init { user, input }) => make_store(file, user.as_deref(), input.prompt()),
        Some(Command::Key(command)) => command.run(file).map(|()| ExitCode::SUCCESS),
        Some(Command::Restore(restore)) => restore.run(file).map(|()| ExitCode::SUCCESS),
        Some(Command::Doctor(doctor)) => doctor.run(file),
        Some(Command::Check(check)) => check.run(file),
        Some(Command::Simulate(simulate)) => simulate.run(file).map(|()| ExitCode::SUCCESS),
        Some(Command::Dev { .. }) if file.is_some() => {
            Err("dev brings its own configuration; leave --config out".into())
        }
        Some(Command::Dev { port, command }) => try_out(command, port),
    };
    result.unwrap_or_else(|error| {
        let mut parts = vec![error.to_string()];
        let mut next = error.source();
        while let Some(source) = next {
            parts.push(source.to_string());
            next = source.source();
        }
        complain(&parts.join(": "));
        ExitCode::FAILURE
    })
}

/// Says what is wrong, if anyone reads it. In the journal it has the priority of an error
/// (sd-daemon(3)).
fn complain(what: &str) {
    let priority = if systemd::logs_to_journal() { "<3>" } else { "" };
    let _ = writeln!(std::io::stderr(), "{priority}tokend: {what}");
}

type Result = std::result::Result<ExitCode, Box<dyn Error>>;

fn serve(file: Option<&Path>, metrics: Option<Metrics>) -> Result {
    let here = Surroundings::here();
    let file = file.map(Path::to_owned);
    let read = move || {
        let mut config = Config::load(file.as_deref(), &here)?;
        config.metrics = metrics.clone().or(config.metrics);
        Ok::<_, ConfigError>(config)
    };
    let config = read()?;
    let set_log = log(&config.log)?;
    process::lock_memory();
    let inherited = Inherited::from_env()?;
    runtime()?.block_on(async {
        process::outlive_file_size_limit()?;
        let mut reloading = Reloading::new(move || read().map_err(Vec::from)).with_log(set_log);
        // A shell's terminal that is gone takes with it what was started there.
        let ends_at_hangup = process::has_terminal();
        if !ends_at_hangup {
            reloading = reloading.at(signal(SignalKind::hangup())?);
        }
        daemon::serve_until(&config, inherited, reloading, ended(ends_at_hangup)?).await?;
        Ok(ExitCode::SUCCESS)
    })
}

fn make_store(file: Option<&Path>, user: Option<&str>, prompt: Prompt) -> Result {
    let config = Config::load(file, &Surroundings::here())?;
    let state = config.state_dir.display();
    let mut out = std::io::stdout();
    match init(&config, user, prompt)? {
        Initialised::New { owner } => {
            let owner = owner.map(|user| format!(" for user {user}")).unwrap_or_default();
            writeln!(out, "made a store in {state}{owner}")?;
            if user.is_none() && owner.is_empty() && nix::unistd::geteuid().is_root() {
                writeln!(
                    out,
                    "it is root's, as there is no user {SYSTEM_USER}: for a daemon of another \
                     user, remove it and run this again with --user"
                )?;
            }
            let key = match &config.key {
                KeySource::File(path) => path.display().to_string(),
                KeySource::Credential { name, .. } => format!("the credential {name} of systemd"),
                KeySource::Passphrase => {
                    writeln!(
                        out,
                        "its key comes of the passphrase: without it the store is lost\n\
                         next: start tokend, `tokend-cli unlock`, then `tokend-cli add`"
                    )?;
                    return Ok(ExitCode::SUCCESS);
                }
            };
            writeln!(
                out,
                "its key is {key}: keep a copy in a safe place, without it the store is lost"
            )?;
            writeln!(out, "next: start tokend, then `tokend-cli add`")?;
        }
        Initialised::Already => {
            writeln!(out, "there is a store in {state} already; nothing changed")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn try_out(command: Vec<OsString>, port: u16) -> Result {
    // A command's own output shouldn't drown in the daemon's log.
    let _ = log(if command.is_empty() { "info" } else { "warn" })?;
    runtime()?.block_on(async { Ok(dev::run(command, port, ended(true)?).await?) })
}

/// Only what serves runs on this thread; the store and HTTP have their own.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// Resolves when the process is asked to end.
fn ended(at_hangup: bool) -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let hangup = at_hangup.then(|| signal(SignalKind::hangup())).transpose()?;
    Ok(async move {
        let hangup = async {
            match hangup {
                Some(mut hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup => {}
        }
    })
}

/// Logs to standard error, or to the journal if that is where standard error goes; by `TOKEND_LOG`
/// if it is set. Returns what has it go by another filter.
fn log(default: &str) -> std::result::Result<SetLog, Box<dyn Error>> {
    let by_environment = std::env::var("TOKEND_LOG").ok();
    let is_fixed = by_environment.is_some();
    let (name, directives) = match by_environment {
        Some(directives) => ("TOKEND_LOG", directives),
        None => ("log", default.to_owned()),
    };
    let filter = EnvFilter::try_new(&directives)
        .map_err(|error| format!("{name} is {directives:?}, which isn't a filter: {error}"))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // There is no other place to tell that standard error can't be written.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none());
    let replace: Box<dyn Fn(EnvFilter) -> Reloaded + Send + Sync> = if !systemd::logs_to_journal() {
        let builder = builder.with_filter_reloading();
        let handle = builder.reload_handle();
        builder.init();
        Box::new(move |filter| handle.reload(filter))
    } else if let Some(journal) = Journal::find() {
        let builder = builder.event_format(JournalFormat::default());
        let builder = builder.with_writer(Arc::new(journal)).with_filter_reloading();
        let handle = builder.reload_handle();
        builder.init();
        Box::new(move |filter| handle.reload(filter))
    } else {
        let builder = builder.without_time().with_filter_reloading();
        let handle = builder.reload_handle();
        builder.init();
        Box::new(move |filter| handle.reload(filter))
    };
    Ok(Box::new(move |directives| {
        if is_fixed {
            return Err("TOKEND_LOG says otherwise".to_owned());
        }
        let filter = EnvFilter::try_new(directives).map_err(|error| error.to_string())?;
        replace(filter).map_err(|error| error.to_string())
    }))
}

/// Has the log go by another filter, or says why it can't.
type SetLog = Box<dyn Fn(&str) -> std::result::Result<(), String> + Send + Sync>;

type Reloaded = std::result::Result<(), tracing_subscriber::reload::Error>;

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_documents_list_all_commands_in_their_own_words() {
        fn rows(command: &clap::Command, above: &str, found: &mut Vec<String>) {
            let path = format!("{above} {}", command.get_name());
            let about = command.get_about().expect("each command says what it does");
            found.push(format!("| `{path}` | {about} |"));
            command.get_subcommands().for_each(|below| rows(below, &path, found));
        }
        Arguments::command().debug_assert();
        let mut expected = Vec::new();
        Arguments::command().get_subcommands().for_each(|it| rows(it, "tokend", &mut expected));
        let page = include_str!("../../docs/cli.md");
        let listed: Vec<_> = page.lines().filter(|line| line.starts_with("| `tokend ")).collect();
        assert_eq!(listed, expected);
    }
}
