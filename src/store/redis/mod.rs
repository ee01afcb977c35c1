//! Sessions in Redis, for any number of nodes.
//!
//! Owns the keys (`keys.rs`), the scripts (`lua/`) that change them, one connection for commands and one for
//! messages to each primary. Refuses to hold any session in memory: what it answers is what Redis said just now.
//! Invariants: a change is one script on one slot; the clock is Redis's; a lost reply is `OutcomeUnknown`, or asked
//! for again where asking again is harmless; nothing waits without a bound.
//!
//! | module | owns |
//! | --- | --- |
//! | `connector`, `tls` | greeting a server: credentials, certificates, RESP3 |
//! | `finder`, `layout` | which primary takes the writes of which slot |
//! | `sentinel`, `cluster`, `cluster_view`, `witnesses` | asking who that is |
//! | `lines`, `line`, `supervisor`, `backoff` | one connection for commands to each primary, again and again |
//! | `life`, `mark` | noticing that who answers now may have forgotten |
//! | `rights` | that the user may run whatever is run |
//! | `commands`, `redirect`, `script`, `channels` | sending to whom it belongs, and what failures mean |
//! | `clocks`, `punctual` | calls that are not carried out once their caller has given up |
//! | `subscriptions`, `wanted` | which channels, at which server, and whether all are heard |
//! | `subscribers`, `subscriber` | that it is so: a connection for messages with each primary |
//! | `notifier` | that no message, gap or failover is lost silently |
//! | `log`, `entry`, `merge` | events, over all partitions too, and what is told to every node |
//! | `replication` | waiting until replicas have a login |
//! | `view`, `page`, `contested`, `disabled`, `reports`, `jobs` | what administrators see |
//! | `login`, `restore`, `presence`, `ends`, `reads`, `census`, `inspect` | the operations |
//! | `reply`, `info` | reading answers |

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use self::backoff::Backoff;
use self::channels::Channels;
use self::clocks::Clocks;
use self::commands::Commands;
use self::connector::Connector;
use self::finder::Finder;
use self::inspect::Inspector;
use self::life::Lives;
use self::lines::{Lines, Means};
use self::notifier::Notifier;
use self::replication::Replication;
use self::rights::Rights;
use self::subscribers::Subscribers;
use self::subscriptions::Subscriptions;
use super::keys::Keys;
use super::{
    Act, Attach, Census, Disabling, Inspection, Login, LoginOutcome, Message, NOTICE_QUEUE, Notice, Renewal,
    Renewed, Restore, Restored, Said, Store, StoreError, Swept, Target,
};
use crate::chance::Chance;
use crate::config::{RedisConfig, RedisUrl};
use crate::domain::{By, Generation, NodeId, Partition, Presence, Reason, Record, SessionId, UserId};

mod backoff;
mod census;
mod channels;
mod clocks;
mod cluster;
mod cluster_view;
mod commands;
mod connector;
mod contested;
mod disabled;
mod ends;
mod entry;
mod finder;
mod info;
mod inspect;
mod jobs;
mod layout;
mod life;
mod line;
mod lines;
mod log;
mod login;
mod mark;
mod merge;
mod notifier;
mod page;
mod presence;
mod punctual;
mod reads;
mod redirect;
mod replication;
mod reply;
mod reports;
mod restore;
mod rights;
mod script;
mod sentinel;
mod subscriber;
mod subscribers;
mod subscriptions;
mod supervisor;
#[cfg(test)]
mod tests;
mod tls;
mod view;
mod wanted;
mod witnesses;

pub use connector::ConfigError;

/// At most this long is waited before a call is sent again.
const PAUSE: Duration = Duration::from_millis(50);
/// How long closing waits for the engine's tasks.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// The engine on one Redis.
pub struct Redis {
    keys: Keys,
    commands: Commands,
    /// Of whose lives the node was told.
    told: Arc<Lives>,
    subscriptions: Subscriptions,
    clocks: Clocks,
    /// Sessions that counts have ended, and that no answer has told of yet.
    swept: AtomicU64,
    replication: Option<Replication>,
    inspector: Inspector,
    /// How much of the log is kept, as the scripts get it.
    log_bounds: [String; 2],
    chance: Arc<Chance>,
    tasks: TaskTracker,
    stop: CancellationToken,
    /// An engine that is dropped without being closed leaves no task behind.
    _stop_on_drop: DropGuard,
}

impl Redis {
    /// Opens the store at `url`, everything else left to its defaults.
    ///
    /// # Errors
    /// As [`Self::open_with`], and when the URL is none.
    pub fn open(url: &str, chance: Arc<Chance>) -> Result<(Arc<Self>, mpsc::Receiver<Notice>), ConfigError> {
        let url = RedisUrl::parse(url).map_err(|refusal| ConfigError(format!("store{refusal}")))?;
        Self::open_with(&RedisConfig::of(url), chance)
    }

