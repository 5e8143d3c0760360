//! The files tell nothing of what is in them.

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use tokend_core::Random as _;

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
        ],
    );
    assert_silent(&home);
    done(
        &mut store,
        &[
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

/// Returns the sealed cells of a credential: its secrets and its token.
fn sealed(store: &Store<SplitMix>, id: u8) -> Vec<Vec<u8>> {
    let sql = "SELECT sealed FROM credentials WHERE id = ?1 \
               UNION ALL SELECT sealed FROM tokens WHERE credential = ?1";
    let mut statement = store.connection.prepare(sql).unwrap();
    let rows = statement.query_map([[id; 16]], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

/// Tells whether a part of sealed cells is in any file.
fn is_left(home: &Home, cells: &[Vec<u8>]) -> bool {
    const PART: usize = 16;
    let mut parts: Vec<&[u8]> = cells.iter().flat_map(|cell| cell.chunks_exact(PART)).collect();
    parts.sort_unstable();
    let mut begins = [false; 256];
    for part in &parts {
        begins[usize::from(part[0])] = true;
    }
    fs::read_dir(home.path()).unwrap().any(|entry| {
        let content = fs::read(entry.unwrap().path()).unwrap();
        let is_part =
            |part: &[u8]| begins[usize::from(part[0])] && parts.binary_search(&part).is_ok();
        content.windows(PART).any(is_part)
    })
}

/// Opens a store that draws other nonces than the one before.
fn reopen(home: &Home) -> Store<SplitMix> {
    Store::open(home.path(), None, &key(1), SplitMix::new(5)).unwrap()
}

/// A credential whose secret has some length, so that its cell spans pages or shares one.
fn sized(id: u8, length: usize) -> Write {
    let mut credential = Credential::clone(&credential(id, &format!("c{id}")));
    credential.secrets.insert("client_secret".into(), "x".repeat(length).into());
    Write::Credential(Arc::new(credential))
}

fn rotation(id: u8, length: usize) -> Write {
    let mut token = Token::clone(&token(id, &"y".repeat(length)));
    token.payload.refresh_token = None;
    Write::Rotation { credential: CredentialId([id; 16]), token: Arc::new(token) }
}

#[test]
fn what_was_removed_or_replaced_is_in_no_file_whatever_pages_it_was_on() {
    let home = Home::new();
    let mut store = home.open();
    let mut random = SplitMix::new(7);
    let mut draw = |below: usize| {
        let mut bytes = [0; 8];
        random.fill(&mut bytes);
        usize::from_le_bytes(bytes) % below
    };
    for _ in 0..150 {
        let id = u8::try_from(draw(12)).unwrap();
        let length = [40, 700, 1_900, 9_000][draw(4)] + draw(100);
        let before = sealed(&store, id);
        if before.is_empty() || draw(3) == 0 {
            done(&mut store, &[sized(id, length), rotation(id, length)]);
            assert!(!is_left(&home, &before));
        } else if draw(2) == 0 {
            done(&mut store, &[Write::Remove(CredentialId([id; 16]))]);
            assert!(!is_left(&home, &before));
        } else {
            done(&mut store, &[Write::Discard(CredentialId([id; 16]))]);
            assert!(!is_left(&home, &before[1..]));
        }
    }
    store.close().unwrap();
}

#[test]
fn a_refresh_leaves_the_token_before_until_the_store_is_wiped() {
    let home = furnished();
    let mut store = reopen(&home);
    let before = sealed(&store, 1).split_off(1);
    done(&mut store, &[reserve(3, at(20), &[]), issued(3, token(3, "t0ken-2"), at(21))]);
    assert!(is_left(&home, &before));
    store.wipe();
    assert!(!is_left(&home, &before));
}

#[test]
fn what_a_crash_leaves_is_wiped_out_at_the_next_start() {
    let home = furnished();
    let mut store = reopen(&home);
    let before = sealed(&store, 1);
    store.transact(&[Write::Remove(CredentialId([1; 16]))]).unwrap();
    let crashed = home.crashed();
    assert!(is_left(&crashed, &before));
    let _store = reopen(&crashed);
    assert!(!is_left(&crashed, &before));
}

#[test]
fn what_could_not_be_wiped_out_is_with_the_next_write() {
    let home = furnished();
    let mut store = reopen(&home);
    let before = sealed(&store, 1).split_off(1);
    done(&mut store, &[reserve(3, at(20), &[]), issued(3, token(3, "t0ken-2"), at(21))]);
    store.connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    store.wipe();
    store.connection.execute_batch("COMMIT").unwrap();
    assert!(store.has_residue());
    assert!(is_left(&home, &before));
    done(&mut store, &[reserve(4, at(30), &[])]);
    assert!(!is_left(&home, &before));
}

#[test]
fn what_a_new_data_key_could_not_wipe_out_is_tried_again() {
    let home = furnished();
    let mut store = reopen(&home);
    let before = sealed(&store, 1);
    store.rotate(&key(1)).unwrap();
    store.connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    store.wipe();
    store.connection.execute_batch("COMMIT").unwrap();
    assert!(store.has_residue() && is_left(&home, &before));
    store.wipe();
    assert!(!store.has_residue() && !is_left(&home, &before));
}

#[test]
fn one_account_looks_alike_in_one_store_only() {
    let accounts = |home: &Home| -> Vec<[u8; 32]> {
        let raw = home.raw();
        let mut statement = raw.prepare("SELECT id FROM ledger_accounts").unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    };
    let home = furnished();
    let ours = accounts(&home);
    assert_eq!(ours.len(), 1, "its rows share it");

    let other = Home(closed_directory());
    Store::create(other.path(), &key(1), SplitMix::new(9)).unwrap();
    done(&mut other.open(), &[reserve(1, at(0), &[])]);
    assert_ne!(accounts(&other)[0], ours[0]);
}
