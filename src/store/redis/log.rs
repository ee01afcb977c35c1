//! The log over all partitions, what no step has written, and what is told to every node.
//!
//! A page asks all partitions for a few entries each and those that run out first for more (`merge`). Its time is
//! bounded by what it looks at, so that the bound is the same on a slow wire: see [`LOOKED_AT`].

use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::try_join_all;

use super::entry::Entry;
use super::layout::slot_of;
use super::merge::{List, Merge};
use super::reads::read_failed;
use super::reply::Reply;
use super::script::{Call, EVENT};
use super::{Redis, entry};
use crate::config::EventsConfig;
use crate::domain::{Partition, Reason, UserId};
use crate::store::{
    Audience, EventFilter, EventId, EventPage, Feed, Log, Message, NewEvent, Notification, StoreError, codec,
};

/// Entries and commands of one page. Each costs Redis about 3 µs: 15 ms in all.
const LOOKED_AT: usize = 5_000;
/// Of one partition in the first round: with 1,024 of them, enough for a page of a hundred.
const FIRST_ASKED: usize = 2;
/// Of one partition in one command: a third of a millisecond.
const MOST_ASKED: usize = 128;
/// Commands that one primary gets at once: it serves others in between.
const AT_ONCE: usize = 128;

/// What a round of reading cost, and met.
struct Read {
    looked_at: usize,
    damaged: u64,
}

/// The bounds of the log as the scripts get them.
pub(super) fn bounds(events: EventsConfig) -> [String; 2] {
    [events.per_partition().to_string(), events.ttl_ms().to_string()]
}

#[async_trait]
impl Log for Redis {
    async fn events(
        &self,
        filter: &EventFilter,
        limit: usize,
        before: Option<EventId>,
    ) -> Result<EventPage, StoreError> {
        self.read_log(filter, limit, before).await.map_err(read_failed)
    }

    /// Once: sent again it would be written twice.
    async fn record(&self, event: &NewEvent) -> Result<(), StoreError> {
        let NewEvent { kind, user, reason, act, ip, device } = event;
        let partition = user.as_ref().map_or(Partition::FIRST, Partition::of);
        let call = Call::new(&EVENT, self.keys.of_partition(partition))
            .arg(kind.as_str())
            .arg(user.as_ref().map_or("", UserId::as_str))
            .arg(codec::ip_bytes(*ip))
            .arg(codec::device_bytes(device.as_ref()))
            .arg(reason.map_or(0, Reason::code))
            .act(act)
            .arg(&self.log_bounds[..]);
        self.commands.run(&call).await.map(drop)
    }

    fn feed(&self) -> Option<Feed> {
        self.subscriptions.notifier().feed()
    }

    /// One that fails, or is given up, may leave some feeds followed: others may follow them, and only who counts the
    /// watchers knows when the last has gone.
    async fn follow(&self) -> Result<(), StoreError> {
        let feeds: Vec<Vec<u8>> = Partition::all().map(|partition| self.keys.feed(partition)).collect();
        try_join_all(feeds.iter().map(|feed| self.subscriptions.subscribe(feed))).await?;
        Ok(())
    }

    fn unfollow(&self) {
        for partition in Partition::all() {
            self.subscriptions.unsubscribe(&self.keys.feed(partition));
        }
    }

    async fn notify(&self, notification: &Notification) -> Result<(), StoreError> {
        let channel = match &notification.to {
            Audience::User(user) => {
                let user =
                    UserId::parse("to.user", user).map_err(|error| StoreError::Corrupt(error.to_string()))?;
                self.keys.channel(&user)
            }
            Audience::Role(_) | Audience::Everybody => self.keys.everybody(),
        };
        self.publish(&channel, &Message::Notice(notification.clone())).await
    }
}

impl Redis {
    /// Once in a while tries to hear what is told to every node, until it does; from then on the subscription lives
    /// as those of users do.
    pub(super) async fn hear_everybody(
        subscriptions: super::Subscriptions,
        channel: Vec<u8>,
        mut backoff: super::Backoff,
    ) {
        while subscriptions.subscribe(&channel).await.is_err() {
            tokio::time::sleep(backoff.next().max(Duration::from_millis(1))).await;
        }
    }

