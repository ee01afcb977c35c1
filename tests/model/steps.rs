//! What each step does to the world.

use crate::protocol::{Action, Protocol};
use crate::store::{End, Record, SESSIONS, Seated, Set, Store, Who, Why};
use crate::world::{Call, Kick, Memory, Node, World};

impl Protocol {
    pub(super) fn apply(&self, world: &mut World, action: Action) {
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
