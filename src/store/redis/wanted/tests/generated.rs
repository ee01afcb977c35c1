//! Wishes, moves, losses and refusals in any order: in the end everything wanted is held where it belongs and
//! nowhere else, and the node was told of every gap.

use std::collections::VecDeque;

use proptest::prelude::*;
use tokio::sync::oneshot::Receiver;

use super::*;

const SERVERS: u16 = 3;

#[derive(Debug, Clone)]
enum Step {
    Want(usize),
    GiveUp,
    Forget(usize),
    /// Each third of the slots goes to one of the servers, or to nobody.
    Layout([u16; 3]),
    Connect(u16),
    Lose(u16),
    /// A subscriber takes its next batch.
    Ask(u16),
    /// The server carries out the next command of that batch, or refuses it.
    Serve(u16, bool),
    Retry(u16),
    /// A slot leaves without anybody asking.
    TakeAway(u16, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (channel, server) = (0..CHANNELS.len(), 1..=SERVERS);
    let step = prop_oneof![
        4 => channel.clone().prop_map(Step::Want),
        1 => Just(Step::GiveUp),
        2 => channel.clone().prop_map(Step::Forget),
        1 => prop::array::uniform3(0..=SERVERS).prop_map(Step::Layout),
        2 => server.clone().prop_map(Step::Connect),
        1 => server.clone().prop_map(Step::Lose),
        4 => server.clone().prop_map(Step::Ask),
        8 => (server.clone(), prop::bool::weighted(0.8)).prop_map(|(at, obeys)| Step::Serve(at, obeys)),
        1 => server.clone().prop_map(Step::Retry),
        1 => (server, channel).prop_map(|(at, channel)| Step::TakeAway(at, channel)),
    ];
    prop::collection::vec(step, 0..120)
}

/// Of all thirds.
const CHANNELS: [&[u8]; 6] = [b"foo", b"bar", b"a", b"b", b"c", b"d"];

/// A server, with what it really holds.
#[derive(Default)]
struct Real {
    source: Option<Source>,
    holds: HashSet<Channel>,
    asked: Option<(Work, VecDeque<(bool, Channel)>)>,
}

struct World {
    wanted: Wanted,
    real: Vec<Real>,
    layout: Arc<Layout>,
    waiting: Vec<Receiver<()>>,
    wishes: HashSet<usize>,
    told: Option<bool>,
}

fn layout(thirds: [u16; 3]) -> Arc<Layout> {
    let third = SLOTS / 3;
    let ranges = thirds.into_iter().zip(0..).filter(|(owner, _)| *owner > 0).map(|(owner, index)| {
        let last = if index == 2 { SLOTS - 1 } else { (index + 1) * third - 1 };
        (index * third, last, address(owner))
    });
    Arc::new(Layout::of_ranges(ranges))
}

impl World {
    fn new() -> Self {
        let layout = layout([1, 2, 3]);
        Self {
            wanted: wanted(Arc::clone(&layout)),
            real: (0..=SERVERS).map(|_| Real::default()).collect(),
            layout,
            waiting: Vec::new(),
            wishes: HashSet::new(),
            told: None,
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Want(channel) => {
                self.wishes.insert(channel);
                self.waiting.extend(self.wanted.want(CHANNELS[channel]));
            }
            // Whoever gives up may have been promised it a moment ago: only what is forgotten is certainly not wanted.
            Step::GiveUp => self.waiting.clear(),
            Step::Forget(channel) => {
                self.wishes.remove(&channel);
                self.wanted.forget(CHANNELS[channel]);
            }
            Step::Layout(thirds) => self.follow(layout(thirds)),
            Step::Connect(at) => self.connect(at),
            Step::Lose(at) => self.lose(at),
            Step::Ask(at) => self.ask(at),
            Step::Serve(at, obeys) => self.serve(at, obeys),
            Step::Retry(at) => {
                if let Some(source) = self.real[usize::from(at)].source.clone() {
                    self.wanted.retry(&source, 1);
                }
            }
            Step::TakeAway(at, channel) => self.take_away(at, CHANNELS[channel]),
        }
        self.hear_news();
    }

    fn follow(&mut self, layout: Arc<Layout>) {
        for at in 1..=SERVERS {
            // Its subscriber is stopped.
            if !layout.primaries().contains(&address(at)) {
                self.real[usize::from(at)] = Real::default();
            }
        }
        self.layout = Arc::clone(&layout);
        self.wanted.follow(layout, Instant::now());
    }

