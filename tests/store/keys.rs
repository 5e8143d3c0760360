//! Keys that are changed while the daemon serves.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    process::{Child, Stdio},
};

use super::{
    SECRET, succeed,
    support::{Place, assert_output, provider::Provider, text},
};

fn begin(place: &Place, arguments: &[&str]) -> Child {
    place.cli().args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn killed_in_the_midst_of_rotations_under_load_it_loses_nothing_and_one_key_opens_all() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let names = ["one", "two", "three"];
    let daemon = place.start();
    for name in names {
        assert!(place.add(name, provider.url(), SECRET).status.success());
    }
    assert_eq!(daemon.end().code, Some(0));
    for round in 0..6 {
        let daemon = place.start();
        let mut rotations: Vec<Child> = (0..4).map(|_| begin(&place, &["key", "rotate"])).collect();
        // The more of these are answered, the later the end comes.
        let held: Vec<String> = (0..=round)
            .map(|number| {
                let name = names[number % names.len()];
                succeed(&place, &["refresh", name]);
                format!("{name} {}", succeed(&place, &["get", name]))
            })
            .collect();
        daemon.kill();
        for rotation in &mut rotations {
            let _ = rotation.wait();
        }
        let daemon = place.start();
        assert!(!succeed(&place, &["status"]).contains("problem:"));
        for name in names {
            let last = held.iter().rev().find_map(|held| held.strip_prefix(&format!("{name} ")));
            let served = succeed(&place, &["get", name]);
            assert!(last.is_none_or(|last| last == served), "{name}: {served}, not {last:?}");
        }
        assert!(succeed(&place, &["issuances", "--json"]).contains("ISSUED"));
        // What is left of a rotation can be done again.
        succeed(&place, &["key", "rotate"]);
        assert_eq!(daemon.end().code, Some(0));
    }
    assert!(place.tokend(["key", "rotate"]).status.success());
}

#[test]
fn another_key_opens_the_store_at_once_and_status_says_what_the_configuration_lacks() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let daemon = place.start();
    assert!(place.add("api", provider.url(), SECRET).status.success());
    let (state, old, new) = (place.state(), place.state().join("key"), place.path().join("new"));
    let (state, old, new) = (state.display(), old.display(), new.display());
    let to = format!("file:{new}");
    let change = ["key", "change-source", "--to", &to];
    let next =
        format!("next: key_source = \"file:{new}\" in tokend.toml, before tokend starts again\n");
    let expected = format!(
        "the key of the store in {state} is file:{new} from now on\n\
         keep a copy of it in a safe place, and file:{old} as long as there are backups of the \
         store from before\n{next}"
    );
    assert_output(&place.run(change), 0, &expected, "");
    assert_eq!(fs::metadata(place.path().join("new")).unwrap().mode() & 0o777, 0o600);
    let again =
        format!("the key of the store in {state} is file:{new} already; nothing changed\n{next}");
    assert_output(&place.run(change), 0, &again, "");
    let status = succeed(&place, &["status"]);
    assert!(status.contains(&format!("only if key_source = \"file:{new}\"")), "{status}");
    let rotated = format!("all in the store in {state} is sealed with a new data key\n");
    assert_output(&place.run(["key", "rotate"]), 0, &rotated, "");
    assert_output(&place.run(["get", "api"]), 0, "token-1-c0ffee\n", "");
    daemon.kill();

    let started = place.tokend::<&str>([]);
    assert!(text(&started.stderr).contains("the key doesn't fit"), "{}", text(&started.stderr));
    fs::remove_file(place.state().join("key")).unwrap();
    place.configure(&format!("key_source = 'file:{new}'"));
    let _daemon = place.start();
    assert_output(&place.run(["get", "api"]), 0, "token-1-c0ffee\n", "");
    assert!(!succeed(&place, &["status"]).contains("problem:"));
}

#[test]
fn the_key_stays_while_it_is_configured_and_what_is_no_source_is_refused() {
    let place = Place::new();
    let _daemon = place.start();
    let key = format!("file:{}", place.state().join("key").display());
    let same = place.run(["key", "change-source", "--to", &key]);
    let expected = format!(
        "the key of the store in {} is {key} already; nothing changed\n",
        place.state().display()
    );
    assert_output(&same, 0, &expected, "");
    let unknown = place.run(["key", "change-source", "--to", "tpm"]);
    let expected = "tokend-cli: \"tpm\" is no source of a key; give file:/PATH, credential:NAME or passphrase\n";
    assert_output(&unknown, 5, "", expected);
    let nowhere = place.run(["key", "change-source", "--to", "file:/dev/null/key"]);
    assert!(text(&nowhere.stderr).contains("can't use the key file /dev/null/key"));
    assert!(!succeed(&place, &["status"]).contains("problem:"));
    for (command, arguments) in [
        ("rotate", &["key", "rotate"][..]),
        ("change-source", &["key", "change-source", "--to", &key]),
    ] {
        let refused = place.tokend(arguments);
        let way = format!("stop it first, or have it do that itself: `tokend-cli key {command}`\n");
        assert_eq!(refused.status.code(), Some(1));
        assert!(text(&refused.stderr).ends_with(&way), "{refused:?}");
    }
}
