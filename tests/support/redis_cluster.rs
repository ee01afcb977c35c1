//! A real Redis Cluster on loopback: primaries with replicas, gone with the test.
//!
//! Its members know each other from their first moment, by a `nodes.conf` that is written for them, so that a start
//! takes the two seconds for which a member refuses writes after its own (`CLUSTER_WRITABLE_DELAY` of Redis), and no
//! handshakes. Members are named by their index: primaries first, then their replicas, then what was added.
//! Included by `#[path]` beside `redis_server.rs`.
#![allow(dead_code, reason = "each test target uses its part of the harness")]

use std::collections::BTreeSet;
use std::future::Future;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use redis::{Cmd, FromRedisValue, cmd};
use tokio::time::{Instant, sleep, timeout};

use super::redis_server::{BUS, RedisServer, own_host, with_bus};

const SLOTS: u16 = 16_384;
/// Far more than a start, an election or a handshake takes on two busy cores.
const PATIENCE: Duration = Duration::from_secs(30);
/// For the question that members are asked again and again: one that hangs must not hold up the others.
const GLANCE: Duration = Duration::from_millis(500);
/// When a planned failover that has not come about is given up by Redis (`CLUSTER_MF_TIMEOUT`), and a second.
const GIVEN_UP: Duration = Duration::from_secs(6);

pub struct ClusterOptions {
    pub primaries: usize,
    pub replicas_each: usize,
    /// After how long a member that does not answer is failed over. Below 500 ms two busy cores fake it.
    pub node_timeout: Duration,
    /// More arguments of each server, such as `["--user", "n1 on nopass ~* &* +@all"]`.
    pub extra: Vec<String>,
    /// Where clients are told that the members are, in their order: the addresses of proxies, on a host of their
    /// own. Members then listen on the same ports, and reach each other without the proxies.
    pub fronts: Vec<SocketAddr>,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        let (extra, fronts) = (Vec::new(), Vec::new());
        Self { primaries: 3, replicas_each: 0, node_timeout: Duration::from_secs(1), extra, fronts }
    }
}

pub struct RedisCluster {
    members: Vec<Member>,
    options: ClusterOptions,
}

struct Member {
    server: RedisServer,
    id: String,
}

/// What `CLUSTER NODES` says of one member.
#[derive(Debug, Clone)]
struct Seen {
    id: String,
    is_myself: bool,
    is_primary: bool,
    /// Whose replica it is.
    of: Option<String>,
    epoch: u64,
    slots: Vec<RangeInclusive<u16>>,
}

impl RedisCluster {
    /// Primaries alone.
    pub async fn start(primaries: usize) -> Self {
        Self::start_with(ClusterOptions { primaries, ..ClusterOptions::default() }).await
    }

    pub async fn with_replicas(primaries: usize, replicas_each: usize) -> Self {
        Self::start_with(ClusterOptions { primaries, replicas_each, ..ClusterOptions::default() }).await
    }

    pub async fn start_with(options: ClusterOptions) -> Self {
        let size = options.primaries * (1 + options.replicas_each);
        let addresses: Vec<_> = (0..size).map(|index| options.address(index)).collect();
        let files = (0..size).map(|index| options.nodes_conf(index, &addresses));
        let starts = files.zip(&addresses).enumerate().map(|(index, (file, address))| {
            let arguments = options.arguments(index);
            async move { Member { server: launch(*address, &arguments, Some(file)).await, id: id(index) } }
        });
        let members = join_all(starts).await;
        let cluster = Self { members, options };
        cluster.wait_until_whole().await;
        cluster
    }

    /// `redis+cluster://` with all members.
    pub fn url(&self) -> String {
        self.url_of(0..self.members.len())
    }

    /// `redis+cluster://` with some of the members.
    pub fn url_of(&self, members: impl IntoIterator<Item = usize>) -> String {
        let hosts: Vec<String> = members.into_iter().map(|index| self.front(index).to_string()).collect();
        format!("redis+cluster://{}", hosts.join(","))
    }

    /// Where clients are told that a member is.
    pub fn front(&self, index: usize) -> SocketAddr {
        self.options.fronts.get(index).copied().unwrap_or_else(|| self.members[index].server.address())
    }

    pub fn server(&self, index: usize) -> &RedisServer {
        &self.members[index].server
    }

    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Kills a member, as a crash would.
    pub fn kill(&mut self, index: usize) {
        self.members[index].server.kill();
    }

    /// Starts a killed member again: it comes back as what it was, then learns what it is now.
    pub async fn restart(&mut self, index: usize) {
        self.members[index].server.restart().await;
    }

    /// Starts a member again with these variables in its environment.
    pub async fn restart_with(&mut self, index: usize, variables: Vec<(String, String)>) {
        self.members[index].server.restart_with(variables).await;
    }

