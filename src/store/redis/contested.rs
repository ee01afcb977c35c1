//! Who was taken over most, over all partitions: the top of each, merged.

use std::collections::BTreeMap;

use redis::{Cmd, Value};

use super::Redis;
use super::layout::slot_of;
use super::reads::read_failed;
use super::reply::{Reply, bytes, int};
use crate::domain::{Partition, Timestamp, UserId};
use crate::store::{Contested, Period, StoreError};

/// Partitions of one round trip, of which each is asked for a number: a few hundred microseconds of Redis.
const COUNTED_AT_ONCE: usize = 256;
/// Users of one round trip: no more than that either.
const USERS_AT_ONCE: usize = 1_024;
/// Of each partition at first: with 1,024 of them enough for nearly all.
const FIRST_ASKED: usize = 4;

impl Redis {
    pub(super) async fn most_contested(
        &self,
        period: Period,
        top: usize,
    ) -> Result<Vec<Contested>, StoreError> {
        let name = period.name(self.time_at(Partition::FIRST).await?);
        let mut tops = BTreeMap::new();
        let all: Vec<Partition> = Partition::all().collect();
        let first = top.min(FIRST_ASKED);
        self.ask_tops(&name, &all, first, &mut tops).await?;
        let among = merged(&tops, top);
        // Where all that a partition gave is among the top, it may have more that is.
        let last = among.last().filter(|_| among.len() == top);
        let wanting: Vec<Partition> = tops
            .iter()
            .filter(|(_, users)| users.len() == first)
            .filter(|(_, users)| users.last().zip(last).is_none_or(|(least, last)| key(least) <= key(last)))
            .map(|(partition, _)| *partition)
            .collect();
        if first < top {
            self.ask_tops(&name, &wanting, top, &mut tops).await?;
        }
        Ok(merged(&tops, top))
    }

    pub(super) async fn count_takeovers(
        &self,
        user: &UserId,
        period: Period,
    ) -> Result<Option<u64>, StoreError> {
        let partition = Partition::of(user);
        let key = self.keys.contested(partition, &period.name(self.time_at(partition).await?));
        let mut ask = redis::cmd("ZSCORE");
        ask.arg(&key).arg(user.as_str());
        match self.commands.send_to(slot_of(&key), ask).await.map_err(read_failed)? {
            Value::Nil => Ok(None),
            score => count(score).map(Some),
        }
    }

    pub(super) async fn rank_contested(&self, takeovers: u64, period: Period) -> Result<u64, StoreError> {
        let name = period.name(self.time_at(Partition::FIRST).await?);
        let all: Vec<Partition> = Partition::all().collect();
        let mut above = 0;
        for some in all.chunks(COUNTED_AT_ONCE) {
            let answers = self.ask_contested(&name, some, |key| {
                let mut ask = redis::cmd("ZCOUNT");
                ask.arg(key).arg("-inf").arg(format!("(-{takeovers}"));
                ask
            });
            for answer in answers.await? {
                above += int(answer)?;
            }
        }
        Ok(above + 1)
    }

    /// Of one primary, by a read: `read_clock` asks them all, and whether they take writes.
    async fn time_at(&self, partition: Partition) -> Result<Timestamp, StoreError> {
        let slot = slot_of(&self.keys.nodes(partition));
        let time = self.commands.send_to(slot, redis::cmd("TIME")).await.map_err(read_failed)?;
        Reply::of(time)?.int().map(|seconds| Timestamp::from_millis(seconds.saturating_mul(1_000)))
    }

    /// Reads the first `asked` of each partition.
    async fn ask_tops(
        &self,
        name: &str,
        partitions: &[Partition],
        asked: usize,
        tops: &mut BTreeMap<Partition, Vec<Contested>>,
    ) -> Result<(), StoreError> {
        for some in partitions.chunks((USERS_AT_ONCE / asked.max(1)).clamp(1, COUNTED_AT_ONCE)) {
            let answers = self.ask_contested(name, some, |key| {
                let mut ask = redis::cmd("ZRANGE");
                ask.arg(key).arg(0).arg(asked.saturating_sub(1)).arg("WITHSCORES");
                ask
            });
            for (partition, answer) in some.iter().zip(answers.await?) {
                tops.insert(*partition, users(Reply::of(answer)?)?);
            }
        }
        Ok(())
    }

    /// Asks these partitions, by one plain command about each one's counts.
    async fn ask_contested(
        &self,
        name: &str,
        partitions: &[Partition],
        ask: impl Fn(&[u8]) -> Cmd + Send + Sync,
    ) -> Result<Vec<Value>, StoreError> {
        let command = |partition: &Partition| {
            let key = self.keys.contested(*partition, name);
            (slot_of(&key), ask(&key))
        };
        let commands: Vec<(u16, Cmd)> = partitions.iter().map(command).collect();
        self.commands.read_all(&commands).await.map_err(read_failed)
    }
}

/// Names and scores in turn, or, in RESP3, in pairs.
fn users(mut list: Reply) -> Result<Vec<Contested>, StoreError> {
    let mut users = Vec::new();
    while !list.is_empty() {
        let (name, score) = match list.value()? {
            pair @ Value::Array(_) => {
                let mut pair = Reply::of(pair)?;
                (pair.bytes()?, pair.value()?)
            }
            name => (bytes(name)?, list.value()?),
        };
        let damaged = || StoreError::Corrupt("a contested user is none".to_owned());
        let name = String::from_utf8(name).map_err(|_| damaged())?;
        let user = UserId::parse("user", &name).map_err(|_| damaged())?;
        users.push(Contested { user, takeovers: count(score)? });
    }
    Ok(users)
}

/// Scores are below 0, as text or, in RESP3, as a number.
fn count(score: Value) -> Result<u64, StoreError> {
    let text = match score {
        Value::Double(score) => format!("{score:.0}"),
        other => String::from_utf8_lossy(&bytes(other)?).into_owned(),
    };
    let count = text.strip_prefix('-').and_then(|digits| digits.parse().ok());
    count.ok_or_else(|| StoreError::Corrupt("a count of takeovers is none".to_owned()))
}

/// Most first; of equals the lower id.
fn key(contested: &Contested) -> (std::cmp::Reverse<u64>, &UserId) {
    (std::cmp::Reverse(contested.takeovers), &contested.user)
}

fn merged(tops: &BTreeMap<Partition, Vec<Contested>>, top: usize) -> Vec<Contested> {
    let mut all: Vec<Contested> = tops.values().flatten().cloned().collect();
    all.sort_unstable_by(|a, b| key(a).cmp(&key(b)));
    all.truncate(top);
    all
}
