//! A store that forgets: the embedded engine twice, of which the second lags behind and is promoted.
//!
//! Both are given the same operations at the same moments of one clock, so they hold the same; until `cut`, from when
//! on only the first gets them, as a replica whose link is down. What the nodes are told unasked goes to all of them.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::HandClock;
use crate::domain::{
    By, Generation, NodeId, Partition, PartitionSet, Presence, Reason, Record, SessionId, UserId,
};
use crate::store::embedded::Embedded;
use crate::store::{
    Act, Attach, Census, Disabling, Inspection, Login, LoginOutcome, MAX_RENEWED, NOTICE_QUEUE, Notice,
    Renewal, Renewed, Restore, Restored, Said, Store, StoreError, Swept, Target,
};

pub(super) struct Forgetful {
    pub clock: HandClock,
    primary: Mutex<Arc<Embedded>>,
    replica: Mutex<Option<Opened>>,
    subscribed: Mutex<HashSet<UserId>>,
    nodes: Mutex<Vec<mpsc::Sender<Notice>>>,
    /// Messages go nowhere.
    pub is_mute: AtomicBool,
    /// Nobody can be subscribed to.
    pub is_deaf: AtomicBool,
    /// So many of the next restores fail.
    pub failing_restores: AtomicUsize,
    /// How many connections were counted, and whether those who asked for it wait for the answer.
    pub attached: AtomicUsize,
    pub attaching_hangs: AtomicBool,
    /// The clock can't be read, for longer than anybody waits.
    pub clock_hangs: AtomicBool,
    /// Renewals of this partition never return.
    pub hung: Mutex<Option<Partition>>,
    pub restores: AtomicUsize,
    /// No word about users of this partition is taken.
    pub unmarkable: Mutex<Option<Partition>>,
    /// How many were.
    pub words: AtomicUsize,
    /// These can't be swept; how often it was asked to.
    pub unsweepable: Mutex<PartitionSet>,
    /// Or hang for so long before they say so; the others then say at once that there is nothing to sweep, for in paused
    /// time an engine's own threads would.
    pub sweeps_hang: Mutex<Option<Duration>>,
    pub sweeps: AtomicUsize,
    /// Renewals fail after so long, and what they said is noted.
    pub unanswered: Mutex<Option<Duration>>,
    pub asked: Mutex<Vec<Renewal>>,
    /// These are refused by every restore, for no reason.
    pub unrestorable: Mutex<HashSet<SessionId>>,
    /// Their records can't be read.
    pub damaged: Mutex<HashSet<SessionId>>,
    dirs: Mutex<Vec<tempfile::TempDir>>,
}

impl Forgetful {
    pub fn new() -> Arc<Self> {
        let clock = HandClock(Arc::new(AtomicU64::new(1_790_000_000_000_000)));
        let dirs = Mutex::default();
        let (primary, heard) = open(&clock, &dirs);
        let store = Arc::new(Self {
            clock,
            primary: Mutex::new(primary),
            replica: Mutex::default(),
            subscribed: Mutex::default(),
            nodes: Mutex::default(),
            is_mute: AtomicBool::new(false),
            is_deaf: AtomicBool::new(false),
            failing_restores: AtomicUsize::new(0),
            attached: AtomicUsize::new(0),
            attaching_hangs: AtomicBool::new(false),
            clock_hangs: AtomicBool::new(false),
            hung: Mutex::default(),
            restores: AtomicUsize::new(0),
            unmarkable: Mutex::default(),
            words: AtomicUsize::new(0),
            unsweepable: Mutex::default(),
            sweeps_hang: Mutex::default(),
            sweeps: AtomicUsize::new(0),
            unanswered: Mutex::default(),
            asked: Mutex::default(),
            unrestorable: Mutex::default(),
            damaged: Mutex::default(),
            dirs,
        });
        store.forward(heard);
        store
    }

    /// The notices of one more node.
    pub fn notices(&self) -> mpsc::Receiver<Notice> {
        let (sender, receiver) = mpsc::channel(NOTICE_QUEUE);
        lock(&self.nodes).push(sender);
        receiver
    }

