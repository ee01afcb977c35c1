//! Keeps one connection for commands alive, for ever.
//!
//! Owns connecting, the first contact (version, layout, writable), the heartbeat, and the decision to rebuild.
//! The heartbeat renews the layout's mark: one small write that finds a half-open connection, a primary that
//! became a replica, and a database that was emptied, none of which a PING would.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, PushKind, RedisError, Value};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::commands::{Link, Suspicion};
use super::connector::{Connector, RESPONSE_TIMEOUT};
use super::finder::Layouts;
use super::inspect::version_fault;
use crate::domain::Partition;

const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long a connection under suspicion has to answer anything. A login waits three seconds in all; it has to be
/// able to find a silent connection, have it replaced and be sent again in that time.
const PROBE_TIMEOUT: Duration = Duration::from_millis(500);
/// Longer than any session and its tombstone: 365 d + 7 d, and a month to come back from holidays.
const META_KEPT_MS: u64 = 400 * 24 * 60 * 60 * 1000;
/// Rises when the layout of `keys.rs` or of a record changes incompatibly.
const LAYOUT: u32 = 1;

pub(super) struct Supervisor {
    connector: Arc<Connector>,
    layouts: Layouts,
    meta_key: Vec<u8>,
    backoff: Backoff,
    link: watch::Sender<Link>,
    suspicions: mpsc::Receiver<Suspicion>,
    /// Rises with every answer to a command.
    answered: Arc<AtomicU64>,
}

/// Why a first contact came to nothing.
enum NoContact {
    Failed(String),
    Refused(String),
}

impl From<RedisError> for NoContact {
    fn from(error: RedisError) -> Self {
        match error.kind() {
            // Redis 5 and older do not know the greeting.
            ErrorKind::RESP3NotSupported => {
                Self::Refused("is too old; Redis 7.0 or newer is needed".to_owned())
            }
            _ => Self::Failed(error.to_string()),
        }
    }
}

impl Supervisor {
    pub(super) fn new(
        connector: Arc<Connector>,
        layouts: Layouts,
        meta_key: Vec<u8>,
        backoff: Backoff,
        link: watch::Sender<Link>,
        suspicions: mpsc::Receiver<Suspicion>,
        answered: Arc<AtomicU64>,
    ) -> Self {
        Self { connector, layouts, meta_key, backoff, link, suspicions, answered }
    }