    fn connect(&mut self, at: u16) {
        let real = &mut self.real[usize::from(at)];
        if real.source.is_none() && self.layout.primaries().contains(&address(at)) {
            let source = Source { server: address(at), connection: self.wanted.number() };
            self.wanted.connected(&source).unwrap();
            real.source = Some(source);
        }
    }

    fn lose(&mut self, at: u16) {
        if let Some(source) = std::mem::take(&mut self.real[usize::from(at)]).source {
            self.wanted.lost(&source, Instant::now());
        }
    }

    fn ask(&mut self, at: u16) {
        let real = &mut self.real[usize::from(at)];
        let (Some(source), None) = (&real.source, &real.asked) else { return };
        let work = self.wanted.take(source, 2);
        let left = work.unsubscribe.iter().map(|channel| (false, Arc::clone(channel)));
        let commands = left.chain(work.subscribe.iter().map(|channel| (true, Arc::clone(channel)))).collect();
        real.asked = Some((work, commands));
    }

    fn serve(&mut self, at: u16, obeys: bool) {
        let real = &mut self.real[usize::from(at)];
        let (Some(source), Some((work, commands))) = (&real.source, &mut real.asked) else { return };
        match commands.pop_front() {
            Some((true, channel)) if obeys => {
                self.wanted.subscribed(source, &channel);
                real.holds.insert(channel);
            }
            Some((false, channel)) if obeys => {
                real.holds.remove(&channel);
                assert!(!self.wanted.unsubscribed(source, &channel), "it was asked for");
            }
            Some(_) => {}
            None => {
                self.wanted.settle(source, work);
                real.asked = None;
            }
        }
    }

    fn take_away(&mut self, at: u16, channel: &[u8]) {
        let real = &mut self.real[usize::from(at)];
        if let Some(source) = &real.source
            && real.holds.remove(channel)
        {
            self.wanted.unsubscribed(source, channel);
        }
    }

    fn hear_news(&mut self) {
        if let Some(connected) = self.wanted.news() {
            assert_eq!(connected, self.told == Some(false), "false and true take turns");
            self.told = Some(connected);
        }
        let all_held =
            self.wanted.channels.iter().filter(|(_, wish)| wish.promised).all(|(channel, wish)| {
                self.layout
                    .owner(wish.slot)
                    .is_some_and(|owner| self.real[usize::from(owner.port)].holds.contains(channel))
            });
        assert!(all_held || self.told == Some(false), "a promise that is not kept is a gap");
    }

    /// Everything works again.
    fn calm_down(&mut self) {
        self.follow(layout([1, 2, 3]));
        for at in 1..=SERVERS {
            self.connect(at);
            while self.real[usize::from(at)].asked.is_some() {
                self.serve(at, true);
            }
            let source = self.real[usize::from(at)].source.clone().unwrap();
            for _ in 0..CHANNELS.len() {
                self.wanted.retry(&source, 1);
            }
            while self.has_marked(at) {
                self.ask(at);
                while self.real[usize::from(at)].asked.is_some() {
                    self.serve(at, true);
                }
            }
            assert!(self.wanted.take(&source, MOST).is_empty());
        }
        self.hear_news();
    }

    fn has_marked(&self, at: u16) -> bool {
        self.wanted.servers[&address(at)].has_marked()
    }
}

proptest! {
    #[test]
    fn whatever_happens_the_servers_end_up_holding_what_is_wanted(steps in steps()) {
        let mut world = World::new();
        steps.iter().for_each(|step| world.step(step));
        world.calm_down();
        prop_assert!(world.wanted.is_hearing());
        prop_assert_ne!(world.told, Some(false), "the gap is over");
        for channel in world.wanted.channels.keys() {
            prop_assert!(world.wishes.iter().any(|wish| CHANNELS[*wish] == &**channel), "forgotten");
        }
        for at in 1..=SERVERS {
            for channel in CHANNELS {
                let held = world.real[usize::from(at)].holds.contains(channel);
                let owns = world.layout.owner(slot_of(channel)) == Some(&address(at));
                let wished = world.wanted.channels.contains_key(channel);
                prop_assert_eq!(held, wished && owns, "{:?} at {}", channel.escape_ascii().to_string(), at);
            }
        }
        for mut waiter in world.waiting {
            let waits = waiter.try_recv() == Err(tokio::sync::oneshot::error::TryRecvError::Empty);
            prop_assert!(!waits, "everybody was answered");
        }
    }
}
