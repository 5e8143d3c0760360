//! Cells that were altered, cut or moved are noticed and left as they are.

use super::*;
use crate::ports::Damage;

/// A cell of a database: which, and how to find its row.
struct Place {
    column: &'static str,
    table: &'static str,
    row: &'static str,
}

const CREDENTIAL: Place = Place { column: "sealed", table: "credentials", row: "true" };
const TOKEN: Place = Place { column: "sealed", table: "tokens", row: "true" };
const REQUEST: Place = Place { column: "request", table: "issuances", row: "number = 3" };
const OUTCOME: Place = Place { column: "outcome", table: "issuances", row: "number = 2" };
const DATA_KEY: Place = Place { column: "data_key", table: "envelope", row: "true" };
const INDEX_KEY: Place = Place { column: "index_key", table: "envelope", row: "true" };

impl Place {
    fn read(&self, raw: &Connection) -> Vec<u8> {
        let Self { column, table, row } = self;
        let sql = format!("SELECT {column} FROM {table} WHERE {row}");
        raw.query_row(&sql, [], |row| row.get(0)).unwrap()
    }

    fn write(&self, raw: &Connection, content: &[u8]) {
        let Self { column, table, row } = self;
        let sql = format!("UPDATE {table} SET {column} = ? WHERE {row}");
        assert_eq!(raw.execute(&sql, [content]).unwrap(), 1);
    }

    /// Returns the cell with each byte altered in turn, and cut at each length.
    fn forgeries(&self, raw: &Connection) -> Vec<Vec<u8>> {
        let content = self.read(raw);
        let altered = (0..content.len()).map(|position| {
            let mut altered = content.clone();
            altered[position] ^= 0x10;
            altered
        });
        let cut = (0..content.len()).map(|length| content[..length].to_vec());
        altered.chain(cut).collect()
    }
}

fn damage(store: &mut Store<SplitMix>) -> Vec<Damage> {
    store.load(&at(1_000)).unwrap().damaged
}

#[test]
fn an_altered_or_cut_row_is_set_aside_and_left_as_it_is() {
    let home = furnished();
    let mut store = home.open();
    done(&mut store, &[Write::Credential(credential(2, "bystander")), reserve(3, at(20), &[])]);
    let row = "rowid = 1";
    for (place, named) in
        [(Place { row, ..CREDENTIAL }, false), (TOKEN, true), (REQUEST, true), (OUTCOME, true)]
    {
        let intact = place.read(&store.connection);
        for forgery in place.forgeries(&store.connection) {
            place.write(&store.connection, &forgery);
            let loaded = store.load(&at(1_000)).unwrap();
            assert_eq!(loaded.credentials.len(), 1, "{}", place.column);
            assert_eq!(loaded.credentials[0].credential.name.as_str(), "bystander");
            let [damage] = &loaded.damaged[..] else { panic!("{:?}", loaded.damaged) };
            let name = damage.credential.0.as_str();
            assert_eq!(name == "causely", named, "{name}");
            assert!(store.one(CredentialId([1; 16]), &at(1_000)).is_none());
            let cell = format!("{}.{} of row 0", place.table, place.column);
            assert!(damage.message.starts_with(&cell), "{}", damage.message);
            assert_eq!(place.read(&store.connection), forgery, "nothing was written over it");
        }
        place.write(&store.connection, &intact);
        assert_eq!(damage(&mut store), []);
    }
}

#[test]
fn an_altered_envelope_is_told_from_a_wrong_key() {
    let home = furnished();
    for place in [DATA_KEY, INDEX_KEY] {
        let intact = place.read(&home.raw());
        let forgeries = place.forgeries(&home.raw());
        for forgery in forgeries {
            place.write(&home.raw(), &forgery);
            let error = Store::open(home.path(), None, &key(1), SplitMix::new(3)).err().unwrap();
            assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
            assert_eq!(place.read(&home.raw()), forgery);
        }
        place.write(&home.raw(), &intact);
    }
    assert_eq!(damage(&mut home.open()), []);
}

/// A store with two credentials that have a token, an issuance that has ended and one that hasn't
/// each.
fn twins() -> (Home, Store<SplitMix>) {
    let home = furnished();
    let mut store = home.open();
    let id = CredentialId([2; 16]);
    let second = |number, at| {
        let Write::Reserve(reservation) = reserve(number, at, &[]) else { unreachable!() };
        Write::Reserve(Reservation { credential: id, ..reservation })
    };
    let (token, settled) = (token(2, "tw1n"), settled(at(21)));
    done(
        &mut store,
        &[
            Write::Credential(credential(2, "twin")),
            second(3, at(20)),
            Write::Token { credential: id, token, issuance: issuance(3), settled },
            reserve(4, at(30), &[]),
            second(5, at(30)),
        ],
    );
    assert_eq!(damage(&mut store), []);
    (home, store)
}

