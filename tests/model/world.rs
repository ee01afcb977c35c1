//! What there is in a history: the store and its replica, two nodes, the calls under way, the messages in the air.

use crate::protocol::Protocol;
use crate::store::{End, Restored, SESSIONS, Seated, Set, Store, Who};

pub const NODES: usize = 2;
pub type Node = u8;

/// One login, as its caller and its node see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Call {
    #[default]
    Idle,
    /// The request is on its way, for the first time or again.
    Sent,
    /// The store has answered; the node does not know it yet.
    Answered(Seated),
    /// The caller was told: it holds a token of this generation, or was refused.
    Told(Seated),
    /// The caller was told 503, and the node sends nothing any more.
    GivenUp,
    /// So it was, but the request still lies in the buffer of a store that hangs.
    Late,
}

/// The end of one session that an administrator asks a node for. Sent once: a lost answer is a 503.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Kick {
    #[default]
    Idle,
    Sent(Node, Who),
    /// With the tombstone, if it ended anything.
    Answered(Node, Who, Option<End>),
    Over,
}

/// What a node remembers. A node that died remembers nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Memory {
    pub alive: bool,
    /// Sessions with a socket here, which is to say with an image.
    pub sockets: Set,
    /// The journal: logins that the store acknowledged to this node,
    pub logins: Set,
    /// and ends.
    pub ends: [Option<End>; SESSIONS],
    /// Those of them that its callers were told of.
    pub acknowledged: Set,
    /// Sessions whose sockets this node has put out.
    pub told: Set,
    /// Of the journal, what the store may have forgotten and has yet to be told.
    pub replay_ends: Set,
    pub replay_logins: Set,
    /// Sessions that a renewal did not find.
    pub missing: Set,
    /// Sessions that were told to yield, and to whom.
    pub yields: [Option<Who>; SESSIONS],
    /// The highest generation seen.
    pub floor: u8,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            alive: true,
            sockets: Set::default(),
            logins: Set::default(),
            ends: [None; SESSIONS],
            acknowledged: Set::default(),
            told: Set::default(),
            replay_ends: Set::default(),
            replay_logins: Set::default(),
            missing: Set::default(),
            yields: [None; SESSIONS],
            floor: 0,
        }
    }
}

/// A message on its way to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Message {
    pub to: Node,
    pub about: Who,
    pub end: End,
}

/// What may still happen of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Budget {
    pub kicks: u8,
    pub failovers: u8,
    pub crashes: u8,
    /// Calls whose request or answer takes its time, so that other things happen in between.
    pub slow_calls: u8,
    pub lost_answers: u8,
    pub give_ups: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    pub store: Store,
    /// Where replication has stopped, if it has; what a failover promotes.
    pub replica: Option<Store>,
    pub calls: [Call; SESSIONS],
    /// Which node a login goes through.
    pub through: [Node; SESSIONS],
    /// The generation that a login was given last.
    pub generations: [u8; SESSIONS],
    /// The floor that a login was sent with.
    pub floors: [u8; SESSIONS],
    /// Which logins had been given up when this one began.
    pub began_after: [Set; SESSIONS],
    pub kick: Kick,
    pub nodes: [Memory; NODES],
    pub messages: Vec<Message>,
    /// What this primary has ended.
    pub ended_here: Set,
    /// Calls that a primary has answered which is gone, and whose answer the node does not know yet.
    pub stragglers: Set,
    pub kick_straggles: bool,
    pub clock: u8,
    pub left: Budget,
}

impl World {
    pub fn new(left: Budget) -> Self {
        Self {
            store: Store::default(),
            replica: None,
            generations: [0; SESSIONS],
            calls: [Call::Idle; SESSIONS],
            through: [0; SESSIONS],
            floors: [0; SESSIONS],
            began_after: [Set::default(); SESSIONS],
            kick: Kick::Idle,
            nodes: [Memory::default(); NODES],
            messages: Vec::new(),
            ended_here: Set::default(),
            stragglers: Set::default(),
            kick_straggles: false,
            clock: 0,
            left,
        }
    }

    pub fn node(&mut self, node: Node) -> &mut Memory {
        &mut self.nodes[usize::from(node)]
    }

    pub fn alive(&self) -> impl Iterator<Item = Node> + use<> {
        let alive: Vec<Node> =
            (0..NODES as Node).filter(|node| self.nodes[usize::from(*node)].alive).collect();
        alive.into_iter()
    }

    /// The generation that the caller of a login was told.
    pub fn generation(&self, who: Who) -> Option<u8> {
        match self.calls[usize::from(who)] {
            Call::Told(Seated::Yes { generation, .. }) => Some(generation),
            _ => None,
        }
    }

    /// The sessions that the last step ended are told of on their users' channels.
    pub fn publish(&mut self, ended: Set) {
        for who in ended.iter() {
            self.ended_here.add(who);
            let Some(end) = self.store.end_of(who) else { continue };
            for to in self.alive().filter(|node| self.nodes[usize::from(*node)].sockets.has(who)) {
                self.messages.push(Message { to, about: who, end });
            }
        }
        self.messages.sort_unstable();
        self.messages.dedup();
    }

    /// A node puts the sockets of a session out.
    pub fn evict(&mut self, node: Node, who: Who, end: End, remember: bool) {
        let memory = self.node(node);
        memory.missing.remove(who);
        memory.yields[usize::from(who)] = None;
        let had = memory.sockets.has(who);
        memory.sockets.remove(who);
        if remember && (had || memory.logins.has(who)) {
            end.note(&mut memory.ends[usize::from(who)]);
        }
        if had {
            memory.told.add(who);
        }
        self.messages.retain(|message| message.to != node || message.about != who);
    }

    /// Whether its client was told to go, which it obeys.
    pub fn was_told(&self, who: Who) -> bool {
        self.nodes.iter().any(|node| node.told.has(who))
    }

    /// Puts a session back into the store, from what a node remembers.
    pub fn restore(&mut self, protocol: &Protocol, node: Node, who: Who, known: Option<End>) {
        let Protocol { rules, design, .. } = protocol;
        let generation = self.generations[usize::from(who)];
        let (restored, ended) = self.store.restore(rules, design, who, generation, known, self.clock);
        if matches!(restored, Restored::Ended(_)) {
            self.ended_here.add(who);
        }
        self.publish(ended);
        let memory = self.node(node);
        memory.floor = memory.floor.max(generation);
        match restored {
            Restored::Live => {
                memory.missing.remove(who);
                memory.yields[usize::from(who)] = None;
            }
            Restored::Ended(end) => self.evict(node, who, end, design.remembers_what_it_told),
            Restored::Yields(winner) => {
                memory.missing.remove(who);
                memory.yields[usize::from(who)] = Some(winner);
            }
        }
    }

    /// The earliest end of a session that a node which lives was told of, if any told a caller.
    pub fn acknowledged(&self, who: Who) -> Option<End> {
        let told = self.nodes.iter().any(|node| node.acknowledged.has(who));
        let known = self.nodes.iter().filter_map(|node| node.ends[usize::from(who)]).min();
        // That of a login which was then sent again, and seated anew, is over.
        known.filter(|end| told && end.generation == self.generations[usize::from(who)])
    }

    /// Whether a node that lives remembers this session as live.
    pub fn is_remembered(&self, who: Who) -> bool {
        self.nodes.iter().any(|node| node.alive && (node.logins.has(who) || node.sockets.has(who)))
    }
}
