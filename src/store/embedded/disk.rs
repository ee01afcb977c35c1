//! What is durable: the records in SQLite.
//!
//! Owns reading everything at the start, writing a batch of changes in one transaction, and looking up what the
//! memory does not hold (ended sessions). Refuses to know why anything changed. Invariant: a batch is on the disk
//! whole or not at all.

use std::collections::HashMap;
use std::path::Path;
use std::sync::mpsc::{self, SyncSender};
use std::{mem, thread};

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior};
use uuid::Uuid;

use super::error::EmbeddedError;
use super::jobs::Kept;
use super::state::{Entry, Mark, State};
use super::step::Changes;
use super::{contested, journal, schema};
use crate::config::EventsConfig;
use crate::domain::{Generation, Partition, SessionId, Timestamp, Tombstone, UserId};
use crate::store::codec::{self, Stored};
use crate::store::{Job, StoreError};

/// How long a session's data outlive it: as long as a login that ended it may be sent again.
const DATA_KEPT_MS: u64 = 60_000;
/// Rows that one round purges of each kind. 1,024 partitions every 5 minutes make about 700 a second at least,
/// and a round that found leftovers is followed by another at once.
const PURGE_LIMIT: i64 = 200;
/// Uses that one commit writes; what is left waits for the next, so that no login waits for thousands of them.
pub(super) const SEEN_LIMIT: usize = 512;

/// Sessions that one thread hands to the other at once while the directory is opened, and how many such lots may wait:
/// about 2 MB.
const LOAD_BATCH: usize = 512;
const LOAD_BATCHES: usize = 8;

pub(super) struct Disk {
    connection: Connection,
    /// How much of the log is kept.
    events: EventsConfig,
}

impl Disk {
    pub(super) fn open(dir: &Path, events: EventsConfig) -> Result<Self, EmbeddedError> {
        let connection = schema::open_for_writing(dir)?;
        // The statements of one commit and of the lookups.
        connection.set_prepared_statement_cache_capacity(48);
        Ok(Self { connection, events })
    }

    /// An empty one that lives as long as it is held.
    #[cfg(test)]
    pub(super) fn in_memory() -> Result<Self, EmbeddedError> {
        Ok(Self { connection: schema::open_in_memory()?, events: EventsConfig::default() })
    }