    /// Puts an empty server in the primary's place; nobody is told.
    pub async fn empty(self: &Arc<Self>) {
        self.promote(open(&self.clock, &self.dirs)).await;
    }

    /// From here on there is a replica, which gets what the primary gets. To be called while it is empty.
    pub fn replicate(&self) {
        *lock(&self.replica) = Some(open(&self.clock, &self.dirs));
    }

    /// What comes now does not reach the replica.
    pub fn cut(&self) -> Opened {
        lock(&self.replica).take().expect("a replica")
    }

    /// Another server is the primary; nobody is told.
    pub async fn promote(self: &Arc<Self>, (server, heard): Opened) {
        let subscribed = lock(&self.subscribed).clone();
        for user in &subscribed {
            server.subscribe(user).await.unwrap();
        }
        *lock(&self.primary) = server;
        self.forward(heard);
    }

    /// Tells every node of a failover.
    pub async fn announce(&self) {
        let nodes = lock(&self.nodes).clone();
        for node in nodes {
            node.send(Notice::Failover(PartitionSet::ALL)).await.expect("a node that listens");
        }
    }

    /// How many users' channels are subscribed.
    pub fn channels(&self) -> usize {
        lock(&self.subscribed).len()
    }

    pub fn primary(&self) -> Arc<Embedded> {
        Arc::clone(&lock(&self.primary))
    }

    fn both(&self) -> (Arc<Embedded>, Option<Arc<Embedded>>) {
        (self.primary(), lock(&self.replica).as_ref().map(|(replica, _)| Arc::clone(replica)))
    }

    fn forward(self: &Arc<Self>, mut heard: mpsc::Receiver<Notice>) {
        let store = Arc::downgrade(self);
        tokio::spawn(async move {
            while let Some(notice) = heard.recv().await {
                let Some(store) = store.upgrade() else { return };
                let nodes = lock(&store.nodes).clone();
                for node in nodes.iter().filter(|_| !store.is_mute.load(Ordering::SeqCst)) {
                    // A node that does not listen hears nothing.
                    let _ = node.try_send(notice.clone());
                }
            }
        });
    }
}

/// A server, and what it says unasked.
pub(super) type Opened = (Arc<Embedded>, mpsc::Receiver<Notice>);