    /// Runs again whatever was killed or frozen.
    pub async fn revive(&mut self) {
        for member in &mut self.members {
            member.server.revive().await;
        }
    }

    pub fn freeze(&self, index: usize) {
        self.members[index].server.freeze();
    }

    pub fn thaw(&self, index: usize) {
        self.members[index].server.thaw();
    }

    /// Who owns a slot, by the member with the newest claim to it.
    pub async fn primary_of(&self, slot: u16) -> usize {
        let owner = async || {
            let claims = self.glances().await.into_iter().flatten().filter(|seen| {
                seen.is_myself && seen.is_primary && seen.slots.iter().any(|range| range.contains(&slot))
            });
            claims.max_by_key(|claim| claim.epoch)
        };
        let owner = eventually(&format!("a running member owns slot {slot}"), owner).await;
        self.index_of(&owner.id)
    }

    /// Waits until another member than `old` owns the slot, and answers which.
    pub async fn wait_for_another(&self, slot: u16, old: usize) -> usize {
        eventually("another member owns the slot", async || {
            Some(self.primary_of(slot).await).filter(|owner| *owner != old)
        })
        .await
    }

    /// How many elections of replicas have come to nothing, by their own account.
    pub fn elections_lost(&self) -> usize {
        let lost = |member: &Member| member.server.log().matches("Failover attempt expired").count();
        self.members.iter().map(lost).sum()
    }

    /// How many have made a replica a primary, by the account of the replica.
    pub fn elections_won(&self) -> usize {
        let won = |member: &Member| member.server.log().matches("Failover election won").count();
        self.members.iter().map(won).sum()
    }

    /// What the members have logged.
    pub fn logs(&self) -> Vec<String> {
        self.members.iter().map(|member| member.server.log()).collect()
    }

    /// The slots of a primary that somebody listens to.
    pub async fn slots_heard(&self, primary: usize) -> BTreeSet<u16> {
        let channels: Vec<String> = self.ask(primary, cmd("PUBSUB").arg("SHARDCHANNELS")).await;
        let mut slots = redis::pipe();
        channels.iter().for_each(|channel| {
            slots.cmd("CLUSTER").arg("KEYSLOT").arg(channel);
        });
        if channels.is_empty() {
            return BTreeSet::new();
        }
        let slots: Vec<u16> = self.members[primary].server.pipeline(&slots).await.expect("a member");
        slots.into_iter().collect()
    }

    /// The members that are primaries by their own account, with or without slots.
    pub async fn primaries(&self) -> Vec<usize> {
        let seen = self.glances().await.into_iter().flatten();
        seen.filter(|seen| seen.is_myself && seen.is_primary).map(|seen| self.index_of(&seen.id)).collect()
    }

    /// A running replica of this primary.
    pub async fn replica_of(&self, primary: usize) -> usize {
        let list = cmd("CLUSTER").arg("REPLICAS").arg(&self.members[primary].id).to_owned();
        let witness = self.running().find(|index| *index != primary).expect("another running member");
        let lines: Vec<String> = self.ask(witness, &list).await;
        let ids = lines.iter().filter_map(|line| line.split(' ').next());
        let mut replicas = ids.map(|id| self.index_of(id));
        replicas.find(|index| self.members[*index].server.is_running()).expect("a running replica")
    }

    /// A planned failover, by which nothing is lost: answers the replica that has taken the primary's place.
    pub async fn failover(&self, primary: usize) -> usize {
        let replica = self.replica_of(primary).await;
        // It gives up after 5 s if a vote or the primary's answer comes too late, and says so only in its log.
        let asked = Mutex::new(None::<Instant>);
        eventually("the replica is promoted", async || {
            if self.primaries().await.contains(&replica) {
                return Some(());
            }
            let last = *asked.lock().unwrap_or_else(PoisonError::into_inner);
            if last.is_none_or(|last| last.elapsed() > GIVEN_UP) {
                let _: Option<()> = self.glance(replica, cmd("CLUSTER").arg("FAILOVER")).await;
                *asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            }
            None
        })
        .await;
        self.wait_until_whole().await;
        replica
    }

    /// Moves a slot with its keys, as `redis-cli --cluster reshard` does, and waits until all members know.
    pub async fn move_slot(&self, slot: u16, to: usize) {
        let from = self.begin_move(slot, to).await;
        while self.migrate(slot, from, to, 10).await {}
        self.finish_move(slot, from, to).await;
    }

    /// Marks a slot as on the move: answers its owner. Until `finish_move`, keys are here or there.
    pub async fn begin_move(&self, slot: u16, to: usize) -> usize {
        let from = self.primary_of(slot).await;
        assert_ne!(from, to, "the slot is there already");
        self.set_slot(to, slot, "IMPORTING", from).await;
        self.set_slot(from, slot, "MIGRATING", to).await;
        from
    }

