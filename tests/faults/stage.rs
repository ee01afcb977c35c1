//! What a run happens on: a store of one topology, a wire before each of its servers, and the nodes.
//!
//! Used for many runs; [`Stage::mend`] brings it back to where it was before a fault.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use hotseat::domain::{Partition, UserId};
use redis::cmd;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::device::{self, Ticket};
use super::history::OnFull;
use super::wire::{Trouble, Whom, Wire};
use crate::support::client::DEMO_KEY;
use crate::support::redis_cluster::{ClusterOptions, RedisCluster};
use crate::support::redis_sentinel::{MASTER, RedisSentinel, SentinelOptions};
use crate::support::redis_server::{RedisServer, own_host};
use crate::support::{Node, NodeOptions};

/// After how long a primary counts as dead where a fault kills or freezes one; else no busy machine may fake it.
pub const DOWN_AFTER: Duration = Duration::from_secs(1);
const NEVER_DOWN: Duration = Duration::from_secs(15);
const CLUSTER_PRIMARIES: usize = 3;
const SLOTS: usize = 16_384;
/// Users who ask whether a node serves. On a Cluster as many of each primary, or nobody might ask for what one has.
const PROBES: usize = 9;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topology {
    Embedded,
    Single,
    Sentinel,
    Cluster,
}

impl Topology {
    pub const ALL: [Self; 4] = [Self::Embedded, Self::Single, Self::Sentinel, Self::Cluster];

    pub fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Single => "single",
            Self::Sentinel => "sentinel",
            Self::Cluster => "cluster",
        }
    }
}

pub enum Store {
    Embedded(TempDir),
    Single(RedisServer),
    Sentinel(RedisSentinel),
    Cluster(RedisCluster),
}

pub struct Stage {
    pub on_full: OnFull,
    pub store: Store,
    /// By server.
    wires: Vec<Wire>,
    nodes: Vec<Option<Node>>,
    pub addresses: Vec<SocketAddr>,
    /// Who asks each node whether it serves. Users of its own, so that nodes do not put out each other's probes before
    /// they are welcomed.
    probes: Vec<(SocketAddr, String)>,
}

impl Stage {
    pub async fn set(topology: Topology, on_full: OnFull, nodes: usize) -> Self {
        Self::set_with(topology, on_full, nodes, &[]).await
    }

    /// With more keys of the nodes' configuration.
    pub async fn set_with(topology: Topology, on_full: OnFull, nodes: usize, keys: &[(&str, &str)]) -> Self {
        let nodes = if topology == Topology::Embedded { 1 } else { nodes };
        let (store, wires) = open(topology, nodes).await;
        let mut stage =
            Self { on_full, store, wires, nodes: Vec::new(), addresses: Vec::new(), probes: Vec::new() };
        for index in 0..nodes {
            let node = Node::start(stage.options(index).set_all(keys)).await;
            let probes = stage.store.users_everywhere(&format!("probe-of-{}", node.address)).await;
            stage.probes.extend(probes.into_iter().map(|user| (node.address, user)));
            stage.addresses.push(node.address);
            stage.nodes.push(Some(node));
        }
        stage
    }

