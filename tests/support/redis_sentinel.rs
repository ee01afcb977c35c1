//! A primary, its replicas and the Sentinels that watch them, on loopback, gone with the test.
//!
//! The Sentinels know everybody from their first moment, by the file that is written for them, so that a start does
//! not wait for their gossip. Servers are named by their index; the first is the primary at the start. Included by
//! `#[path]` beside `redis_server.rs`.
#![allow(dead_code, reason = "each test target uses its part of the harness")]

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use redis::{Cmd, FromRedisValue, cmd};
use tokio::time::{Instant, sleep, timeout};

use super::redis_server::{RedisServer, own_host, with_bus};

/// What the Sentinels call the primary.
pub const MASTER: &str = "hotseat";
/// How many of the Sentinels must agree that the primary is down.
const QUORUM: usize = 2;
const PATIENCE: Duration = Duration::from_secs(30);
/// For the question that servers are asked again and again: one that hangs must not hold up the others.
const GLANCE: Duration = Duration::from_millis(500);
/// A failover that was asked for and has not come by then does not come any more.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(6);

pub struct SentinelOptions {
    pub replicas: usize,
    pub sentinels: usize,
    /// After how long without an answer a server counts as down.
    pub down_after: Duration,
    /// More arguments of each server (not of the Sentinels), such as `["--appendonly", "yes"]`.
    pub extra: Vec<String>,
    /// Where everybody is told that the servers are, in their order: the addresses of proxies. Replication and the
    /// Sentinels then go through them, too; they come from [`own_host`], which no client of the test does.
    pub fronts: Vec<SocketAddr>,
    /// The same of the Sentinels, for the URL and for each other.
    pub sentinel_fronts: Vec<SocketAddr>,
    /// Lines of the configuration about TLS, of everybody: the fronts are then their own TLS ports, and all that they
    /// say to each other goes there. The ports that the harness itself asks at speak no TLS.
    pub tls: Vec<(String, String)>,
}

impl Default for SentinelOptions {
    fn default() -> Self {
        let down_after = Duration::from_secs(1);
        let (extra, fronts, sentinel_fronts, tls) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { replicas: 2, sentinels: 3, down_after, extra, fronts, sentinel_fronts, tls }
    }
}

pub struct RedisSentinel {
    servers: Vec<RedisServer>,
    sentinels: Vec<RedisServer>,
    options: SentinelOptions,
}

impl RedisSentinel {
    /// One primary, two replicas, three Sentinels.
    pub async fn start() -> Self {
        Self::start_with(SentinelOptions::default()).await
    }

    pub async fn start_with(options: SentinelOptions) -> Self {
        Self::start_at(&Self::places(&options), options).await
    }

    /// Where the servers may be: for proxies that have to lead there before they start, for replicas go by the fronts.
    pub fn places(options: &SentinelOptions) -> Vec<SocketAddr> {
        (0..=options.replicas).map(|_| with_bus(own_host())).collect()
    }

    pub async fn start_at(addresses: &[SocketAddr], options: SentinelOptions) -> Self {
        let fronts: Vec<_> =
            addresses.iter().enumerate().map(|(index, own)| options.front(index, *own)).collect();
        let servers = addresses.iter().enumerate().map(|(index, address)| {
            let arguments = options.arguments(fronts[index], (index > 0).then_some(fronts[0]));
            launch(*address, arguments)
        });
        let servers = join_all(servers).await;
        let own: Vec<_> = (0..options.sentinels).map(|_| with_bus(own_host())).collect();
        let sentinels = own.iter().enumerate().map(|(me, address)| {
            let conf = options.sentinel_conf(me, &own, &fronts);
            async move {
                let arguments = vec!["sentinel.conf", "--sentinel"];
                let sentinel = RedisServer::start_as(*address, arguments, &[("sentinel.conf", conf)]).await;
                sentinel.unwrap_or_else(|| panic!("a Sentinel did not start at {address}"))
            }
        });
        let sentinels = join_all(sentinels).await;
        let rig = Self { servers, sentinels, options };
        rig.hurry().await;
        rig.wait_until_whole().await;
        rig
    }

