//! Addresses to which nothing is sent unasked.

use tokend_core::Fate;
use tokend_provider::Verdict;

use crate::{dance_by, failure, is_issued, support::provider::Provider};

#[test]
fn nothing_is_sent_to_the_metadata_of_a_cloud() {
    for (url, host) in [
        ("https://169.254.169.254", "169.254.169.254"),
        ("https://0xa9fea9fe", "169.254.169.254"),
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
