//! Pages of the walk over all sessions.
//!
//! Costs Redis many small bites, never a long one: a script looks at no more than 100 sessions. How long each took it
//! says itself, by Redis's clock; before those times, and what no script can see of itself, make 20 ms the page ends. The
//! way there and back is not counted, nor is what others had Redis do meanwhile.
//!
//! A search by the beginning of an id finds few, in partitions that nobody knows, and so does any walk over a store that
//! holds few: a plain command asks each partition first whether there is one at all, for less than what a script costs
//! that finds nothing. So a store that holds few is one page.

use std::collections::VecDeque;

use redis::{Cmd, Value};

use super::Redis;
use super::layout::slot_of;
use super::reads::read_failed;
use super::reply::Reply;
use super::script::{Call, PAGE};
use crate::domain::{Partition, Record, Role, SessionId, UserId};
use crate::store::page::PAGE_TIME_US;
use crate::store::{Filter, Page, Place, StoreError, codec};

/// Sessions that one script looks at: a millisecond of a Redis that holds a million.
const LOOKED_AT: usize = 100;
/// Sessions that one round trip looks at in all partitions, if they are as full as those before.
const AT_ONCE: usize = 1_000;
/// Partitions of one round trip, at first and at most: most may be empty.
const WIDTH: usize = 4;
const MAX_WIDTH: usize = 128;
/// When a page ends, in microseconds: the rest of its time is for what a round trip takes longer than the one before it,
/// and for a processor that others use as well.
const ENDS_AT_US: u64 = PAGE_TIME_US * 7 / 10;
/// What a script costs beside the time that it says, in microseconds: to be read, begun and answered.
const CALL_US: u64 = 25;
/// And for each session that it looked at: they are listed before it looks at the clock.
const LISTED_US: u64 = 1;
/// Partitions of one round trip at most that are asked whether any session is there: Redis does nothing else for one
/// millisecond. At first as few as [`WIDTH`]: of a full store hardly any is empty.
const MAX_ASKED: usize = 256;
/// What that costs for one of them at most, in microseconds: up to 128 seats are a list that Redis walks over, more a
/// tree that costs a third.
const ASK_US: u64 = 6;

/// What a walk knows by now.
struct Walk<'a> {
    filter: &'a Filter,
    node_ttl_ms: u64,
    limit: usize,
    page: Page,
    /// Partitions of the next round trip.
    width: usize,
    /// Microseconds of Redis: those that it has cost, and those that the next round trip will.
    spent_us: u64,
    next_us: u64,
    /// Sessions looked at, and partitions looked at to their end.
    looked: usize,
    finished: usize,
    /// The partitions that have any, of those before `unasked`; `None` behind the last one.
    found: VecDeque<Partition>,
    unasked: Option<Partition>,
    /// How many are asked next.
    asks: usize,
}

/// What one partition answered.
struct Bite {
    micros: u64,
    looked: usize,
    /// The last looked at, if there are more.
    last: Option<Place>,
    records: Vec<Record>,
}

impl Redis {
    pub(super) async fn read_page(
        &self,
        filter: &Filter,
        limit: usize,
        after: Option<&Place>,
        node_ttl_ms: u64,
    ) -> Result<Page, StoreError> {
        let mut walk = Walk::new(filter, limit, node_ttl_ms);
        let mut start = filter.start(after);
        walk.unasked = start.as_ref().map(|place| place.partition);
        while let Some(place) = start {
            self.search(&mut walk, &place).await?;
            let window = walk.window(place);
            if window.is_empty() {
                break;
            }
            let calls: Vec<Call> = window
                .iter()
                .map(|place| walk.call(self.keys.of_partition(place.partition), place))
                .collect();
            let answers = self.commands.run_all(&calls).await.map_err(read_failed)?;
            let bites = window.iter().zip(answers).map(|(place, answer)| walk.bite(place.partition, answer));
            let bites = bites.collect::<Result<Vec<_>, _>>()?;
            let reached = walk.take(&window, bites);
            start = filter.start(Some(&reached)).filter(|place| walk.may_find(place));
            if walk.is_over() {
                walk.page.next = start.is_some().then_some(reached);
                break;
            }
        }
        Ok(walk.page)
    }

