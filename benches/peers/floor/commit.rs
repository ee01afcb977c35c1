//! The floor of an embedded takeover: one row, durable before the next.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::drive::{Work, told};

/// About what a session takes on the disk (docs/benchmarks.md).
const ROW_BYTES: usize = 400;
/// As many rows as are written in turn: the file stays small, and no write is always of the same page.
const ROWS: u32 = 10_000;

pub struct Commit {
    turn: u32,
    connection: Connection,
    _dir: tempfile::TempDir,
}

/// One: SQLite has one writer.
pub fn workers(dir: &Path) -> Result<Vec<Commit>, String> {
    let dir = tempfile::tempdir_in(dir).map_err(told)?;
    let connection = Connection::open(dir.path().join("floor.sqlite")).map_err(told)?;
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).map_err(told)?;
    connection
        .execute_batch(
            "PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;
             CREATE TABLE seat (user INTEGER PRIMARY KEY, session BLOB NOT NULL)",
        )
        .map_err(told)?;
    Ok(vec![Commit { turn: 0, connection, _dir: dir }])
}

impl Work for Commit {
    async fn once(&mut self) -> Result<Duration, String> {
        self.turn += 1;
        let start = Instant::now();
        tokio::task::block_in_place(|| {
            let mut replace =
                self.connection.prepare_cached("INSERT OR REPLACE INTO seat VALUES (?1, ?2)")?;
            replace.execute((self.turn % ROWS, [0; ROW_BYTES]))
        })
        .map_err(told)?;
        Ok(start.elapsed())
    }
}