    /// `redis+sentinel://` with all Sentinels.
    pub fn url(&self) -> String {
        let own = self.sentinels.iter().enumerate();
        let hosts: Vec<_> =
            own.map(|(index, own)| self.options.sentinel_front(index, own.address())).collect();
        let hosts: Vec<_> = hosts.iter().map(ToString::to_string).collect();
        format!("redis+sentinel://{}/{MASTER}", hosts.join(","))
    }

    pub fn server(&self, index: usize) -> &RedisServer {
        &self.servers[index]
    }

    pub fn sentinel(&self, index: usize) -> &RedisServer {
        &self.sentinels[index]
    }

    pub fn kill_sentinel(&mut self, index: usize) {
        self.sentinels[index].kill();
    }

    /// Starts a killed Sentinel again, with what it knew then.
    pub async fn restart_sentinel(&mut self, index: usize) {
        self.sentinels[index].restart().await;
    }

    /// Runs again whatever was killed or frozen.
    pub async fn revive(&mut self) {
        for server in self.servers.iter_mut().chain(&mut self.sentinels) {
            server.revive().await;
        }
    }

    pub fn len(&self) -> usize {
        self.servers.len()
    }

    /// The running server that most Sentinels name as the primary and that says so itself.
    pub async fn current_primary(&self) -> usize {
        eventually("there is a primary", async || self.primary_now().await).await
    }

    /// Kills the primary, as a crash would, and answers which it was.
    pub async fn kill_primary(&mut self) -> usize {
        let primary = self.current_primary().await;
        self.servers[primary].kill();
        primary
    }

    pub fn kill(&mut self, index: usize) {
        self.servers[index].kill();
    }

    pub fn freeze(&self, index: usize) {
        self.servers[index].freeze();
    }

    pub fn thaw(&self, index: usize) {
        self.servers[index].thaw();
    }

    /// Starts a killed server again, as what it was: an old primary takes writes until the Sentinels demote it.
    pub async fn restart(&mut self, index: usize) {
        self.servers[index].restart().await;
    }

    /// Starts it again with these variables in its environment.
    pub async fn restart_with(&mut self, index: usize, variables: Vec<(String, String)>) {
        self.servers[index].restart_with(variables).await;
    }

    /// How many elections of a leader among the Sentinels have come to nothing, by their own account: the votes were
    /// split, and the next election waits for twice the failover time-out.
    pub fn elections_lost(&self) -> usize {
        let lost = |sentinel: &RedisServer| sentinel.log().matches("-failover-abort-not-elected").count();
        self.sentinels.iter().map(lost).sum()
    }

    /// How many servers the Sentinels have promoted, by the account of those who led.
    pub fn elections_won(&self) -> usize {
        self.sentinels.iter().map(|sentinel| sentinel.log().matches("+promoted-slave").count()).sum()
    }

    /// What the Sentinels have logged.
    pub fn logs(&self) -> Vec<String> {
        self.sentinels.iter().map(RedisServer::log).collect()
    }

    /// Waits until another server than `old` is the primary, and answers which.
    pub async fn wait_for_another(&self, old: usize) -> usize {
        let another = async || self.primary_now().await.filter(|primary| *primary != old);
        eventually("another server is promoted", another).await
    }

