//! Which channels the node wants, who has to be asked for each, and what is still to be done about it.
//!
//! Owns the wish and the judgement whether all promised is heard; the subscribers make it true. Without I/O, and
//! level-triggered: whatever happened in between, a channel that is marked at a server is brought to what is wanted
//! there now. Invariants: a channel is confirmed only while the owner of its slot has confirmed it on the connection
//! that there is now; every channel whose state at a server may differ from the wish is marked or parked there, or
//! part of what its subscriber is asking just now; the node is told of a gap exactly while something promised may go
//! unheard.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use self::server::Server;
use super::layout::{Address, Layout, SLOTS, slot_of};

mod server;
#[cfg(test)]
mod tests;

/// The name of one.
pub(super) type Channel = Arc<[u8]>;

/// Where something was heard: the server, and which of the connections to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    pub server: Address,
    pub connection: u64,
}

pub(super) struct Wanted {
    layout: Option<Arc<Layout>>,
    /// Every slot has an owner.
    complete: bool,
    /// Since when the layout is this one.
    since: Instant,
    servers: HashMap<Address, Server>,
    channels: HashMap<Channel, Wish>,
    /// Promised, and not confirmed by the owner of the slot.
    missing: HashSet<Channel>,
    told: Told,
    connections: u64,
}

struct Wish {
    slot: u16,
    /// Somebody was told once that it is subscribed: it stays wanted through a loss of the connection.
    promised: bool,
    waiting: Vec<oneshot::Sender<()>>,
}

impl Wish {
    fn of(slot: u16) -> Self {
        Self { slot, promised: false, waiting: Vec::new() }
    }

    /// A channel that nobody waits for any more, and that nobody was promised, is not wanted.
    fn stands(&self) -> bool {
        self.promised || self.waiting.iter().any(|waiting| !waiting.is_closed())
    }
}

/// What the node knows of the channel as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// Nothing yet: it starts with nothing to miss.
    Nothing,
    Whole,
    Broken,
}

/// What a round of a subscriber is to do.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Work {
    pub subscribe: Vec<Channel>,
    pub unsubscribe: Vec<Channel>,
}

impl Work {
    pub(super) fn is_empty(&self) -> bool {
        self.subscribe.is_empty() && self.unsubscribe.is_empty()
    }
}

/// Whether it makes sense to ask for a channel now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outlook {
    Connected,
    Away { since: Instant },
}

