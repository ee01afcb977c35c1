//! Who was taken over most, over all partitions: the top of each, merged.

use std::collections::BTreeMap;

use redis::Value;

use super::Redis;
use super::layout::slot_of;
use super::reads::read_failed;
use super::reply::{Reply, bytes};
use super::script::{CONTESTED, Call};
use crate::domain::{Partition, Timestamp, UserId};
use crate::store::{Contested, Period, StoreError};

/// A few microseconds of Redis each.
const PARTITIONS_AT_ONCE: usize = 64;
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
        self.ask_contested(&name, &all, first, None, |partition, _, users| {
            tops.insert(partition, users);
        })
        .await?;
        let among = merged(&tops, top);
        // Where all that a partition gave is among the top, it may have more that is.
        let last = among.last().filter(|_| among.len() == top);
        let wanting: Vec<Partition> = tops
            .iter()
            .filter(|(_, users)| users.len() == first)
            .filter(|(_, users)| users.last().zip(last).is_none_or(|(least, last)| key(least) <= key(last)))
            .map(|(partition, _)| *partition)
            .collect();
        if first < top && !wanting.is_empty() {
            self.ask_contested(&name, &wanting, top, None, |partition, _, users| {
                tops.insert(partition, users);
            })
            .await?;
        }
        Ok(merged(&tops, top))
    }

    pub(super) async fn rank_contested(
        &self,
        user: &UserId,
        period: Period,
    ) -> Result<Option<(u64, u64)>, StoreError> {
        let partition = Partition::of(user);
        let name = period.name(self.time_at(partition).await?);
        let key = self.keys.contested(partition, &name);
        let mut ask = redis::cmd("ZSCORE");
        ask.arg(&key).arg(user.as_str());
        let takeovers = match self.commands.send_to(slot_of(&key), ask).await.map_err(read_failed)? {
            Value::Nil => return Ok(None),
            score => count(score)?,
        };
        let all: Vec<Partition> = Partition::all().collect();
        let mut above = 0;
        self.ask_contested(&name, &all, 0, Some(takeovers), |_, more, _| above += more).await?;
        Ok(Some((takeovers, above + 1)))
    }

    /// Of one primary, by a read: `read_clock` asks them all, and whether they take writes.
    async fn time_at(&self, partition: Partition) -> Result<Timestamp, StoreError> {
        let slot = slot_of(&self.keys.nodes(partition));
        let time = self.commands.send_to(slot, redis::cmd("TIME")).await.map_err(read_failed)?;
        Reply::of(time)?.int().map(|seconds| Timestamp::from_millis(seconds.saturating_mul(1_000)))
    }

    /// What each partition answers: how many were taken over more often than that, and the first `asked`.
    async fn ask_contested(
        &self,
        name: &str,
        partitions: &[Partition],
        asked: usize,
        more_than: Option<u64>,
        mut take: impl FnMut(Partition, u64, Vec<Contested>) + Send,
    ) -> Result<(), StoreError> {
        for some in partitions.chunks(PARTITIONS_AT_ONCE) {
            let score = more_than.map_or_else(String::new, |more_than| format!("-{more_than}"));
            let calls: Vec<Call> = some
                .iter()
                .map(|partition| {
                    Call::new(&CONTESTED, vec![self.keys.contested(*partition, name)]).arg(asked).arg(&score)
                })
                .collect();
            let answers = self.commands.run_all(&calls).await.map_err(read_failed)?;
            for (partition, answer) in some.iter().zip(answers) {
                let mut reply = Reply::of(answer)?;
                let above = reply.int()?;
                take(*partition, above, users(reply.list()?)?);
            }
        }
        Ok(())
    }
}

fn users(mut list: Reply) -> Result<Vec<Contested>, StoreError> {
    let mut users = Vec::new();
    while !list.is_empty() {
        let damaged = || StoreError::Corrupt("a contested user is none".to_owned());
        let name = String::from_utf8(list.bytes()?).map_err(|_| damaged())?;
        let user = UserId::parse("user", &name).map_err(|_| damaged())?;
        users.push(Contested { user, takeovers: count(list.value()?)? });
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
