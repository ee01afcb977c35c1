//! Keeps one line alive, for as long as its primary is one.
//!
//! Owns connecting, the first contact (version, layout of the data, writable), the heartbeat, and the decision to
//! rebuild. The heartbeat reads and extends the mark: one small write that finds a half-open connection, a primary
//! that became a replica, and a database that was emptied, none of which a PING would.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, PushKind, RedisError};
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::connector::{Connector, RESPONSE_TIMEOUT};
use super::finder::Layouts;
use super::info::{run_of, version_fault};
use super::layout::Address;
use super::life::{Life, Mark};
use super::line::{LineEnd, Link, Suspicion};
use super::lines::Means;
use super::mark::{Marker, NoMark};
use crate::chance::Chance;

/// How long a connection under suspicion has to answer anything. A login waits three seconds in all; it has to be
/// able to find a silent connection, have it replaced and be sent again in that time.
const PROBE_TIMEOUT: Duration = Duration::from_millis(500);

pub(super) struct Supervisor {
    address: Address,
    connector: Arc<Connector>,
    layouts: Layouts,
    marker: Marker,
    heartbeat: Duration,
    chance: Arc<Chance>,
    backoff: Backoff,
    end: LineEnd,
    news: Arc<Notify>,
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

impl From<NoMark> for NoContact {
    fn from(none: NoMark) -> Self {
        match none {
            NoMark::Failed(why) => Self::Failed(why),
            NoMark::Foreign(why) => Self::Refused(why),
        }
    }
}

impl Supervisor {
    /// `news` is told when the line comes up, and when it leads to another life.
    pub(super) fn new(address: Address, means: &Means, end: LineEnd, news: Arc<Notify>) -> Self {
        let (layouts, chance) = (means.layouts.clone(), Arc::clone(&means.chance));
        let marker =
            Marker::new(address.clone(), means.keys.clone(), layouts.current.clone(), Arc::clone(&chance));
        Self {
            address,
            connector: Arc::clone(&means.connector),
            layouts,
            marker,
            heartbeat: means.look_every,
            backoff: Backoff::new(Arc::clone(&chance)),
            chance,
            end,
            news,
        }
    }

    /// Runs until `stop`.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        // Cancelling drops the connection with whatever it was doing, which is what closing means.
        stop.run_until_cancelled(self.supervise()).await;
        self.end.link.send_replace(Link::Closed);
    }

    async fn supervise(&mut self) {
        let mut epoch = 0;
        loop {
            let lost = CancellationToken::new();
            match self.contact(&lost).await {
                Ok((connection, life)) => {
                    epoch += 1;
                    self.backoff.reset();
                    tracing::info!(address = %self.address, "connected to Redis");
                    self.end.link.send_replace(Link::Up { connection: connection.clone(), epoch, life });
                    self.news.notify_one();
                    let why = self.watch_over(connection, epoch, &lost).await;
                    tracing::warn!(address = %self.address, why, "lost the connection to Redis");
                    self.end.link.send_replace(Link::Down { since: Instant::now(), why: why.into() });
                }
                Err(NoContact::Refused(why)) => {
                    if !matches!(&*self.end.link.borrow(), Link::Refused { why: known } if **known == *why) {
                        tracing::error!(address = %self.address, why, "this Redis will not do");
                    }
                    self.end.link.send_replace(Link::Refused { why: why.into() });
                }
                Err(NoContact::Failed(why)) => self.still_down(why),
            }
            // Perhaps this is no primary any longer.
            self.layouts.doubts.doubt();
            sleep(self.backoff.next()).await;
        }
    }

    /// Logs once that Redis is away, not with every try.
    fn still_down(&self, why: String) {
        let news = !matches!(&*self.end.link.borrow(), Link::Down { why: known, .. } if **known == *why);
        if news {
            tracing::warn!(address = %self.address, why, "can't reach Redis; trying on");
        }
        self.end.link.send_if_modified(|link| {
            let since = match link {
                Link::Down { since, .. } => *since,
                _ => Instant::now(),
            };
            *link = Link::Down { since, why: why.into() };
            news
        });
    }

    /// A connection to a Redis that will do, and whose life it is. `lost` is cancelled when it breaks.
    async fn contact(
        &self,
        lost: &CancellationToken,
    ) -> Result<(MultiplexedConnection, Arc<Life>), NoContact> {
        let broken = lost.clone();
        let on_push = move |push: redis::PushInfo| {
            if push.kind == PushKind::Disconnection {
                broken.cancel();
            }
        };
        let mut connection = self.connector.connect(&self.address, on_push).await?;
        let run = self.identify(&mut connection).await?;
        let mark = self.marker.claim(&mut connection).await?;
        Ok((connection, Arc::new(Life { run, mark })))
    }

    /// Whose history it is, if the version will do.
    async fn identify(&self, connection: &mut MultiplexedConnection) -> Result<String, NoContact> {
        let info = match redis::cmd("INFO").query_async::<String>(connection).await {
            Ok(info) => info,
            Err(error) if error.kind() == ErrorKind::Io => return Err(error.into()),
            // Who may not ask is not stopped here: `inspect` reports it. Each contact may then be with another.
            Err(_) => return Ok(format!("unknown-{:x}", u128::from_be_bytes(self.chance.bytes()))),
        };
        if let Some(fault) = version_fault(&info) {
            return Err(NoContact::Refused(fault));
        }
        Ok(run_of(&info))
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
        let mut heartbeat = interval(self.heartbeat);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        heartbeat.reset();
        let mut layouts = self.layouts.current.clone();
        loop {
            let limit = tokio::select! {
                () = lost.cancelled() => return "it was closed".to_owned(),
                Some(suspicion) = self.end.suspicions.recv() => match suspicion {
                    Suspicion::Broken(of) if of == epoch => return "a command found it broken".to_owned(),
                    Suspicion::Slow(of) if of == epoch => PROBE_TIMEOUT,
                    // Of an earlier connection.
                    _ => continue,
                },
                // The mark's slot may have moved.
                Ok(()) = layouts.changed() => match self.marker.has_moved(self.known_mark().as_ref()) {
                    true => RESPONSE_TIMEOUT,
                    false => continue,
                },
                _ = heartbeat.tick() => RESPONSE_TIMEOUT,
            };
            if let Err(why) = self.probe(&mut connection, limit).await {
                return why;
            }
        }
    }

    async fn probe(&self, connection: &mut MultiplexedConnection, limit: Duration) -> Result<(), String> {
        let answered = self.end.answered.load(Ordering::Relaxed);
        match timeout(limit, self.marker.claim(connection)).await {
            Ok(Ok(mark)) => {
                self.learn(mark);
                Ok(())
            }
            Ok(Err(NoMark::Failed(why) | NoMark::Foreign(why))) => Err(why),
            // The line is long, but it moves: a new connection would only make it longer.
            Err(_) if self.end.answered.load(Ordering::Relaxed) != answered => Ok(()),
            Err(_) => Err("it does not answer".to_owned()),
        }
    }

    /// Takes over a mark that is not the known one. `None` says nothing: it could not be read just now.
    fn learn(&self, mark: Option<Mark>) {
        if mark.is_none() || mark == self.known_mark() {
            return;
        }
        self.end.link.send_modify(|link| {
            if let Link::Up { life, .. } = link {
                *life = Arc::new(Life { run: life.run.clone(), mark });
            }
        });
        self.news.notify_one();
    }

    fn known_mark(&self) -> Option<Mark> {
        match &*self.end.link.borrow() {
            Link::Up { life, .. } => life.mark.clone(),
            _ => None,
        }
    }
}
