//! Files and commands, read on a thread of their own.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    sync::mpsc,
    time::Duration,
};

use secrecy::ExposeSecret;

use super::*;
use crate::clock::SystemClock;

/// Only a hang gets this far; a file is seen to change long before.
const PATIENCE: Duration = Duration::from_secs(25);

struct Bench {
    dir: tempfile::TempDir,
    sources: Arc<LocalSources>,
    ending: Ending,
    supplied: mpsc::Receiver<Supplied>,
}

impl Bench {
    fn new() -> Self {
        let (sender, supplied) = mpsc::channel();
        let deliver = move |supply| drop(sender.send(supply));
        let (sources, ending) = LocalSources::spawn(SystemClock::new().unwrap(), deliver).unwrap();
        Self { dir: tempfile::tempdir().unwrap(), sources, ending, supplied }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn mind(&self, source: Source) {
        self.sources.mind(&name(), &[("key".to_owned(), source)].into());
    }

    fn next(&self) -> Supplied {
        self.supplied.recv_timeout(PATIENCE).expect("something is yielded")
    }

    /// Waits until the secret is this one.
    fn wait_for(&self, secret: &str) {
        while self.next().secret().as_deref() != Ok(secret) {}
    }
}

impl Supplied {
    fn secret(&self) -> Result<String, String> {
        let (_, reading) = &self.readings["key"];
        let yielded = reading.as_ref().map_err(Clone::clone)?;
        Ok(yielded.secret.expose_secret().to_owned())
    }
}

fn name() -> Name {
    "api".parse().unwrap()
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn a_file_is_read_at_once_and_whenever_another_takes_its_place() {
    let bench = Bench::new();
    let path = bench.path("key");
    write(&path, "first\n");
    bench.mind(Source::File(path.clone()));
    assert_eq!(bench.next().secret().as_deref(), Ok("first"));
    write(&path, "second\n");
    bench.wait_for("second");
    let other = bench.path("other");
    write(&other, "third\r\n");
    fs::rename(other, &path).unwrap();
    bench.wait_for("third");
    fs::remove_file(&path).unwrap();
    while bench.next().secret().is_ok() {}
    write(&path, "fourth");
    bench.wait_for("fourth");
    bench.ending.finish();
}

#[test]
fn a_symbolic_link_on_the_way_to_a_file_can_come_to_lead_elsewhere() {
    let bench = Bench::new();
    // As Kubernetes mounts secrets.
    for (version, text) in [("v1", "first"), ("v2", "second")] {
        fs::create_dir(bench.path(version)).unwrap();
        write(&bench.path(version).join("key"), text);
    }
    symlink("v1", bench.path("..data")).unwrap();
    symlink("..data/key", bench.path("key")).unwrap();
    bench.mind(Source::File(bench.path("key")));
    assert_eq!(bench.next().secret().as_deref(), Ok("first"));
    symlink("v2", bench.path("..new")).unwrap();
    fs::rename(bench.path("..new"), bench.path("..data")).unwrap();
    bench.wait_for("second");
    bench.ending.finish();
}

#[tokio::test]
async fn what_is_no_secret_is_told_of_without_what_it_is() {
    let bench = Bench::new();
    let path = bench.path("key");
    let read = async || {
        let reading = bench.sources.read(Source::File(path.clone())).await.unwrap();
        let told = reading.map(|read| read.warning.unwrap_or_default());
        told.map_err(|told| told.replace(&path.display().to_string(), "PATH"))
    };
    assert_eq!(
        read().await.unwrap_err(),
        "can't read PATH: No such file or directory (os error 2)"
    );
    for (text, told) in [
        (String::new(), "PATH is empty"),
        ("\n".to_owned(), "PATH is empty"),
        ("x".repeat((64 << 10) + 1), "PATH is longer than 64 KiB, which is no secret"),
    ] {
        write(&path, &text);
        assert_eq!(read().await.unwrap_err(), told);
    }
    write(&path, &"x".repeat(64 << 10));
    assert_eq!(read().await.unwrap(), "");
    fs::write(&path, b"\xff").unwrap();
    assert_eq!(read().await.unwrap_err(), "PATH isn't text in UTF-8");
    write(&path, "x");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(read().await.unwrap().starts_with("others can read or change"));
    fs::remove_file(&path).unwrap();
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(read().await.unwrap_err(), "PATH isn't a file");
    bench.ending.finish();
}

#[test]
fn a_command_is_run_at_once_and_then_when_what_it_printed_is_old() {
    let bench = Bench::new();
    let count = bench.path("count");
    let text = format!("echo x >> {0}; wc -l < {0}", count.display());
    let words = ["/bin/sh", "-c", &text].map(str::to_owned).to_vec();
    bench.mind(Source::Command { words, max_age: Duration::from_secs(3_600) });
    assert_eq!(bench.next().secret().as_deref(), Ok("1"));
    bench.sources.look(&name(), Look::Issuance);
    let fresh = bench.next();
    assert!(fresh.readings.is_empty() && fresh.look == Some(Look::Issuance));
    bench.sources.look(&name(), Look::Refusal);
    assert_eq!(bench.next().secret().as_deref(), Ok("2"), "it may print another now");
    bench.sources.look(&name(), Look::Refusal);
    bench.sources.look(&name(), Look::Issuance);
    assert_eq!(bench.next().look, Some(Look::Issuance), "not for each refusal");
    bench.sources.look(&"nobody".parse().unwrap(), Look::Issuance);
    assert!(bench.next().readings.is_empty(), "whoever asks is answered");
    bench.ending.finish();
}

#[tokio::test]
async fn a_command_that_fails_is_told_of_without_what_it_said() {
    let bench = Bench::new();
    for (text, told) in [
        ("echo s3cret; exit 3", "/bin/sh failed with exit status 3; run it by itself"),
        ("kill -9 $$", "/bin/sh was killed by a signal; run it by itself"),
        ("true", "what /bin/sh printed is empty"),
    ] {
        let words = ["/bin/sh", "-c", text].map(str::to_owned).to_vec();
        let source = Source::Command { words, max_age: Duration::from_secs(60) };
        assert_eq!(bench.sources.read(source).await.unwrap().unwrap_err(), told);
    }
    bench.ending.finish();
}

#[test]
fn a_file_whose_directory_is_gone_is_looked_for_from_the_nearest_one_that_is_there() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("gone/below/token");
    let directories = watch::directories(&path);
    assert!(directories.contains(place.path()), "{directories:?}");
    assert!(directories.contains(&place.path().join("gone/below")), "{directories:?}");
}
