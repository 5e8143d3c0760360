//! `tokend dev`: a real daemon with a real store in a temporary directory, and a
//! demo provider to get tokens from.

mod provider;

use std::{
    env,
    ffi::OsString,
    fs,
    io::{self, Write as _},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{ExitCode, ExitStatus},
    time::Duration,
};

use secrecy::SecretString;
use tempfile::TempDir;
use tokend_core::Policy;
use tokio::{
    process,
    sync::{mpsc, oneshot},
    time::timeout,
};

use self::provider::DemoProvider;
use crate::{
    clock::{NoBootId, SystemClock},
    config::{Config, UNIT_WAIT},
    credential::Supply,
    daemon::{Daemon, StartError},
    engine::{Author, Change, Command, Error, NewCredential},
    init::{InitError, init_own},
    socket,
    store::KeySource,
    systemd::Inherited,
};

/// The definitions of the demo provider, as files of `providers.d`.
const DEFINITIONS: [(&str, &str); 2] = [
    ("demo-oauth.toml", include_str!("dev/demo-oauth.toml")),
    ("demo-graphql.toml", include_str!("dev/demo-graphql.toml")),
];

/// How long a command may take to end when `tokend dev` is asked to.
const COMMAND_GRACE: Duration = Duration::from_secs(3);

