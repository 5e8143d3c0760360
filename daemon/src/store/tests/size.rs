//! How much room the ledger takes.

use super::*;

/// Credentials, each with an account of its own, and how often each is asked for.
const CREDENTIALS: u8 = 100;
const TIMES: u64 = 100;

/// A row takes no more, its share in the indices included: with 1,000 credentials that are
/// refreshed each hour, the ledger's 40 days take less than 170 MB.
const MOST: i64 = 175;

#[test]
fn a_row_of_the_ledger_takes_little_room() {
    let home = Home::new();
    let mut store = home.open();
    for id in 1..=CREDENTIALS {
        done(&mut store, &[Write::Credential(credential(id, &format!("api-{id}")))]);
    }
    let mut random = SplitMix::new(1);
    for hour in 1..=TIMES {
        let mut batch = Vec::new();
        for id in 1..=CREDENTIALS {
            let Write::Reserve(reservation) = reserve(0, at(hour * 3_600), &[]) else {
                unreachable!("it is a reservation")
            };
            let name = format!("https://issuer.example|client-{id}");
            let account = Account { name, ..reservation.account.clone() };
            let (issuance, credential) = (IssuanceId::draw(&mut random), CredentialId([id; 16]));
            let cause = Cause::Aging;
            let wanted = Reservation { issuance, credential, account, cause, ..reservation };
            let came = at(hour * 3_600 + 1);
            let settled = settled(Stamp { date: Some(came.moment.wall), ..came });
            let token = token(id, "t0ken");
            let came = Write::Token { credential, token, issuance, settled };
            batch.extend([Write::Reserve(wanted), came]);
        }
        done(&mut store, &batch);
    }
    let size = |sql| store.connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    let rows = size("SELECT count(*) FROM issuances");
    store.connection.execute_batch("DELETE FROM issuances").unwrap();
    let free = "SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size";
    let each = size(free) / rows;
    println!("{each} bytes for each of {rows} rows of the ledger");
    assert!(each <= MOST, "{each} bytes");
}