#[test]
fn rows_that_swapped_their_content_are_set_aside_both() {
    for (table, column, first, second) in [
        ("credentials", "sealed", "rowid = 1", "rowid = 2"),
        ("tokens", "sealed", "rowid = 1", "rowid = 2"),
        ("issuances", "request", "number = 4", "number = 5"),
        ("issuances", "outcome", "number = 2", "number = 3"),
    ] {
        let (_home, mut store) = twins();
        let first = Place { column, table, row: first };
        let second = Place { column, table, row: second };
        let (one, other) = (first.read(&store.connection), second.read(&store.connection));
        first.write(&store.connection, &other);
        second.write(&store.connection, &one);
        let loaded = store.load(&at(1_000)).unwrap();
        assert_eq!((loaded.credentials.len(), loaded.damaged.len()), (0, 2), "{table}.{column}");
        assert_eq!((first.read(&store.connection), second.read(&store.connection)), (other, one));
    }
}

/// A sealed cell: where, whose, and what is in it.
#[derive(Debug)]
struct Sealed {
    table: &'static str,
    column: &'static str,
    row: i64,
    owner: [u8; 16],
    content: Vec<u8>,
}

/// Whose an issuance is.
const OWNER: &str = "(SELECT id FROM ledger_credentials WHERE number = credential)";

/// Returns all cells of credentials, tokens and issuances.
fn cells(raw: &Connection) -> Vec<Sealed> {
    let columns = [
        ("credentials", "sealed", "id"),
        ("tokens", "sealed", "credential"),
        ("issuances", "request", OWNER),
        ("issuances", "outcome", OWNER),
    ];
    let mut cells = Vec::new();
    for (table, column, owner) in columns {
        let sql = format!("SELECT rowid, {owner}, {column} FROM {table} WHERE {column} NOT NULL");
        let mut statement = raw.prepare(&sql).unwrap();
        let rows = statement.query_map([], |row| {
            let (number, owner, content) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(Sealed { table, column, row: number, owner, content })
        });
        cells.extend(rows.unwrap().map(Result::unwrap));
    }
    cells
}

#[test]
fn whichever_two_cells_are_swapped_no_third_credential_is_harmed_and_none_gets_anothers() {
    let (_home, mut store) = twins();
    done(&mut store, &[Write::Credential(credential(3, "bystander"))]);
    let put = |raw: &Connection, Sealed { table, column, row, .. }: &Sealed, content: &[u8]| {
        let sql = format!("UPDATE {table} SET {column} = ? WHERE rowid = ?");
        assert_eq!(raw.execute(&sql, (content, row)).unwrap(), 1);
    };
    let cells = cells(&store.connection);
    assert!(cells.len() >= 10, "{}", cells.len());
    for (place, one) in cells.iter().enumerate() {
        for other in &cells[place + 1..] {
            put(&store.connection, one, &other.content);
            put(&store.connection, other, &one.content);
            let loaded = store.load(&at(1_000)).unwrap();
            for (id, name, token) in
                [(1, "causely", Some(1)), (2, "twin", Some(2)), (3, "bystander", None)]
            {
                let id = [id; 16];
                let found = loaded.credentials.iter().find(|it| it.credential.id.0 == id);
                let is_party = one.owner == id || other.owner == id;
                assert!(found.is_some() || is_party, "{name}: {one:?} {other:?}");
                if let Some(found) = found {
                    let held = found.token.as_ref().map(|token| token.id);
                    assert_eq!(found.credential.name.as_str(), name);
                    assert_eq!(held, token.map(|token| TokenId([token; 16])));
                }
            }
            put(&store.connection, one, &one.content);
            put(&store.connection, other, &other.content);
        }
    }
    assert_eq!(damage(&mut store), []);
}

#[test]
fn cells_that_moved_to_another_column_are_noticed() {
    let home = furnished();
    let mut store = home.open();
    done(&mut store, &[reserve(3, at(20), &[])]);
    for (from, to) in [(OUTCOME, REQUEST), (TOKEN, CREDENTIAL)] {
        let intact = to.read(&store.connection);
        to.write(&store.connection, &from.read(&store.connection));
        assert_eq!(damage(&mut store).len(), 1);
        to.write(&store.connection, &intact);
    }
    assert_eq!(damage(&mut store), []);
}

#[test]
fn an_issuance_that_was_given_to_another_credential_is_noticed() {
    let (_home, mut store) = twins();
    store
        .connection
        .execute_batch(
            "UPDATE issuances SET credential = \
             (SELECT credential FROM issuances WHERE number = 2) WHERE number = 5",
        )
        .unwrap();
    let damage = damage(&mut store);
    assert_eq!(damage.len(), 1);
    assert_eq!(damage[0].credential.0.as_str(), "causely");
}

#[test]
fn two_rows_with_one_name_are_set_aside_both() {
    let home = Home::new();
    let mut store = home.open();
    done(
        &mut store,
        &[
            Write::Credential(credential(1, "causely")),
            Write::Credential(credential(2, "causely")),
            Write::Credential(credential(3, "bystander")),
        ],
    );
    let loaded = store.load(&at(0)).unwrap();
    assert_eq!(loaded.credentials.len(), 1);
    let [damage] = &loaded.damaged[..] else { panic!("{:?}", loaded.damaged) };
    assert_eq!(damage.credential.0.as_str(), "causely");
    assert_eq!(damage.message, "several rows of credentials have this name");
}