    /// Asks as many partitions from this place on as the next round trip needs.
    async fn search(&self, walk: &mut Walk<'_>, place: &Place) -> Result<(), StoreError> {
        if !walk.asks_first() {
            return Ok(());
        }
        while walk.found.front().is_some_and(|found| *found < place.partition) {
            walk.found.pop_front();
        }
        while walk.found.len() < walk.width
            && let Some(first) = walk.unasked
        {
            let asked: Vec<Partition> =
                std::iter::successors(Some(first), |p| walk.filter.next(*p)).take(walk.asks).collect();
            let (from, to) = range(walk.filter, &Place { partition: first, last: None });
            let commands: Vec<(u16, Cmd)> = asked
                .iter()
                .map(|partition| {
                    let key = self.keys.live(*partition);
                    let mut command = redis::cmd("ZRANGEBYLEX");
                    // Not ZLEXCOUNT: it costs the same, and is one right more that a user would have to have.
                    command.arg(&key).arg(&from).arg(&to).arg("LIMIT").arg(0).arg(1);
                    (slot_of(&key), command)
                })
                .collect();
            let answers = self.commands.read_all(&commands).await.map_err(read_failed)?;
            walk.answered(&asked, answers)?;
        }
        Ok(())
    }
}

impl<'a> Walk<'a> {
    fn new(filter: &'a Filter, limit: usize, node_ttl_ms: u64) -> Self {
        Self {
            filter,
            node_ttl_ms,
            limit: limit.max(1),
            page: Page::default(),
            width: WIDTH,
            spent_us: 0,
            next_us: 0,
            looked: 0,
            finished: 0,
            found: VecDeque::new(),
            unasked: None,
            asks: WIDTH,
        }
    }

    /// Whether partitions may have nothing of what is wanted, as most have of a search, and all but a few of a store that
    /// is nearly empty. One user is in one of them.
    fn asks_first(&self) -> bool {
        self.filter.user.is_none()
    }

    /// Whether any may be from this place on.
    fn may_find(&self, place: &Place) -> bool {
        let is_found = |last: &Partition| *last >= place.partition;
        !self.asks_first() || self.unasked.is_some() || self.found.back().is_some_and(is_found)
    }

    /// Which of these partitions have any.
    fn answered(&mut self, asked: &[Partition], answers: Vec<Value>) -> Result<(), StoreError> {
        for (partition, answer) in asked.iter().zip(answers) {
            if !Reply::of(answer)?.is_empty() {
                self.found.push_back(*partition);
            }
        }
        self.unasked = asked.last().and_then(|last| self.filter.next(*last));
        self.spent_us += ASK_US * asked.len() as u64;
        self.asks = (self.asks * 4).min(MAX_ASKED);
        Ok(())
    }

    /// The partitions of the next round trip, from this place on; none where nothing is left.
    fn window(&self, place: Place) -> Vec<Place> {
        if !self.asks_first() {
            return vec![place];
        }
        let from = |partition: &Partition| {
            let begins = Place { partition: *partition, last: None };
            if *partition == place.partition { place.clone() } else { begins }
        };
        self.found.iter().map(from).take(self.width).collect()
    }

    fn call(&self, keys: Vec<Vec<u8>>, place: &Place) -> Call {
        let (from, to) = range(self.filter, place);
        Call::new(&PAGE, keys)
            .arg(from)
            .arg(to)
            .arg((2 * AT_ONCE / self.width).clamp(1, LOOKED_AT))
            .arg(self.limit - self.page.sessions.len())
            .arg(self.filter.class.map_or_else(String::new, |class| class.code().to_string()))
            .arg(self.filter.role.as_ref().map_or("", Role::as_str))
            .arg(self.filter.node.as_ref().map_or(&[][..], |node| node.as_bytes()))
            .arg(self.node_ttl_ms)
    }

