//! What was written is read again.

use secrecy::{ExposeSecret, SecretString};

use super::*;

fn exposed(secrets: &BTreeMap<String, SecretString>) -> BTreeMap<&str, &str> {
    secrets.iter().map(|(name, secret)| (name.as_str(), secret.expose_secret())).collect()
}

#[test]
fn what_was_written_is_read_again_to_the_last_digit() {
    let home = furnished();
    let stored = loaded(&mut home.open()).remove(0);
    let (wanted, found) = (credential(1, "causely"), stored.credential);
    assert_eq!(
        (found.id, &found.name, &found.provider),
        (wanted.id, &wanted.name, &wanted.provider)
    );
    assert_eq!((&found.variables, found.access()), (&wanted.variables, wanted.access()));
    assert_eq!(exposed(&found.secrets), exposed(&wanted.secrets));
    assert_eq!(found.revision, wanted.revision);
    assert_eq!((found.created_at, found.updated_at), (wanted.created_at, wanted.updated_at));

    let (wanted, found) = (token(1, "t0ken"), stored.token.unwrap());
    assert_eq!((found.id, found.issued_at), (wanted.id, wanted.issued_at));
    assert_eq!((found.expires_at, found.refresh_at), (wanted.expires_at, wanted.refresh_at));
    let refresh_token = found.payload.refresh_token.unwrap();
    assert_eq!(found.payload.value.expose_secret(), "t0ken");
    assert_eq!(refresh_token.expose_secret(), "r3fresh");
    assert_eq!(found.payload.token_type, wanted.payload.token_type);
    assert_eq!(exposed(&found.payload.extras), exposed(&wanted.payload.extras));
}

#[test]
fn credentials_come_in_the_order_of_their_names() {
    let home = Home::new();
    let mut store = home.open();
    for (id, name) in [(1, "b"), (2, "c"), (3, "a")] {
        done(&mut store, &[Write::Credential(credential(id, name))]);
    }
    let names: Vec<_> =
        loaded(&mut store).iter().map(|stored| stored.credential.name.to_string()).collect();
    assert_eq!(names, ["a", "b", "c"]);
}

#[test]
fn writing_again_replaces_credential_and_token() {
    let home = furnished();
    let mut store = home.open();
    done(
        &mut store,
        &[
            Write::Credential(credential(1, "renamed")),
            reserve(3, at(20), &[]),
            issued(3, token(2, "n3w"), at(21)),
        ],
    );
    let stored = loaded(&mut store);
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].credential.name.as_str(), "renamed");
    let token = stored[0].token.as_ref().unwrap();
    assert_eq!((token.id, token.payload.value.expose_secret()), (TokenId([2; 16]), "n3w"));
}

#[test]
fn a_removed_credential_takes_its_token_along_and_leaves_its_issuances() {
    let home = furnished();
    let mut store = home.open();
    done(&mut store, &[Write::Remove(CredentialId([1; 16]))]);
    assert!(loaded(&mut store).is_empty());
    let count = |table: &str| -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        store.connection.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    assert_eq!((count("credentials"), count("tokens"), count("issuances")), (0, 0, 2));
}
