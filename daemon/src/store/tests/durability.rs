//! What is acknowledged is on the disk, whole, and nothing else is.

use std::os::unix::fs::PermissionsExt;

use super::*;

#[test]
fn a_write_that_can_not_be_done_is_undone_and_leaves_the_others_alone() {
    let home = Home::new();
    let mut store = home.open();
    let results = store.write(&[
        reserve(1, at(0), &[]),
        issued(1, token(1, "for no credential"), at(1)),
        Write::Credential(credential(1, "causely")),
        issued(9, token(9, "of no issuance"), at(1)),
        failed(1, true, Verdict::Denied, at(1)),
    ]);
    let messages: Vec<_> = results
        .into_iter()
        .map(|result| {
            result
                .map(drop)
                .map_err(|failure| failure.message.split(": ").last().unwrap().to_owned())
        })
        .collect();
    let no_issuance = "issuance 00000000000000000000000000000009 isn't in the ledger";
    assert_eq!(
        messages,
        [
            Ok(()),
            Err("the credential isn't stored any more".to_owned()),
            Ok(()),
            Err(no_issuance.to_owned()),
            Ok(()),
        ]
    );
    let stored = loaded(&mut store);
    assert!(stored[0].token.is_none());
    assert_eq!(stored[0].history.consecutive_failures, 1, "the first is settled by the last");
}

#[test]
fn a_batch_goes_to_the_disk_in_one_transaction() {
    let home = Home::new();
    let mut store = home.open();
    let before = commits(&home);
    let batch: Vec<Write> = (1..=100).map(|number| reserve(number, at(number), &[])).collect();
    done(&mut store, &batch);
    assert_eq!(commits(&home), before + 1);
}

#[test]
fn what_takes_the_place_of_a_credential_takes_it_with_its_token_or_not_at_all() {
    let home = Home::new();
    let mut store = home.open();
    done(&mut store, &[Write::Credential(credential(1, "causely")), reserve(1, at(0), &[])]);
    done(&mut store, &[issued(1, token(1, "t0ken"), at(1))]);
    let (before, credential) = (CredentialId([1; 16]), credential(2, "causely"));
    done(&mut store, &[Write::Anew { before, credential }]);
    let stored = loaded(&mut home.crashed().open());
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].credential.id, CredentialId([2; 16]));
    assert!(stored[0].token.is_none());
}

#[test]
fn a_discarded_token_does_not_come_back_after_a_crash() {
    let home = Home::new();
    let mut store = home.open();
    done(&mut store, &[Write::Credential(credential(1, "causely")), reserve(1, at(0), &[])]);
    done(&mut store, &[issued(1, token(1, "t0ken"), at(1))]);
    done(&mut store, &[Write::Discard(CredentialId([1; 16]))]);
    let stored = loaded(&mut home.crashed().open());
    assert!(stored[0].token.is_none());
    assert_eq!(stored[0].history.consecutive_failures, 0, "the ledger is as it was");
}

#[test]
fn what_was_acknowledged_survives_a_crash() {
    let home = Home::new();
    let mut store = home.open();
    done(&mut store, &[Write::Credential(credential(1, "causely")), reserve(1, at(0), &[])]);
    done(&mut store, &[issued(1, token(1, "t0ken"), at(1))]);
    let crashed = home.crashed();
    let stored = loaded(&mut crashed.open());
    assert!(stored[0].token.is_some());
    assert_eq!(stored[0].history.consecutive_failures, 0);
}

#[test]
fn a_full_disk_fails_the_whole_batch_and_heals_when_there_is_space() {
    let home = furnished();
    let mut store = home.open();
    let limit = |store: &Store<SplitMix>, pages: i64| {
        store.connection.pragma_update(None, "max_page_count", pages).unwrap();
    };
    limit(&store, 1);
    let batch: Vec<Write> = std::iter::once(Write::Remove(CredentialId([1; 16])))
        .chain((100..200).map(|number| reserve(number, at(number), &[])))
        .collect();
    for result in store.write(&batch) {
        let failure = result.unwrap_err();
        assert!(failure.full, "{failure:?}");
        assert!(failure.message.contains("free some"), "{failure:?}");
    }
    assert_eq!(loaded(&mut store).len(), 1, "nothing was done");
    // What was refused may be in the log, whole.
    assert!(store.has_residue());
    store.wipe();
    assert!(!store.has_residue());
    assert_eq!(fs::metadata(home.path().join("tokend.db-wal")).unwrap().len(), 0);

    limit(&store, 1_000_000);
    done(&mut store, &batch);
    assert!(loaded(&mut store).is_empty());
}

#[test]
fn no_other_process_reads_or_writes_meanwhile() {
    let home = furnished();
    let store = home.open();
    let other = home.raw();
    other.busy_timeout(Duration::ZERO).unwrap();
    for sql in ["DELETE FROM issuances", "SELECT count(*) FROM issuances"] {
        let error = other.execute_batch(sql).unwrap_err();
        assert_eq!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::DatabaseBusy));
    }
    store.close().unwrap();
    other.execute_batch("DELETE FROM issuances").unwrap();
}

#[test]
fn the_database_is_kept_durable_and_clean() {
    let home = Home::new();
    let store = home.open();
    let pragma = |name: &str| -> String {
        let sql = format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}");
        store.connection.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    assert_eq!(pragma("journal_mode"), "wal");
    assert_eq!(pragma("synchronous"), "2", "FULL");
    assert_eq!(pragma("secure_delete"), "1");
    assert_eq!(pragma("foreign_keys"), "1");
    assert_eq!(pragma("temp_store"), "2", "MEMORY");
    let lax = "SELECT count(*) FROM pragma_table_list WHERE NOT strict AND name NOT LIKE 'sqlite%'";
    let lax: i64 = store.connection.query_row(lax, [], |row| row.get(0)).unwrap();
    assert_eq!(lax, 0);
}

#[test]
fn all_files_are_closed_to_others() {
    let home = Home::new();
    let mut store = home.open();
    done(&mut store, &[reserve(1, at(0), &[])]);
    let mut names = Vec::new();
    for entry in fs::read_dir(home.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(names, ["tokend.db", "tokend.db-wal", "tokend.lock", "tokend.mark"]);
}

#[test]
fn closing_moves_the_log_into_the_database() {
    let home = furnished();
    assert!(!home.path().join("tokend.db-wal").exists());
    assert_eq!(loaded(&mut home.open()).len(), 1);
}
