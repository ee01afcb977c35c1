//! Who is in and who is out: the one place where the store's truth meets this node's sockets.
//!
//! Owns: logins, checks, the registration of connections, the dispatch of the store's messages to sockets, and
//! the renewal that finds what messages missed. Refuses to decide who keeps a seat (the store does, in one
//! step) and to write a session from memory, but for what the store has forgotten (`restoring`). Two routes lead to
//! the same eviction: a message, at once, and the renewal, within one interval. Invariant: a connection is in the hub
//! only while its user's channel is held.

mod attach;
mod attendance;
mod by;
mod by_partition;
mod cache;
mod check;
mod clock;
mod confirmations;
mod desk;
mod due;
mod ends;
mod failures;
mod fence;
mod heal;
mod here;
mod jobs;
mod journal;
mod login;
mod notices;
mod readiness;
mod recent;
mod renewal;
mod repairs;
mod replay;
mod reports;
mod restoring;
mod retelling;
mod silence;
#[cfg(test)]
mod simulation;
mod standings;
mod subscriptions;
#[cfg(test)]
mod tests;
mod urgent;
mod watch;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;

use crate::chance::Chance;
use crate::config::{NodeConfig, Rate, SeatConfig};
use crate::domain::{By, Generation, NodeId, Presence, Record, SessionId, Timestamp, UserId};
use crate::hub::Hub;
use crate::metrics::Metrics;
use crate::store::{Census, Log, Store, StoreError, View};

pub use attach::Attached;
pub use attendance::Movements;
pub use cache::CheckCache;
pub use check::Checked;
pub use failures::{Brakes, FailedLogin};
pub use jobs::NewJob;
pub use login::{LoginAnswer, NewSession, Takeover};
pub use replay::Replay;
pub use reports::{KnownNode, Sample};
pub use standings::Standing;
pub use watch::{Told, WatchError, Watcher};

use by_partition::ByPartition;

use clock::StoreClock;
use confirmations::Confirmations;
use failures::Failures;
use here::Here;
use journal::Journal;
use readiness::Readiness;
use recent::Recent;
use repairs::Repairs;
use reports::Chronicle;
use silence::Silence;
use standings::Ranks;
use subscriptions::Subscriptions;
use urgent::Urgent;
use watch::Watchers;

/// How many sessions used over HTTP are remembered between two renewals. Past that a use is not noted: the
/// session then looks as old as its last noted use.
const MAX_TOUCHED: usize = 1_000_000;
/// Store calls of one round of renewals under way at once.
const CONCURRENT: usize = 8;
/// Restores under way at once, whoever asks for them: enough that a heal does not wait for the way there and back, and
/// some two milliseconds of Redis for a login that comes in between.
const RESTORES: usize = 32;

/// What one node knows and does about sessions. Shared by all handlers and tasks of the node.
pub struct Enforcer {
    node: NodeId,
    name: String,
    seats: SeatConfig,
    config: NodeConfig,
    store: Arc<dyn Store>,
    view: Arc<dyn View>,
    log: Arc<dyn Log>,
    hub: Arc<Hub>,
    chance: Arc<Chance>,
    metrics: Arc<Metrics>,
    clock: StoreClock,
    subscriptions: Arc<Subscriptions>,
    /// The sessions with connections here.
    here: Here,
    /// What the store acknowledged lately.
    journal: Journal,
    repairs: Repairs,
    /// How often the store may have forgotten.
    failovers: AtomicU64,
    restores: Semaphore,
    /// Sessions found missing that nothing is known of, since that was last said.
    lost: AtomicU64,
    confirmations: Confirmations,
    cache: Option<CheckCache>,
    active: Recent<Census>,
    reported: Recent<(Timestamp, Vec<KnownNode>)>,
    ranks: Ranks,
    watchers: Watchers,
    chronicle: Chronicle,
    failures: Failures,
    /// A job was begun here.
    jobs_wanted: Notify,
    /// Sessions used since the last renewal.
    touched: ByPartition<Instant>,
    /// Of these the ones that have to be written before that.
    urgent: Urgent,
    /// Goodbyes that the store has not heard; the renewal repeats them.
    departed: ByPartition<Presence>,
    /// The highest generation seen.
    generation: AtomicU64,
    /// Messages arrive. While they do not, what this node ends is put out here directly.
    channel_whole: AtomicBool,
    draining: AtomicBool,
    fenced: AtomicBool,
    silence: Silence,
    readiness: Readiness,
}

/// What an enforcer is made of.
pub struct Parts {
    pub node: NodeId,
    /// Where it listens, for people.
    pub name: String,
    pub seats: SeatConfig,
    pub config: NodeConfig,
    pub store: Arc<dyn Store>,
    pub view: Arc<dyn View>,
    pub log: Arc<dyn Log>,
    pub hub: Arc<Hub>,
    pub chance: Arc<Chance>,
    pub metrics: Arc<Metrics>,
}

