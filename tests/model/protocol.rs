//! The steps: what callers, nodes, the store and the network may do, one at a time and in any order.

use stateright::{Model, Property};

use crate::guarantees;
use crate::store::{End, Record, Rules, SESSIONS, Seated, Set, Store, Who, Why};
use crate::world::{Budget, Call, Kick, Memory, Node, World};

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

    fn apply(&self, world: &mut World, action: Action) {
        let remember = self.design.remembers_what_it_told;
        match action {
            Action::Login(who, node) => {
                for step in [Action::Begin(who, node), Action::Execute(who), Action::Answer(who)] {
                    self.login(world, step);
                }
            }
            Action::Begin(..) => {
                world.left.slow_calls -= 1;
                self.login(world, action);
            }
            Action::Execute(_) | Action::Answer(_) | Action::LoseAnswer(_) | Action::GiveUp(_) => {
                self.login(world, action);
            }
            Action::Kick(who, node) => {
                for step in [Action::AskToKick(who, node), Action::ExecuteKick, Action::AnswerKick] {
                    self.kick(world, step);
                }
            }
            Action::AskToKick(..) => {
                world.left.slow_calls -= 1;
                self.kick(world, action);
            }
            Action::ExecuteKick | Action::AnswerKick | Action::LoseKick => self.kick(world, action),
            Action::Attach(who, node) => {
                let generation = world.generation(who).unwrap_or_default();
                let memory = world.node(node);
                memory.sockets.add(who);
                memory.floor = memory.floor.max(generation);
            }
            Action::Deliver(at) => {
                let message = world.messages.remove(at);
                world.evict(message.to, message.about, message.end, remember);
            }
            Action::Renew(node) => self.renew(world, node),
            Action::ReplayEnd(node, who) => {
                world.node(node).replay_ends.remove(who);
                let known = world.nodes[usize::from(node)].ends[usize::from(who)];
                world.restore(self, node, who, known);
            }
            Action::ReplayLogin(node, who) => {
                world.node(node).replay_logins.remove(who);
                world.restore(self, node, who, None);
            }
            Action::RestoreMissing(node, who) => {
                let known = world.nodes[usize::from(node)].ends[usize::from(who)];
                world.restore(self, node, who, known);
            }
            Action::RestoreYielded(node, who) => self.give_way(world, node, who),
            Action::StopReplication => world.replica = Some(world.store),
            Action::Failover => self.fail_over(world, world.replica.unwrap_or_default()),
            Action::Empty => self.fail_over(world, Store::default()),
            Action::Crash(node) => crash(world, node),
        }
    }

    fn login(&self, world: &mut World, action: Action) {
        match action {
            Action::Begin(who, node) => {
                let at = usize::from(who);
                world.calls[at] = Call::Sent;
                world.through[at] = node;
                world.floors[at] = world.nodes[usize::from(node)].floor;
                for other in 0..SESSIONS as Who {
                    if matches!(world.calls[usize::from(other)], Call::GivenUp | Call::Late) {
                        world.began_after[at].add(other);
                    }
                }
            }
            Action::Execute(who) => {
                let at = usize::from(who);
                let now = self.tick(world);
                let (seated, ended) = world.store.login(&self.rules, who, world.floors[at], now);
                world.publish(ended);
                if let Seated::Yes { generation, .. } = seated {
                    world.generations[at] = generation;
                }
                world.calls[at] =
                    if world.calls[at] == Call::Late { Call::GivenUp } else { Call::Answered(seated) };
            }
            Action::Answer(who) => {
                let at = usize::from(who);
                let Call::Answered(seated) = world.calls[at] else { return };
                world.calls[at] = Call::Told(seated);
                if let Seated::Yes { generation, replaced } = seated {
                    self.note_login(world, who, generation, replaced);
                }
                world.stragglers.remove(who);
            }
            Action::LoseAnswer(who) => {
                world.left.lost_answers -= 1;
                world.stragglers.remove(who);
                world.calls[usize::from(who)] = Call::Sent;
            }
            Action::GiveUp(who) => {
                world.left.give_ups -= 1;
                let call = &mut world.calls[usize::from(who)];
                let late = *call == Call::Sent && !self.design.refuses_late_logins;
                *call = if late { Call::Late } else { Call::GivenUp };
            }
            _ => {}
        }
    }

    /// The store has acknowledged a login to a node.
    fn note_login(&self, world: &mut World, who: Who, generation: u8, replaced: Set) {
        let node = world.through[usize::from(who)];
        let straggles = self.design.replays_stragglers && world.stragglers.has(who);
        for victim in replaced.iter() {
            // Its victims were older then, whatever they are by now.
            let end = End {
                at: self.created_at(generation),
                why: self.rules.takeover(victim, who),
                generation: world.generations[usize::from(victim)].min(generation),
            };
            self.note_end(world, node, victim, end, straggles);
        }
        let memory = world.node(node);
        memory.floor = memory.floor.max(generation);
        memory.logins.add(who);
        if straggles {
            memory.replay_logins.add(who);
        }
    }

    fn note_end(&self, world: &mut World, node: Node, who: Who, end: End, straggles: bool) {
        let memory = world.node(node);
        end.note(&mut memory.ends[usize::from(who)]);
        memory.acknowledged.add(who);
        if straggles {
            memory.replay_ends.add(who);
        }
    }

    fn kick(&self, world: &mut World, action: Action) {
        let next = if world.left.kicks > 0 { Kick::Idle } else { Kick::Over };
        match (action, world.kick) {
            (Action::AskToKick(who, node), _) => {
                world.left.kicks -= 1;
                world.kick = Kick::Sent(node, who);
            }
            (Action::ExecuteKick, Kick::Sent(node, who)) => {
                let now = self.tick(world);
                let end = world.store.end(who, now, Why::Kicked);
                if end.is_some() {
                    world.publish(Set::of(who));
                }
                world.kick = Kick::Answered(node, who, end);
            }
            (Action::AnswerKick, Kick::Answered(node, who, ended)) => {
                let straggles = self.design.replays_stragglers && world.kick_straggles;
                if let Some(end) = ended {
                    self.note_end(world, node, who, end, straggles);
                }
                world.kick_straggles = false;
                world.kick = next;
            }
            (Action::LoseKick, Kick::Answered(..)) => {
                world.left.lost_answers -= 1;
                world.kick_straggles = false;
                world.kick = next;
            }
            _ => {}
        }
    }

    fn renew(&self, world: &mut World, node: Node) {
        for who in world.nodes[usize::from(node)].sockets.iter() {
            match world.store.record(who) {
                Record::Live { .. } => {}
                Record::Ended { end, .. } => {
                    world.evict(node, who, end, self.design.remembers_what_it_told);
                }
                Record::Absent => world.node(node).missing.add(who),
            }
        }
    }

    /// Registers a session that yielded as ended by the one that it yielded to.
    fn give_way(&self, world: &mut World, node: Node, who: Who) {
        let Some(winner) = world.nodes[usize::from(node)].yields[usize::from(who)] else { return };
        let at = self.created_at(world.generations[usize::from(winner)]);
        let generation = world.generations[usize::from(who)];
        let end = End { at, why: self.rules.takeover(who, winner), generation };
        world.restore(self, node, who, Some(end));
    }

    /// Where clocks agree, a login's generation is when it was.
    fn created_at(&self, generation: u8) -> u8 {
        if self.rules.clocks_agree { generation } else { 0 }
    }

    /// The store's clock moves on.
    fn tick(&self, world: &mut World) -> u8 {
        world.clock += u8::from(self.rules.clocks_agree);
        world.clock
    }

    fn fail_over(&self, world: &mut World, to: Store) {
        world.left.failovers -= 1;
        // It takes its time.
        self.tick(world);
        if self.design.messages_go_before_the_notice {
            world.messages.clear();
        }
        world.store = to;
        world.replica = None;
        world.ended_here = Set::default();
        for who in 0..SESSIONS as Who {
            if to.end_of(who).is_some() {
                world.ended_here.add(who);
            }
            if matches!(world.calls[usize::from(who)], Call::Answered(_)) {
                world.stragglers.add(who);
            }
        }
        world.kick_straggles = matches!(world.kick, Kick::Answered(..));
        for memory in world.nodes.iter_mut().filter(|node| node.alive && self.design.restores) {
            memory.replay_logins = memory.logins;
            memory.replay_ends = Set::default();
            (0..SESSIONS as Who)
                .filter(|who| memory.ends[usize::from(*who)].is_some())
                .for_each(|who| memory.replay_ends.add(who));
        }
    }
}

fn crash(world: &mut World, node: Node) {
    world.left.crashes -= 1;
    *world.node(node) = Memory { alive: false, ..Default::default() };
    world.messages.retain(|message| message.to != node);
    for who in 0..SESSIONS {
        let open = matches!(world.calls[who], Call::Sent | Call::Answered(_));
        if open && world.through[who] == node {
            world.calls[who] = Call::GivenUp;
        }
    }
    if matches!(world.kick, Kick::Sent(by, _) | Kick::Answered(by, ..) if by == node) {
        world.kick = Kick::Over;
    }
}