    fn bite(&self, partition: Partition, answer: Value) -> Result<Bite, StoreError> {
        let mut reply = Reply::of(answer)?;
        let (micros, looked) = (reply.int()?, reply.int()?);
        let last = reply.optional()?.map(|member| place_of(partition, &member)).transpose()?;
        let snapshot = reply.snapshot(Some(self.node_ttl_ms))?;
        let (mut list, mut records) = (reply.list()?, Vec::new());
        while !list.is_empty() {
            let (id, raw, data) = (list.session_id()?, list.bytes()?, list.optional()?);
            match codec::decode(id, &raw) {
                Ok(stored) => records.push(snapshot.record(stored, data)?),
                Err(error) => {
                    tracing::error!(session = %id, %error, "a session's record is damaged; it is not listed")
                }
            }
        }
        Ok(Bite { micros, looked: usize::try_from(looked).unwrap_or(usize::MAX), last, records })
    }

    /// Takes what comes next in the order, and answers how far that reaches. What is behind a partition that has more,
    /// or behind a full page, was looked at for nothing.
    fn take(&mut self, window: &[Place], bites: Vec<Bite>) -> Place {
        let of = |bite: &Bite| CALL_US + LISTED_US * bite.looked as u64 + bite.micros;
        let last_us: u64 = bites.iter().map(of).sum();
        self.spent_us += last_us;
        let mut reached = window[0].clone();
        for (place, bite) in window.iter().zip(bites) {
            self.looked += bite.looked;
            reached = bite.last.unwrap_or(Place { partition: place.partition, last: None });
            let room = self.limit - self.page.sessions.len();
            let is_cut = bite.records.len() > room;
            self.page.sessions.extend(bite.records.into_iter().take(room));
            if is_cut && let Some(Record { session, .. }) = self.page.sessions.last() {
                return Place::behind(&session.user, session.id);
            }
            if reached.last.is_some() {
                break;
            }
            self.finished += 1;
            if self.page.sessions.len() == self.limit {
                break;
            }
        }
        let width = self.next_width(reached.last.is_some());
        self.next_us = last_us * width.max(window.len()) as u64 / window.len() as u64;
        self.width = width;
        reached
    }

    /// As many partitions as make a round trip's worth, by what was found until now.
    fn next_width(&self, has_more_there: bool) -> usize {
        if has_more_there {
            return 1;
        }
        let each = (self.looked / self.finished.max(1)).max(1);
        (AT_ONCE / each).clamp(1, (self.width * 4).min(MAX_WIDTH))
    }

    /// Full, or without the time for another round trip as long as the last one, or as much longer as it is wider.
    fn is_over(&self) -> bool {
        self.page.sessions.len() == self.limit || self.spent_us + self.next_us > ENDS_AT_US
    }
}

/// Which members of a partition's seats are asked for, as `ZRANGEBYLEX` takes them. Ids of users hold no control
/// character, so that all of a user's are between it with a byte 0 and it with a byte 1; and UTF-8 has no byte 255.
fn range(filter: &Filter, place: &Place) -> (Vec<u8>, Vec<u8>) {
    let joined = |sign: u8, parts: &[&[u8]]| {
        let mut bytes = vec![sign];
        parts.iter().for_each(|part| bytes.extend(*part));
        bytes
    };
    let (mut from, to) = match (&filter.user, &filter.prefix) {
        (Some(user), _) => {
            let user = user.as_str().as_bytes();
            (joined(b'[', &[user, b"\0"]), joined(b'(', &[user, b"\x01"]))
        }
        (None, Some(prefix)) if !prefix.is_empty() => {
            (joined(b'[', &[prefix.as_bytes()]), joined(b'(', &[prefix.as_bytes(), b"\xff"]))
        }
        (None, _) => (b"-".to_vec(), b"+".to_vec()),
    };
    if let Some((user, id)) = &place.last {
        let behind = joined(b'(', &[user.as_str().as_bytes(), b"\0", id.as_bytes()]);
        // A cursor of another walk may stand in front of this one's range.
        if from == b"-" || behind[1..] >= from[1..] {
            from = behind;
        }
    }
    (from, to)
}

/// The place of a member of a partition's seats.
fn place_of(partition: Partition, member: &[u8]) -> Result<Place, StoreError> {
    let read = || {
        let (user, id) = member.split_last_chunk::<16>()?;
        let id = SessionId::from_bytes(*id)?;
        let user = std::str::from_utf8(user.strip_suffix(b"\0")?).ok()?;
        Some(Place { partition, last: Some((UserId::parse("user", user).ok()?, id)) })
    };
    read().ok_or_else(|| StoreError::Corrupt("a seat is damaged".to_owned()))
}
