//! The one truth about who is live.
//!
//! [`Store`] is the contract of every engine; `conformance.rs` is its test suite. An engine owns the records,
//! their indexes, the generations, the tombstones, the events and the channel of each user. It refuses to know
//! of sockets, HTTP or other nodes' memory, and never calls upwards: what nodes must hear of comes as a
//! [`Notice`] on the bounded channel that was handed out when the store was opened.
//!
//! Invariants that each engine keeps (ARCHITECTURE.md has them all):
//! 1. a session's record is the only truth; every index changes in the same atomic step;
//! 2. after a login, live sessions ≤ max for every limit that it was decided by;
//! 3. ended never becomes live;
//! 4. a partition's generation strictly rises and stays below 2^53;
//! 5. whoever ends a session writes its tombstone, its event and the message in the same step.

use async_trait::async_trait;

use crate::domain::{
    By, Device, Generation, NodeId, OnFull, Partition, PartitionSet, Presence, Question, Reason, Record,
    Role, SeatLimits, Session, SessionId, Timestamp, TokenHash, Tombstone, UserId, Victim,
};

#[cfg(test)]
pub(crate) mod blank;
mod codec;
#[cfg(test)]
mod conformance;
mod disabled;
pub mod embedded;
mod event;
mod feed;
mod job;
mod keys;
mod message;
mod open;
mod page;
pub mod redis;
mod report;
mod restore;
mod view;

pub use disabled::{DisabledPage, DisabledUser};
pub use event::{Act, Event, EventFilter, EventId, EventKind, EventPage, NewEvent};
pub use feed::{Fed, Feed};
pub use job::{Job, JobList, JobState, JobTarget};
pub use message::{Audience, Ended, EndedSession, Level, Message, Notification};
pub use open::{OpenError, open};
pub use page::{Filter, Page, Place};
pub use report::{Contested, Period, Report, ServerStatus, StoreStatus};
pub use restore::{Image, Restore, Restored};
pub use view::{Engine, Log, View};

/// How many notices may wait for the node. A node that falls further behind is told of a [`Notice::Gap`]
/// instead and checks all its sessions.
pub const NOTICE_QUEUE: usize = 4096;

/// Why an operation has no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// It was not carried out, and will not be.
    #[error("the store can't be reached: {0}")]
    Unavailable(String),
    /// It may have been carried out, or may yet be: the reply was lost or came too late.
    #[error("the store's answer was lost: {0}")]
    OutcomeUnknown(String),
    /// The store answered something that this version does not understand: a corrupt record, another layout.
    #[error("the store's answer makes no sense: {0}")]
    Corrupt(String),
}

/// Everything that decides one login. `id` is minted by the node; sending the same login again answers as
/// the first time did.
#[derive(Debug, Clone)]
pub struct Login {
    pub id: SessionId,
    pub token_hash: TokenHash,
    pub user: UserId,
    pub device: Device,
    pub user_agent: String,
    pub ip: Option<std::net::IpAddr>,
    pub roles: Vec<Role>,
    /// JSON text of at most 4 KiB.
    pub data: Option<String>,
    /// From now to the absolute end, in milliseconds.
    pub ttl_ms: u64,
    pub idle_ttl_ms: u64,
    pub limits: SeatLimits,
    pub on_full: OnFull,
    pub victim: Victim,
    pub replace: Vec<SessionId>,
    pub ghost_after_ms: u64,
    /// The highest generation that the node has seen; the new one is higher.
    pub generation_floor: Generation,
    /// This newcomer as its victims are told of it, its address as `notice_ip` says.
    pub by: By,
    /// The message asks the nodes to acknowledge that they have put the victims out.
    pub confirm: bool,
}

impl Login {
    /// What the rule is asked about this login at `now`.
    pub(crate) fn question(&self, now: Timestamp) -> Question<'_> {
        Question {
            class: self.device.class,
            limits: self.limits,
            on_full: self.on_full,
            victim: self.victim,
            replace: &self.replace,
            now,
            ghost_after_ms: self.ghost_after_ms,
        }
    }
}

