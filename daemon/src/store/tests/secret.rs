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

#[test]
fn what_is_known_of_secrets_is_sealed_with_them_and_goes_once_the_new_one_has_worked() {
    let home = Home::new();
    let mut store = home.open();
    let mut first = Credential::clone(&credential(1, "causely"));
    let end = "2027-01-31T23:59:59Z".parse().unwrap();
    let words = ["/usr/bin/pass", "show"].map(str::to_owned).to_vec();
    let command = Source::Command { words, max_age: Duration::from_secs(60) };
    first.supply = Supply {
        former: [("client_secret".to_owned(), "bef0re".into())].into(),
        expire_times: [("client_secret".to_owned(), end)].into(),
        sources: [
            ("client_secret".to_owned(), Source::File("/run/key".into())),
            ("other".to_owned(), command.clone()),
        ]
        .into(),
        given: [("other".to_owned(), Fingerprint([7; 32]))].into(),
        replaced_at: Some(first.created_at),
        replacements: 3,
    };
    let place = Place { file: "/etc/tokend/credentials.d/a.toml".into(), line: 3 };
    first.declared_in = Some(place.clone());
    done(&mut store, &[Write::Credential(Arc::new(first.clone()))]);
    let mut reopened = home.crashed().open();
    let stored = loaded(&mut reopened)[0].credential.clone();
    assert_eq!(stored.declared_in, Some(place));
    let supply = stored.supply;
    assert_eq!(supply.given["other"], Fingerprint([7; 32]));
    assert_eq!(supply.former["client_secret"].expose_secret(), "bef0re");
    assert_eq!(supply.expire_times["client_secret"], end);
    assert_eq!(supply.sources["client_secret"], Source::File("/run/key".into()));
    assert_eq!(supply.sources["other"], command);
    assert_eq!((supply.replaced_at, supply.replacements), (Some(first.created_at), 3));

    // A token that another secret brought proves nothing; one that this one brought does.
    for (number, worked, is_kept) in [(1_u8, "another", true), (2, "s3cret \"é\"\u{1}", false)] {
        let mut came = Token::clone(&token(number, "t0ken"));
        came.payload.proven = [("client_secret".to_owned(), worked.into())].into();
        done(
            &mut store,
            &[reserve(number.into(), at(0), &[]), issued(number.into(), Arc::new(came), at(1))],
        );
        let supply = loaded(&mut store)[0].credential.supply.clone();
        assert_eq!(supply.former.contains_key("client_secret"), is_kept);
        assert_eq!(supply.sources.len(), 2);
    }
}