/// `tokend dev` can't go on.
#[derive(Debug, thiserror::Error)]
pub enum DevError {
    /// The temporary directory or the demo provider can't be set up.
    #[error("can't set up {what}")]
    System {
        /// What.
        what: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// The clock can't be read.
    #[error(transparent)]
    Clock(#[from] NoBootId),
    /// The store can't be made.
    #[error(transparent)]
    Init(#[from] InitError),
    /// The daemon can't start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A demo credential can't be stored.
    #[error("can't store the credential {name}")]
    Credential {
        /// Its name.
        name: &'static str,
        /// Why.
        source: Error,
    },
    /// The command can't be run.
    #[error("can't run {}", command.display())]
    Command {
        /// Its name.
        command: OsString,
        /// What the system says.
        source: io::Error,
    },
}

/// Runs a daemon until `ended` resolves or, if there is one, `command` ends.
///
/// The command finds the daemon by `TOKEND_SOCKET` and `tokend-cli` by `PATH`. Its
/// exit code is returned; 128 + N if signal N ended it, as shells have it. The demo provider
/// listens on `port` of loopback, or on a free one if it is 0.
pub async fn run(
    command: Vec<OsString>,
    port: u16,
    ended: impl Future<Output = ()>,
) -> Result<ExitCode, DevError> {
    let system = |what| move |source| DevError::System { what, source };
    let dir = tempfile::Builder::new().prefix("tokend-dev-").tempdir();
    let dir = dir.map_err(system("a temporary directory"))?;
    let provider = DemoProvider::start(SystemClock::new()?, port).await;
    let provider = provider.map_err(system("the demo provider"))?;

    let config = config(&dir);
    for (name, text) in DEFINITIONS {
        fs::create_dir_all(dir.path().join("providers.d"))
            .and_then(|()| fs::write(dir.path().join("providers.d").join(name), text))
            .map_err(system("the demo provider's definitions"))?;
    }
    init_own(&config)?;
    let daemon = Daemon::open(&config, Inherited::default())?;
    let socket = daemon.socket().to_owned();
    let commands = daemon.commands();

    // The daemon ends when this does, one way or the other.
    let (stop, stopped) = oneshot::channel::<()>();
    let daemon = Box::pin(daemon.run(async {
        let _ = stopped.await;
    }));
    let inside = async {
        let _stop = stop;
        add_credentials(&commands, provider.url()).await?;
        match command.split_first() {
            None => {
                // Whoever doesn't want to read it closes standard output.
                let _ = writeln!(io::stdout(), "{}", try_this(&socket, provider.url()));
                ended.await;
                Ok(ExitCode::SUCCESS)
            }
            Some((program, arguments)) => run_command(program, arguments, &socket, ended).await,
        }
    };
    let (code, ended) = tokio::join!(inside, daemon);
    ended?;
    code
}

fn config(dir: &TempDir) -> Config {
    let dir = dir.path();
    Config {
        state_dir: dir.join("state"),
        runtime_dir: dir.join("run"),
        key: KeySource::File(dir.join("state/key")),
        mark_file: None,
        provider_dirs: vec![dir.join("providers.d")],
        credential_dirs: Vec::new(),
        socket_group: None,
        listeners: Vec::new(),
        revoke_on_shutdown: false,
        unit_wait: UNIT_WAIT,
        metrics: None,
        is_system: false,
        log: String::new(),
        on_login_needed: None,
    }
}

async fn add_credentials(commands: &mpsc::Sender<Command>, url: &str) -> Result<(), DevError> {
    let pid = rustix::process::getpid().as_raw_nonzero().get();
    let author = Author { uid: rustix::process::getuid().as_raw(), pid: Some(pid) };
    for (name, provider, secret, value) in [
        ("demo", "demo-oauth", "client_secret", provider::CLIENT_SECRET),
        ("demo-graphql", "demo-graphql", "password", provider::PASSWORD),
    ] {
        let new = NewCredential {
            name: name.parse().expect("the demo's names are names"),
            provider: provider.to_owned(),
            variables: [("url".to_owned(), url.to_owned())].into(),
            secrets: [(secret.to_owned(), SecretString::from(value))].into(),
            supply: Supply::default(),
            readers: Vec::new(),
            submitters: Vec::new(),
            refreshers: Vec::new(),
            policy: Policy::Always,
            limits: Vec::new(),
        };
        let (reply, answer) = oneshot::channel();
        let sent = commands.send(Command::Change(Change::Create { new, reply }, author)).await;
        let created = match sent {
            Ok(()) => answer.await.unwrap_or(Err(Error::Stopping)),
            Err(_) => Err(Error::Stopping),
        };
        created.map_err(|source| DevError::Credential { name, source })?;
    }
    Ok(())
}

async fn run_command(
    program: &OsString,
    arguments: &[OsString],
    socket: &Path,
    ended: impl Future<Output = ()>,
) -> Result<ExitCode, DevError> {
    let failed = |source| DevError::Command { command: program.clone(), source };
    let mut child = process::Command::new(program)
        .args(arguments)
        .env("TOKEND_SOCKET", socket)
        .env("TOKEND_ADMIN_SOCKET", socket.with_file_name(socket::OPERATORS))
        .env("PATH", path_with_own_directory())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let status = tokio::select! {
        status = child.wait() => status,
        () = ended => {
            // Ctrl-C has reached the command as well; a signal to tokend alone hasn't.
            if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
                let pid = nix::unistd::Pid::from_raw(pid);
                let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
            }
            match timeout(COMMAND_GRACE, child.wait()).await {
                Ok(status) => status,
                Err(_) => child.kill().await.and(child.wait().await),
            }
        }
    };
    Ok(exit_code(status.map_err(failed)?))
}

/// `tokend-cli` lies beside `tokend`.
fn path_with_own_directory() -> OsString {
    let own = env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_owned));
    let path = env::var_os("PATH").unwrap_or_default();
    let all: Vec<PathBuf> = own.into_iter().chain(env::split_paths(&path)).collect();
    // A directory with a colon in its name can't be in PATH.
    env::join_paths(all).unwrap_or(path)
}

fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}

fn try_this(socket: &Path, url: &str) -> String {
    let socket = socket.display();
    let lines = [
        "A daemon with two credentials is running; it is gone when you press Ctrl-C.".to_owned(),
        format!("Its demo provider is {url}."),
        String::new(),
        "Try this in another terminal, where tokend-cli is in PATH:".to_owned(),
        String::new(),
        format!("  export TOKEND_SOCKET={socket}"),
        "  tokend-cli status".to_owned(),
        "  tokend-cli get demo".to_owned(),
        format!("  curl -H \"$(tokend-cli get demo --header)\" {url}/api/hello"),
        "  tokend-cli get demo-graphql".to_owned(),
        format!(
            "  echo demo-secret | tokend-cli add mine --provider demo-oauth --var url={url} \
             --secret-stdin client_secret"
        ),
    ];
    lines.join("\n")
}
