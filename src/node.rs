//! One running node: its parts, how they begin, and how they end.
//!
//! Begin: store, hub, enforcer, tasks, listener. End, in the other order: no new connections, `restarting` to every
//! socket, requests in flight answered, sockets closed with 1012 over at most half of `drain_timeout`, what is
//! unwritten written, the store closed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::mpsc::Receiver;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::accounts::Accounts;
use crate::chance::Chance;
use crate::config::Config;
use crate::domain::NodeId;
use crate::enforcer::{Enforcer, Parts};
use crate::http::{self, App, Limits, Services};
use crate::hub::{CLOSE_TIMEOUT, Command, Hub};
use crate::metrics::Metrics;
use crate::store::{self, Engine, Notice, OpenError, Store};
use crate::sweeper::Sweeper;

/// Sockets at a time. The process's own limit on descriptors usually comes first; the accept loop pauses at it.
const MAX_CONNECTIONS: usize = 65_536;
/// For each socket that a drain sends away: a hundred a second come to the other nodes. So a node with few is gone at
/// once, and its clients are told to wait no longer than there is reason to.
const DRAIN_PACE: Duration = Duration::from_millis(10);
/// How often the end of the last socket is looked for.
const DRAIN_POLL: Duration = Duration::from_millis(20);
/// How long the last steps of the node's tasks may take: a call of the store that is not answered, and a little.
const LAST_STEPS: Duration = Duration::from_secs(4);
/// How long the last writes to the store may take.
const LAST_WRITES: Duration = Duration::from_secs(3);

/// Why a node did not run.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    #[error(transparent)]
    Store(#[from] OpenError),
    #[error("listen: {address}: {error}")]
    Listen { address: SocketAddr, error: std::io::Error },
}

/// Runs a node until `shutdown`, and then until it has drained, at most `drain_timeout` and some seconds.
///
/// # Errors
/// The store can't be opened, or the address can't be listened on.
pub async fn run(config: Config, shutdown: CancellationToken) -> Result<(), NodeError> {
    let address = config.http.listen;
    let chance = Arc::new(Chance::system());
    let (engine, notices) = store::open(&config.store, config.renew_every(), Arc::clone(&chance)).await?;
    let listener = TcpListener::bind(address).await.map_err(|error| NodeError::Listen { address, error })?;
    let listen = listener.local_addr().unwrap_or(address);
    let node = Node::make(&config, engine, chance, listen);
    let stop = CancellationToken::new();
    let tasks = node.begin(notices, &config, &stop);

    let limits = Limits {
        header_timeout: config.http.header_timeout,
        max_connections: MAX_CONNECTIONS,
        drain: config.node.drain_timeout,
    };
    let drain_timeout = config.node.drain_timeout;
    tracing::info!(node = %node.id, %listen, store = %config.store.url, "ready");
    if config.demo {
        // Without the password: logs hold none, not even this one. The page tells it.
        tracing::info!(
            "demo: open http://{listen} in two browsers, and http://{listen}/admin; the page says how to sign in"
        );
    }
    let server = http::serve(listener, http::router(node.app(config)), limits, shutdown.clone());
    tokio::join!(server, async {
        shutdown.cancelled().await;
        node.enforcer.drain();
        drain(&node.hub, &node.chance, drain_timeout).await;
    });
    stop.cancel();
    end(&tasks).await;
    finish(&node.enforcer, node.store.as_ref()).await;
    tracing::info!(node = %node.id, "stopped");
    Ok(())
}

/// What a node consists of, but for its listener.
struct Node {
    id: NodeId,
    store: Arc<dyn Store>,
    hub: Arc<Hub>,
    enforcer: Arc<Enforcer>,
    metrics: Arc<Metrics>,
    chance: Arc<Chance>,
}

impl Node {
    fn make(config: &Config, engine: Arc<dyn Engine>, chance: Arc<Chance>, listen: SocketAddr) -> Self {
        let store: Arc<dyn Store> = engine.clone();
        let metrics = Arc::new(Metrics::new());
        let id = NodeId::from_bytes(chance.bytes());
        let hub = Hub::new(id, config.node.heartbeat);
        let enforcer = Enforcer::new(Parts {
            node: id,
            name: listen.to_string(),
            seats: config.seats.clone(),
            config: config.node.clone(),
            store: Arc::clone(&store),
            view: engine.clone(),
            log: engine,
            hub: Arc::clone(&hub),
            chance: Arc::clone(&chance),
            metrics: Arc::clone(&metrics),
        });
        Self { id, store, hub, enforcer, metrics, chance }
    }

