//! The lines to all primaries, one each, and the way from a slot to its line.
//!
//! Owns starting and stopping them as the layout says, and noticing that a server that may have forgotten answers
//! for some partitions: that is told once its line is up, never at the first contact. Refuses to know what is
//! sent. Invariant: a line that nobody can find any more is stopped, and one that can be found is supervised.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connector::Connector;
use super::finder::Layouts;
use super::layout::{Address, Layout, SLOTS, slot_of};
use super::life::{Life, Lives};
use super::line::Line;
use super::notifier::Notifier;
use super::rights::Rights;
use super::supervisor::Supervisor;
use crate::chance::Chance;
use crate::domain::{Partition, PartitionSet};
use crate::store::keys::Keys;

/// Slots move one by one, and each that has moved is a reason to check: those of this time are told together.
const GATHER: Duration = Duration::from_millis(500);

/// Which line leads to which slot.
pub(super) struct Routes {
    /// `None` until one is found.
    layout: Option<Arc<Layout>>,
    lines: HashMap<Address, Arc<Line>>,
    owners: Result<Vec<Owner>, u16>,
    /// Since when it has been so.
    pub since: Instant,
}

/// A primary that owns slots.
pub(super) struct Owner {
    pub line: Arc<Line>,
    /// One of its slots.
    pub slot: u16,
    /// One of its partitions, if it has any.
    pub partition: Option<Partition>,
}

impl Routes {
    /// `slots`: that of each partition.
    fn new(layout: Option<Arc<Layout>>, lines: HashMap<Address, Arc<Line>>, slots: &[u16]) -> Self {
        let mut routes = Self { layout, lines, owners: Err(0), since: Instant::now() };
        routes.owners = routes.find_owners(slots);
        routes
    }

    pub(super) fn owner(&self, slot: u16) -> Option<&Arc<Line>> {
        self.lines.get(self.layout.as_ref()?.owner(slot)?)
    }

    pub(super) fn to(&self, address: &Address) -> Option<&Arc<Line>> {
        self.lines.get(address)
    }

    /// Each primary that owns slots; or a slot that nobody serves.
    pub(super) fn owners(&self) -> Result<&[Owner], u16> {
        self.owners.as_deref().map_err(|slot| *slot)
    }

    fn find_owners(&self, slots: &[u16]) -> Result<Vec<Owner>, u16> {
        let mut owners: Vec<Owner> = Vec::new();
        let of_partitions = Partition::all().zip(slots).map(|(partition, slot)| (*slot, Some(partition)));
        // Partitions first, so that who has one is asked about it.
        for (slot, partition) in of_partitions.chain((0..SLOTS).map(|slot| (slot, None))) {
            let line = self.owner(slot).ok_or(slot)?;
            // Neighbours mostly have the same owner.
            if !owners.iter().rev().any(|known| Arc::ptr_eq(&known.line, line)) {
                owners.push(Owner { line: Arc::clone(line), slot, partition });
            }
        }
        Ok(owners)
    }
}

/// What the lines are made of, and whom they tell.
pub(super) struct Means {
    pub connector: Arc<Connector>,
    pub keys: Keys,
    pub rights: Rights,
    pub told: Arc<Lives>,
    pub look_every: Duration,
    pub chance: Arc<Chance>,
    pub layouts: Layouts,
    pub notifier: Arc<Notifier>,
    pub tasks: TaskTracker,
}

/// The task that follows the layout.
pub(super) struct Lines {
    means: Means,
    routes: watch::Sender<Arc<Routes>>,
    /// Stops the supervisor of a line.
    stops: HashMap<Address, CancellationToken>,
    /// A line came up, or leads to another life.
    news: Arc<Notify>,
    slots: Vec<u16>,
}

impl Lines {
    /// The way to the lines, and the task to be spawned.
    pub(super) fn new(means: Means) -> (watch::Receiver<Arc<Routes>>, Self) {
        let slots: Vec<u16> =
            Partition::all().map(|partition| slot_of(&means.keys.nodes(partition))).collect();
        let (routes, receiver) = watch::channel(Arc::new(Routes::new(None, HashMap::new(), &slots)));
        let (stops, news) = (HashMap::new(), Arc::default());
        (receiver, Self { means, routes, stops, news, slots })
    }

    /// Runs until `stop`, then stops every line.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        stop.run_until_cancelled(self.follow(&stop)).await;
    }

    async fn follow(&mut self, stop: &CancellationToken) {
        let mut layouts = self.means.layouts.current.clone();
        layouts.mark_changed();
        let (mut may_look, mut is_due) = (Instant::now(), false);
        loop {
            tokio::select! {
                changed = layouts.changed() => {
                    let layout = layouts.borrow_and_update().clone();
                    // The finder has gone: so has the engine.
                    if changed.is_err() {
                        return;
                    }
                    if let Some(layout) = layout {
                        self.route(layout, stop);
                    }
                    is_due = true;
                }
                () = self.news.notified() => is_due = true,
                () = sleep_until(may_look), if is_due => {
                    is_due = false;
                    let suspected = self.look();
                    if !suspected.is_empty() {
                        may_look = Instant::now() + GATHER;
                        self.tell(suspected);
                    }
                }
            }
        }
    }

    /// Starts the lines that a layout has and stops those that it has not.
    fn route(&mut self, layout: Arc<Layout>, stop: &CancellationToken) {
        let mut lines = HashMap::with_capacity(layout.primaries().len());
        for address in layout.primaries() {
            let known = self.routes.borrow().to(address).cloned();
            lines.insert(address.clone(), known.unwrap_or_else(|| self.start(address, stop)));
        }
        let gone: Vec<Address> =
            self.stops.keys().filter(|address| !lines.contains_key(*address)).cloned().collect();
        self.routes.send_replace(Arc::new(Routes::new(Some(layout), lines, &self.slots)));
        // After nobody can find them any more.
        for address in gone {
            tracing::info!(%address, "is no primary any longer");
            self.stops.remove(&address).inspect(CancellationToken::cancel);
        }
    }

    fn start(&mut self, address: &Address, stop: &CancellationToken) -> Arc<Line> {
        let (line, end) = Line::new(address.clone(), self.means.layouts.doubts.clone());
        let supervisor = Supervisor::new(address.clone(), &self.means, end, Arc::clone(&self.news));
        let stop = stop.child_token();
        self.means.tasks.spawn(supervisor.run(stop.clone()));
        self.stops.insert(address.clone(), stop);
        line
    }

    /// The partitions for which somebody answers that may have forgotten.
    fn look(&self) -> PartitionSet {
        let routes = Arc::clone(&self.routes.borrow());
        let lives: HashMap<&Address, Arc<Life>> =
            routes.lines.iter().filter_map(|(address, line)| Some((address, line.life()?))).collect();
        self.means.told.observe(|partition| {
            let slot = *self.slots.get(usize::from(partition.index()))?;
            lives.get(routes.layout.as_ref()?.owner(slot)?).cloned()
        })
    }

    fn tell(&self, suspected: PartitionSet) {
        let partitions = suspected.iter().count();
        tracing::warn!(
            partitions,
            "another Redis answers, or one that has forgotten: what is known here is restored"
        );
        self.means.notifier.failover(suspected);
    }
}