    fn options(&self, node: usize) -> NodeOptions {
        let on_full = if self.on_full == OnFull::KickOld { "kick_old" } else { "deny_new" };
        let limits: Vec<String> = (1..=3)
            .map(|seats| format!(r#"{{"role": "seats-{seats}", "class": "*", "max": {seats}}}"#))
            .collect();
        NodeOptions::new(self.url(node))
            .set("renew_interval", "1s")
            .set("heartbeat", "1s")
            // Longer than any failover, as operators are told to have it: what happens else is not promised.
            .set("ghost_after", "12s")
            // Why a call was answered with 503 is said at this level only.
            .set("log", "info,hotseat::http::problem=debug")
            .set("on_full", on_full)
            .set("limits", format!("[{}]", limits.join(",")))
    }

    /// The store as one node reaches it: by a user of its own, so that the wires know whose connection it is.
    fn url(&self, node: usize) -> String {
        let greet = |url: String| url.replacen("://", &format!("://n{node}:x@"), 1);
        match &self.store {
            Store::Embedded(directory) => format!("embedded:{}", directory.path().join("data").display()),
            Store::Single(_) => greet(format!("redis://{}", self.wires[0].address())),
            Store::Sentinel(rig) => greet(rig.url()),
            Store::Cluster(rig) => greet(rig.url_of(0..CLUSTER_PRIMARIES)),
        }
    }

    /// One trouble on the wires of all servers.
    pub fn trouble(&self, whom: Whom, trouble: Trouble) {
        self.wires.iter().for_each(|wire| wire.set(whom, trouble));
    }

    pub fn lose_replies_to(&self, needle: &str, each: u32) {
        self.wires.iter().for_each(|wire| wire.lose_replies_to(needle, each));
    }

    pub fn lift(&self) {
        self.wires.iter().for_each(Wire::lift);
    }

    /// How many messages and replies the wires have swallowed.
    pub fn swallowed(&self) -> u32 {
        self.wires.iter().map(Wire::swallowed).sum()
    }

    pub fn last_node(&self) -> usize {
        self.nodes.len() - 1
    }

    pub fn node(&mut self, index: usize) -> &mut Node {
        self.nodes[index].as_mut().expect("a node that was started")
    }

    /// Starts an ended node again, at its address, and waits until it is ready.
    pub async fn start_again(&mut self, index: usize) {
        if let Some(node) = self.nodes[index].take() {
            self.nodes[index] = Some(node.start_again().await);
        }
    }

    /// Whether a primary that does not answer is replaced soon. Off, no pause of a busy machine is taken for a death.
    pub async fn watch_closely(&self, closely: bool) {
        let after = if closely { DOWN_AFTER } else { NEVER_DOWN }.as_millis().to_string();
        match &self.store {
            Store::Sentinel(rig) => {
                for index in 0..3 {
                    let mut set = cmd("SENTINEL");
                    set.arg("SET").arg(MASTER).arg("down-after-milliseconds").arg(&after);
                    rig.sentinel(index).query::<()>(&set).await.expect("a Sentinel");
                }
            }
            Store::Cluster(rig) => {
                for index in (0..rig.len()).filter(|index| rig.server(*index).is_running()) {
                    let mut set = cmd("CONFIG");
                    set.arg("SET").arg("cluster-node-timeout").arg(&after);
                    rig.server(index).query::<()>(&set).await.expect("a member");
                }
            }
            Store::Embedded(_) | Store::Single(_) => {}
        }
    }

    /// Until every node answers logins again.
    pub async fn logs_in_within(&self, limit: Duration, http: &reqwest::Client) -> Probed {
        self.probe(limit, async |node, user: &str| log_in(http, node, user).await.map(drop)).await
    }

    /// The same for logins and their sockets, which wait for the store's messages, too.
    pub async fn serves_within(&self, limit: Duration, http: &reqwest::Client) -> Probed {
        let ask = async |node, user: &str| {
            let ticket = log_in(http, node, user).await?;
            let welcomed = device::is_welcomed(&ticket, node).await;
            welcomed.then_some(()).ok_or_else(|| "its socket was not welcomed".to_owned())
        };
        self.probe(limit, ask).await
    }

    /// Asks every node for users all over the store, again and again until each says yes.
    async fn probe(
        &self,
        limit: Duration,
        ask: impl AsyncFn(SocketAddr, &str) -> Result<(), String>,
    ) -> Probed {
        let start = Instant::now();
        let mut probed = Probed { all_served: false, held_up_by: String::new() };
        while start.elapsed() < limit {
            let answers = join_all(self.probes.iter().map(async |(node, user)| {
                let asked = Instant::now();
                let answer = ask(*node, user).await;
                (asked.elapsed(), user, answer)
            }));
            let answers = answers.await;
            let slowest = answers.iter().max_by_key(|(took, .., answer)| (answer.is_err(), *took));
            if let Some((took, user, answer)) = slowest {
                let at = start.elapsed();
                probed.held_up_by = format!("{answer:?} after {took:?} for {user}, at {at:?}");
            }
            if answers.iter().all(|(.., answer)| answer.is_ok()) {
                probed.all_served = true;
                break;
            }
            sleep(Duration::from_millis(20)).await;
        }
        probed
    }

    /// Waits until the servers agree on who is what: an old primary that woke up is a replica by then.
    pub async fn settle(&self) {
        match &self.store {
            Store::Embedded(_) | Store::Single(_) => {}
            Store::Sentinel(rig) => rig.wait_until_whole().await,
            Store::Cluster(rig) => rig.wait_until_whole().await,
        }
    }

    /// How many elections of a primary came to nothing, by the account of those who held them.
    pub fn elections_lost(&self) -> usize {
        match &self.store {
            Store::Embedded(_) | Store::Single(_) => 0,
            Store::Sentinel(rig) => rig.elections_lost(),
            Store::Cluster(rig) => rig.elections_lost(),
        }
    }

    /// How many of them made one.
    pub fn elections_won(&self) -> usize {
        match &self.store {
            Store::Embedded(_) | Store::Single(_) => 0,
            Store::Sentinel(rig) => rig.elections_won(),
            Store::Cluster(rig) => rig.elections_won(),
        }
    }

    /// What everybody has logged: the nodes, and whoever says which server is the primary.
    pub fn logs(&self) -> Vec<(String, String)> {
        let nodes = self.nodes.iter().flatten().map(Node::log).collect();
        let electors = match &self.store {
            Store::Embedded(_) | Store::Single(_) => Vec::new(),
            Store::Sentinel(rig) => rig.logs(),
            Store::Cluster(rig) => rig.logs(),
        };
        let named = |kind: &'static str, logs: Vec<String>| {
            logs.into_iter().enumerate().map(move |(index, log)| (format!("{kind}-{index}.log"), log))
        };
        named("node", nodes).chain(named("elector", electors)).collect()
    }

    /// As it was before the fault: all servers and nodes run, nothing is in the way.
    pub async fn mend(&mut self) {
        self.lift();
        match &mut self.store {
            Store::Embedded(_) => {}
            Store::Single(server) => server.revive().await,
            Store::Sentinel(rig) => rig.revive().await,
            Store::Cluster(rig) => rig.revive().await,
        }
        self.settle().await;
        self.watch_closely(false).await;
        for node in self.nodes.iter_mut().flatten() {
            node.wait_until_ready().await;
        }
    }
}

impl Store {
    /// [`PROBES`] users; on a Cluster as many of each primary as it was when it began.
    async fn users_everywhere(&self, name: &str) -> Vec<String> {
        let names = (0..).map(|number| format!("{name}-{number}"));
        let Self::Cluster(rig) = self else { return names.take(PROBES).collect() };
        let mut users = Vec::with_capacity(PROBES);
        let mut of_primary = [0; CLUSTER_PRIMARIES];
        for user in names {
            let partition = Partition::of(&UserId::parse("user", &user).expect("a name"));
            let mut slot = cmd("CLUSTER");
            slot.arg("KEYSLOT").arg(format!("hs:{{{partition}}}"));
            let slot: usize = rig.server(0).query(&slot).await.expect("a member");
            let found = &mut of_primary[slot * CLUSTER_PRIMARIES / SLOTS];
            if *found < PROBES / CLUSTER_PRIMARIES {
                *found += 1;
                users.push(user);
            }
            if users.len() == PROBES {
                break;
            }
        }
        users
    }
}

/// What became of asking every node.
pub struct Probed {
    pub all_served: bool,
    /// The last that said no, or the slowest to say yes.
    pub held_up_by: String,
}

/// A login of a user whom nobody judges; or why it has none.
async fn log_in(http: &reqwest::Client, node: SocketAddr, user: &str) -> Result<Ticket, String> {
    let body = serde_json::json!({"user_id": user, "device": {"id": "probe"}});
    let call = http.post(format!("http://{node}/api/sessions")).bearer_auth(DEMO_KEY).json(&body);
    let answer = call.send().await.map_err(|error| error.to_string())?;
    let body: serde_json::Value = answer.json().await.map_err(|error| error.to_string())?;
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned).ok_or_else(|| body.to_string());
    Ok(Ticket { session: text(&body["session"]["id"])?, token: text(&body["token"])? })
}

