//! The exact count of live sessions and the newest of them, over all partitions.
//!
//! Costs Redis many small bites, never a long one: sixteen partitions a round trip, a few of the newest of each.
//! Only the partitions of which all that they gave is among the newest are asked for more.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use redis::Value;

use super::Redis;
use super::reads::read_failed;
use super::reply::Reply;
use super::script::{CENSUS, Call, LIST};
use crate::domain::{Generation, Partition, Record, SessionId};
use crate::store::{Census, StoreError};

/// About ten microseconds of Redis each.
const PARTITIONS_AT_ONCE: usize = 16;
/// With 1,024 partitions and a thousand of the newest, this is enough for nearly all.
const FIRST_ASKED: usize = 4;
/// How long it may take in all; it is minutes only if millions lapsed at once and nobody swept.
const BOUND: Duration = Duration::from_secs(20);

/// What a partition said of itself.
struct Tally {
    listed: u64,
    due: u64,
    asked: usize,
    newest: Vec<(Generation, SessionId)>,
}

impl Redis {
    pub(super) async fn count_all(&self, newest: usize, node_ttl_ms: u64) -> Result<Census, StoreError> {
        tokio::time::timeout(BOUND, self.count_unbounded(newest, node_ttl_ms))
            .await
            .unwrap_or_else(|_| Err(StoreError::Unavailable("too much to sweep before counting".to_owned())))
            .map_err(read_failed)
    }

    async fn count_unbounded(&self, newest: usize, node_ttl_ms: u64) -> Result<Census, StoreError> {
        let all: Vec<Partition> = Partition::all().collect();
        let mut tallies = BTreeMap::new();
        self.tally(&all, newest.min(FIRST_ASKED), &mut tallies).await?;
        let due: Vec<Partition> =
            tallies.iter().filter(|(_, tally)| tally.due > 0).map(|(partition, _)| *partition).collect();
        for partition in &due {
            loop {
                let swept = self.sweep_partition(*partition, None).await?;
                self.swept.fetch_add(swept.ended.into(), Ordering::Relaxed);
                if !swept.more {
                    break;
                }
            }
        }
        self.tally(&due, newest.min(FIRST_ASKED), &mut tallies).await?;

        // Each round asks some partitions for eight times as many, so the rounds are few.
        let mut among = newest_of(&tallies, newest);
        while let Some(&(lowest, _)) = among.last() {
            let wanting: Vec<Partition> = tallies
                .iter()
                .filter(|(_, tally)| tally.may_have_more_above(lowest))
                .map(|(p, _)| *p)
                .collect();
            let asked = wanting.iter().map(|partition| tallies[partition].asked).max().unwrap_or(0);
            if wanting.is_empty() || asked >= newest {
                break;
            }
            self.tally(&wanting, (asked * 8).min(newest), &mut tallies).await?;
            among = newest_of(&tallies, newest);
        }
        let count = tallies.values().map(|tally| tally.listed).sum();
        let newest = self.read_all(&among, node_ttl_ms).await?;
        Ok(Census { count, newest, swept: self.swept.swap(0, Ordering::Relaxed) })
    }

    async fn tally(
        &self,
        partitions: &[Partition],
        asked: usize,
        tallies: &mut BTreeMap<Partition, Tally>,
    ) -> Result<(), StoreError> {
        for some in partitions.chunks(PARTITIONS_AT_ONCE) {
            let calls: Vec<Call> = some
                .iter()
                .map(|partition| Call::new(&CENSUS, self.keys.of_partition(*partition)).arg(asked))
                .collect();
            for (partition, answer) in some.iter().zip(self.commands.run_all(&calls).await?) {
                tallies.insert(*partition, Tally::read(asked, answer)?);
            }
        }
        Ok(())
    }

    /// The records of these sessions, in their order; one that has ended meanwhile is left out.
    async fn read_all(
        &self,
        sessions: &[(Generation, SessionId)],
        node_ttl_ms: u64,
    ) -> Result<Vec<Record>, StoreError> {
        let mut by_partition: BTreeMap<Partition, Vec<SessionId>> = BTreeMap::new();
        for (_, id) in sessions {
            by_partition.entry(id.partition()).or_default().push(*id);
        }
        // A partition's ids in bites too, should one user hold many of the newest.
        let bites: Vec<(Partition, &[SessionId])> = by_partition
            .iter()
            .flat_map(|(partition, ids)| ids.chunks(PARTITIONS_AT_ONCE).map(|ids| (*partition, ids)))
            .collect();
        let mut records = Vec::with_capacity(sessions.len());
        for some in bites.chunks(PARTITIONS_AT_ONCE) {
            let calls: Vec<Call> = some
                .iter()
                .map(|(partition, ids)| {
                    let call = Call::new(&LIST, self.keys.of_partition(*partition)).arg("");
                    ids.iter().fold(call, |call, id| call.arg(id.as_bytes()))
                })
                .collect();
            for answer in self.commands.run_all(&calls).await? {
                let mut reply = Reply::of(answer)?;
                let snapshot = reply.snapshot(Some(node_ttl_ms))?;
                records.extend(snapshot.records_with_data(reply.list()?)?);
            }
        }
        records.retain(Record::is_live);
        records.sort_by_key(|record| std::cmp::Reverse(record.session.generation));
        Ok(records)
    }
}

impl Tally {
    fn read(asked: usize, answer: Value) -> Result<Self, StoreError> {
        let mut reply = Reply::of(answer)?;
        let (listed, due) = (reply.int()?, reply.int()?);
        let (mut list, mut newest) = (reply.list()?, Vec::new());
        while !list.is_empty() {
            let id = list.session_id()?;
            newest.push((Generation(list.int()?), id));
        }
        Ok(Self { listed, due, asked, newest })
    }

    /// All that it gave is among the newest, and it has more: those may be too.
    fn may_have_more_above(&self, lowest: Generation) -> bool {
        let given = self.newest.len();
        given == self.asked
            && (given as u64) < self.listed
            && self.newest.last().is_some_and(|(generation, _)| *generation >= lowest)
    }
}

/// The newest over all, highest generation first.
fn newest_of(tallies: &BTreeMap<Partition, Tally>, newest: usize) -> Vec<(Generation, SessionId)> {
    let mut all: Vec<(Generation, SessionId)> =
        tallies.values().flat_map(|tally| tally.newest.iter().copied()).collect();
    all.sort_unstable_by(|a, b| b.cmp(a));
    all.truncate(newest);
    all
}