    /// Moves at most `count` keys of a slot on the move; false if there were none.
    pub async fn migrate(&self, slot: u16, from: usize, to: usize, count: u32) -> bool {
        let keys = cmd("CLUSTER").arg("GETKEYSINSLOT").arg(slot).arg(count).to_owned();
        let keys: Vec<Vec<u8>> = self.ask(from, &keys).await;
        let target = self.members[to].server.address();
        let mut migrate = cmd("MIGRATE");
        migrate
            .arg(target.ip().to_string())
            .arg(target.port())
            .arg("")
            .arg(0)
            .arg(5_000)
            .arg("KEYS")
            .arg(&keys);
        if !keys.is_empty() {
            // NOKEY (they have expired in between) is as good as OK.
            let _: redis::Value = self.ask(from, &migrate).await;
        }
        !keys.is_empty()
    }

    /// Gives a slot on the move, all of whose keys have moved, to its new owner.
    pub async fn finish_move(&self, slot: u16, from: usize, to: usize) {
        self.set_slot(to, slot, "NODE", to).await;
        self.set_slot(from, slot, "NODE", to).await;
        for index in self.primaries().await {
            self.set_slot(index, slot, "NODE", to).await;
        }
        self.wait_until_whole().await;
    }

    /// Adds a primary without slots.
    pub async fn add_primary(&mut self) -> usize {
        let index = self.members.len();
        let server = launch(self.options.address(index), &self.options.arguments(index), None).await;
        let id = server.query(cmd("CLUSTER").arg("MYID")).await.expect("a member's id");
        self.members.push(Member { server, id });
        let address = self.members[index].server.address();
        let meet = cmd("CLUSTER").arg("MEET").arg(address.ip().to_string()).arg(address.port()).to_owned();
        let witness = self.running().next().expect("a running member");
        let _: () = self.ask(witness, &meet).await;
        self.wait_until_whole().await;
        index
    }

    /// Waits until all running members serve, know all of each other, and agree on who owns what and who is whose
    /// replica. Slots alone are not enough: a member that comes back yields them at once, and the others take it for a
    /// dead primary until its next ping.
    pub async fn wait_until_whole(&self) {
        eventually("the cluster is whole", async || self.is_whole().await.then_some(())).await;
    }

    async fn is_whole(&self) -> bool {
        let running: Vec<usize> = self.running().collect();
        let serving = join_all(running.iter().map(|index| async {
            let info: Option<String> = self.glance(*index, cmd("CLUSTER").arg("INFO")).await;
            let replication: Option<String> = self.glance(*index, cmd("INFO").arg("replication")).await;
            info.is_some_and(|info| info.contains("cluster_state:ok"))
                && replication.is_some_and(|info| !info.contains("master_link_status:down"))
        }));
        let (serving, views) = (serving.await, self.glances().await);
        let owners = |view: &[Seen]| -> Vec<(RangeInclusive<u16>, String)> {
            let ranges =
                view.iter().flat_map(|seen| seen.slots.iter().map(|range| (range.clone(), seen.id.clone())));
            let mut ranges: Vec<_> = ranges.collect();
            ranges.sort_by_key(|(range, _)| *range.start());
            ranges
        };
        // Of those that run alone: of the dead everybody may think what they like.
        let roles = |view: &[Seen]| -> BTreeSet<(String, bool, Option<String>)> {
            let runs = |seen: &&Seen| running.iter().any(|index| self.members[*index].id == seen.id);
            let role = |seen: &Seen| (seen.id.clone(), seen.is_primary, seen.of.clone());
            view.iter().filter(runs).map(role).collect()
        };
        let agrees = |view: &Vec<Seen>| owners(view) == owners(&views[0]) && roles(view) == roles(&views[0]);
        serving.iter().all(|serving| *serving)
            && views.len() == running.len()
            && views.iter().all(|view| roles(view).len() == running.len() && agrees(view))
    }

