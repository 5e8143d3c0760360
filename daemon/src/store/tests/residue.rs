//! The files tell nothing of what is in them.

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};

use super::{super::seal::hexadecimal, *};

/// Returns the forms in which a text might stand in a file: as it is, in
/// hexadecimal, and in base64 at each of its three alignments.
fn forms(text: &str) -> Vec<String> {
    let hex = hexadecimal(text.as_bytes());
    let mut forms = vec![text.to_owned(), hex.to_uppercase(), hex];
    // Letters that depend on what stands before or after the text are left out.
    for (before, letters) in [("", 0), ("x", 2), ("xx", 3)] {
        let encoded = STANDARD_NO_PAD.encode(format!("{before}{text}"));
        forms.push(encoded[letters..encoded.len() - 1].to_owned());
    }
    forms
}

fn assert_silent(home: &Home) {
    let key = key(1);
    let key = key.bytes();
    let mut files = 0;
    for entry in fs::read_dir(home.path()).unwrap() {
        let path = entry.unwrap().path();
        let content = fs::read(&path).unwrap();
        for text in [
            "causely-production",
            "acme-corp",
            "s3cret",
            "t0ken-value",
            "r3fresh",
            "eu.example",
            "issuer.example",
            "client-7",
            "answer 2",
            "transient",
            "client_secret",
            "absent",
        ] {
            for form in forms(text) {
                let found = content.windows(form.len()).any(|window| window == form.as_bytes());
                assert!(!found, "{text} as {form} in {}", path.display());
            }
        }
        assert!(!content.windows(32).any(|window| window == key));
        files += 1;
    }
    assert!(files >= 2);
}

#[test]
fn no_file_holds_a_secret_or_a_name_in_any_form() {
    let home = Home::new();
    let mut store = home.open();
    done(
        &mut store,
        &[
            Write::Credential(credential(1, "causely-production")),
            reserve(1, at(0), &[limit(5, 60)]),
            issued(1, token(1, "t0ken-value"), at(1)),
            reserve(2, at(2), &[]),
            failed(2, true, Verdict::Transient, at(3)),
        ],
    );
    assert!(fs::metadata(home.path().join("tokend.db-wal")).unwrap().len() > 4_096);
    assert_silent(&home);
    store.close().unwrap();
    assert_silent(&home);
}

#[test]
fn the_search_finds_what_is_there() {
    let text = "s3cret-canary";
    let hidden = [
        text.to_owned(),
        hexadecimal(text.as_bytes()),
        STANDARD_NO_PAD.encode(text),
        STANDARD_NO_PAD.encode(format!("x{text}yz")),
        STANDARD_NO_PAD.encode(format!("xy{text}z")),
        STANDARD_NO_PAD.encode(format!("xyz{text}")),
    ];
    for hidden in hidden {
        assert!(forms(text).iter().any(|form| hidden.contains(form)), "{hidden}");
    }
}

#[test]
fn one_account_looks_alike_in_one_store_only() {
    let accounts = |home: &Home| -> Vec<[u8; 32]> {
        let raw = home.raw();
        let mut statement = raw.prepare("SELECT account FROM issuances").unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    };
    let home = furnished();
    let ours = accounts(&home);
    assert_eq!(ours[0], ours[1]);

    let other = Home(closed_directory());
    Store::create(other.path(), &key(1), SplitMix::new(9)).unwrap();
    done(&mut other.open(), &[reserve(1, at(0), &[])]);
    assert_ne!(accounts(&other)[0], ours[0]);
}
