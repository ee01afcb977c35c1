//! Finds the primaries: the one task that makes layouts.
//!
//! Everybody else follows [`Layouts::current`] and, on any sign that it may be wrong, says so
//! ([`Doubts::doubt`]); the finder looks again, with pauses of full jitter that grow while it finds nothing new.
//! A layout that was found stays until there is a newer one: what can't be asked just now is not gone.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::cluster::Cluster;
use super::connector::Connector;
use super::layout::{Address, Layout};
use super::sentinel::Sentinels;
use crate::config::{RedisUrl, Topology};

/// How often it looks without a doubt: what nobody noticed is found by then.
const PERIOD: Duration = Duration::from_secs(10);
/// A doubt after so much quiet is a new one: the pauses start over.
const QUIET: Duration = Duration::from_secs(1);
/// The longest pause between two looks that are wanted: while a primary is missing nobody is served.
const PAUSE: Duration = Duration::from_millis(500);

/// How long a look gives each server, connecting included: who is dead must not hold up who lives.
const PATIENCE: Duration = Duration::from_millis(500);
/// And at most, after looks that found nothing: over a slow line, or on a machine that is too busy, the first is never
/// enough, however often it is tried.
const LONGEST_PATIENCE: Duration = Duration::from_millis(1_500);

/// What the engine holds of the finder.
#[derive(Clone)]
pub(super) struct Layouts {
    /// `None` until the first is found.
    pub current: watch::Receiver<Option<Arc<Layout>>>,
    pub doubts: Doubts,
    /// Of a Cluster: channels are sharded, and slots move.
    pub is_cluster: bool,
}

/// How everybody says that the layout may be wrong, and hears why there is none.
#[derive(Clone, Default)]
pub(super) struct Doubts(Arc<Shared>);

#[derive(Default)]
struct Shared {
    doubted: Notify,
    heard: Notify,
    trouble: Mutex<Option<Arc<str>>>,
}

impl Doubts {
    /// Has the finder look again. Cheap; any number before it does are one.
    pub(super) fn doubt(&self) {
        self.0.doubted.notify_one();
    }

    /// Has the finder look at once: somebody who knows says that there is news.
    pub(super) fn hear(&self) {
        self.0.heard.notify_one();
    }

    /// Waits for somebody who knows; takes the news.
    pub(super) async fn news(&self) {
        self.0.heard.notified().await;
    }

    /// Why the last look found nothing, if it did not.
    pub(super) fn trouble(&self) -> Option<Arc<str>> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<str>>> {
        self.0.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task behind it.
pub(super) struct Finder {
    way: Way,
    found: watch::Sender<Option<Arc<Layout>>>,
    doubts: Doubts,
    backoff: Backoff,
}

/// How a layout is found.
enum Way {
    /// It is known from the start and never changes.
    Known,
    Sentinels(Box<Sentinels>),
    Cluster(Box<Cluster>),
}

impl Finder {
    /// The task to be spawned, and the handle.
    pub(super) fn new(url: &RedisUrl, connector: &Connector, backoff: Backoff) -> (Self, Layouts) {
        let servers = url.servers.clone();
        let doubts = Doubts::default();
        let (way, known) = match &url.topology {
            Topology::Single => {
                (Way::Known, servers.into_iter().next().map(|server| Arc::new(Layout::single(server))))
            }
            Topology::Sentinel { master, login } => {
                let sentinels = Sentinels::new(servers, master, login.as_ref(), connector, doubts.clone());
                (Way::Sentinels(Box::new(sentinels)), None)
            }
            Topology::Cluster => {
                (Way::Cluster(Box::new(Cluster::new(servers, url.tls, connector, doubts.clone()))), None)
            }
        };
        let (found, current) = watch::channel(known);
        let layouts = Layouts { current, doubts: doubts.clone(), is_cluster: url.is_cluster() };
        (Self { way, found, doubts, backoff: backoff.within(PAUSE) }, layouts)
    }

    /// Runs until `stop`.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        stop.run_until_cancelled(self.follow()).await;
    }

    async fn follow(&mut self) {
        let doubts = self.doubts.clone();
        let mut patience = PATIENCE;
        loop {
            let found = match &mut self.way {
                Way::Known => return std::future::pending().await,
                Way::Sentinels(sentinels) => sentinels.look(patience).await,
                Way::Cluster(cluster) => cluster.look(patience).await,
            };
            let in_trouble = found.is_err();
            patience = if in_trouble { (patience * 2).min(LONGEST_PATIENCE) } else { PATIENCE };
            self.take(found);
            tokio::select! {
                // News is worth quick looks again, should the first come too early.
                () = doubts.news() => {
                    self.backoff.reset();
                    continue;
                }
                () = sleep(self.backoff.next()) => {}
            }
            // What could not be found out is tried again without being asked to.
            if in_trouble {
                continue;
            }
            let quiet = Instant::now() + QUIET;
            tokio::select! {
                () = doubts.news() => self.backoff.reset(),
                () = doubts.0.doubted.notified() => {}
                () = sleep(PERIOD) => {}
            }
            if Instant::now() > quiet {
                self.backoff.reset();
            }
        }
    }

    fn take(&mut self, found: Result<Layout, String>) {
        match found {
            Ok(layout) => {
                *self.doubts.lock() = None;
                let mut moved = false;
                let is_news = self.found.send_if_modified(|current| {
                    let is_news = current.as_deref() != Some(&layout);
                    if is_news {
                        moved = current.as_ref().is_none_or(|known| known.primaries() != layout.primaries());
                        *current = Some(Arc::new(layout));
                    }
                    is_news
                });
                if is_news {
                    self.backoff.reset();
                }
                // Slots may move by the thousand; who is a primary is news to people.
                if moved && let Some(layout) = &*self.found.borrow() {
                    tracing::info!(primaries = %Names(layout.primaries()), "found where Redis takes writes");
                }
            }
            Err(why) => {
                let mut trouble = self.doubts.lock();
                if trouble.is_none() {
                    tracing::warn!(why, "can't find out where Redis takes writes; trying on");
                }
                *trouble = Some(why.into());
            }
        }
    }
}

/// Addresses in a line of the log.
struct Names<'a>(&'a [Address]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, address) in self.0.iter().enumerate() {
            write!(f, "{}{address}", if index > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}
