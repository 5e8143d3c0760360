//! What `tokend` does when it is called: the daemon, `init`, `dev`.

mod key;
mod simulate;

use std::{
    error::Error,
    ffi::OsString,
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};
use tokend::{
    config::{Config, Metrics, Surroundings},
    daemon, definitions, dev,
    init::{Initialised, Prompt, SYSTEM_USER, init},
    process,
    store::KeySource,
    systemd::{self, Inherited},
};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use self::{key::KeyCommand, simulate::Simulate};

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
    /// Check provider definitions, before the daemon is restarted to read them
    Check {
        /// Files with a definition each
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Try out how refreshes do within limits and through outages, for a year in seconds
    Simulate(Simulate),
    /// Run a daemon with a demo provider in a temporary directory, to try things
    Dev {
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
        Some(Command::Check { files }) => Ok(check(&files)),
        Some(Command::Simulate(simulate)) => simulate.run(file).map(|()| ExitCode::SUCCESS),
        Some(Command::Dev { .. }) if file.is_some() => {
            Err("dev brings its own configuration; leave --config out".into())
        }
        Some(Command::Dev { command }) => try_out(command),
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

/// Says what is wrong, if anyone reads it.
fn complain(what: &str) {
    let _ = writeln!(std::io::stderr(), "tokend: {what}");
}

type Result = std::result::Result<ExitCode, Box<dyn Error>>;

fn serve(file: Option<&Path>, metrics: Option<Metrics>) -> Result {
    let mut config = Config::load(file, &Surroundings::here())?;
    config.metrics = metrics.or(config.metrics);
    log(&config.log)?;
    process::lock_memory();
    let inherited = Inherited::from_env()?;
    runtime()?.block_on(async {
        daemon::serve_until(&config, inherited, ended()?).await?;
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

fn check(files: &[PathBuf]) -> ExitCode {
    let problems: Vec<_> = files.iter().filter_map(|path| definitions::read(path).err()).collect();
    for problem in &problems {
        complain(&problem.to_string());
    }
    if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn try_out(command: Vec<OsString>) -> Result {
    // A command's own output shouldn't drown in the daemon's log.
    log(if command.is_empty() { "info" } else { "warn" })?;
    runtime()?.block_on(async { Ok(dev::run(command, ended()?).await?) })
}

/// Only what serves runs on this thread; the store and HTTP have their own.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// Resolves when the process is asked to end.
fn ended() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            // The terminal is gone.
            _ = hangup.recv() => {}
        }
    })
}

/// Logs to standard error, by `TOKEND_LOG` if it is set.
fn log(default: &str) -> std::result::Result<(), Box<dyn Error>> {
    let (name, directives) = match std::env::var("TOKEND_LOG") {
        Ok(directives) => ("TOKEND_LOG", directives),
        Err(_) => ("log", default.to_owned()),
    };
    let filter = EnvFilter::try_new(&directives)
        .map_err(|error| format!("{name} is {directives:?}, which isn't a filter: {error}"))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // There is no other place to tell that standard error can't be written.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none());
    if systemd::logs_to_journal() {
        builder.without_time().init();
    } else {
        builder.init();
    }
    Ok(())
}
