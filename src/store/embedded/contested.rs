//! How often users were taken over, in a table by period, and the questions to it.

use rusqlite::{Connection, OptionalExtension as _};

use super::disk::{as_i64, as_u64, unreadable};
use crate::domain::{Timestamp, UserId};
use crate::store::{Contested, Period, StoreError};

const PERIODS: [Period; 2] = [Period::Day, Period::Week];

fn kind(period: Period) -> u8 {
    match period {
        Period::Day => 0,
        Period::Week => 1,
    }
}

/// A login of `user` took over at `now`.
pub(super) fn count(connection: &Connection, user: &UserId, now: Timestamp) -> rusqlite::Result<()> {
    let mut add = connection.prepare_cached(
        "INSERT INTO takeover VALUES (?1, ?2, ?3, 1) ON CONFLICT DO UPDATE SET count = count + 1",
    )?;
    for period in PERIODS {
        add.execute((kind(period), as_i64(period.number(now)), user.as_str()))?;
    }
    Ok(())
}

pub(super) fn top(
    connection: &Connection,
    period: Period,
    now: Timestamp,
    top: usize,
) -> Result<Vec<Contested>, StoreError> {
    let read = || -> rusqlite::Result<Vec<(String, i64)>> {
        let mut query = connection.prepare_cached(
            "SELECT user, count FROM takeover WHERE period = ?1 AND number = ?2 ORDER BY count DESC, user LIMIT ?3",
        )?;
        let top = i64::try_from(top).unwrap_or(i64::MAX);
        let rows = query.query_map((kind(period), as_i64(period.number(now)), top), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        rows.collect()
    };
    let rows = read().map_err(unreadable)?;
    rows.into_iter()
        .map(|(user, takeovers)| {
            let user = UserId::parse("user", &user);
            let user = user.map_err(|_| StoreError::Corrupt("a contested user is none".to_owned()))?;
            Ok(Contested { user, takeovers: as_u64(takeovers) })
        })
        .collect()
}

/// How often the user was.
pub(super) fn takeovers_of(
    connection: &Connection,
    period: Period,
    now: Timestamp,
    user: &UserId,
) -> Result<Option<u64>, StoreError> {
    let read = || -> rusqlite::Result<Option<i64>> {
        let mut query = connection
            .prepare_cached("SELECT count FROM takeover WHERE period = ?1 AND number = ?2 AND user = ?3")?;
        let row = (kind(period), as_i64(period.number(now)), user.as_str());
        query.query_row(row, |row| row.get(0)).optional()
    };
    Ok(read().map_err(unreadable)?.map(as_u64))
}

/// One more than there are users that were more often.
pub(super) fn rank_at(
    connection: &Connection,
    period: Period,
    now: Timestamp,
    takeovers: u64,
) -> Result<u64, StoreError> {
    let read = || -> rusqlite::Result<i64> {
        let mut query = connection.prepare_cached(
            "SELECT count(*) FROM takeover WHERE period = ?1 AND number = ?2 AND count > ?3",
        )?;
        let row = (kind(period), as_i64(period.number(now)), as_i64(takeovers));
        query.query_row(row, |row| row.get(0))
    };
    Ok(as_u64(read().map_err(unreadable)?) + 1)
}

/// Whether there are counts of periods that are over.
pub(super) fn has_leftovers(connection: &Connection, now: Timestamp) -> rusqlite::Result<bool> {
    let mut query = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM takeover WHERE period = ?1 AND number < ?2)")?;
    for period in PERIODS {
        if query.query_row((kind(period), as_i64(period.number(now))), |row| row.get(0))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Drops some of them.
pub(super) fn purge(connection: &Connection, now: Timestamp, limit: i64) -> rusqlite::Result<()> {
    let mut delete = connection.prepare_cached(
        "DELETE FROM takeover WHERE (period, number, user) IN
             (SELECT period, number, user FROM takeover WHERE period = ?1 AND number < ?2 LIMIT ?3)",
    )?;
    for period in PERIODS {
        delete.execute((kind(period), as_i64(period.number(now)), limit))?;
    }
    Ok(())
}
