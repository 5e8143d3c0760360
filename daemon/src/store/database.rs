//! The database file: made, checked and connected to.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};
use tokend_core::Random;

use super::{Key, OpenError, envelope::Vault, privacy, schema};

/// Checks that there is a file at `path` that no other user can open.
pub(super) fn check(path: &Path) -> Result<(), OpenError> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(privacy::check(path, &metadata)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(OpenError::Missing { path: path.to_owned() })
        }
        Err(source) => Err(OpenError::io(path, source)),
    }
}

/// Makes a whole store at `path`, in place of what an interrupted attempt left.
pub(super) fn draft(path: &Path, key: &Key, random: &mut impl Random) -> Result<(), OpenError> {
    let io = |source| OpenError::io(path, source);
    let sqlite = |source| OpenError::sqlite(path, source);
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io(error)),
        _ => {}
    }
    privacy::create(path).map_err(io)?;
    let mut connection = connect(path).map_err(sqlite)?;
    // Nothing to roll back to: a draft that fails is thrown away.
    connection.pragma_update(None, "journal_mode", "OFF").map_err(sqlite)?;
    schema::create(&mut connection).map_err(sqlite)?;
    Vault::create(&connection, key, random).map_err(sqlite)?;
    connection.close().map_err(|(_, source)| sqlite(source))?;
    File::open(path).and_then(|file| file.sync_all()).map_err(io)
}

/// Has closing a connection leave the log alone.
pub(super) const KEEP_LOG: DbConfig = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;

/// Connects to a store to look at it. If it is refused it stays as it is, its log included.
pub(super) fn look(path: &Path) -> Result<Connection, OpenError> {
    let sqlite = |source| OpenError::sqlite(path, source);
    let connection = connect(path).map_err(sqlite)?;
    schema::check(&connection, path)?;
    Ok(connection)
}

/// Connects to a database file that exists. Closing the connection leaves its log as it is.
pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    // First: what isn't a database is noticed by any of the following.
    connection.set_db_config(KEEP_LOG, true)?;
    // Without others to share it with, the index of the log is in memory and not
    // in a file, for which a full disk would have no room at the next start.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "secure_delete", "ON")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    connection.pragma_update(None, "trusted_schema", "OFF")?;
    // Nothing but the database and its log is ever written.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // Else each new value of a LIMIT has its statement prepared again.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(connection)
}