impl Enforcer {
    pub fn new(parts: Parts) -> Arc<Self> {
        let metrics = Arc::clone(&parts.metrics);
        let journal = if parts.store.may_forget() { Journal::new(metrics) } else { Journal::off(metrics) };
        Arc::new(Self {
            node: parts.node,
            name: parts.name,
            cache: parts.config.check_cache.map(CheckCache::new),
            subscriptions: Subscriptions::new(Arc::clone(&parts.store)),
            seats: parts.seats,
            config: parts.config,
            store: parts.store,
            view: parts.view,
            log: parts.log,
            hub: parts.hub,
            chance: parts.chance,
            metrics: parts.metrics,
            clock: StoreClock::default(),
            here: Here::default(),
            journal,
            repairs: Repairs::default(),
            failovers: AtomicU64::new(0),
            restores: Semaphore::new(RESTORES),
            lost: AtomicU64::new(0),
            confirmations: Confirmations::default(),
            active: Recent::default(),
            reported: Recent::default(),
            ranks: Ranks::default(),
            watchers: Watchers::default(),
            chronicle: Chronicle::default(),
            failures: Failures::default(),
            jobs_wanted: Notify::new(),
            touched: ByPartition::default(),
            urgent: Urgent::default(),
            departed: ByPartition::default(),
            generation: AtomicU64::new(0),
            channel_whole: AtomicBool::new(true),
            draining: AtomicBool::new(false),
            fenced: AtomicBool::new(false),
            silence: Silence::default(),
            readiness: Readiness::default(),
        })
    }

    /// A session by its id alone, live or ended, with its data. Not a use.
    ///
    /// # Errors
    /// The store's; and that the node is fenced.
    pub async fn session(&self, id: SessionId) -> Result<Option<Record>, StoreError> {
        self.may_vouch()?;
        self.metrics.store_call("get", self.store.get(id, true)).await
    }

    /// A user's live sessions, newest first, with their data.
    ///
    /// # Errors
    /// The store's; and that the node is fenced.
    pub async fn sessions_of(&self, user: &UserId) -> Result<Vec<Record>, StoreError> {
        self.may_vouch()?;
        self.metrics.store_call("sessions_of", self.store.sessions_of(user, self.ghost_after_ms())).await
    }

    /// Replaces the data of a live session; `None` clears it. Answers the record as it now is, live or ended.
    ///
    /// # Errors
    /// The store's.
    pub async fn set_data(&self, id: SessionId, data: Option<&str>) -> Result<Option<Record>, StoreError> {
        let changed = self.metrics.store_call("set_data", self.store.set_data(id, data)).await?;
        if let Some(record) = changed.as_ref().filter(|record| record.is_live()) {
            self.here.changed(record);
            self.journal.changed(record);
        }
        Ok(changed)
    }

    /// `session` as the sessions that it ends are told of it, its address as `notice_ip` says.
    pub fn by(&self, session: &Record) -> By {
        By {
            session_id: session.session.id,
            device: session.session.device.clone(),
            ip: by::shown_ip(session.session.ip, self.seats.notice_ip),
        }
    }

    /// Counts `cost` (0 to look only) against a bucket of the whole cluster. `None`: allowed; else how long to
    /// stay away.
    ///
    /// # Errors
    /// The store's.
    pub async fn throttle(&self, key: &str, rate: Rate, cost: u32) -> Result<Option<Duration>, StoreError> {
        let period_ms = millis(rate.period);
        let work = self.store.throttle(key, rate.burst, period_ms, cost);
        Ok(self.metrics.store_call("throttle", work).await?.map(Duration::from_millis))
    }

    /// The session was used: written with the next renewal.
    fn touch(&self, id: SessionId) {
        if self.touched.len() < MAX_TOUCHED {
            self.touched.insert(id, Instant::now(), |_| true);
        }
    }

    /// The store's clock as this node knows it, for display.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn heartbeat(&self) -> Duration {
        self.config.heartbeat
    }

    /// From now on the node is not ready and takes no new connections; whoever watches is sent away.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
        self.watchers.close();
    }

    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Asks the store for its time, and thereby whether it can be used: whether it takes writes.
    async fn read_clock(&self) -> Result<(), StoreError> {
        let sent = Instant::now();
        let time_us = self.metrics.store_call("time", self.store.time_us()).await?;
        self.clock.learn(time_us, sent, Instant::now());
        Ok(())
    }

    /// Notes a generation, so that the next login of this node is above it whatever the store has forgotten.
    fn note_generation(&self, generation: Generation) {
        self.generation.fetch_max(generation.0, Ordering::AcqRel);
    }

    fn ghost_after_ms(&self) -> u64 {
        millis(self.seats.ghost_after)
    }
}

/// Whole milliseconds; durations of the configuration are far below the bound.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
