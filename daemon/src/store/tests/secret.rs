//! What a provider puts in the place of a credential's secrets.

use secrecy::ExposeSecret;

use super::*;

#[test]
fn a_replaced_secret_is_written_with_its_token() {
    let home = Home::new();
    let mut store = home.open();
    let first = credential(1, "causely");
    let mut came = Token::clone(&token(2, "t0ken"));
    came.payload.secrets = [("client_secret".to_owned(), "n3w".into())].into();
    done(
        &mut store,
        &[
            Write::Credential(Arc::clone(&first)),
            reserve(1, at(0), &[]),
            issued(1, Arc::new(came), at(1)),
        ],
    );

    let mut store = home.crashed().open();
    let [stored] = &loaded(&mut store)[..] else { panic!("one credential was written") };
    assert_eq!(stored.credential.secrets["client_secret"].expose_secret(), "n3w");
    assert_eq!(stored.credential.readers, first.readers);
    assert_ne!(stored.credential.updated_at, first.updated_at);
    let held = stored.token.as_ref().expect("the token was written");
    assert_eq!(held.payload.value.expose_secret(), "t0ken");
    assert!(held.payload.secrets.is_empty(), "they are the credential's now");
}
