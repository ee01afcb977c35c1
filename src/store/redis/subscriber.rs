//! The subscriptions: one RESP3 connection of its own, on which nothing else is asked but PING.
//!
//! Owns the promise of `Store::subscribe`: it returns when the server has confirmed. Of a connection that broke
//! or fell silent the node is told at once (`Gap`), and again when everything wanted has been confirmed anew.
//! Never on the command connection: there the crate may take a push for the reply to somebody's command.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{PushInfo, PushKind, RedisError, Value};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::connector::{Connector, RESPONSE_TIMEOUT};
use super::finder::Layouts;
use super::notifier::Notifier;
use super::wanted::Wanted;
use crate::store::StoreError;

/// A connection that is silent for this and a reply's time is taken for dead.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// Channels in one SUBSCRIBE. Redis needs about a microsecond each, so nobody else waits for long.
const BATCH: usize = 500;
/// How long a subscription may take on a connection that is there.
const PATIENCE: Duration = Duration::from_secs(2);
/// A connection is waited for until this long after it went; then nobody is kept waiting.
const HOPE: Duration = Duration::from_secs(1);

/// Whether there is a connection, or since when not.
#[derive(Debug, Clone, Copy)]
enum Health {
    Up,
    Down { since: Instant },
    Closed,
}

/// What the engine holds of the subscriber.
pub(super) struct Subscriptions {
    shared: Arc<Shared>,
    health: watch::Receiver<Health>,
}

struct Shared {
    wanted: Mutex<Wanted>,
    changed: Notify,
}

impl Shared {
    fn wanted(&self) -> MutexGuard<'_, Wanted> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscriptions {
    /// The handle, and the task to be spawned.
    pub(super) fn new(
        connector: Arc<Connector>,
        layouts: Layouts,
        notifier: Arc<Notifier>,
        backoff: Backoff,
    ) -> (Self, Subscriber) {
        let shared = Arc::new(Shared { wanted: Mutex::default(), changed: Notify::new() });
        let (sender, health) = watch::channel(Health::Down { since: Instant::now() });
        let subscriber =
            Subscriber { connector, layouts, notifier, backoff, shared: Arc::clone(&shared), health: sender };
        (Self { shared, health }, subscriber)
    }

    pub(super) fn is_up(&self) -> bool {
        matches!(*self.health.borrow(), Health::Up)
    }

    /// Returns when messages arrive.
    pub(super) async fn subscribe(&self, channel: Vec<u8>) -> Result<(), StoreError> {
        let unavailable = |why: &str| Err(StoreError::Unavailable(why.to_owned()));
        let mut health = self.health.clone();
        let since = match *health.borrow() {
            Health::Up | Health::Closed => Instant::now(),
            Health::Down { since } => since,
        };
        let there = health.wait_for(|health| !matches!(health, Health::Down { .. }));
        match timeout_at(since + HOPE, there).await.map(|there| there.map(|there| *there)) {
            Ok(Ok(Health::Up)) => {}
            Ok(_) => return unavailable("the store is closed"),
            Err(_) => return unavailable("there is no connection for messages"),
        }
        let Some(waiter) = self.shared.wanted().want(channel) else { return Ok(()) };
        self.shared.changed.notify_one();
        match timeout_at(Instant::now() + PATIENCE, waiter).await {
            Ok(Ok(())) => Ok(()),
            // The waiter is dropped here; the subscriber finds it closed and drops the wish.
            _ => unavailable("a subscription was not confirmed in time"),
        }
    }

    pub(super) fn unsubscribe(&self, channel: Vec<u8>) {
        self.shared.wanted().forget(channel);
        self.shared.changed.notify_one();
    }
}

/// The task behind it.
pub(super) struct Subscriber {
    connector: Arc<Connector>,
    layouts: Layouts,
    notifier: Arc<Notifier>,
    backoff: Backoff,
    shared: Arc<Shared>,
    health: watch::Sender<Health>,
}

impl Subscriber {
    /// Runs until `stop`.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        stop.run_until_cancelled(self.stay_subscribed()).await;
        self.health.send_replace(Health::Closed);
    }

    async fn stay_subscribed(&mut self) {
        // The node starts with nothing to miss; from then on every loss is told.
        let mut told_of_loss = false;
        loop {
            let lost = CancellationToken::new();
            match self.connect(&lost).await {
                Ok(connection) => {
                    let error = self.serve(connection, &lost, told_of_loss).await;
                    tracing::warn!(%error, "lost the connection for messages from Redis");
                    self.health.send_replace(Health::Down { since: Instant::now() });
                    self.shared.wanted().lose_all();
                    self.notifier.gap(false);
                    told_of_loss = true;
                }
                Err(error) => tracing::debug!(%error, "can't connect to Redis for messages"),
            }
            sleep(self.backoff.next()).await;
        }
    }

    async fn connect(&self, lost: &CancellationToken) -> Result<MultiplexedConnection, RedisError> {
        let (notifier, broken) = (Arc::clone(&self.notifier), lost.clone());
        let on_push = move |push: PushInfo| match push.kind {
            PushKind::Message | PushKind::SMessage => pass_on(&notifier, &push.data),
            PushKind::Disconnection => broken.cancel(),
            _ => {}
        };
        self.connector.connect(&self.layouts.primary()?, on_push).await
    }

    /// Subscribes to all that is wanted, then follows the wishes until the connection breaks; answers why.
    async fn serve(
        &mut self,
        mut connection: MultiplexedConnection,
        lost: &CancellationToken,
        told_of_loss: bool,
    ) -> RedisError {
        while self.shared.wanted().has_work() {
            if let Err(error) = self.work_off(&mut connection).await {
                return error;
            }
        }
        self.backoff.reset();
        self.health.send_replace(Health::Up);
        if told_of_loss {
            self.notifier.gap(true);
        }
        let mut heartbeat = interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let step = tokio::select! {
                () = lost.cancelled() => Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into()),
                () = self.shared.changed.notified() => self.work_off(&mut connection).await,
                () = self.notifier.settle() => Ok(()),
                _ = heartbeat.tick() => redis::cmd("PING").query_async(&mut connection).await,
            };
            if let Err(error) = step {
                return error;
            }
        }
    }

    /// One batch of what there is to do. The connection's response time-out bounds it.
    async fn work_off(&self, connection: &mut MultiplexedConnection) -> Result<(), RedisError> {
        let work = self.shared.wanted().take(BATCH);
        if !work.unsubscribe.is_empty() {
            connection.unsubscribe(&work.unsubscribe).await?;
        }
        if !work.subscribe.is_empty() {
            connection.subscribe(&work.subscribe).await?;
            self.shared.wanted().confirm(&work.subscribe);
        }
        if self.shared.wanted().has_work() {
            self.shared.changed.notify_one();
        }
        Ok(())
    }
}

/// Parses a message where it arrives, without a hop in between: the socket of the session that it ends is waiting.
fn pass_on(notifier: &Notifier, data: &[Value]) {
    let [_, Value::BulkString(payload)] = data else { return };
    match serde_json::from_slice(payload) {
        Ok(message) => notifier.message(message),
        // Of a newer version: nothing for this one, which finds out by its next renewal.
        Err(error) => tracing::debug!(%error, "a message that this version does not know"),
    }
}

/// A reply must be able to come in before the patience of who waits for it ends.
const _: () = assert!(RESPONSE_TIMEOUT.as_millis() <= PATIENCE.as_millis());
