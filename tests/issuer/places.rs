//! Addresses to which nothing is sent unasked.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    process::Command,
};

use nix::unistd::geteuid;
use tokend_core::Fate;
use tokend_provider::Verdict;

use crate::{
    alone::{alone, passes},
    dance_by, failure, is_issued,
    support::provider::Provider,
};

#[test]
fn nothing_is_sent_to_the_metadata_of_a_cloud() {
    for (url, host) in [
        ("https://169.254.169.254", "169.254.169.254"),
        ("https://0xa9fea9fe", "169.254.169.254"),
        ("https://2852039166", "169.254.169.254"),
        ("https://0251.0376.0251.0376", "169.254.169.254"),
        ("https://169.254.43518", "169.254.169.254"),
        ("https://[fe80::1]", "[fe80::1]"),
        ("https://[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]"),
        ("https://[fd00:ec2::254]", "[fd00:ec2::254]"),
        ("https://metadata.google.internal", "metadata.google.internal"),
        ("https://0.0.0.0", "0.0.0.0"),
    ] {
        let ended = dance_by("", url, &[], &[]);
        let expected = format!(
            "{host} is link-local, a cloud's metadata service or nobody's own address: only \
             `allow_link_local = true` in [http] of the definition allows it"
        );
        assert_eq!(failure(&ended).message, expected, "{url}");
        assert_eq!((failure(&ended).verdict, ended.fate), (Verdict::Denied, Fate::Unsent), "{url}");
    }
}

#[test]
fn a_definition_can_allow_link_local_addresses() {
    // Nobody is there, or somebody without a certificate.
    let allowed = "allow_link_local = true\nconnect_timeout = '50ms'";
    let ended = dance_by(allowed, "https://169.254.0.1", &[], &[]);
    let message = &failure(&ended).message;
    assert!(message.starts_with("can't connect to 169.254.0.1: "), "{message}");
}

#[test]
fn localhost_is_reached_over_loopback() {
    let provider = Provider::issuing();
    let url = provider.url().replace("127.0.0.1", "localhost");
    assert!(is_issued(&dance_by("", &url, &[], &[])));
}

#[test]
fn a_name_is_no_way_to_an_address_that_is_refused() {
    let Some(inside) = alone("places::a_name_is_no_way_to_an_address_that_is_refused") else {
        let ended = dance_by("", "https://metadata.test", &[], &[]);
        let message = &failure(&ended).message;
        assert!(message.contains("169.254.169.254 is link-local"), "{message}");
        assert_eq!(ended.fate, Fate::Unsent);
        // Of several addresses those are tried that are good.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("https://several.test:{}", listener.local_addr().unwrap().port());
        let ended = dance_by("connect_timeout = '200ms'", &url, &[], &[]);
        assert_eq!(ended.fate, Fate::Unsent);
        assert!(listener.accept().is_ok(), "{}", failure(&ended).message);
        return;
    };
    // Only root can say what names mean, here to this process alone.
    if !geteuid().is_root() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let hosts = directory.path().join("hosts");
    let several = "169.254.169.254 several.test\n127.0.0.1 several.test\n";
    fs::write(&hosts, format!("169.254.169.254 metadata.test\n{several}")).unwrap();
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", r#"mount --bind "$0" /etc/hosts && exec "$@""#]);
    command.arg(hosts).arg(inside.get_program()).args(inside.get_args());
    command.envs(inside.get_envs().filter_map(|(name, value)| Some((name, value?))));
    passes(&mut command);
}
