//! The tables, and whether a file is one of ours.
//!
//! | table | row | lifetime |
//! | --- | --- | --- |
//! | `meta` | a number by name: `schema`, `partitions`; `touched`, when the disk was last asked whether it takes writes, in µs | for ever |
//! | `live` | a live session's record | until it ends |
//! | `ended` | an ended session's record, when it ended | 7 days |
//! | `data` | a session's data; `until` once it has ended | 60 s after the end |
//! | `generation` | a partition's last | for ever: at most 1,024 |
//! | `event` | an event by partition and sequence; `at` never falls within a partition | `events_ttl`, of each partition the newest `events_max` / 1,024 |
//! | `disabled` | a disabled user, and since when | until enabled |
//! | `takeover` | how often a user was taken over in a day (`period` 0) or week (1), by its number | until that is over |
//! | `job` | a job (`store/job.rs`) | 1 day after its end |
//!
//! Connections, leases and throttle buckets are not here: they end with the process.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _};

use super::error::EmbeddedError;
use crate::domain::Partition;

const SCHEMA: i64 = 4;
/// What brings a file of one schema to the next.
const FROM_SCHEMA_1: &str = "
    ALTER TABLE disabled ADD COLUMN at INTEGER NOT NULL DEFAULT 0;
    UPDATE meta SET value = 2 WHERE name = 'schema';
";
const FROM_SCHEMA_2: &str = "
    CREATE TABLE takeover (
        period INTEGER NOT NULL, number INTEGER NOT NULL, user TEXT NOT NULL, count INTEGER NOT NULL,
        PRIMARY KEY (period, number, user)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX takeover_top ON takeover (period, number, count DESC, user);
    CREATE TABLE job (id BLOB PRIMARY KEY, job BLOB NOT NULL) STRICT, WITHOUT ROWID;
    UPDATE meta SET value = 3 WHERE name = 'schema';
";
const FROM_SCHEMA_3: &str = "
    CREATE INDEX event_at ON event (at, partition, sequence);
    UPDATE meta SET value = 4 WHERE name = 'schema';
";
const FILE: &str = "hotseat.db";
/// A backup tool may hold the file for a moment. More than that is a fault that callers should hear of.
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);

const TABLES: &str = "
    CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE live (id BLOB PRIMARY KEY, record BLOB NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE ended (id BLOB PRIMARY KEY, at INTEGER NOT NULL, record BLOB NOT NULL) STRICT, WITHOUT ROWID;
    CREATE INDEX ended_at ON ended (at);
    CREATE TABLE data (id BLOB PRIMARY KEY, json TEXT NOT NULL, until INTEGER) STRICT;
    CREATE INDEX data_until ON data (until) WHERE until IS NOT NULL;
    CREATE TABLE generation (partition INTEGER PRIMARY KEY, last INTEGER NOT NULL) STRICT;
    CREATE TABLE event (
        partition INTEGER NOT NULL, sequence INTEGER NOT NULL, at INTEGER NOT NULL, user TEXT NOT NULL,
        body TEXT NOT NULL, PRIMARY KEY (partition, sequence)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX event_at ON event (at, partition, sequence);
    CREATE TABLE disabled (user TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE takeover (
        period INTEGER NOT NULL, number INTEGER NOT NULL, user TEXT NOT NULL, count INTEGER NOT NULL,
        PRIMARY KEY (period, number, user)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX takeover_top ON takeover (period, number, count DESC, user);
    CREATE TABLE job (id BLOB PRIMARY KEY, job BLOB NOT NULL) STRICT, WITHOUT ROWID;
";

/// The connection that writes, to tables that are known to be right.
pub(super) fn open_for_writing(dir: &Path) -> Result<Connection, EmbeddedError> {
    let mut connection = Connection::open(dir.join(FILE))?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(EmbeddedError::NoWal { dir: dir.to_owned() });
    }
    // FULL: an answered login survives a power cut, not only a crash of the process.
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;")?;
    create_or_check(&mut connection, dir)?;
    Ok(connection)
}

/// Empty tables of nobody else's.
#[cfg(test)]
pub(super) fn open_in_memory() -> rusqlite::Result<Connection> {
    let connection = Connection::open_in_memory()?;
    connection.execute_batch(TABLES)?;
    Ok(connection)
}

/// A connection for lookups beside the writer.
pub(super) fn open_for_reading(dir: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(dir.join(FILE), flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

fn create_or_check(connection: &mut Connection, dir: &Path) -> Result<(), EmbeddedError> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let tables: i64 = transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables == 0 {
        transaction.execute_batch(TABLES)?;
        let mut set = transaction.prepare("INSERT INTO meta VALUES (?1, ?2)")?;
        set.execute(("schema", SCHEMA))?;
        set.execute(("partitions", Partition::COUNT))?;
        drop(set);
        transaction.commit()?;
        return Ok(());
    }
    let number = |name| -> Result<Option<i64>, EmbeddedError> {
        transaction
            .query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0))
            .optional()
            .map_err(|_| EmbeddedError::Foreign { dir: dir.to_owned() })
    };
    for (schema, to_next) in [(1, FROM_SCHEMA_1), (2, FROM_SCHEMA_2), (3, FROM_SCHEMA_3)] {
        if number("schema")? == Some(schema) {
            transaction.execute_batch(to_next)?;
        }
    }
    for (name, wanted) in [("schema", SCHEMA), ("partitions", i64::from(Partition::COUNT))] {
        let found = number(name)?;
        if found != Some(wanted) {
            let found = found.map_or_else(|| "none".to_owned(), |found| found.to_string());
            return Err(EmbeddedError::Mismatch { dir: dir.to_owned(), name, found, wanted });
        }
    }
    transaction.commit()?;
    Ok(())
}