    /// Runs until `stop`.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        // Cancelling drops the connection with whatever it was doing, which is what closing means.
        stop.run_until_cancelled(self.supervise()).await;
        self.link.send_replace(Link::Closed);
    }

    async fn supervise(&mut self) {
        let mut epoch = 0;
        loop {
            let lost = CancellationToken::new();
            match self.contact(&lost).await {
                Ok(connection) => {
                    epoch += 1;
                    self.backoff.reset();
                    tracing::info!(address = self.layouts.primary_name(), "connected to Redis");
                    self.link.send_replace(Link::Up { connection: connection.clone(), epoch });
                    let why = self.watch_over(connection, epoch, &lost).await;
                    tracing::warn!(
                        address = self.layouts.primary_name(),
                        why,
                        "lost the connection to Redis"
                    );
                    self.link.send_replace(Link::Down { since: Instant::now(), why: why.into() });
                }
                Err(NoContact::Refused(why)) => {
                    if !matches!(&*self.link.borrow(), Link::Refused { why: known } if **known == *why) {
                        tracing::error!(address = self.layouts.primary_name(), why, "this Redis will not do");
                    }
                    self.link.send_replace(Link::Refused { why: why.into() });
                }
                Err(NoContact::Failed(why)) => self.still_down(why),
            }
            sleep(self.backoff.next()).await;
        }
    }

    /// Logs once that Redis is away, not with every try.
    fn still_down(&self, why: String) {
        let news = !matches!(&*self.link.borrow(), Link::Down { why: known, .. } if **known == *why);
        if news {
            tracing::warn!(address = self.layouts.primary_name(), why, "can't reach Redis; trying on");
        }
        self.link.send_if_modified(|link| {
            let since = match link {
                Link::Down { since, .. } => *since,
                _ => Instant::now(),
            };
            *link = Link::Down { since, why: why.into() };
            news
        });
    }

    /// A connection to a Redis that will do. `lost` is cancelled when it breaks.
    async fn contact(&self, lost: &CancellationToken) -> Result<MultiplexedConnection, NoContact> {
        let broken = lost.clone();
        let mut connection = self
            .connector
            .connect(&self.layouts.primary()?, move |push| {
                if push.kind == PushKind::Disconnection {
                    broken.cancel();
                }
            })
            .await?;
        let mut info = redis::cmd("INFO");
        // Who may not ask is not stopped here: `inspect` reports it.
        if let Ok(info) = info.arg("server").query_async::<String>(&mut connection).await
            && let Some(fault) = version_fault(&info)
        {
            return Err(NoContact::Refused(fault));
        }
        self.claim_layout(&mut connection).await?;
        self.probe(&mut connection, RESPONSE_TIMEOUT).await.map_err(NoContact::Failed)?;
        Ok(connection)
    }

    /// Marks an empty database as ours, or checks the mark.
    async fn claim_layout(&self, connection: &mut MultiplexedConnection) -> Result<(), NoContact> {
        let ours = format!("layout={LAYOUT} partitions={}", Partition::COUNT);
        // Read first: a Redis that is full refuses a SET, and should still be asked about sessions.
        let mut get = redis::cmd("GET");
        let mut there: Option<String> = get.arg(&self.meta_key).query_async(connection).await?;
        if there.is_none() {
            let mut set = redis::cmd("SET");
            set.arg(&self.meta_key).arg(&ours).arg("NX").arg("GET").arg("PX").arg(META_KEPT_MS);
            there = set.query_async(connection).await?;
        }
        match there {
            Some(theirs) if theirs != ours => {
                Err(NoContact::Refused(format!("holds sessions of another layout ({theirs}, not {ours})")))
            }
            _ => Ok(()),
        }
    }

    /// Waits until the connection is of no more use; answers why.
    async fn watch_over(
        &mut self,
        mut connection: MultiplexedConnection,
        epoch: u64,
        lost: &CancellationToken,
    ) -> String {
        // The probe has its own limits; the connection's must not come first.
        connection.set_response_timeout(2 * RESPONSE_TIMEOUT);
        let mut heartbeat = interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        heartbeat.reset();
        loop {
            let limit = tokio::select! {
                () = lost.cancelled() => return "it was closed".to_owned(),
                Some(suspicion) = self.suspicions.recv() => match suspicion {
                    Suspicion::Broken(of) if of == epoch => return "a command found it broken".to_owned(),
                    Suspicion::Slow(of) if of == epoch => PROBE_TIMEOUT,
                    // Of an earlier connection.
                    _ => continue,
                },
                _ = heartbeat.tick() => RESPONSE_TIMEOUT,
            };
            if let Err(why) = self.probe(&mut connection, limit).await {
                return why;
            }
        }
    }

    async fn probe(&self, connection: &mut MultiplexedConnection, limit: Duration) -> Result<(), String> {
        let mut touch = redis::cmd("PEXPIRE");
        touch.arg(&self.meta_key).arg(META_KEPT_MS);
        let answered = self.answered.load(Ordering::Relaxed);
        let answer = timeout(limit, connection.send_packed_command(&touch)).await;
        match answer.map(|answer| answer.and_then(Value::extract_error)) {
            Ok(Ok(Value::Int(1))) => Ok(()),
            Ok(Ok(_)) => Err("the database was emptied".to_owned()),
            Ok(Err(error)) => Err(error.to_string()),
            // The line is long, but it moves: a new connection would only make it longer.
            Err(_) if self.answered.load(Ordering::Relaxed) != answered => Ok(()),
            Err(_) => Err("it does not answer".to_owned()),
        }
    }
}