impl Wanted {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            layout: None,
            complete: false,
            since: now,
            servers: HashMap::new(),
            channels: HashMap::new(),
            missing: HashSet::new(),
            told: Told::Nothing,
            connections: 0,
        }
    }

    /// From now on these are the servers. Channels whose slot has another owner move; the others stay as they are.
    pub(super) fn follow(&mut self, layout: Arc<Layout>, now: Instant) {
        // Most slots have the owner of the one before.
        let mut owners: Vec<_> = (0..SLOTS).map(|slot| layout.owner(slot)).collect();
        owners.dedup();
        let owners: HashSet<_> = owners.into_iter().collect();
        self.servers.retain(|address, _| layout.primaries().contains(address));
        for address in layout.primaries() {
            let server = self.servers.entry(address.clone()).or_insert_with(|| Server::new(now));
            server.owns_slots = owners.contains(&Some(address));
        }
        self.complete = !owners.contains(&None);
        let before = self.layout.replace(Arc::clone(&layout));
        self.since = now;
        let owner_before = |slot| before.as_ref().and_then(|before| before.owner(slot));
        let moved: Vec<Channel> = self
            .channels
            .iter()
            .filter(|(_, wish)| owner_before(wish.slot) != layout.owner(wish.slot))
            .map(|(channel, _)| Arc::clone(channel))
            .collect();
        for channel in moved {
            if let Some(server) =
                owner_before(slot_of(&channel)).and_then(|owner| self.servers.get_mut(owner))
            {
                server.spare(&channel);
                if server.holds(&channel) {
                    server.mark(&channel);
                }
            }
            self.review(&channel);
        }
    }

    /// Wants a channel. `None`: it is subscribed already; else what to wait for.
    pub(super) fn want(&mut self, channel: &[u8]) -> Option<oneshot::Receiver<()>> {
        let (channel, slot) = (self.known(channel), slot_of(channel));
        let held = self.owner(slot).is_some_and(|server| server.holds(&channel));
        let wish = self.channels.entry(Arc::clone(&channel)).or_insert_with(|| Wish::of(slot));
        if held {
            wish.promised = true;
            return None;
        }
        let (done, waiter) = oneshot::channel();
        wish.waiting.retain(|waiting| !waiting.is_closed());
        wish.waiting.push(done);
        self.review(&channel);
        Some(waiter)
    }

    /// Wants a channel no longer.
    pub(super) fn forget(&mut self, channel: &[u8]) {
        let Some((channel, wish)) = self.channels.remove_entry(channel) else { return };
        self.missing.remove(&channel);
        if let Some(server) = self.owner(wish.slot) {
            server.spare(&channel);
            if server.holds(&channel) {
                server.mark(&channel);
            }
        }
    }

    /// The number of the next connection to any server.
    pub(super) fn number(&mut self) -> u64 {
        self.connections += 1;
        self.connections
    }

    /// There is a connection. Answers what tells that there is something to [`Self::take`]; `None` if the server is
    /// none of the layout any more.
    pub(super) fn connected(&mut self, source: &Source) -> Option<Arc<Notify>> {
        let server = self.servers.get_mut(&source.server)?;
        server.connection = Ok(source.connection);
        Some(Arc::clone(&server.changed))
    }

    /// The connection is gone and with it every subscription: all that is wanted there is to be done again.
    pub(super) fn lost(&mut self, source: &Source, now: Instant) {
        let Some(server) = self.server(source) else { return };
        server.disconnect(now);
        let here: Vec<Channel> = self
            .channels
            .iter()
            .filter(|(_, wish)| self.is_owner(&source.server, wish.slot))
            .map(|(channel, _)| Arc::clone(channel))
            .collect();
        here.iter().for_each(|channel| self.review(channel));
    }

    /// What to ask of that server next, about at most `most` channels, and all of it answered before this is asked
    /// again (`settle`). With nothing left to ask the server has caught up.
    pub(super) fn take(&mut self, source: &Source, most: usize) -> Work {
        let mut work = Work::default();
        while work.is_empty() {
            let Some(server) = self.server(source) else { break };
            let batch = server.next_marked(most);
            if batch.is_empty() {
                server.caught_up |= !server.has_marked() && !server.has_parked();
                break;
            }
            for channel in batch {
                let wished = self.is_wished(&source.server, &channel);
                let Some(server) = self.server(source) else { break };
                match (wished, server.holds(&channel)) {
                    (true, false) => work.subscribe.push(channel),
                    (false, true) => {
                        server.leave(&channel);
                        work.unsubscribe.push(channel);
                    }
                    _ => {}
                }
            }
        }
        work
    }

    /// The server has come past all of that work, and everything that it said about it was heard. What it did not do
    /// it refused; whether there was any such.
    pub(super) fn settle(&mut self, source: &Source, work: &Work) -> bool {
        let mut refused = false;
        for channel in &work.subscribe {
            let wished = self.is_wished(&source.server, channel);
            let Some(server) = self.server(source) else { return false };
            if wished && !server.holds(channel) {
                server.park(channel);
                refused = true;
            }
        }
        for channel in &work.unsubscribe {
            let wished = self.is_wished(&source.server, channel);
            let Some(server) = self.server(source) else { return false };
            if server.stayed(channel) {
                if !wished {
                    server.park(channel);
                    refused = true;
                }
                self.review(channel);
            }
        }
        refused
    }

    /// What was refused may be asked again, at most `most` channels of it.
    pub(super) fn retry(&mut self, source: &Source, most: usize) {
        if let Some(server) = self.server(source) {
            server.retry(most);
        }
    }

    pub(super) fn has_parked(&mut self, source: &Source) -> bool {
        self.server(source).is_some_and(|server| server.has_parked())
    }

    /// The server has confirmed it.
    pub(super) fn subscribed(&mut self, source: &Source, channel: &[u8]) {
        let channel = self.known(channel);
        let Some(server) = self.server(source) else { return };
        server.subscribed(&channel);
        self.review(&channel);
        // Forgotten or moved meanwhile, or everybody who asked has given up.
        if !self.is_wished(&source.server, &channel)
            && let Some(server) = self.server(source)
        {
            server.mark(&channel);
        }
    }

    /// The server has dropped it. Answers whether that is a loss: nobody had asked for it, and it is wanted.
    pub(super) fn unsubscribed(&mut self, source: &Source, channel: &[u8]) -> bool {
        let channel = self.known(channel);
        let wished = self.is_wished(&source.server, &channel);
        let Some(server) = self.server(source) else { return false };
        let lost = server.unsubscribed(&channel) && wished;
        if lost {
            server.park(&channel);
            self.review(&channel);
        }
        lost
    }

    pub(super) fn outlook(&self, channel: &[u8]) -> Outlook {
        let owner = self.layout.as_ref().and_then(|layout| layout.owner(slot_of(channel)));
        match owner.and_then(|owner| self.servers.get(owner)).map(|server| server.connection) {
            Some(Ok(_)) => Outlook::Connected,
            Some(Err(since)) => Outlook::Away { since },
            None => Outlook::Away { since: self.since },
        }
    }

    /// Whether every owner of slots is listened to.
    pub(super) fn is_hearing(&self) -> bool {
        self.complete && self.servers.values().all(|server| server.caught_up || !server.owns_slots)
    }

    /// What the node has to be told now: `false` that messages may get lost from here on, `true` that they do not
    /// any more.
    pub(super) fn news(&mut self) -> Option<bool> {
        let whole = self.is_hearing() && self.missing.is_empty();
        let (told, news) = match (self.told, whole) {
            (Told::Nothing, true) => (Told::Whole, None),
            (Told::Nothing, false) if self.missing.is_empty() => (Told::Nothing, None),
            (Told::Nothing | Told::Whole, false) => (Told::Broken, Some(false)),
            (Told::Broken, true) => (Told::Whole, Some(true)),
            (same, _) => (same, None),
        };
        self.told = told;
        news
    }

    /// Draws the conclusions for a channel from the wish, the layout and what its owner holds.
    fn review(&mut self, channel: &Channel) {
        let Some(wish) = self.channels.get_mut(channel) else { return };
        let owner = self.layout.as_ref().and_then(|layout| layout.owner(wish.slot));
        let server = owner.and_then(|owner| self.servers.get_mut(owner));
        let held = server.as_ref().is_some_and(|server| server.holds(channel));
        if held {
            for waiting in wish.waiting.drain(..) {
                wish.promised |= waiting.send(()).is_ok();
            }
        }
        if wish.promised && !held {
            self.missing.insert(Arc::clone(channel));
        } else {
            self.missing.remove(channel);
        }
        if let Some(server) = server
            && !(held && wish.promised)
        {
            server.mark(channel);
        }
    }

    /// Whether that server should hold it. A wish that nobody stands by any more is dropped.
    fn is_wished(&mut self, server: &Address, channel: &Channel) -> bool {
        let Some(wish) = self.channels.get(channel) else { return false };
        let (slot, stands) = (wish.slot, wish.stands());
        if !stands {
            self.channels.remove(channel);
            self.missing.remove(channel);
        }
        stands && self.is_owner(server, slot)
    }

    fn is_owner(&self, server: &Address, slot: u16) -> bool {
        self.layout.as_ref().is_some_and(|layout| layout.owner(slot) == Some(server))
    }

    /// The server of which this is heard; `None` for a connection that is no longer the one that there is.
    fn server(&mut self, source: &Source) -> Option<&mut Server> {
        self.servers.get_mut(&source.server).filter(|server| server.connection == Ok(source.connection))
    }

    fn owner(&mut self, slot: u16) -> Option<&mut Server> {
        self.servers.get_mut(self.layout.as_ref()?.owner(slot)?)
    }

    /// The name as it is kept, if it is.
    fn known(&self, channel: &[u8]) -> Channel {
        self.channels.get_key_value(channel).map_or_else(|| channel.into(), |(known, _)| Arc::clone(known))
    }
}