    /// Begins what a node does on its own, until `stop`.
    fn begin(&self, notices: Receiver<Notice>, config: &Config, stop: &CancellationToken) -> TaskTracker {
        let sweeper = Sweeper {
            node: self.id,
            store: Arc::clone(&self.store),
            metrics: Arc::clone(&self.metrics),
            chance: Arc::clone(&self.chance),
            interval: config.node.sweep_interval,
        };
        let enforcer = || Arc::clone(&self.enforcer);
        let tasks = TaskTracker::new();
        tasks.spawn(enforcer().run_notices(notices, stop.clone()));
        tasks.spawn(enforcer().run_feed(stop.clone()));
        tasks.spawn(enforcer().run_renewal(stop.clone()));
        tasks.spawn(enforcer().run_repairs(stop.clone()));
        tasks.spawn(enforcer().run_fence(stop.clone()));
        tasks.spawn(enforcer().run_reports(stop.clone()));
        tasks.spawn(enforcer().run_jobs(stop.clone()));
        tasks.spawn(sweeper.run(stop.clone()));
        tasks.close();
        tasks
    }

    fn app(&self, config: Config) -> App {
        App::new(Services {
            accounts: Arc::new(Accounts::new(config.accounts.clone())),
            config: Arc::new(config),
            enforcer: Arc::clone(&self.enforcer),
            metrics: Arc::clone(&self.metrics),
            chance: Arc::clone(&self.chance),
        })
    }
}

/// Sends every socket away, spread so that the other nodes are not stormed, and waits until they are gone.
async fn drain(hub: &Hub, chance: &Chance, drain_timeout: Duration) {
    let start = Instant::now();
    let spread = drain_spread(hub.len(), drain_timeout);
    hub.send_all(|| Command::Restart { retry_after: chance.up_to(spread), close_in: chance.up_to(spread) });
    while !hub.is_empty() && start.elapsed() < drain_timeout.max(spread + CLOSE_TIMEOUT) {
        tokio::time::sleep(DRAIN_POLL).await;
    }
    if !hub.is_empty() {
        tracing::warn!(left = hub.len(), "some sockets did not go in time and are cut");
    }
}

/// Over how long so many sockets are closed, and asked to stay away after that: at most half of `drain_timeout`.
fn drain_spread(sockets: usize, drain_timeout: Duration) -> Duration {
    DRAIN_PACE.saturating_mul(u32::try_from(sockets).unwrap_or(u32::MAX)).min(drain_timeout / 2)
}

/// Waits for the node's tasks, which have been asked to end: each finishes the step that it is at, and the store need not
/// answer that.
async fn end(tasks: &TaskTracker) {
    if tokio::time::timeout(LAST_STEPS, tasks.wait()).await.is_err() {
        tracing::warn!(left = tasks.len(), "some tasks did not end in time and are cut");
    }
}

/// Writes what is not yet written, within a bound: a store that is away keeps no node from ending.
async fn finish(enforcer: &Enforcer, store: &dyn Store) {
    let writing = async {
        enforcer.flush().await;
        store.close().await;
    };
    if tokio::time::timeout(LAST_WRITES, writing).await.is_err() {
        tracing::warn!("the store did not take the last writes in time");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_sockets_go_at_once_and_many_over_half_of_the_drain() {
        let drain_timeout = Duration::from_secs(20);
        for (sockets, spread_ms) in [(0, 0), (1, 10), (500, 5_000), (1_000, 10_000), (usize::MAX, 10_000)] {
            assert_eq!(drain_spread(sockets, drain_timeout), Duration::from_millis(spread_ms));
        }
    }

    /// A heal that had a whole partition to tell kept the node from ending, for as long as that took.
    #[tokio::test(start_paused = true)]
    async fn a_task_that_does_not_end_is_waited_for_only_so_long() {
        let tasks = TaskTracker::new();
        tasks.spawn(std::future::pending::<()>());
        tasks.spawn(async {});
        tasks.close();
        let asked = Instant::now();
        end(&tasks).await;
        assert_eq!((asked.elapsed().as_secs(), tasks.len()), (LAST_STEPS.as_secs(), 1));
    }
}