    /// Opens the store and returns at once: a Redis that is away is waited for in the background.
    /// `chance` spreads the nodes' retries.
    ///
    /// Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When a file that the configuration names can't be used.
    pub fn open_with(
        config: &RedisConfig,
        chance: Arc<Chance>,
    ) -> Result<(Arc<Self>, mpsc::Receiver<Notice>), ConfigError> {
        let url = &config.url;
        let connector =
            Arc::new(Connector::new(url.login.as_ref(), url.database, url.tls.then_some(&config.tls))?);
        let keys = Keys::new(connector.database());
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let (finder, layouts) = Finder::new(url, &connector, Backoff::new(Arc::clone(&chance)));
        tasks.spawn(finder.run(stop.clone()));
        let channels = Channels::new(layouts.is_cluster);
        let rights = Rights::new(&keys, channels, config.wait.replicas > 0);
        let inspector = Inspector::new(url, Connector::clone(&connector), layouts.clone(), rights.clone());

        let replication = Replication::new(config.wait, &keys, &connector, &layouts, &chance, &tasks, &stop);
        let (notices, receiver) = mpsc::channel(NOTICE_QUEUE);
        let notifier = Arc::new(Notifier::new(notices));
        let doubts = layouts.doubts.clone();
        let told = Arc::<Lives>::default();
        let (routes, lines) = Lines::new(Means {
            connector: Arc::clone(&connector),
            keys: keys.clone(),
            rights,
            told: Arc::clone(&told),
            look_every: config.look_every,
            chance: Arc::clone(&chance),
            layouts: layouts.clone(),
            notifier: Arc::clone(&notifier),
            tasks: tasks.clone(),
        });
        tasks.spawn(lines.run(stop.clone()));
        let subscriptions = Subscriptions::new(notifier);
        let subscribers = Subscribers::new(
            connector,
            layouts,
            keys.clone(),
            subscriptions.clone(),
            Arc::clone(&chance),
            tasks.clone(),
        );
        tasks.spawn(subscribers.run(stop.clone()));
        let hearing =
            Self::hear_everybody(subscriptions.clone(), keys.everybody(), Backoff::new(Arc::clone(&chance)));
        tasks.spawn(stop.clone().run_until_cancelled_owned(hearing));

        let redis = Self {
            replication,
            keys,
            told,
            commands: Commands { routes, doubts, channels, chance: Arc::clone(&chance), stop: stop.clone() },
            subscriptions,
            inspector,
            log_bounds: log::bounds(config.events),
            clocks: Clocks::new(Instant::now()),
            swept: AtomicU64::new(0),
            chance,
            tasks,
            _stop_on_drop: stop.clone().drop_guard(),
            stop,
        };
        Ok((Arc::new(redis), receiver))
    }
}

#[async_trait]
impl Store for Redis {
    async fn login(&self, login: &Login) -> Result<LoginOutcome, StoreError> {
        let outcome = self.decide_login(login).await?;
        // Also the answer of a login that was seated before: that it is on replicas nobody has said.
        if let (LoginOutcome::Seated { .. }, Some(replication)) = (&outcome, &self.replication) {
            replication.confirm(login.id).await?;
        }
        Ok(outcome)
    }

    async fn get(&self, id: SessionId, with_data: bool) -> Result<Option<Record>, StoreError> {
        self.read_session(id, with_data).await
    }

    async fn attach(
        &self,
        id: SessionId,
        presence: Presence,
        node_ttl_ms: u64,
    ) -> Result<Attach, StoreError> {
        self.count_connection(id, presence, node_ttl_ms).await
    }

    async fn detach(&self, id: SessionId, presence: Presence) -> Result<(), StoreError> {
        self.uncount_connection(id, presence).await
    }

    async fn renew(
        &self,
        node: NodeId,
        partition: Partition,
        sessions: &[Renewal],
        node_ttl_ms: u64,
    ) -> Result<Renewed, StoreError> {
        self.renew_sessions(node, partition, sessions, node_ttl_ms).await
    }

    async fn restore(&self, restore: &Restore) -> Result<Restored, StoreError> {
        self.restore_session(restore).await
    }

    async fn end(
        &self,
        target: &Target,
        reason: Reason,
        by: Option<&By>,
        act: &Act,
    ) -> Result<Vec<Record>, StoreError> {
        self.end_sessions(target, reason, by, act).await
    }

    async fn sessions_of(&self, user: &UserId, node_ttl_ms: u64) -> Result<Vec<Record>, StoreError> {
        self.list_user(user, node_ttl_ms).await
    }

    async fn set_data(&self, id: SessionId, data: Option<&str>) -> Result<Option<Record>, StoreError> {
        self.replace_data(id, data).await
    }

    async fn set_disabled(
        &self,
        user: &UserId,
        disabled: bool,
        said: Said,
        act: &Act,
    ) -> Result<Disabling, StoreError> {
        self.mark_disabled(user, disabled, said, act).await
    }

    async fn census(&self, newest: usize, node_ttl_ms: u64) -> Result<Census, StoreError> {
        self.count_all(newest, node_ttl_ms).await
    }

    async fn sweep(&self, partition: Partition, lease: NodeId) -> Result<Swept, StoreError> {
        self.sweep_partition(partition, Some(lease)).await
    }

    async fn throttle(
        &self,
        key: &str,
        burst: u32,
        period_ms: u64,
        cost: u32,
    ) -> Result<Option<u64>, StoreError> {
        self.take_units(key, burst, period_ms, cost).await
    }

    async fn subscribe(&self, user: &UserId) -> Result<(), StoreError> {
        self.subscriptions.subscribe(&self.keys.channel(user)).await
    }

    fn unsubscribe(&self, user: &UserId) {
        self.subscriptions.unsubscribe(&self.keys.channel(user));
    }

    fn is_hearing(&self) -> bool {
        self.subscriptions.is_hearing()
    }

    async fn acknowledge(
        &self,
        user: &UserId,
        generation: Generation,
        node: NodeId,
    ) -> Result<(), StoreError> {
        let message = Message::Ack { user: user.as_str().to_owned(), generation, node: node.to_string() };
        self.publish(&self.keys.channel(user), &message).await
    }

    async fn remembers(&self, partition: Partition) -> Result<bool, StoreError> {
        self.is_the_one_known(partition).await
    }

    async fn time_us(&self) -> Result<u64, StoreError> {
        self.read_clock().await
    }

    async fn inspect(&self) -> Result<Inspection, StoreError> {
        self.examine().await
    }

    async fn close(&self) {
        self.stop.cancel();
        self.tasks.close();
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, self.tasks.wait()).await;
    }
}
