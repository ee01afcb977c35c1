//! What a seed stands for: who there is, what goes wrong, and when.

use std::time::Duration;

use super::fate::Fate;
use crate::domain::{OnFull, Victim};

/// The renewal interval of the nodes.
pub(super) const RENEW: Duration = Duration::from_millis(100);
pub(super) const GHOST_AFTER: Duration = Duration::from_millis(450);
/// How long a node waits for an answer.
pub(super) const PATIENCE: Duration = Duration::from_millis(60);

/// How late the answer of a primary may come that is gone by then.
pub(super) const STRAGGLING: Duration = Duration::from_millis(200);

/// The kinds of trouble, which take turns from seed to seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Messages are late, doubled, or lost without a word.
    Messages,
    /// So are calls: the store did it, and nobody heard.
    Calls,
    /// The store is away, or one node is cut off from it.
    Outages,
    /// A replica that lags becomes the primary.
    Failover,
    /// The store comes back empty.
    Emptied,
    /// A node dies.
    Crash,
    /// A failover, answers that get lost, and a node that dies.
    All,
}

impl Trouble {
    pub(super) const EVERY: [Self; 7] =
        [Self::Messages, Self::Calls, Self::Outages, Self::Failover, Self::Emptied, Self::Crash, Self::All];

    pub(super) fn forgets(self) -> bool {
        matches!(self, Self::Failover | Self::Emptied | Self::All)
    }

    pub(super) fn loses_calls(self) -> bool {
        matches!(self, Self::Calls | Self::All)
    }
}

/// Something that happens to the store or a node. Times are since the start.
#[derive(Debug, Clone, Copy)]
pub(super) enum Event {
    /// The store answers nobody.
    Away,
    /// And again, with all that it knew.
    Back,
    Cut(usize),
    Joined(usize),
    /// The replica gets no more.
    Lag,
    /// The replica is the primary.
    Promote,
    /// An empty store is.
    Empty,
    /// Messages to a node are lost for a moment, and it knows.
    Gap(usize),
    Crash(usize),
}

#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub trouble: Trouble,
    pub nodes: usize,
    pub users: usize,
    pub limit: u32,
    pub on_full: OnFull,
    pub victim: Victim,
    /// Most milliseconds on the way, each way.
    pub delay_ms: u64,
    pub lost_messages: u64,
    pub doubled_messages: u64,
    pub lost_calls: u64,
    /// In order.
    pub events: Vec<(u64, Event)>,
    pub steps: u64,
    /// Most milliseconds between two steps.
    pub pace_ms: u64,
}

impl Plan {
    pub(super) fn of(seed: u64) -> Self {
        let trouble = Trouble::EVERY[usize::try_from(seed % 7).unwrap_or_default()];
        let mut draws = Fate::of(seed).next("plan", b"");
        let mut plan = Self {
            trouble,
            nodes: draws.one_of(&[2, 2, 3]),
            users: draws.one_of(&[1, 2, 3]),
            limit: draws.one_of(&[1, 1, 2, 3]),
            on_full: draws.one_of(&[OnFull::KickOld, OnFull::KickOld, OnFull::KickOld, OnFull::DenyNew]),
            victim: draws.one_of(&[Victim::Oldest, Victim::Oldest, Victim::Idle]),
            delay_ms: draws.one_of(&[1, 3, 8]),
            lost_messages: draws.one_of(&[0, 20, 100]),
            doubled_messages: draws.one_of(&[0, 30]),
            lost_calls: if trouble.loses_calls() { draws.one_of(&[2, 6]) } else { 0 },
            events: Vec::new(),
            steps: 25 + draws.below(25),
            pace_ms: draws.one_of(&[3, 10, 30]),
        };
        let middle = plan.steps * plan.pace_ms / 4 + 20;
        let at = middle + draws.below(middle);
        let away = draws.one_of(&[1, 30, 120]);
        let node = usize::try_from(draws.below(plan.nodes as u64)).unwrap_or_default();
        plan.events = match trouble {
            Trouble::Messages | Trouble::Calls => vec![(at, Event::Gap(node))],
            Trouble::Outages if draws.percent(50) => vec![(at, Event::Away), (at + away, Event::Back)],
            Trouble::Outages => vec![(at, Event::Cut(node)), (at + 4 * away, Event::Joined(node))],
            Trouble::Emptied => vec![(at, Event::Away), (at + away, Event::Empty)],
            Trouble::Crash => vec![(at, Event::Crash(node))],
            Trouble::Failover | Trouble::All => {
                let lag = draws.one_of(&[0, 5, 40, 200]).min(at);
                vec![(at - lag, Event::Lag), (at, Event::Away), (at + away, Event::Promote)]
            }
        };
        if trouble == Trouble::All && draws.percent(50) {
            plan.events.push((at + away + draws.below(300), Event::Crash(node)));
        }
        plan
    }

    /// Both ways.
    pub(super) fn round_trip(&self) -> Duration {
        Duration::from_millis(2 * self.delay_ms + 2)
    }

    /// How long a call may take that is answered at all.
    pub(super) fn call(&self) -> Duration {
        let again = if self.trouble.loses_calls() { 2 * PATIENCE } else { Duration::ZERO };
        self.round_trip() + again
    }

    /// How long after its end was answered a client may go on: one renewal interval and its calls. Where calls get
    /// lost, a renewal may fail several times over.
    pub(super) fn out_within(&self) -> Duration {
        let tries = if self.trouble.loses_calls() { 5 } else { 1 };
        (RENEW + RENEW / 5 + 2 * self.call()) * tries
    }

    /// The same where no call is lost any more.
    pub(super) fn out_within_calm(&self) -> Duration {
        RENEW + RENEW / 5 + 2 * self.call()
    }

    /// How long after the store is back every guarantee holds again: each node replays its facts one after the
    /// other, then renews.
    pub(super) fn healed_within(&self) -> Duration {
        self.facts() + 2 * self.out_within()
    }

    pub(super) fn healed_within_calm(&self) -> Duration {
        self.facts() + 2 * self.out_within_calm()
    }

    fn facts(&self) -> Duration {
        let facts = u32::try_from(self.steps).unwrap_or(u32::MAX);
        facts * self.round_trip()
    }
}
