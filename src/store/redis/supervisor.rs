//! Keeps one line alive, for as long as its primary is one.
//!
//! Owns connecting, the first contact (version, rights, layout of the data, writable), the heartbeat, and the decision to
//! rebuild. The heartbeat reads and extends the mark, one small write that finds a half-open connection, a primary
//! that became a replica, and a database that was emptied, none of which a PING would; it asks whose history this
//! is, which finds a primary that was a replica in between; and whether the user still may do what has to be done.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, PushKind, RedisError};
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
use super::rights::Rights;
use crate::chance::Chance;

/// How long a connection under suspicion has to answer anything. A login waits three seconds in all; it has to be
/// able to find a silent connection, have it replaced and be sent again in that time.
const PROBE_TIMEOUT: Duration = Duration::from_millis(500);

pub(super) struct Supervisor {
    address: Address,
    connector: Arc<Connector>,
    layouts: Layouts,
    marker: Marker,
    rights: Rights,
    heartbeat: Duration,
    chance: Arc<Chance>,
    backoff: Backoff,
    end: LineEnd,
    news: Arc<Notify>,
}

/// Why a first contact came to nothing.
enum NoContact {
    Failed(String),
    /// Its user may not do what has to be done; until the operator lets it.
    Denied(String),
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
            rights: means.rights.clone(),
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
                    let since = Instant::now();
                    tracing::info!(address = %self.address, "connected to Redis");
                    self.end.link.send_replace(Link::Up { connection: connection.clone(), epoch, life });
                    self.news.notify_one();
                    let why = self.watch_over(connection, epoch, &lost).await;
                    self.backoff.lost_after(since.elapsed());
                    tracing::warn!(address = %self.address, why, "lost the connection to Redis");
                    self.end.link.send_replace(Link::Down { since: Instant::now(), why: why.into() });
                }
                Err(NoContact::Refused(why)) => {
                    if !matches!(&*self.end.link.borrow(), Link::Refused { why: known } if **known == *why) {
                        tracing::error!(address = %self.address, why, "this Redis will not do");
                    }
                    self.end.link.send_replace(Link::Refused { why: why.into() });
                }
                Err(NoContact::Denied(why)) => {
                    if self.still_down(&why) {
                        tracing::error!(address = %self.address, why, "this Redis will not do");
                    }
                }
                Err(NoContact::Failed(why)) => {
                    if self.still_down(&why) {
                        tracing::warn!(address = %self.address, why, "can't reach Redis; trying on");
                    }
                }
            }
            // Perhaps this is no primary any longer.
            self.layouts.doubts.doubt();
            sleep(self.backoff.next()).await;
        }
    }

    /// Says whether that is news: it is logged once, not with every try.
    fn still_down(&self, why: &str) -> bool {
        let news = !matches!(&*self.end.link.borrow(), Link::Down { why: known, .. } if **known == *why);
        self.end.link.send_if_modified(|link| {
            let since = match link {
                Link::Down { since, .. } => *since,
                _ => Instant::now(),
            };
            *link = Link::Down { since, why: why.into() };
            news
        });
        news
    }

    /// A connection to a Redis that will do, without a time-out for answers, and whose life it is. `lost` is cancelled when it breaks.
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
        let unbounded = self.connector.connect_unbounded(&self.address, on_push).await?;
        let mut connection = unbounded.clone();
        connection.set_response_timeout(RESPONSE_TIMEOUT);
        let run = self.identify(&mut connection).await?;
        if let Some(lack) = self.rights.lack(&mut connection).await? {
            return Err(NoContact::Denied(lack));
        }
        let mark = self.marker.claim(&mut connection).await?;
        Ok((unbounded, Arc::new(Life { run, mark })))
    }

    /// Whose history it is, if the version will do.
    async fn identify(&self, connection: &mut MultiplexedConnection) -> Result<String, NoContact> {
        let Some(info) = ask(connection, &redis::cmd("INFO")).await? else {
            // Each contact may then be with another.
            return Ok(format!("unknown-{:x}", u128::from_be_bytes(self.chance.bytes())));
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
                    Suspicion::Forgetful(of) if of == epoch => RESPONSE_TIMEOUT,
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
        match timeout(limit, self.look(connection)).await {
            Ok(Ok((mark, run))) => {
                self.learn(mark, run);
                Ok(())
            }
            Ok(Err(NoMark::Failed(why) | NoMark::Foreign(why))) => Err(why),
            // The line is long, but it moves: a new connection would only make it longer.
            Err(_) if self.end.answered.load(Ordering::Relaxed) != answered => Ok(()),
            Err(_) => Err("it does not answer".to_owned()),
        }
    }

    /// The mark and the run as they are now. A primary that was demoted and promoted again need not have closed the
    /// connection, and its mark may be what it was.
    async fn look(
        &self,
        connection: &mut MultiplexedConnection,
    ) -> Result<(Option<Mark>, Option<String>), NoMark> {
        let lack = self.rights.lack(connection).await.map_err(|error| NoMark::Failed(error.to_string()))?;
        if let Some(lack) = lack {
            return Err(NoMark::Failed(lack));
        }
        let mark = self.marker.claim(connection).await?;
        let info = ask(connection, redis::cmd("INFO").arg("server").arg("replication")).await;
        let info = info.map_err(|error| NoMark::Failed(error.to_string()))?;
        Ok((mark, info.as_deref().map(run_of)))
    }

    /// Takes over what is not as it was known. `None` says nothing: it could not be read just now.
    fn learn(&self, mark: Option<Mark>, run: Option<String>) {
        let is_news = self.end.link.send_if_modified(|link| {
            let Link::Up { life, .. } = link else { return false };
            let now = Life {
                run: run.unwrap_or_else(|| life.run.clone()),
                mark: mark.or_else(|| life.mark.clone()),
            };
            let is_news = now != **life;
            if is_news {
                *life = Arc::new(now);
            }
            is_news
        });
        if is_news {
            self.news.notify_one();
        }
    }

    fn known_mark(&self) -> Option<Mark> {
        match &*self.end.link.borrow() {
            Link::Up { life, .. } => life.mark.clone(),
            _ => None,
        }
    }
}

/// What `INFO` says; `None` to who may not ask, which is not stopped here: `inspect` reports it.
async fn ask(connection: &mut MultiplexedConnection, info: &Cmd) -> Result<Option<String>, RedisError> {
    match info.query_async(connection).await {
        Ok(info) => Ok(Some(info)),
        Err(error) if error.kind() == ErrorKind::Io => Err(error),
        Err(_) => Ok(None),
    }
}
