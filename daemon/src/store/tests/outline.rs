//! What serves the first callers is what is read afterwards.

use super::*;
use crate::ports::Leaving;

#[test]
fn an_outline_has_the_names_and_readers_and_one_is_read_as_all_are() {
    let home = furnished();
    let mut store = home.open();
    let others = [(2, "bystander"), (3, "twin"), (4, "twin")];
    let others = others.map(|(id, name)| Write::Credential(credential(id, name)));
    done(&mut store, &others);
    let outline = store.outline().unwrap();
    assert!(outline.ending.is_empty());
    let names: Vec<_> = outline.credentials.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names, ["bystander", "causely"], "of two with one name neither is the right one");
    let all = store.load(&at(1_000)).unwrap().credentials;
    assert_eq!(all.len(), 2);
    for ((name, id, access), stored) in outline.credentials.iter().zip(&all) {
        let credential = &stored.credential;
        assert_eq!((name, *id), (&credential.name, credential.id));
        assert_eq!(*access, credential.access());
        let one = store.one(*id, &at(1_000)).unwrap();
        assert_eq!(format!("{one:?}"), format!("{stored:?}"));
    }
    assert!(store.one(CredentialId([9; 16]), &at(1_000)).is_none());
}

#[test]
fn an_outline_tells_which_tokens_are_to_be_ended_and_leaves_out_what_has_no_name() {
    let home = furnished();
    let mut store = home.open();
    let revocation = super::revocation::revocation(7, 9);
    done(&mut store, &[super::revocation::revoke(revocation, Leaving::Token)]);
    let ending = [(CredentialId([1; 16]), TokenId([9; 16]))];
    assert_eq!(store.outline().unwrap().ending, ending.into());
    let sql = "UPDATE credentials SET sealed = x'00'";
    assert_eq!(store.connection.execute(sql, []).unwrap(), 1);
    assert!(store.outline().unwrap().credentials.is_empty());
    assert!(store.one(CredentialId([1; 16]), &at(1_000)).is_none());
}
