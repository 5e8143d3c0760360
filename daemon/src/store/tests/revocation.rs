//! Tokens that are to be ended at their providers.

use secrecy::ExposeSecret as _;
use tokend_core::RevocationId;

use super::*;
use crate::ports::{Leaving, Revocation};

pub(super) fn revocation(id: u8, token_id: u8) -> Revocation {
    let Credential { name, id: credential, provider, variables, secrets, .. } =
        Credential::clone(&super::credential(1, "causely"));
    Revocation {
        id: RevocationId([id; 16]),
        name,
        credential,
        provider,
        variables,
        secrets,
        token: Some(token(token_id, "t0ken")),
        ends_at: None,
        asked_at: at(20).moment.wall,
        attempts: 0,
        last_failure: None,
    }
}

pub(super) fn revoke(revocation: Revocation, leaving: Leaving) -> Write {
    Write::Revoke { revocation: Arc::new(revocation), leaving }
}

fn held(store: &mut Store<SplitMix>) -> Option<TokenId> {
    loaded(store)[0].token.as_ref().map(|token| token.id)
}

fn pending(store: &mut Store<SplitMix>) -> Vec<Revocation> {
    let loaded = store.load(&at(1_000)).unwrap();
    assert_eq!(loaded.unreadable, []);
    loaded.revocations
}

#[test]
fn a_revocation_is_stored_whole_and_its_token_is_gone_with_it() {
    let home = furnished();
    let mut store = home.open();
    let failure = Failure {
        verdict: Verdict::Limited,
        retry_after: Some(Duration::from_secs(60)),
        message: "slow down".to_owned(),
    };
    let first = revocation(7, 1);
    done(&mut store, &[revoke(first.clone(), Leaving::Token)]);
    let last_failure = Some((failure, at(30).moment.wall));
    let failed = Revocation { attempts: 3, last_failure, ..first };
    done(&mut store, &[Write::Attempt(Arc::new(failed.clone()))]);
    drop(store);
    let mut store = home.crashed().open();
    assert_eq!(held(&mut store), None);
    let [stored] = pending(&mut store).try_into().unwrap();
    assert_eq!(format!("{stored:?}"), format!("{failed:?}"));
    let value = |revocation: &Revocation| {
        let payload = &revocation.token.as_ref().unwrap().payload;
        let refresh_token = payload.refresh_token.as_ref().unwrap();
        [&payload.value, refresh_token, &revocation.secrets["client_secret"]]
            .map(|secret| secret.expose_secret().to_owned())
    };
    assert_eq!(value(&stored), value(&failed));
}

#[test]
fn a_token_that_has_taken_its_place_stays() {
    let home = furnished();
    let mut store = home.open();
    done(&mut store, &[revoke(revocation(7, 9), Leaving::Token)]);
    assert_eq!(held(&mut store), Some(TokenId([1; 16])));
    let token = Some((CredentialId([1; 16]), TokenId([9; 16])));
    done(&mut store, &[Write::EndRevocation { id: RevocationId([7; 16]), token }]);
    assert_eq!(held(&mut store), Some(TokenId([1; 16])));
    assert!(pending(&mut store).is_empty());
}

#[test]
fn a_token_that_was_stored_once_more_goes_with_its_revocation() {
    let home = furnished();
    let mut store = home.open();
    let credential = CredentialId([1; 16]);
    let again = Write::Rotation { credential, token: token(1, "t0ken") };
    done(&mut store, &[revoke(revocation(7, 1), Leaving::Token), again]);
    assert_eq!(held(&mut store), Some(TokenId([1; 16])));
    let token = Some((credential, TokenId([1; 16])));
    done(&mut store, &[Write::EndRevocation { id: RevocationId([7; 16]), token }]);
    assert_eq!(held(&mut store), None);
}

#[test]
fn a_login_goes_with_its_refresh_token_and_whatever_token_is_there() {
    let home = furnished();
    let mut store = home.open();
    let mut stored = Credential::clone(&credential(1, "causely"));
    stored.revision = 1;
    stored.secrets.insert("refresh_token".to_owned(), "r0".into());
    done(&mut store, &[Write::Credential(Arc::new(stored))]);
    done(&mut store, &[revoke(revocation(7, 9), Leaving::Login)]);
    let loaded = loaded(&mut store).remove(0);
    assert!(loaded.token.is_none());
    assert_eq!(loaded.credential.revision, 2);
    let left: Vec<&str> = loaded.credential.secrets.keys().map(String::as_str).collect();
    assert_eq!(left, ["client_secret"]);
}

#[test]
fn a_revocation_outlives_its_credential_and_is_not_stored_again_once_it_is_done() {
    let home = furnished();
    let mut store = home.open();
    done(&mut store, &[revoke(revocation(7, 1), Leaving::Credential)]);
    assert!(loaded(&mut store).is_empty());
    assert_eq!(pending(&mut store).len(), 1);
    let id = RevocationId([7; 16]);
    done(&mut store, &[Write::EndRevocation { id, token: None }]);
    done(&mut store, &[Write::Attempt(Arc::new(revocation(7, 1)))]);
    assert!(pending(&mut store).is_empty());
}

#[test]
fn nothing_of_it_is_left_in_the_files_once_it_is_done() {
    let home = furnished();
    let mut store = home.open();
    let id = RevocationId([7; 16]);
    done(&mut store, &[revoke(revocation(7, 1), Leaving::Token)]);
    let sealed: Vec<u8> = {
        store.close().unwrap();
        let raw = home.raw();
        raw.query_row("SELECT sealed FROM revocations", [], |row| row.get(0)).unwrap()
    };
    let is_there = || {
        let content = fs::read(home.database()).unwrap();
        content.windows(64).any(|window| window == &sealed[..64])
    };
    assert!(is_there());
    let mut store = home.open();
    done(&mut store, &[Write::EndRevocation { id, token: None }]);
    store.close().unwrap();
    assert!(!is_there());
}

#[test]
fn one_that_was_altered_is_told_of_and_harms_no_other() {
    let home = furnished();
    let mut store = home.open();
    done(
        &mut store,
        &[revoke(revocation(7, 1), Leaving::Token), revoke(revocation(8, 9), Leaving::Token)],
    );
    store.close().unwrap();
    let swap = "UPDATE revocations SET sealed = (SELECT sealed FROM revocations WHERE id = ?) \
                WHERE id = ?";
    home.raw().execute(swap, [[8_u8; 16], [7_u8; 16]]).unwrap();
    let mut store = home.open();
    let loaded = store.load(&at(1_000)).unwrap();
    assert_eq!(loaded.revocations.len(), 1);
    let [(id, problem)] = loaded.unreadable.try_into().unwrap();
    assert_eq!(id, RevocationId([7; 16]));
    assert!(problem.contains("it was altered, or sealed for another place"), "{problem}");
    done(&mut store, &[Write::EndRevocation { id, token: None }]);
    assert!(store.load(&at(1_000)).unwrap().unreadable.is_empty());
}