fn open(clock: &HandClock, dirs: &Mutex<Vec<tempfile::TempDir>>) -> Opened {
    let dir = tempfile::tempdir().unwrap();
    let opened = Embedded::open(dir.path(), clock.clone()).unwrap();
    lock(dirs).push(dir);
    opened
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Replicates a write, and carries it out.
macro_rules! write {
    ($store:expr, $engine:ident => $call:expr) => {{
        let ($engine, replica) = $store.both();
        let outcome = $call.await;
        if let Some($engine) = replica {
            let _ = $call.await;
        }
        outcome
    }};
}

#[async_trait]
impl Store for Forgetful {
    async fn login(&self, login: &Login) -> Result<LoginOutcome, StoreError> {
        write!(self, engine => engine.login(login))
    }

    async fn get(&self, id: SessionId, with_data: bool) -> Result<Option<Record>, StoreError> {
        self.primary().get(id, with_data).await
    }

    async fn attach(&self, id: SessionId, held: Presence, ttl: u64) -> Result<Attach, StoreError> {
        let answer = write!(self, engine => engine.attach(id, held, ttl));
        self.attached.fetch_add(1, Ordering::SeqCst);
        while self.attaching_hangs.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        answer
    }

    async fn detach(&self, id: SessionId, held: Presence) -> Result<(), StoreError> {
        write!(self, engine => engine.detach(id, held))
    }

    async fn renew(
        &self,
        node: NodeId,
        partition: Partition,
        sessions: &[Renewal],
        ttl: u64,
    ) -> Result<Renewed, StoreError> {
        if *lock(&self.hung) == Some(partition) {
            tokio::time::sleep(Duration::from_secs(3600)).await;
        }
        assert!(sessions.len() <= MAX_RENEWED, "{}", sessions.len());
        let unanswered = *lock(&self.unanswered);
        if let Some(after) = unanswered {
            lock(&self.asked).extend_from_slice(sessions);
            tokio::time::sleep(after).await;
            return Err(StoreError::Unavailable("it hangs".to_owned()));
        }
        let damaged = lock(&self.damaged).clone();
        let (unreadable, sessions): (Vec<_>, Vec<_>) =
            sessions.iter().cloned().partition(|renewal| damaged.contains(&renewal.id));
        let mut renewed = write!(self, engine => engine.renew(node, partition, &sessions, ttl))?;
        renewed.damaged.extend(unreadable.iter().map(|renewal| renewal.id));
        Ok(renewed)
    }

    async fn restore(&self, restore: &Restore) -> Result<Restored, StoreError> {
        self.restores.fetch_add(1, Ordering::SeqCst);
        let fewer = |left: usize| left.checked_sub(1);
        if self.failing_restores.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fewer).is_ok() {
            return Err(StoreError::Unavailable("it is away".to_owned()));
        }
        if lock(&self.unrestorable).contains(&restore.image.id()) {
            return Err(StoreError::Corrupt("it makes no sense".to_owned()));
        }
        write!(self, engine => engine.restore(restore))
    }

    async fn end(
        &self,
        target: &Target,
        reason: Reason,
        by: Option<&By>,
        act: &Act,
    ) -> Result<Vec<Record>, StoreError> {
        write!(self, engine => engine.end(target, reason, by, act))
    }

    async fn sessions_of(&self, user: &UserId, ttl: u64) -> Result<Vec<Record>, StoreError> {
        self.primary().sessions_of(user, ttl).await
    }

    async fn set_data(&self, id: SessionId, data: Option<&str>) -> Result<Option<Record>, StoreError> {
        write!(self, engine => engine.set_data(id, data))
    }

    async fn set_disabled(
        &self,
        user: &UserId,
        disabled: bool,
        said: Said,
        act: &Act,
    ) -> Result<Disabling, StoreError> {
        if *lock(&self.unmarkable) == Some(Partition::of(user)) {
            return Err(StoreError::Unavailable("it is away".to_owned()));
        }
        self.words.fetch_add(1, Ordering::SeqCst);
        write!(self, engine => engine.set_disabled(user, disabled, said, act))
    }

    async fn census(&self, newest: usize, ttl: u64) -> Result<Census, StoreError> {
        self.primary().census(newest, ttl).await
    }

    async fn sweep(&self, partition: Partition, lease: NodeId) -> Result<Swept, StoreError> {
        self.sweeps.fetch_add(1, Ordering::SeqCst);
        let (is_away, hangs) = (lock(&self.unsweepable).contains(partition), *lock(&self.sweeps_hang));
        if is_away {
            tokio::time::sleep(hangs.unwrap_or_default()).await;
            return Err(StoreError::Unavailable("it is away".to_owned()));
        }
        if hangs.is_some() {
            return Ok(Swept::default());
        }
        self.primary().sweep(partition, lease).await
    }

    async fn throttle(
        &self,
        key: &str,
        burst: u32,
        period_ms: u64,
        cost: u32,
    ) -> Result<Option<u64>, StoreError> {
        self.primary().throttle(key, burst, period_ms, cost).await
    }

    async fn subscribe(&self, user: &UserId) -> Result<(), StoreError> {
        if self.is_deaf.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("messages do not arrive".to_owned()));
        }
        lock(&self.subscribed).insert(user.clone());
        self.primary().subscribe(user).await
    }

    fn unsubscribe(&self, user: &UserId) {
        lock(&self.subscribed).remove(user);
        self.primary().unsubscribe(user);
    }

    fn is_hearing(&self) -> bool {
        true
    }

    async fn acknowledge(&self, user: &UserId, login: Generation, node: NodeId) -> Result<(), StoreError> {
        self.primary().acknowledge(user, login, node).await
    }

    async fn time_us(&self) -> Result<u64, StoreError> {
        if self.clock_hangs.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_secs(3600)).await;
        }
        self.primary().time_us().await
    }

    async fn inspect(&self) -> Result<Inspection, StoreError> {
        self.primary().inspect().await
    }

    async fn close(&self) {
        self.primary().close().await;
    }
}