    pub(super) async fn publish(&self, channel: &[u8], message: &Message) -> Result<(), StoreError> {
        let text = serde_json::to_string(message).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        let mut publish = redis::cmd(self.commands.channels.publish());
        publish.arg(channel).arg(text);
        self.commands.send_to(slot_of(channel), publish).await.map(drop)
    }

    async fn read_log(
        &self,
        filter: &EventFilter,
        limit: usize,
        before: Option<EventId>,
    ) -> Result<EventPage, StoreError> {
        let partitions: Vec<Partition> = match &filter.user {
            Some(user) => vec![Partition::of(user)],
            None => Partition::all().collect(),
        };
        let mut merge = Merge::new(&partitions, before.unwrap_or(EventId::MAX));
        let (mut events, mut damaged, mut looked_at, mut asked) = (Vec::new(), 0, 0, FIRST_ASKED);
        // A user's log is one, and most of it is others'.
        if partitions.len() == 1 {
            asked = MOST_ASKED;
        }
        loop {
            events.extend(merge.take(limit - events.len()));
            if events.len() >= limit || merge.is_over() || looked_at >= LOOKED_AT {
                break;
            }
            let mut lists = merge.in_the_way();
            let share = (LOOKED_AT - looked_at) / lists.len().max(1);
            let read = self.read_lists(filter, &mut lists, asked.min(share).max(1)).await?;
            looked_at += read.looked_at;
            damaged += read.damaged;
            merge.settle();
            asked = (asked * 4).min(MOST_ASKED);
        }
        let next = match events.last() {
            _ if merge.is_over() => None,
            Some(last) if events.len() >= limit => Some(last.id),
            _ => merge.frontier().or(before),
        };
        Ok(EventPage { events, next, damaged })
    }

    /// Reads each list further.
    async fn read_lists(
        &self,
        filter: &EventFilter,
        lists: &mut [&mut List],
        asked: usize,
    ) -> Result<Read, StoreError> {
        let since = filter.since.map_or_else(|| "-".to_owned(), |since| since.as_millis().to_string());
        let mut read = Read { looked_at: lists.len(), damaged: 0 };
        for some in lists.chunks_mut(AT_ONCE) {
            let mut commands = Vec::with_capacity(some.len());
            for list in some.iter() {
                let key = self.keys.log(list.partition);
                let mut command = redis::cmd("XREVRANGE");
                // An id that there is none before.
                let end = end(list.partition, list.oldest).unwrap_or_else(|| "0-0".to_owned());
                command.arg(&key).arg(end).arg(&since).arg("COUNT").arg(asked);
                commands.push((slot_of(&key), command));
            }
            for (list, answer) in some.iter_mut().zip(self.commands.read_all(&commands).await?) {
                let (mut entries, mut wanted, mut oldest, mut count) =
                    (Reply::of(answer)?, Vec::new(), None, 0);
                while !entries.is_empty() {
                    let (id, entry) = entry::of_stream(list.partition, entries.list()?)?;
                    match entry {
                        Entry::Event(event) => {
                            wanted.extend(Some(event).filter(|event| filter.admits(event)))
                        }
                        Entry::Damaged => read.damaged += 1,
                        Entry::Unknown => {}
                    }
                    oldest = Some(id);
                    count += 1;
                }
                read.looked_at += count;
                list.add(wanted, oldest, count < asked);
            }
        }
        Ok(read)
    }
}

/// The last entry of that log before a place in the order of all, as Redis is asked for it; `None` if there can be
/// none.
fn end(partition: Partition, before: EventId) -> Option<String> {
    match partition.cmp(&before.partition) {
        std::cmp::Ordering::Less => Some(before.ms.to_string()),
        std::cmp::Ordering::Greater => before.ms.checked_sub(1).map(|ms| ms.to_string()),
        std::cmp::Ordering::Equal if (before.ms, before.sequence) == (0, 0) => None,
        std::cmp::Ordering::Equal => Some(format!("({}-{}", before.ms, before.sequence)),
    }
}
