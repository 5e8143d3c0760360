//! Hosts that keep no state, or only some.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
};

use super::{
    SPENT, add_limited, copy, succeed,
    support::{Place, provider::Provider, text},
};

#[test]
fn a_host_that_keeps_nothing_starts_with_nothing_presumed() {
    let (place, provider) = (Place::new(), Provider::issuing());
    for _ in 0..2 {
        let daemon = place.start();
        add_limited(&place, "api", &provider);
        succeed(&place, &["refresh", "api"]);
        assert!(!succeed(&place, &["status"]).contains("problem:"));
        daemon.kill();
        let key = fs::read(place.state().join("key")).unwrap();
        for (path, _) in place.stored() {
            fs::remove_file(path).unwrap();
        }
        // The key comes from elsewhere, and is the same each time.
        fs::write(place.state().join("key"), key).unwrap();
        let closed = Permissions::from_mode(0o600);
        fs::set_permissions(place.state().join("key"), closed).unwrap();
        let made = place.init();
        assert!(made.status.success(), "{}", text(&made.stderr));
    }
}

#[test]
fn a_host_that_keeps_its_state_only_goes_on_with_its_budgets() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let elsewhere = place.cache();
    place.configure(&format!("mark_file = '{}'", elsewhere.join("tokend.mark").display()));
    let daemon = place.start();
    add_limited(&place, "api", &provider);
    daemon.kill();
    fs::remove_dir_all(&elsewhere).unwrap();
    let _daemon = place.start();
    assert!(!succeed(&place, &["status"]).contains("problem:"));
    assert!(succeed(&place, &["budget"]).contains("1/10"));
    succeed(&place, &["refresh", "api"]);
}

#[test]
fn a_host_whose_image_has_a_store_is_restored_at_each_start_only_if_its_mark_is_kept() {
    let (place, provider) = (Place::new(), Provider::issuing());
    let image = tempfile::tempdir().unwrap();
    let daemon = place.start();
    add_limited(&place, "api", &provider);
    assert_eq!(daemon.end().code, Some(0));
    copy(&place.state(), image.path());
    let fresh = || {
        fs::remove_dir_all(place.state()).unwrap();
        fs::create_dir(place.state()).unwrap();
        let mode = Permissions::from_mode(0o700);
        fs::set_permissions(place.state(), mode).unwrap();
        copy(image.path(), &place.state());
    };
    for _ in 0..2 {
        let daemon = place.start();
        succeed(&place, &["refresh", "api"]);
        daemon.kill();
        fresh();
    }

    let mark = place.cache().join("tokend.mark");
    place.configure(&format!("mark_file = '{}'", mark.display()));
    let daemon = place.start();
    succeed(&place, &["refresh", "api"]);
    daemon.kill();
    for _ in 0..2 {
        fresh();
        let daemon = place.start();
        assert_eq!(place.run(["refresh", "api"]).status.code(), SPENT);
        // As its unit does.
        succeed(&place, &["budget", "accept", "--used", "4", "--all"]);
        succeed(&place, &["refresh", "api"]);
        daemon.kill();
    }
}
