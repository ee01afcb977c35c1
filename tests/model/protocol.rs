//! What callers, nodes, the store and the network may do, one at a time and in any order; `steps` says what it does.

use stateright::{Model, Property};

use crate::guarantees;
use crate::store::{Rules, SESSIONS, Store, Who};
use crate::world::{Budget, Call, Kick, Node, World};

/// A protocol to explore: the rules, how much may go wrong, and what of the design holds.
#[derive(Debug, Clone)]
pub struct Protocol {
    pub rules: Rules,
    pub budget: Budget,
    /// A failover may also find an empty store.
    pub may_be_emptied: bool,
    pub design: Design,
}

/// Parts of the design, each of which can be left out to see what it is for.
#[derive(Debug, Clone, Copy)]
pub struct Design {
    /// The store refuses a login whose node has given it up.
    pub refuses_late_logins: bool,
    /// A node that has put a session out remembers its end like one that it asked for.
    pub remembers_what_it_told: bool,
    /// A fact whose call began before a failover and was answered after it is replayed too.
    pub replays_stragglers: bool,
    /// Nodes look for ended sessions without being told.
    pub renews: bool,
    /// Nodes replay and register again.
    pub restores: bool,
    /// A journal's ends are replayed before its logins.
    pub ends_first: bool,
    /// Of two tombstones of one session the earlier one stays, instead of the one that is there.
    pub earlier_end_stays: bool,
    /// The end of a session says nothing of a later one that goes by the same name.
    pub ends_know_their_generation: bool,
    /// A message of the primary that is gone comes before the news that it is gone, or not at all.
    pub messages_go_before_the_notice: bool,
    /// Who comes back yields to who is newer.
    pub goes_by_generation: bool,
    /// Who comes back needs a seat.
    pub counts_seats: bool,
    /// The word that a session was live does not undo its end.
    pub ended_is_final: bool,
}

impl Design {
    pub const WHOLE: Self = Self {
        refuses_late_logins: true,
        remembers_what_it_told: true,
        replays_stragglers: true,
        renews: true,
        restores: true,
        ends_first: true,
        earlier_end_stays: true,
        ends_know_their_generation: true,
        messages_go_before_the_notice: true,
        goes_by_generation: true,
        counts_seats: true,
        ended_is_final: true,
    };
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Begun, carried out and answered.
    Login(Who, Node),
    /// The same step by step.
    Begin(Who, Node),
    Execute(Who),
    Answer(Who),
    LoseAnswer(Who),
    GiveUp(Who),
    Attach(Who, Node),
    Kick(Who, Node),
    AskToKick(Who, Node),
    ExecuteKick,
    AnswerKick,
    LoseKick,
    /// A message that is never delivered is a lost one.
    Deliver(usize),
    Renew(Node),
    ReplayEnd(Node, Who),
    ReplayLogin(Node, Who),
    RestoreMissing(Node, Who),
    RestoreYielded(Node, Who),
    StopReplication,
    Failover,
    Empty,
    Crash(Node),
}

impl Model for Protocol {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self.budget)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        self.progress(world, actions);
        self.wishes(world, actions);
        self.faults(world, actions);
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut next = world.clone();
        self.apply(&mut next, action);
        (next != *world).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        guarantees::all()
    }
}

impl Protocol {
    /// Nothing is under way any more: every answer is in, every node has replayed what it knows and renewed.
    pub fn is_settled(&self, world: &World) -> bool {
        let mut actions = Vec::new();
        self.progress(world, &mut actions);
        actions.is_empty()
    }

    /// What happens by itself if nothing comes between.
    fn progress(&self, world: &World, actions: &mut Vec<Action>) {
        for who in 0..SESSIONS as Who {
            match world.calls[usize::from(who)] {
                Call::Sent | Call::Late => actions.push(Action::Execute(who)),
                Call::Answered(_) => actions.push(Action::Answer(who)),
                _ => {}
            }
        }
        match world.kick {
            Kick::Sent(..) => actions.push(Action::ExecuteKick),
            Kick::Answered(..) => actions.push(Action::AnswerKick),
            _ => {}
        }
        for node in world.alive() {
            self.progress_of(world, node, actions);
        }
    }