/// How a login was decided.
#[derive(Debug, Clone)]
pub enum LoginOutcome {
    /// Seated. `replaced` are the sessions that it ended, lowest generation first, with their data.
    Seated { session: Record, replaced: Vec<Record> },
    /// Nothing changed but the log; these hold the seats, newest first.
    Full { sessions: Vec<Record> },
    /// The user is disabled; nothing changed but the log.
    Disabled,
}

/// What became of a connection that asked to be counted.
#[derive(Debug, Clone)]
pub enum Attach {
    /// Counted. The record has no data.
    Live(Record),
    /// Not counted: it has [`Session::MAX_CONNECTIONS`] already.
    Crowded,
    /// It has ended.
    Ended(Record),
    /// Never seen, or forgotten.
    Unknown,
}

/// Sessions in one renewal at most: about half a millisecond of the store, when all of them changed. It is one step, so
/// that no answer about some of them is lost for a failure with the others.
pub const MAX_RENEWED: usize = 50;

/// One session in a renewal: what the node holds of it.
#[derive(Debug, Clone)]
pub struct Renewal {
    pub id: SessionId,
    /// Milliseconds since the node last saw it used, if it did since the last renewal.
    pub seen_ago_ms: Option<u64>,
    /// Its connections on this node; `None` for a session that is only used over HTTP.
    pub presence: Option<Presence>,
}

/// What a renewal found out; the sessions that are live are not mentioned.
#[derive(Debug, Clone, Default)]
pub struct Renewed {
    /// The store's clock at that moment: what is not mentioned was live then.
    pub now: Timestamp,
    pub ended: Vec<Record>,
    pub missing: Vec<SessionId>,
    /// Whose record lies there and can't be read: neither live nor ended as far as anybody can tell. Nothing was
    /// changed of them.
    pub damaged: Vec<SessionId>,
}

/// Which sessions to end. Only live ones are; all belong to one partition.
#[derive(Debug, Clone)]
pub enum Target {
    Session(SessionId),
    /// All of a user's.
    User(UserId),
    /// All of a user's but this one, which asks for it: none if it has ended itself, lest one that was taken over
    /// put out who took it over.
    Others(UserId, SessionId),
}

/// When a word about a user is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// Now, later than whatever was said before.
    Now,
    /// Then, as a [`Disabling`] answered; said again because the store may have forgotten it. Changes nothing unless
    /// it is later than the last word that the store knows, and ends only who had logged in by then: another node may
    /// yet tell of a later enabling.
    Again(Timestamp),
    /// Then, and whoever knows a later word has had the time to say it again: a disabling that is still the last word
    /// ends everybody. Otherwise as `Again`.
    Settled(Timestamp),
}

impl Said {
    /// When that was; `None`: now.
    pub(crate) fn at(self) -> Option<Timestamp> {
        match self {
            Self::Now => None,
            Self::Again(at) | Self::Settled(at) => Some(at),
        }
    }
}

/// What disabling or enabling a user did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Disabling {
    /// When the last word about the user was said that the store knows now. Two words about one user never have the
    /// same time.
    pub at: Timestamp,
    /// The sessions that it ended.
    pub ended: Vec<Record>,
}

impl Disabling {
    /// How long the store remembers that a user was enabled again, in milliseconds. Far longer than the day for which
    /// a node that was cut off may say again that it had disabled it, so that saying the older word changes nothing.
    pub(crate) const ENABLED_KEPT_MS: u64 = Tombstone::KEPT_MS;
}

/// One round of the sweeper in one partition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Sessions ended.
    pub ended: u32,
    /// Index entries moved to a later deadline or dropped.
    pub moved: u32,
    /// There is more to do now.
    pub more: bool,
    /// Another node is at it; nothing was done.
    pub leased: bool,
    /// Sessions that the partition lists afterwards, which are the live ones unless there is more to do; of one that is
    /// leased nothing is known.
    pub listed: u64,
}