async fn open(topology: Topology, nodes: usize) -> (Store, Vec<Wire>) {
    let users = users(nodes);
    match topology {
        Topology::Embedded => (Store::Embedded(TempDir::new().expect("a temporary directory")), Vec::new()),
        Topology::Single => {
            // A killed server has written everything to the kernel; only a power failure needs more, and a disk that
            // others keep busy makes each write of a whole heal wait.
            let mut options = vec!["--save", "", "--appendonly", "yes", "--appendfsync", "no"];
            options.extend(users.iter().map(String::as_str));
            let server = RedisServer::start_with(&options).await;
            let wires = wires(1).await;
            wires[0].lead_to(server.address());
            (Store::Single(server), wires)
        }
        Topology::Sentinel => {
            let defaults =
                SentinelOptions { down_after: NEVER_DOWN, extra: users, ..SentinelOptions::default() };
            let wires = wires(defaults.replicas + 1).await;
            let fronts = wires.iter().map(Wire::address).collect();
            let places = RedisSentinel::places(&defaults);
            wires.iter().zip(&places).for_each(|(wire, place)| wire.lead_to(*place));
            let rig = RedisSentinel::start_at(&places, SentinelOptions { fronts, ..defaults }).await;
            (Store::Sentinel(rig), wires)
        }
        Topology::Cluster => {
            let wires = wires(CLUSTER_PRIMARIES * 2).await;
            let fronts: Vec<_> = wires.iter().map(Wire::address).collect();
            let options = ClusterOptions {
                primaries: CLUSTER_PRIMARIES,
                replicas_each: 1,
                node_timeout: NEVER_DOWN,
                extra: users,
                fronts,
            };
            let rig = RedisCluster::start_with(options).await;
            for (index, wire) in wires.iter().enumerate() {
                wire.lead_to(rig.server(index).address());
            }
            (Store::Cluster(rig), wires)
        }
    }
}

/// A user for each node that may do everything, with whatever password.
fn users(nodes: usize) -> Vec<String> {
    let user = |node| {
        [
            "--user".to_owned(),
            format!("n{node}"),
            "on".into(),
            "nopass".into(),
            "~*".into(),
            "&*".into(),
            "+@all".into(),
        ]
    };
    (0..nodes).flat_map(user).collect()
}

/// Wires on a host of their own, so that the servers can have the same ports on theirs.
async fn wires(count: usize) -> Vec<Wire> {
    static PORT: AtomicU16 = AtomicU16::new(3_000);
    let [_, high, middle, low] = own_host().octets();
    let host = Ipv4Addr::new(127, high | 128, middle, low);
    let mut wires = Vec::with_capacity(count);
    for _ in 0..count {
        let port = PORT.fetch_add(1, Ordering::Relaxed);
        wires.push(Wire::listen(SocketAddr::from((host, port))).await);
    }
    wires
}