    /// A failover that the operator asks for: the Sentinels promote the best replica while the primary lives.
    pub async fn failover(&self) -> usize {
        let old = self.current_primary().await;
        let sentinel =
            self.sentinels.iter().find(|sentinel| sentinel.is_running()).expect("a running Sentinel");
        let failover = cmd("SENTINEL").arg("FAILOVER").arg(MASTER).to_owned();
        // Asked again: one that is under way is refused, and one that its Sentinel gave up is not begun anew.
        let promoted = async || {
            let _ = sentinel.query::<()>(&failover).await;
            let another = async || self.primary_now().await.filter(|primary| *primary != old);
            let deadline = Instant::now() + ASK_AGAIN_AFTER;
            while Instant::now() < deadline {
                if let Some(primary) = another().await {
                    return Some(primary);
                }
                sleep(Duration::from_millis(10)).await;
            }
            None
        };
        eventually("another server is promoted", promoted).await
    }

    /// Waits until all running servers but the primary replicate from it and all Sentinels know them.
    pub async fn wait_until_whole(&self) {
        eventually("primary, replicas and Sentinels agree", async || self.is_whole().await.then_some(()))
            .await;
    }

    async fn primary_now(&self) -> Option<usize> {
        let named = self.named().await;
        let fronts: Vec<_> = self.fronts().collect();
        let votes = |front: &SocketAddr| named.iter().filter(|named| *named == front).count();
        let (index, front) = fronts.iter().enumerate().max_by_key(|(_, front)| votes(front))?;
        (votes(front) * 2 > named.len() && self.role(index).await? == "master").then_some(index)
    }

    /// The primary by each Sentinel that answers.
    async fn named(&self) -> Vec<SocketAddr> {
        let name = cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(MASTER).to_owned();
        let running = self.sentinels.iter().filter(|sentinel| sentinel.is_running());
        let named = join_all(running.map(|sentinel| glance::<(String, String)>(sentinel, &name))).await;
        named.into_iter().flatten().filter_map(|(host, port)| format!("{host}:{port}").parse().ok()).collect()
    }

    async fn role(&self, index: usize) -> Option<String> {
        let server = Some(&self.servers[index]).filter(|server| server.is_running())?;
        let role: Vec<redis::Value> = glance(server, &cmd("ROLE")).await?;
        redis::from_redis_value(role.into_iter().next()?).ok()
    }

    async fn is_whole(&self) -> bool {
        let Some(primary) = self.primary_now().await else { return false };
        let replicas = self
            .servers
            .iter()
            .enumerate()
            .filter(|(index, server)| *index != primary && server.is_running());
        let linked = join_all(replicas.map(|(_, server)| async {
            let info: Option<String> = glance(server, cmd("INFO").arg("replication")).await;
            info.is_some_and(|info| info.contains("role:slave") && info.contains("master_link_status:up"))
        }));
        let linked = linked.await;
        let ckquorum = cmd("SENTINEL").arg("CKQUORUM").arg(MASTER).to_owned();
        let running: Vec<_> = self.sentinels.iter().filter(|sentinel| sentinel.is_running()).collect();
        let able = join_all(running.iter().map(|sentinel| glance::<String>(sentinel, &ckquorum))).await;
        let named = self.named().await;
        linked.iter().all(|linked| *linked)
            && able.iter().all(Option::is_some)
            && named.len() == running.len()
            && named.iter().all(|name| *name == named[0])
    }

    /// Makes the Sentinels look more often than each 10 s, ask more often than they take a server for dead, and not give
    /// up watching (TILT) when the machine is so busy that their timers come late.
    async fn hurry(&self) {
        let mut debug = cmd("SENTINEL");
        debug.arg("DEBUG");
        for (name, value) in [
            ("info-period", 500),
            ("ping-period", 250),
            ("publish-period", 500),
            ("tilt-trigger", 20_000),
            ("tilt-period", 1_000),
        ] {
            debug.arg(name).arg(value);
        }
        for sentinel in &self.sentinels {
            sentinel.query::<()>(&debug).await.expect("a Sentinel takes its times");
        }
    }

    /// Where everybody is told that a server is.
    pub fn front(&self, index: usize) -> SocketAddr {
        self.options.front(index, self.servers[index].address())
    }

    fn fronts(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        (0..self.servers.len()).map(|index| self.front(index))
    }
}