    fn progress_of(&self, world: &World, node: Node, actions: &mut Vec<Action>) {
        let memory = &world.nodes[usize::from(node)];
        let finds = |who: Who| !world.store.is_live(who) && !memory.missing.has(who);
        let finds = |who: Who| finds(who) && memory.yields[usize::from(who)].is_none();
        if self.design.renews && memory.sockets.iter().any(finds) {
            actions.push(Action::Renew(node));
        }
        if !self.design.restores {
            return;
        }
        // Each end touches a session of its own: their order makes no difference.
        let first = memory.replay_ends.iter().next();
        actions.extend(first.map(|who| Action::ReplayEnd(node, who)));
        if memory.replay_ends.is_empty() || !self.design.ends_first {
            let first = memory.replay_logins.iter().min_by_key(|who| world.generation(*who));
            actions.extend(first.map(|who| Action::ReplayLogin(node, who)));
        }
        actions.extend(memory.missing.iter().map(|who| Action::RestoreMissing(node, who)));
        let yielded = (0..SESSIONS as Who).filter(|who| memory.yields[usize::from(*who)].is_some());
        actions.extend(yielded.map(|who| Action::RestoreYielded(node, who)));
    }

    /// What people may want.
    fn wishes(&self, world: &World, actions: &mut Vec<Action>) {
        let count = self.rules.logins.len() as Who;
        let may_be_slow = world.left.slow_calls > 0;
        // Logins are alike but for user and device: they begin in the order of their numbers.
        if let Some(who) = (0..count).find(|who| world.calls[usize::from(*who)] == Call::Idle) {
            // And so are the nodes: the first login goes through the first.
            for node in world.alive().filter(|node| who > 0 || *node == 0) {
                actions.push(Action::Login(who, node));
                actions.extend(may_be_slow.then_some(Action::Begin(who, node)));
            }
        }
        for who in 0..count {
            let can_be_used = world.generation(who).is_some() && !world.was_told(who);
            if !can_be_used || !world.store.is_live(who) {
                continue;
            }
            let has_socket = world.nodes.iter().any(|node| node.sockets.has(who));
            for node in world.alive() {
                actions.extend((!has_socket).then_some(Action::Attach(who, node)));
                if world.left.kicks > 0 && world.kick == Kick::Idle {
                    actions.push(Action::Kick(who, node));
                    actions.extend(may_be_slow.then_some(Action::AskToKick(who, node)));
                }
            }
        }
    }

    fn faults(&self, world: &World, actions: &mut Vec<Action>) {
        actions.extend((0..world.messages.len()).map(Action::Deliver));
        for who in 0..SESSIONS as Who {
            let call = world.calls[usize::from(who)];
            if matches!(call, Call::Answered(_)) && world.left.lost_answers > 0 {
                actions.push(Action::LoseAnswer(who));
            }
            if matches!(call, Call::Sent | Call::Answered(_)) && world.left.give_ups > 0 {
                actions.push(Action::GiveUp(who));
            }
        }
        if matches!(world.kick, Kick::Answered(..)) && world.left.lost_answers > 0 {
            actions.push(Action::LoseKick);
        }
        if world.left.failovers > 0 {
            match world.replica {
                None => actions.push(Action::StopReplication),
                Some(replica) if replica != world.store => actions.push(Action::Failover),
                Some(_) => {}
            }
            if self.may_be_emptied && world.store != Store::default() {
                actions.push(Action::Empty);
            }
        }
        if world.left.crashes > 0 {
            actions.extend(world.alive().map(Action::Crash));
        }
    }
}
