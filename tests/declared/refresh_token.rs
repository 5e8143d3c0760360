//! Refresh tokens that files refer to: each is sent once.

use std::fs;

use super::{
    declare, file, keep, place, restart, succeeded,
    support::{
        Place, assert_output, canary,
        provider::{Provider, Reply},
        text,
    },
};

/// How often it is looked whether a file was read that is watched. A look takes a process.
const LOOKS: usize = 1_000;

/// A provider that gives another refresh token for each that it is sent.
fn replacing() -> Provider {
    Provider::scripted(|number, request| {
        let sent =
            request.body.split('&').find_map(|it| it.strip_prefix("refresh_token=")).unwrap();
        let sent = sent.to_owned();
        Reply::json(
            200,
            format!(
                r#"{{"access_token":"for-{sent}","expires_in":3600,"refresh_token":"next-{number}-{}"}}"#,
                canary::real("c0ffee")
            ),
        )
    })
}

/// Declares one whose refresh token is in the file `kept`, with `secret` in it.
fn declare_kept(place: &Place, provider: &Provider, secret: &str) {
    let kept = keep(place, "kept", secret);
    let text = format!(
        "[credential.api]\nprovider = 'oauth2-refresh-token'\n\
         variables = {{ token_url = '{}/token', client_id = 'tester', user = 'ann' }}\n\
         secrets.refresh_token = {}\n",
        provider.url(),
        file(&kept)
    );
    declare(place, "api.toml", &text);
}

/// Returns the database, of a daemon that has ended.
fn backup(place: &Place) -> Vec<u8> {
    fs::read(place.state().join("tokend.db")).unwrap()
}

fn restore(place: &Place, backup: &[u8]) {
    let _ = fs::remove_file(place.state().join("tokend.db-wal"));
    fs::write(place.state().join("tokend.db"), backup).unwrap();
}

#[test]
fn one_that_the_provider_has_replaced_is_not_put_back_by_its_reference() {
    let (place, provider) = (place(), replacing());
    declare_kept(&place, &provider, "first-c0ffee");
    let daemon = place.start();
    assert_output(&place.run(["get", "api"]), 0, "for-first-c0ffee\n", "");
    let daemon = restart(&place, daemon);
    succeeded(&place.run(["refresh", "api"]));
    assert_output(&place.run(["get", "api"]), 0, "for-next-1-c0ffee\n", "");
    // Another one in the file is one that a person has brought.
    keep(&place, "kept", "second-c0ffee");
    let _daemon = restart(&place, daemon);
    succeeded(&place.run(["refresh", "api"]));
    assert_output(&place.run(["get", "api"]), 0, "for-second-c0ffee\n", "");
}

#[test]
fn one_that_was_sent_since_a_backup_is_not_sent_again_by_what_is_restored_until_it_is_another() {
    let (place, provider) = (place(), replacing());
    place.start().end();
    let before = backup(&place);
    declare_kept(&place, &provider, "first-c0ffee");
    let daemon = place.start();
    assert_output(&place.run(["get", "api"]), 0, "for-first-c0ffee\n", "");
    daemon.end();
    let between = backup(&place);
    keep(&place, "kept", "second-c0ffee");
    let daemon = place.start();
    succeeded(&place.run(["refresh", "api"]));
    assert_output(&place.run(["get", "api"]), 0, "for-second-c0ffee\n", "");
    daemon.end();

    for (number, backup) in [(3, before), (4, between)] {
        let asked = provider.requests().len();
        restore(&place, &backup);
        // It is the same after another start.
        let daemon = place.start();
        let daemon = restart(&place, daemon);
        let refused = place.run(["refresh", "api"]);
        assert!(!refused.status.success());
        let why = text(&refused.stderr);
        assert!(why.contains("the store was restored from a backup"), "{why}");
        assert_eq!(provider.requests().len(), asked);
        let fresh = format!("fresh-{number}-c0ffee");
        keep(&place, "kept", &fresh);
        succeeded(&place.run(["reload"]));
        // A file is watched unless the provider has replaced what was in it; that takes a moment.
        assert!((0..LOOKS).any(|_| place.run(["refresh", "api"]).status.success()));
        let first = &provider.requests()[asked].body;
        assert!(first.contains(&format!("refresh_token={fresh}")), "{first}");
        daemon.end();
    }
}
