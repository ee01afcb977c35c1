//! Pages of the walk over all sessions, out of the memory.
//!
//! A page takes the state's lock again and again for a fraction of a millisecond, so that no login waits for it; the
//! time that counts is the time under the lock.

use std::time::{Duration, Instant};

use super::state::{Entry, State, View};
use super::{Embedded, unavailable};
use crate::store::page::PAGE_TIME_US;
use crate::store::{Filter, Page, Place, StoreError};

/// Sessions and partitions that are looked at under one lock.
const LOOKED_AT: usize = 500;

impl Embedded {
    pub(super) async fn read_page(
        &self,
        filter: &Filter,
        limit: usize,
        after: Option<&Place>,
        node_ttl_ms: u64,
    ) -> Result<Page, StoreError> {
        let walk = Walk {
            filter,
            limit: limit.max(1),
            view: View { now: self.now(), with_data: true, node_ttl_ms: Some(node_ttl_ms) },
        };
        let mut page = Page::default();
        let (mut spent, mut seen) = (Duration::ZERO, None);
        let mut start = filter.start(after);
        while let Some(place) = start {
            let (reached, took, batch, epoch) = self.look(|state| {
                let began = Instant::now();
                let reached = walk.some(state, place, &mut page);
                (reached, began.elapsed(), state.changed_in, state.epoch)
            })?;
            if seen.is_some_and(|(_, before)| before != epoch) {
                return Err(unavailable("the last write to the disk failed"));
            }
            seen = Some((batch, epoch));
            spent += took;
            start = filter.start(Some(&reached));
            if page.sessions.len() == walk.limit || spent + took > Duration::from_micros(PAGE_TIME_US) {
                page.next = start.is_some().then_some(reached);
                break;
            }
            tokio::task::yield_now().await;
        }
        if let Some((batch, epoch)) = seen {
            self.settled(batch, epoch).await?;
        }
        Ok(page)
    }
}

struct Walk<'a> {
    filter: &'a Filter,
    limit: usize,
    view: View,
}

impl Walk<'_> {
    /// Looks at what comes next from `place` on; answers how far it got.
    fn some(&self, state: &State, mut place: Place, page: &mut Page) -> Place {
        let mut looked = 0;
        loop {
            let from = self.from(&place);
            let seats = state.seats_from(place.partition, from);
            for entry in
                seats.skip_while(|entry| is_behind(&place, entry)).take_while(|it| self.is_in_range(it))
            {
                if self.is_wanted(state, entry) {
                    page.sessions.push(state.record(entry, self.view));
                }
                looked += 1;
                if page.sessions.len() == self.limit || looked >= LOOKED_AT {
                    return Place::behind(&entry.session.user, entry.session.id);
                }
            }
            looked += 1;
            match self.filter.next(place.partition) {
                Some(next) if looked < LOOKED_AT => place = Place { partition: next, last: None },
                _ => return Place { partition: place.partition, last: None },
            }
        }
    }

    /// The first user of the walk's range in a partition that was not looked at.
    fn from<'a>(&'a self, place: &'a Place) -> &'a str {
        let filter = self.filter.user.as_ref().map(|user| user.as_str()).or(self.filter.prefix.as_deref());
        let last = place.last.as_ref().map(|(user, _)| user.as_str());
        filter.max(last).unwrap_or_default()
    }

    fn is_in_range(&self, entry: &Entry) -> bool {
        let user = &entry.session.user;
        match (&self.filter.user, &self.filter.prefix) {
            (Some(wanted), _) => user == wanted,
            (None, Some(prefix)) => user.as_str().starts_with(prefix),
            (None, None) => true,
        }
    }

    fn is_wanted(&self, state: &State, entry: &Entry) -> bool {
        let Filter { class, role, node, .. } = self.filter;
        let session = &entry.session;
        session.lapsed(self.view.now).is_none()
            && class.is_none_or(|class| session.device.class == class)
            && role.as_ref().is_none_or(|role| session.roles.contains(role))
            && node.is_none_or(|node| state.node_of(session, self.view) == Some(node))
    }
}

/// Whether it was looked at when the walk was at `place`.
fn is_behind(place: &Place, entry: &Entry) -> bool {
    place.last.as_ref().is_some_and(|(user, id)| (&entry.session.user, &entry.session.id) <= (user, id))
}
