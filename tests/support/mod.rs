//! What the end-to-end tests stand on: the real binaries, a directory of their
//! own, and a provider on loopback that does as it is told.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of this")]
#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

pub mod canary;
mod cli;
mod daemon;
pub mod provider;

use std::{
    ffi::OsStr,
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use nix::unistd::{User, geteuid};
use tempfile::TempDir;

pub use self::{cli::Cli, daemon::Daemon};

/// How long anything may take before a test gives up on it. It is no
/// measurement: only a hang gets this far.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The passphrase of places that have one.
pub const PASSPHRASE: &str = "c0rrect-Horse_Battery";

/// A place for one daemon: its directories and its configuration.
///
/// When it goes, no secret may be in the daemon's files.
pub struct Place {
    dir: TempDir,
}

/// Returns a binary of the workspace, built if need be.
pub fn binary(name: &str) -> PathBuf {
    // target/PROFILE/deps/test-HASH: the binaries lie in target/PROFILE.
    let own = std::env::current_exe().expect("this test is a file");
    let profile = own.parent().and_then(Path::parent).expect("it lies in target/PROFILE/deps");
    let path = profile.join(name);
    if !path.exists() {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "--locked", "--quiet", "--package", name]);
        if profile.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().expect("cargo runs").success(), "{name} doesn't build");
    }
    path
}

impl Place {
    /// Makes a place without a store.
    pub fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let place = Self { dir };
        let config = format!(
            "state_dir = '{}'\nruntime_dir = '{}'\nprovider_dirs = ['{}']\nlog = \"trace\"\n",
            place.state().display(),
            place.runtime().display(),
            place.definitions().display(),
        );
        fs::write(place.config(), config).unwrap();
        fs::create_dir(place.definitions()).unwrap();
        // Other users are to get as far as the socket's own permissions.
        fs::set_permissions(place.dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        place
    }

    /// Makes a place with a new store.
    pub fn new() -> Self {
        let place = Self::empty();
        let made = place.init();
        assert!(made.status.success(), "{}", text(&made.stderr));
        place
    }

    /// Makes a place with a new store whose key comes of [`PASSPHRASE`].
    pub fn with_passphrase() -> Self {
        let place = Self::empty();
        place.configure("key_source = 'passphrase'");
        let user = User::from_uid(geteuid()).unwrap().unwrap();
        let init = ["init", "--user", &user.name, "--passphrase-stdin"];
        let made = place.tokend_with_input(init, PASSPHRASE);
        assert!(made.status.success(), "{}", text(&made.stderr));
        place
    }

    /// Runs `tokend init` for the user that the test runs as: root's default is
    /// another one.
    pub fn init(&self) -> Output {
        let user = User::from_uid(geteuid()).unwrap();
        let user = user.map(|user| ["--user".to_owned(), user.name]);
        self.tokend(["init".to_owned()].into_iter().chain(user.into_iter().flatten()))
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn config(&self) -> PathBuf {
        self.dir.path().join("tokend.toml")
    }

    pub fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    pub fn runtime(&self) -> PathBuf {
        self.dir.path().join("run")
    }

    /// Where a mark can lie that a backup of the state doesn't bring back.
    pub fn cache(&self) -> PathBuf {
        self.dir.path().join("cache")
    }

    pub fn socket(&self) -> PathBuf {
        self.runtime().join("tokend.sock")
    }

    fn definitions(&self) -> PathBuf {
        self.dir.path().join("providers.d")
    }

    /// Adds a provider definition, for daemons that start from now on.
    pub fn define(&self, name: &str, definition: &str) {
        fs::write(self.definitions().join(format!("{name}.toml")), definition).unwrap();
    }

    /// Adds a line to the configuration.
    pub fn configure(&self, line: &str) {
        let mut file = fs::OpenOptions::new().append(true).open(self.config()).unwrap();
        writeln!(file, "{line}").unwrap();
    }

    /// Makes a directory that stands for systemd's, with the key as the credential `tokend-key`
    /// in it and nowhere else.
    pub fn key_as_credential(&self) -> PathBuf {
        let directory = self.path().join("credentials");
        fs::create_dir(&directory).unwrap();
        let credential = directory.join("tokend-key");
        fs::rename(self.state().join("key"), &credential).unwrap();
        fs::set_permissions(&credential, fs::Permissions::from_mode(0o400)).unwrap();
        directory
    }

    /// Runs `tokend` with this place's configuration until it ends.
    pub fn tokend<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Output {
        Cli::new(self.tokend_command()).args(arguments).output().unwrap()
    }

    /// Runs `tokend` with something on its standard input.
    pub fn tokend_with_input<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
        input: &str,
    ) -> Output {
        Cli::new(self.tokend_command()).args(arguments).output_of(input)
    }

    fn tokend_command(&self) -> Command {
        let mut command = Command::new(binary("tokend"));
        command.arg("--config").arg(self.config()).stdin(Stdio::null());
        command.env_remove("TOKEND_LOG").env_remove("NOTIFY_SOCKET");
        command
    }

    /// Starts the daemon and waits until it serves.
    pub fn start(&self) -> Daemon {
        self.start_with(|_| ())
    }

    /// Starts the daemon in changed surroundings and waits until it serves.
    pub fn start_with(&self, change: impl FnOnce(&mut Command)) -> Daemon {
        self.start_until("serving", change)
    }

