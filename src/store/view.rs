//! What administrators see and do beside the sessions themselves; docs/adr/0009.
//!
//! Two contracts beside [`super::Store`], kept by every engine and tested by the same conformance suite. Nothing here
//! decides who keeps a seat, and no login waits for any of it.

use async_trait::async_trait;
use uuid::Uuid;

use super::{
    Contested, DisabledPage, EventFilter, EventId, EventPage, Feed, Filter, Job, JobList, NewEvent,
    Notification, Page, Period, Place, Report, StoreError, StoreStatus,
};
use crate::domain::{NodeId, Timestamp, UserId};

/// Pages by which the newest events are looked for: a third of a second of the store's time.
const MOST_PAGES: usize = 16;

/// Sessions, nodes, jobs and figures. Bounded in time by the engine and safe to cancel, as [`super::Store`].
#[async_trait]
pub trait View: Send + Sync + 'static {
    /// At most `limit` live sessions behind `after`, with their data, in the order of the walk. Ends early, with
    /// where to go on, after 20 ms of store time.
    async fn page(
        &self,
        filter: &Filter,
        limit: usize,
        after: Option<&Place>,
        node_ttl_ms: u64,
    ) -> Result<Page, StoreError>;

    /// The `top` users who were taken over most in the running period, most first; of equals the lower id first.
    async fn contested(&self, period: Period, top: usize) -> Result<Vec<Contested>, StoreError>;

    /// How often `user` was taken over in the running period; `None`: never.
    async fn takeovers_of(&self, user: &UserId, period: Period) -> Result<Option<u64>, StoreError>;

    /// Which rank it is to be taken over so often in the running period (1: most); users with as many share it. Asks
    /// everywhere, and has no answer while a part of the store is away.
    async fn rank_at(&self, takeovers: u64, period: Period) -> Result<u64, StoreError>;

    /// Since when `user` is disabled; `None`: it is not.
    async fn disabled_at(&self, user: &UserId) -> Result<Option<Timestamp>, StoreError>;

    /// At most `limit` disabled users behind `after` whose ids begin with `prefix`, by partition and id. Full where
    /// there are more, but for those who are enabled meanwhile.
    async fn disabled(
        &self,
        prefix: &str,
        limit: usize,
        after: Option<&UserId>,
    ) -> Result<DisabledPage, StoreError>;

    /// What this node says of itself, and one sample of its figures; the store stamps both and drops what is old.
    async fn report(&self, node: NodeId, body: &str, sample: &str) -> Result<(), StoreError>;

    /// What the nodes have said of themselves lately, at most [`Report::MAX_COUNT`] of them, and the store's clock.
    /// `with_samples`: with the figures of the [`Report::MAX_SAMPLED`] that spoke last.
    async fn reports(&self, with_samples: bool) -> Result<(Timestamp, Vec<Report>), StoreError>;

    /// Keeps a new job, free for any node; `created_at` is set to the store's clock, which is answered. `None`: there
    /// are too many that run.
    async fn begin_job(&self, job: &Job) -> Result<Option<Timestamp>, StoreError>;

    /// A running job that no other node is at, leased to this one for [`Job::LEASE_MS`]: of several the one that nobody
    /// has been at for the longest, so that one that fails stands in no other's way.
    async fn take_job(&self, node: NodeId) -> Result<Option<Job>, StoreError>;

    /// Writes down how far `job.node` has come (`at`, `seen`, `ended`, `state`, `tries`, `cause`) and extends its lease;
    /// `false`: it was cancelled, or another node is at it.
    async fn step_job(&self, job: &Job) -> Result<bool, StoreError>;

    /// The same of a job that can't go on just now: `job.node` lets go of it, and nobody takes it
    /// for `pause_ms`.
    async fn put_off_job(&self, job: &Job, pause_ms: u64) -> Result<bool, StoreError>;

    /// Cancels a running job; answers the job as it is now, and whether it was this call that cancelled it.
    async fn cancel_job(&self, id: Uuid) -> Result<Option<(Job, bool)>, StoreError>;

    /// All that are kept.
    async fn jobs(&self) -> Result<JobList, StoreError>;

    /// How the store is doing. A server that does not answer is a fault in the status, not an error.
    async fn status(&self) -> Result<StoreStatus, StoreError>;
}

/// The log over all partitions, and what is said to devices.
#[async_trait]
pub trait Log: Send + Sync + 'static {
    /// At most `limit` events before `before`, newest first. Ends early, with where to go on, after 20 ms of store
    /// time.
    async fn events(
        &self,
        filter: &EventFilter,
        limit: usize,
        before: Option<EventId>,
    ) -> Result<EventPage, StoreError>;

    /// The newest `limit` events: reads on where a page ends early, as far as [`MOST_PAGES`] reach.
    async fn newest(&self, filter: &EventFilter, limit: usize) -> Result<EventPage, StoreError> {
        let mut newest = EventPage::default();
        for _ in 0..MOST_PAGES {
            let page = self.events(filter, limit - newest.events.len(), newest.next).await?;
            newest.events.extend(page.events);
            newest.next = page.next;
            newest.damaged += page.damaged;
            if newest.next.is_none() || newest.events.len() >= limit {
                break;
            }
        }
        Ok(newest)
    }

    /// Writes what no step has written.
    async fn record(&self, event: &NewEvent) -> Result<(), StoreError>;

    /// The queue on which events arrive; once.
    fn feed(&self) -> Option<Feed>;

    /// From when it returns, every event arrives on the feed, until [`Log::unfollow`], and what connections and uses
    /// change of sessions; a gap of the messages is one of the feed as well. Idempotent.
    async fn follow(&self) -> Result<(), StoreError>;

    /// Events need no longer arrive. Takes its place in the order of calls at once.
    fn unfollow(&self);

    /// Tells every node of it, as a [`super::Message::Notice`]: those that hold the user's channel, or all.
    async fn notify(&self, notification: &Notification) -> Result<(), StoreError>;
}

/// All of an engine.
pub trait Engine: super::Store + View + Log {}

impl<T: super::Store + View + Log> Engine for T {}