    /// Everything that is live, in one scan: this thread reads and decodes, another one builds the indexes, which takes as
    /// long. How many there are is not asked for before, for that would be a second scan.
    pub(super) fn load(&self, epoch: u64) -> Result<State, EmbeddedError> {
        let (sender, batches) = mpsc::sync_channel::<Vec<Entry>>(LOAD_BATCHES);
        let mut state = thread::scope(|scope| {
            let building = scope.spawn(move || {
                let mut state = State::new(epoch);
                batches.into_iter().flatten().for_each(|entry| state.add(entry));
                state
            });
            // Whatever becomes of it, the sender is gone then and the other thread comes to its end.
            let read = self.read_live(sender);
            let state = building.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            read.map(|()| state)
        })?;
        let mut generations = self.connection.prepare("SELECT partition, last FROM generation")?;
        let rows = generations.query_map([], |row| Ok((row.get::<_, u16>(0)?, row.get::<_, i64>(1)?)))?;
        let generations: HashMap<u16, i64> = rows.collect::<Result<_, _>>()?;
        let events = journal::last_events(&self.connection)?;
        for partition in Partition::all() {
            let part = state.part_mut(partition);
            let last = generations.get(&partition.index()).copied().unwrap_or(0);
            part.generation = Generation(as_u64(last));
            part.last_event = events.get(&partition.index()).copied().unwrap_or_default();
        }
        let mut disabled = self.connection.prepare("SELECT user, at FROM disabled")?;
        for row in disabled.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))? {
            let (name, at) = row?;
            let user =
                UserId::parse("disabled", &name).map_err(|error| StoreError::Corrupt(error.to_string()))?;
            let at = Timestamp::from_millis(as_u64(at));
            state.set_mark(&user, Mark { at, until: None, out_until: Some(at) });
        }
        let mut jobs = self.connection.prepare("SELECT id, job FROM job")?;
        for row in jobs.query_map([], |row| Ok((row.get::<_, [u8; 16]>(0)?, row.get::<_, Vec<u8>>(1)?)))? {
            let (id, job) = row?;
            let id = Uuid::from_bytes(id);
            match Job::decode(id, &job) {
                Ok((job, _)) => drop(state.jobs.insert(id, Kept::free(job))),
                // It is no reason not to serve; it is left as it lies.
                Err(error) => tracing::error!(%error, "a job is passed over"),
            }
        }
        Ok(state)
    }

    fn read_live(&self, batches: SyncSender<Vec<Entry>>) -> Result<(), EmbeddedError> {
        let mut data = self.live_data()?;
        let mut query = self.connection.prepare("SELECT id, record FROM live")?;
        let mut rows = query.query([])?;
        let mut batch = Vec::with_capacity(LOAD_BATCH);
        while let Some(row) = rows.next()? {
            let id = session_id(row.get(0)?)?;
            let mut stored = codec::decode(id, row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?)?;
            // Nobody is connected to a node that has just started.
            stored.session.presence.clear();
            batch.push(Entry::new(stored, data.remove(&id), 0));
            if batch.len() == LOAD_BATCH {
                // Nobody takes it only if the other thread has panicked, which is told where it is joined.
                let _ = batches.send(mem::replace(&mut batch, Vec::with_capacity(LOAD_BATCH)));
            }
        }
        let _ = batches.send(batch);
        Ok(())
    }

    fn live_data(&self) -> Result<HashMap<SessionId, Box<str>>, EmbeddedError> {
        let mut query = self.connection.prepare("SELECT id, json FROM data WHERE until IS NULL")?;
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.map(|row| {
            let (id, json): ([u8; 16], Box<str>) = row?;
            Ok((session_id(id)?, json))
        })
        .collect()
    }

    /// An ended session and its data, if they are still kept.
    pub(super) fn ended(
        &self,
        id: SessionId,
        now: Timestamp,
    ) -> Result<Option<(Stored, Option<String>)>, StoreError> {
        ended(&self.connection, id, now)
    }

    /// Whether a partition has rows that are past their time. Tombstones and data lie in one order for all
    /// partitions, so any round may find them.
    pub(super) fn has_leftovers(&self, partition: Partition, now: Timestamp) -> Result<bool, StoreError> {
        let ask = || {
            let mut query = self.connection.prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM ended WHERE at <= ?1)
                     OR EXISTS (SELECT 1 FROM data WHERE until <= ?2)
                     OR coalesce((SELECT at <= ?3 FROM event WHERE partition = ?4 ORDER BY sequence LIMIT 1), 0)",
            )?;
            query.query_row(
                (
                    millis(now.minus_millis(Tombstone::KEPT_MS)),
                    millis(now),
                    millis(now.minus_millis(self.events.ttl_ms())),
                    partition.index(),
                ),
                |row| row.get(0),
            )
        };
        let has = ask().and_then(|has| Ok(has || contested::has_leftovers(&self.connection, now)?));
        has.map_err(unreadable)
    }

    /// Writes a number that nobody reads; when it returns the disk has taken it.
    pub(super) fn touch(&self, now_us: u64) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO meta VALUES ('touched', ?1)")?
            .execute([as_i64(now_us)])
            .map(drop)
    }

    /// Writes the changes in one transaction; when it returns they survive a power cut. What of `seen` it did
    /// not write stays there.
    pub(super) fn commit(&mut self, state: &State, changes: &mut Changes) -> rusqlite::Result<()> {
        let written: Vec<SessionId> = changes.seen.iter().copied().take(SEEN_LIMIT).collect();
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for id in changes.records.iter().chain(written.iter().filter(|id| !changes.records.contains(id))) {
            write_record(&transaction, state, *id)?;
        }
        for id in &changes.data {
            write_data(&transaction, state, *id)?;
        }
        for partition in &changes.generations {
            let last = as_i64(state.part(*partition).generation.0);
            transaction
                .prepare_cached("INSERT OR REPLACE INTO generation VALUES (?1, ?2)")?
                .execute((partition.index(), last))?;
        }
        for user in &changes.marks {
            write_mark(&transaction, state, user)?;
        }
        for event in &changes.events {
            journal::append(&transaction, event, self.events.per_partition())?;
        }
        for (user, at) in &changes.takeovers {
            contested::count(&transaction, user, *at)?;
        }
        for id in &changes.jobs {
            write_job(&transaction, state, *id)?;
        }
        for (partition, now) in &changes.purge {
            purge(&transaction, *partition, *now, self.events.ttl_ms())?;
        }
        transaction.commit()?;
        for id in &written {
            changes.seen.remove(id);
        }
        Ok(())
    }
}

fn write_record(transaction: &Transaction<'_>, state: &State, id: SessionId) -> rusqlite::Result<()> {
    let Some(entry) = state.entry(id) else { return Ok(()) };
    let record = codec::encode(&entry.stored());
    let Some(end) = &entry.end else {
        let mut set = transaction.prepare_cached("INSERT OR REPLACE INTO live VALUES (?1, ?2)")?;
        return set.execute((id.as_bytes(), record)).map(drop);
    };
    transaction.prepare_cached("DELETE FROM live WHERE id = ?1")?.execute([id.as_bytes()])?;
    transaction.prepare_cached("INSERT OR REPLACE INTO ended VALUES (?1, ?2, ?3)")?.execute((
        id.as_bytes(),
        millis(end.at),
        record,
    ))?;
    if entry.data.is_some() {
        // Counted from the end; for one that lapsed long ago that may be past already.
        transaction
            .prepare_cached("UPDATE data SET until = ?2 WHERE id = ?1")?
            .execute((id.as_bytes(), millis(end.at.plus_millis(DATA_KEPT_MS))))?;
    }
    Ok(())
}