    /// Starts a daemon with a passphrase and waits until it is there.
    pub fn start_locked(&self) -> Daemon {
        self.start_locked_with(|_| ())
    }

    /// Starts a daemon with a passphrase in changed surroundings and waits until it is there.
    pub fn start_locked_with(&self, change: impl FnOnce(&mut Command)) -> Daemon {
        self.start_until("locked: the store waits", change)
    }

    /// Starts the daemon in changed surroundings and waits until it logs a line with `part` in it.
    pub fn start_until(&self, part: &str, change: impl FnOnce(&mut Command)) -> Daemon {
        let mut daemon = self.launch(change);
        daemon.wait_for_log(part);
        daemon.search_surroundings();
        daemon
    }

    /// Starts the daemon in changed surroundings, which it may not survive.
    pub fn launch(&self, change: impl FnOnce(&mut Command)) -> Daemon {
        let mut command = self.tokend_command();
        change(&mut command);
        self.learn_key();
        Daemon::start(command)
    }

    /// Has the store's key searched for.
    fn learn_key(&self) {
        let line = fs::read_to_string(self.state().join("key")).unwrap_or_default();
        if let Some((_, key)) = line.trim().split_once("v1:") {
            use base64::{Engine, engine::general_purpose::STANDARD};
            canary::learn(&STANDARD.decode(key).unwrap_or_default());
        }
    }

    /// Prepares `tokend-cli` to talk to this place's daemon.
    pub fn cli(&self) -> Cli {
        self.cli_at(&binary("tokend-cli"))
    }

    /// Prepares `tokend-cli` by another path.
    pub fn cli_at(&self, path: &Path) -> Cli {
        let mut command = Command::new(path);
        command.env("TOKEND_SOCKET", self.socket()).env_remove("TOKEND_ADMIN_SOCKET");
        command.stdin(Stdio::null());
        Cli::new(command)
    }

    /// Runs `tokend-cli`.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Output {
        self.cli().args(arguments).output().unwrap()
    }

    /// Runs `tokend-cli` with something on its standard input.
    pub fn run_with_input<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
        input: &str,
    ) -> Output {
        self.cli().args(arguments).output_of(input)
    }

    /// Adds an OAuth credential of a provider on loopback.
    pub fn add(&self, name: &str, url: &str, secret: &str) -> Output {
        let token_url = format!("token_url={url}/token");
        let arguments = [
            "add",
            name,
            "--provider",
            "oauth2-client-credentials",
            "--var",
            &token_url,
            "--var",
            "client_id=tester",
            "--secret-stdin",
            "client_secret",
        ];
        self.run_with_input(arguments, secret)
    }

    /// Returns all files below the state directory with their content.
    pub fn stored(&self) -> Vec<(PathBuf, Vec<u8>)> {
        files(&self.state())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for directory in [self.state(), self.runtime(), self.cache()] {
            for (path, bytes) in files(&directory) {
                // What else is in the file of the key is no secret.
                if path.file_name() != Some(OsStr::new("key")) {
                    canary::assert_none(&path.display().to_string(), &bytes);
                }
            }
        }
    }
}

/// Returns all files below a directory with their content.
fn files(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(directory).into_iter().flatten().map(|entry| entry.unwrap());
    let read = |entry: fs::DirEntry| match entry.file_type().unwrap() {
        kind if kind.is_dir() => files(&entry.path()),
        // It may have been removed meanwhile.
        kind if kind.is_file() => {
            fs::read(entry.path()).map(|bytes| (entry.path(), bytes)).into_iter().collect()
        }
        // A socket, say.
        _ => Vec::new(),
    };
    entries.flat_map(read).collect()
}

/// Returns what a program printed, in the words of the tests.
pub fn text(bytes: &[u8]) -> String {
    canary::told(&String::from_utf8_lossy(bytes))
}

/// Checks exit code, standard output and standard error, all to the letter.
#[track_caller]
pub fn assert_output(output: &Output, code: i32, stdout: &str, stderr: &str) {
    let got = (output.status.code(), text(&output.stdout), text(&output.stderr));
    assert_eq!(got, (Some(code), stdout.to_owned(), stderr.to_owned()));
}

/// Returns the forms in which a secret may hide in bytes.
pub fn disguises(secret: &str) -> Vec<Vec<u8>> {
    use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
    let secret = &canary::real(secret);
    let hex = secret.bytes().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    // In base64 of a longer text the secret starts at one of three offsets; the
    // characters that depend on its neighbours are left off.
    let shifted = (0..3).map(|shift| {
        let padded = [&b"\0\0"[..shift], secret.as_bytes()].concat();
        let encoded = STANDARD_NO_PAD.encode(padded);
        let start = [0, 2, 3][shift];
        encoded.as_bytes()[start..encoded.len() - 2].to_vec()
    });
    let plain = [secret.as_bytes().to_vec(), hex.to_uppercase().into_bytes(), hex.into_bytes()];
    // As a form or an address has it; what needs no escape looks as it is.
    let escaped = secret.bytes().fold(String::new(), |text, byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
            text + char::from(byte).encode_utf8(&mut [0; 4])
        }
        byte => format!("{text}%{byte:02X}"),
    });
    plain.into_iter().chain([escaped.into_bytes()]).chain(shifted).collect()
}

/// Tells whether `part` is in `bytes`.
pub fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