/// How many sessions are live, and the newest of them.
#[derive(Debug, Clone, Default)]
pub struct Census {
    pub count: u64,
    /// Highest generation first, with their data.
    pub newest: Vec<Record>,
    /// Sessions past their deadline that this count has ended, and earlier ones that got no answer.
    pub swept: u64,
}

/// How a live session is connected, and when it was last seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionPresence {
    pub id: SessionId,
    /// On the nodes that are renewing.
    pub connections: u32,
    /// That of the latest connection.
    pub node: Option<NodeId>,
    pub seen_at: Timestamp,
}

/// What the store tells the node unasked.
#[derive(Debug, Clone)]
pub enum Notice {
    Message(Message),
    /// Messages may have been lost from now on (`connected: false`) or until now (`connected: true`): every
    /// session that the node holds has to be checked once the channel is whole again.
    Gap {
        connected: bool,
    },
    /// In these partitions the store may have forgotten acknowledged writes: another server answers for them, or
    /// the same one after a restart, or it was emptied. What the node remembers of them has to be restored.
    Failover(PartitionSet),
}

/// What the operator should know about the store. Each finding completes "the store …".
#[derive(Debug, Clone, Default)]
pub struct Inspection {
    /// Such as `Redis 7.0.15 (standalone)`.
    pub description: String,
    /// What makes it unfit: `check` fails on these.
    pub faults: Vec<String>,
    /// What is risky: `check` prints these.
    pub warnings: Vec<String>,
}