    fn running(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.members.len()).filter(|index| self.members[*index].server.is_running())
    }

    fn index_of(&self, id: &str) -> usize {
        self.members.iter().position(|member| member.id == id).expect("a member of the cluster")
    }

    async fn set_slot(&self, at: usize, slot: u16, how: &str, other: usize) {
        let other = &self.members[other].id;
        let _: () = self.ask(at, cmd("CLUSTER").arg("SETSLOT").arg(slot).arg(how).arg(other)).await;
    }

    /// A command that must succeed.
    async fn ask<T: FromRedisValue>(&self, index: usize, command: &Cmd) -> T {
        let answer = self.members[index].server.query(command).await;
        answer.unwrap_or_else(|error| panic!("member {index}: {error}"))
    }

    /// A question to a member that may be gone.
    async fn glance<T: FromRedisValue>(&self, index: usize, command: &Cmd) -> Option<T> {
        timeout(GLANCE, self.members[index].server.query(command)).await.ok()?.ok()
    }

    /// How each running member that answers sees the cluster.
    async fn glances(&self) -> Vec<Vec<Seen>> {
        let views = self.running().map(|index| async move {
            let view: String = self.glance(index, cmd("CLUSTER").arg("NODES")).await?;
            Some(view.lines().filter_map(Seen::parse).collect())
        });
        join_all(views).await.into_iter().flatten().collect()
    }
}

impl ClusterOptions {
    fn address(&self, index: usize) -> SocketAddr {
        match self.fronts.get(index) {
            Some(front) => SocketAddr::from((own_host(), front.port())),
            None => with_bus(own_host()),
        }
    }

    fn arguments(&self, index: usize) -> Vec<String> {
        let mut arguments: Vec<String> = [
            "--cluster-enabled",
            "yes",
            "--save",
            "",
            "--appendonly",
            "no",
            // A replica may stand for election however long ago it last heard of its primary.
            "--cluster-replica-validity-factor",
            "0",
            "--cluster-allow-replica-migration",
            "no",
            // Replicas are whole at once.
            "--repl-diskless-sync-delay",
            "0",
            "--repl-ping-replica-period",
            "1",
        ]
        .map(str::to_owned)
        .into();
        arguments.extend(["--cluster-node-timeout".to_owned(), self.node_timeout.as_millis().to_string()]);
        arguments.extend(["--cluster-announce-ip".to_owned(), own_host().to_string()]);
        if let Some(front) = self.fronts.get(index) {
            // The bus and replication go by addresses, clients by names: of a name that is an address, too.
            let name = ["--cluster-announce-hostname", &front.ip().to_string()].map(str::to_owned);
            arguments.extend(name);
            arguments.extend(["--cluster-preferred-endpoint-type", "hostname"].map(str::to_owned));
        }
        arguments.extend(self.extra.iter().cloned());
        arguments
    }

    /// What a member finds on its disk at its first start: everybody, and the slots shared out evenly.
    fn nodes_conf(&self, me: usize, addresses: &[SocketAddr]) -> String {
        let mut conf = String::new();
        for (index, address) in addresses.iter().enumerate() {
            let (myself, bus) = (if index == me { "myself," } else { "" }, address.port() + BUS);
            let primary = index % self.primaries;
            let (role, of) =
                if index < self.primaries { ("master", "-".to_owned()) } else { ("slave", id(primary)) };
            let slots = if index < self.primaries { share(index, self.primaries) } else { String::new() };
            let (id, epoch) = (id(index), primary + 1);
            conf += &format!("{id} {address}@{bus} {myself}{role} {of} 0 0 {epoch} connected {slots}\n");
        }
        conf + &format!("vars currentEpoch {} lastVoteEpoch 0\n", self.primaries)
    }
}

impl Seen {
    /// A line of `CLUSTER NODES`: id, address, flags, primary, ping, pong, epoch, link, slots…
    fn parse(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split(' ').collect();
        let flags = *words.get(2)?;
        let range = |word: &&str| {
            let (first, last) = word.split_once('-').unwrap_or((word, word));
            // Slots on the move are in brackets, and said once more without.
            Some(first.parse().ok()?..=last.parse().ok()?)
        };
        Some(Self {
            id: (*words.first()?).to_owned(),
            is_myself: flags.contains("myself"),
            is_primary: flags.contains("master"),
            of: words.get(3).filter(|of| **of != "-").map(|of| (*of).to_owned()),
            epoch: words.get(6)?.parse().ok()?,
            slots: words.iter().skip(8).filter_map(range).collect(),
        })
    }
}

/// The name of a member, as Redis makes them: 40 hexadecimal digits.
fn id(index: usize) -> String {
    format!("{:040x}", index + 1)
}

fn share(index: usize, of: usize) -> String {
    let bound = |index: usize| usize::from(SLOTS) * index / of;
    format!("{}-{}", bound(index), bound(index + 1) - 1)
}

async fn launch(address: SocketAddr, arguments: &[String], nodes_conf: Option<String>) -> RedisServer {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let files: Vec<(&str, String)> = nodes_conf.into_iter().map(|text| ("nodes.conf", text)).collect();
    let server = RedisServer::start_at(address, &arguments, &files).await;
    server.unwrap_or_else(|| panic!("a member of the cluster did not start at {address}"))
}

async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, look: impl Fn() -> F) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}