impl SentinelOptions {
    fn front(&self, index: usize, own: SocketAddr) -> SocketAddr {
        self.fronts.get(index).copied().unwrap_or(own)
    }

    fn sentinel_front(&self, index: usize, own: SocketAddr) -> SocketAddr {
        self.sentinel_fronts.get(index).copied().unwrap_or(own)
    }

    fn arguments(&self, front: SocketAddr, primary: Option<SocketAddr>) -> Vec<String> {
        let mut arguments: Vec<String> = ["--save", "", "--appendonly", "no"].map(str::to_owned).into();
        // Replicas are whole at once.
        arguments.extend(
            ["--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1"].map(str::to_owned),
        );
        let announced = ["--replica-announce-ip", &front.ip().to_string()].map(str::to_owned);
        arguments.extend(announced);
        arguments.extend(["--replica-announce-port", &front.port().to_string()].map(str::to_owned));
        arguments.extend(["--bind-source-addr", &own_host().to_string()].map(str::to_owned));
        if let Some(primary) = primary {
            let (host, port) = (primary.ip().to_string(), primary.port().to_string());
            arguments.extend(["--replicaof", &host, &port].map(str::to_owned));
        }
        for (name, value) in self.tls_lines(front) {
            arguments.extend([format!("--{name}"), value]);
        }
        arguments.extend(self.extra.iter().cloned());
        arguments
    }

    /// Nothing where there is no TLS.
    fn tls_lines(&self, front: SocketAddr) -> Vec<(String, String)> {
        if self.tls.is_empty() {
            return Vec::new();
        }
        let own = [("tls-port", front.port().to_string()), ("tls-replication", "yes".to_owned())];
        own.map(|(name, value)| (name.to_owned(), value))
            .into_iter()
            .chain(self.tls.iter().cloned())
            .collect()
    }

    /// What a Sentinel finds on its disk at its first start: the primary, its replicas, the other Sentinels.
    fn sentinel_conf(&self, me: usize, sentinels: &[SocketAddr], servers: &[SocketAddr]) -> String {
        let own = sentinels[me];
        let front = self.sentinel_front(me, own);
        let down_after = self.down_after.as_millis();
        let place = |address: SocketAddr| format!("{} {}", address.ip(), address.port());
        let mut conf = format!(
            "bind {}\nport {}\nprotected-mode no\nbind-source-addr {}\n\
             sentinel myid {}\nsentinel announce-ip {}\nsentinel announce-port {}\n\
             sentinel monitor {MASTER} {} {QUORUM}\n\
             sentinel down-after-milliseconds {MASTER} {down_after}\n\
             sentinel failover-timeout {MASTER} 4000\n",
            own.ip(),
            own.port(),
            own_host(),
            id(me),
            front.ip(),
            front.port(),
            place(servers[0]),
        );
        for (name, value) in self.tls_lines(front) {
            conf += &format!("{name} {value}\n");
        }
        for replica in &servers[1..] {
            conf += &format!("sentinel known-replica {MASTER} {}\n", place(*replica));
        }
        for (other, address) in sentinels.iter().enumerate().filter(|(other, _)| *other != me) {
            let front = self.sentinel_front(other, *address);
            conf += &format!("sentinel known-sentinel {MASTER} {} {}\n", place(front), id(other));
        }
        conf
    }
}

/// The name of a Sentinel, as Redis makes them: 40 hexadecimal digits.
fn id(index: usize) -> String {
    format!("{:040x}", 0xa0 + index)
}

async fn launch(address: SocketAddr, arguments: Vec<String>) -> RedisServer {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let server = RedisServer::start_at(address, &arguments, &[]).await;
    server.unwrap_or_else(|| panic!("a server did not start at {address}"))
}

/// A question to a server that may be gone.
async fn glance<T: FromRedisValue>(server: &RedisServer, command: &Cmd) -> Option<T> {
    timeout(GLANCE, server.query(command)).await.ok()?.ok()
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