fn write_data(transaction: &Transaction<'_>, state: &State, id: SessionId) -> rusqlite::Result<()> {
    let Some(entry) = state.entry(id) else { return Ok(()) };
    let Some(json) = &entry.data else {
        return transaction
            .prepare_cached("DELETE FROM data WHERE id = ?1")?
            .execute([id.as_bytes()])
            .map(drop);
    };
    let until = entry.end.as_ref().map(|end| millis(end.at.plus_millis(DATA_KEPT_MS)));
    let mut set = transaction.prepare_cached("INSERT OR REPLACE INTO data VALUES (?1, ?2, ?3)")?;
    set.execute((id.as_bytes(), json.as_ref(), until)).map(drop)
}

/// That a user was enabled again is remembered in memory only: nothing that was answered is ever forgotten here, so
/// there is nothing to say again after a restart.
fn write_mark(transaction: &Transaction<'_>, state: &State, user: &UserId) -> rusqlite::Result<()> {
    match state.disabled_since(user) {
        Some(at) => transaction
            .prepare_cached("INSERT OR REPLACE INTO disabled VALUES (?1, ?2)")?
            .execute((user.as_str(), millis(at)))
            .map(drop),
        None => transaction
            .prepare_cached("DELETE FROM disabled WHERE user = ?1")?
            .execute([user.as_str()])
            .map(drop),
    }
}

fn write_job(transaction: &Transaction<'_>, state: &State, id: Uuid) -> rusqlite::Result<()> {
    let Some(kept) = state.jobs.get(&id) else {
        let mut delete = transaction.prepare_cached("DELETE FROM job WHERE id = ?1")?;
        return delete.execute([id.as_bytes()]).map(drop);
    };
    let mut set = transaction.prepare_cached("INSERT OR REPLACE INTO job VALUES (?1, ?2)")?;
    set.execute((id.as_bytes(), kept.job.encode(kept.until))).map(drop)
}

fn purge(
    transaction: &Transaction<'_>,
    partition: Partition,
    now: Timestamp,
    events_ttl_ms: u64,
) -> rusqlite::Result<()> {
    contested::purge(transaction, now, PURGE_LIMIT)?;
    let before = millis(now.minus_millis(Tombstone::KEPT_MS));
    transaction
        .prepare_cached("DELETE FROM ended WHERE id IN (SELECT id FROM ended WHERE at <= ?1 LIMIT ?2)")?
        .execute((before, PURGE_LIMIT))?;
    transaction
        .prepare_cached("DELETE FROM data WHERE id IN (SELECT id FROM data WHERE until <= ?1 LIMIT ?2)")?
        .execute((millis(now), PURGE_LIMIT))?;
    let before = millis(now.minus_millis(events_ttl_ms));
    transaction
        .prepare_cached(
            "DELETE FROM event WHERE partition = ?1 AND at <= ?2 AND sequence IN
                 (SELECT sequence FROM event WHERE partition = ?1 ORDER BY sequence LIMIT ?3)",
        )?
        .execute((partition.index(), before, PURGE_LIMIT))
        .map(drop)
}

/// An ended session and its data, if they are still kept.
pub(super) fn ended(
    connection: &Connection,
    id: SessionId,
    now: Timestamp,
) -> Result<Option<(Stored, Option<String>)>, StoreError> {
    let ask = || {
        let mut query = connection.prepare_cached(
            "SELECT record, json FROM ended LEFT JOIN data ON data.id = ended.id AND until > ?2
             WHERE ended.id = ?1 AND at > ?3",
        )?;
        let kept_since = millis(now.minus_millis(Tombstone::KEPT_MS));
        query
            .query_row((id.as_bytes(), millis(now), kept_since), |row| {
                Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Option<String>>(1)?))
            })
            .optional()
    };
    let found = ask().map_err(unreadable)?;
    found.map(|(record, data)| Ok((codec::decode(id, &record)?, data))).transpose()
}

/// A failed lookup: nothing was changed by it.
pub(super) fn unreadable(error: rusqlite::Error) -> StoreError {
    StoreError::Unavailable(format!("the database can't be read: {error}"))
}

fn session_id(bytes: [u8; 16]) -> Result<SessionId, StoreError> {
    SessionId::from_bytes(bytes).ok_or_else(|| StoreError::Corrupt("a session has an impossible id".into()))
}

fn millis(at: Timestamp) -> i64 {
    as_i64(at.as_millis())
}

/// SQLite's integers are signed; ours stay far below 2^63.
pub(super) fn as_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn as_u64(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
