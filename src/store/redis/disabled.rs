//! Who is disabled, over all partitions: of each a list of names, which the script that writes a mark changes with it.
//!
//! The marks are the truth; the list only says where they lie. Costs Redis a few microseconds a partition and one
//! read a user, so that a page is full wherever there is more: 1,000 users take about 10 ms.

use redis::Cmd;

use super::Redis;
use super::layout::slot_of;
use super::reads::{mark_since, read_failed};
use super::reply::{Reply, bytes};
use crate::domain::{Partition, UserId};
use crate::store::{DisabledPage, DisabledUser, StoreError};

/// Partitions of one round trip: a few hundred microseconds of Redis.
const ASKED_AT_ONCE: usize = 256;
/// Of each at first, for most have none: with 256 of them as many as the largest page.
const FIRST_ASKED: usize = 4;

impl Redis {
    pub(super) async fn list_disabled(
        &self,
        prefix: &str,
        limit: usize,
        after: Option<&UserId>,
    ) -> Result<DisabledPage, StoreError> {
        let mut names = self.disabled_names(prefix, limit + 1, after).await?;
        let has_more = names.len() > limit;
        names.truncate(limit);
        let reads: Vec<(u16, Cmd)> = names
            .iter()
            .map(|user| {
                let key = self.keys.disabled(user);
                let mut get = redis::cmd("GET");
                get.arg(&key);
                (slot_of(&key), get)
            })
            .collect();
        let marks = self.commands.read_all(&reads).await.map_err(read_failed)?;
        let next = has_more.then(|| names.last().cloned()).flatten();
        let mut users = Vec::with_capacity(names.len());
        for (user, mark) in names.into_iter().zip(marks) {
            // Who was enabled in between is not listed.
            if let Some(mark) = Reply::of_values(vec![mark]).optional()?
                && let Some(at) = mark_since(&user, &mark)?
            {
                users.push(DisabledUser { user, at });
            }
        }
        Ok(DisabledPage { users, next })
    }

    /// The first `wanted` of them.
    async fn disabled_names(
        &self,
        prefix: &str,
        wanted: usize,
        after: Option<&UserId>,
    ) -> Result<Vec<UserId>, StoreError> {
        let first = after.map_or(Partition::FIRST, Partition::of);
        let partitions: Vec<Partition> = Partition::all().filter(|partition| *partition >= first).collect();
        let mut names = Vec::new();
        for some in partitions.chunks(ASKED_AT_ONCE) {
            let lists = self.ask_names(some, prefix, FIRST_ASKED.min(wanted), after).await?;
            for (partition, mut list) in some.iter().zip(lists) {
                let room = wanted - names.len();
                // It may have more, and they come before those of the next one.
                if list.len() == FIRST_ASKED && room > FIRST_ASKED {
                    list =
                        self.ask_names(&[*partition], prefix, room, after).await?.pop().unwrap_or_default();
                }
                names.extend(list.into_iter().take(room));
                if names.len() == wanted {
                    return Ok(names);
                }
            }
        }
        Ok(names)
    }

    /// Of each of these partitions the first `most`, by one plain command each.
    async fn ask_names(
        &self,
        partitions: &[Partition],
        prefix: &str,
        most: usize,
        after: Option<&UserId>,
    ) -> Result<Vec<Vec<UserId>>, StoreError> {
        let commands: Vec<(u16, Cmd)> = partitions
            .iter()
            .map(|partition| {
                let key = self.keys.all_disabled(*partition);
                let (from, to) = range(prefix, after.filter(|user| Partition::of(user) == *partition));
                let mut ask = redis::cmd("ZRANGEBYLEX");
                ask.arg(&key).arg(from).arg(to).arg("LIMIT").arg(0).arg(most);
                (slot_of(&key), ask)
            })
            .collect();
        let answers = self.commands.read_all(&commands).await.map_err(read_failed)?;
        answers.into_iter().map(|answer| names(Reply::of(answer)?)).collect()
    }
}

/// As `ZRANGEBYLEX` takes it. UTF-8 has no byte 255.
fn range(prefix: &str, after: Option<&UserId>) -> (Vec<u8>, Vec<u8>) {
    let joined = |sign: &[u8], text: &str, end: &[u8]| [sign, text.as_bytes(), end].concat();
    let to = if prefix.is_empty() { b"+".to_vec() } else { joined(b"(", prefix, b"\xff") };
    let from = match after {
        // A cursor of another walk may stand in front of this one's range.
        Some(user) if user.as_str() >= prefix => joined(b"(", user.as_str(), b""),
        _ if prefix.is_empty() => b"-".to_vec(),
        _ => joined(b"[", prefix, b""),
    };
    (from, to)
}

fn names(mut list: Reply) -> Result<Vec<UserId>, StoreError> {
    let mut names = Vec::new();
    while !list.is_empty() {
        let name = String::from_utf8(bytes(list.value()?)?).ok();
        let name = name.and_then(|name| UserId::parse("user", &name).ok());
        names.push(name.ok_or_else(|| StoreError::Corrupt("a disabled user is none".to_owned()))?);
    }
    Ok(names)
}