/// The engine contract. Every method is bounded in time by the engine and safe to cancel, after which the
/// outcome is unknown. Times are the store's clock. All errors are those of [`StoreError`].
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Decides a login, ends its victims, seats it, and tells every node, in one atomic step. Idempotent by
    /// `login.id` for as long as the session or its tombstone is kept.
    async fn login(&self, login: &Login) -> Result<LoginOutcome, StoreError>;

    /// The session, live or ended; its data only if `with_data`. Does not count as a use.
    async fn get(&self, id: SessionId, with_data: bool) -> Result<Option<Record>, StoreError>;

    /// Sets how many connections of `id` the node holds, stamps the node as renewing, marks the session as
    /// seen. Refuses a count that would bring the session above [`Session::MAX_CONNECTIONS`] over all
    /// renewing nodes. `node_ttl_ms` is `ghost_after`: a node not renewed for so long does not count.
    async fn attach(&self, id: SessionId, presence: Presence, node_ttl_ms: u64)
    -> Result<Attach, StoreError>;

    /// Sets a lower count, down to 0, and marks the session as seen. Of an ended or unknown session: nothing.
    async fn detach(&self, id: SessionId, presence: Presence) -> Result<(), StoreError>;

    /// Stamps the node as renewing in `partition` and checks the sessions in one step: all of that partition, each named
    /// once, at most [`MAX_RENEWED`]. Extends those that were used, corrects their presence, ends those past their
    /// deadline, reports what is not live.
    async fn renew(
        &self,
        node: NodeId,
        partition: Partition,
        sessions: &[Renewal],
        node_ttl_ms: u64,
    ) -> Result<Renewed, StoreError>;

    /// Puts back what the store has forgotten of one session, by generation, in one atomic step:
    /// - there already and ended: of two ends the earlier stays; there and live, and known as ended: it ends as known,
    ///   unless it is of a higher generation: a login sent again to a store that had forgotten it, which lives;
    /// - not there and known as ended: its tombstone is written;
    /// - not there, known as live, and a session of the same device or all that hold the seats it would need are of
    ///   higher generations: it [`Restored::Yields`], nothing changes;
    /// - else it is live again with its generation; live sessions of lower generations that it leaves no seat end
    ///   (reason `takeover`, or `replaced` on the same device). A disabled user's ends as `disabled`, one past its
    ///   deadline as lapsed. Nothing that has ended becomes live, and after it live ≤ max for its limits.
    ///
    /// May be repeated without harm.
    async fn restore(&self, restore: &Restore) -> Result<Restored, StoreError>;

    /// Ends live sessions for `reason`; answers those that it ended. Past their deadline they end as lapsed and
    /// are not among the answer. `act` lands in their events.
    async fn end(
        &self,
        target: &Target,
        reason: Reason,
        by: Option<&By>,
        act: &Act,
    ) -> Result<Vec<Record>, StoreError>;

    /// A user's live sessions, newest first, with their data.
    async fn sessions_of(&self, user: &UserId, node_ttl_ms: u64) -> Result<Vec<Record>, StoreError>;

    /// Replaces the data of a live session (`None` clears it) and marks it as seen. Answers the record as it
    /// now is, or as it ended, or `None` if it is unknown.
    async fn set_data(&self, id: SessionId, data: Option<&str>) -> Result<Option<Record>, StoreError>;

    /// Disables a user (and ends its sessions, reason `disabled`) or enables it, as `said`. `act` lands in the events.
    async fn set_disabled(
        &self,
        user: &UserId,
        disabled: bool,
        said: Said,
        act: &Act,
    ) -> Result<Disabling, StoreError>;

    /// The exact count of live sessions and at most `newest` of them. Sweeps what is due first, so that nothing
    /// past its deadline is counted.
    async fn census(&self, newest: usize, node_ttl_ms: u64) -> Result<Census, StoreError>;

    /// Ends at most 50 sessions of a partition that are past their deadline. `lease` is the sweeping node: while
    /// another holds the partition nothing is done. Cost grows with what is due, not with what is there.
    async fn sweep(&self, partition: Partition, lease: NodeId) -> Result<Swept, StoreError>;

    /// Counts `cost` (0 to look only) against the bucket `key` of `burst` units that refills one unit each
    /// `period_ms`, cluster-wide (GCRA). `Ok(None)`: allowed. `Ok(Some(ms))`: not allowed, come back in `ms`.
    async fn throttle(
        &self,
        key: &str,
        burst: u32,
        period_ms: u64,
        cost: u32,
    ) -> Result<Option<u64>, StoreError>;

    /// From when it returns, messages about `user` arrive as notices. Idempotent.
    async fn subscribe(&self, user: &UserId) -> Result<(), StoreError>;

    /// Messages about `user` need no longer arrive. Takes its place in the order of calls at once, so that a
    /// `subscribe` that follows is never undone by it.
    fn unsubscribe(&self, user: &UserId);

    /// Whether messages arrive just now. While they do not, `subscribe` fails and ends are found by renewal alone.
    fn is_hearing(&self) -> bool;

    /// Tells the nodes subscribed to `user` that `node` has put out all its connections of the sessions ended by
    /// the login of `generation`.
    async fn acknowledge(
        &self,
        user: &UserId,
        generation: Generation,
        node: NodeId,
    ) -> Result<(), StoreError>;

    /// Whether it can lose what it has acknowledged, so that nodes have to remember it for a while.
    fn may_forget(&self) -> bool {
        true
    }

    /// Asked where a session is missing: whether who answers for `partition` has, as far as can be seen, forgotten
    /// nothing since this node last heard of it. `false`: a [`Notice::Failover`] says so, or is about to.
    async fn remembers(&self, _partition: Partition) -> Result<bool, StoreError> {
        Ok(true)
    }

    /// The store's clock, in microseconds since the epoch. Asked for by a write, everywhere: an answer means that the
    /// store can be used, and one that answers reads but takes no writes gives none.
    async fn time_us(&self) -> Result<u64, StoreError>;

    /// What is there and whether it will do.
    async fn inspect(&self) -> Result<Inspection, StoreError>;

    /// Stops the engine's tasks after what is in flight; further calls are `Unavailable`.
    async fn close(&self);
}

/// `connections` and `nodes` of a [`Record`]; here so that the engines agree.
pub(crate) fn connections_of(session: &Session, renewing: impl Fn(NodeId) -> bool) -> (u32, Vec<NodeId>) {
    let held = session.presence.iter().filter(|held| held.count > 0 && renewing(held.node));
    (held.clone().map(|held| u32::from(held.count)).sum(), held.map(|held| held.node).collect())
}
