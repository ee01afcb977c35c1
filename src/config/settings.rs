//! What there is to decide, a struct a concern. Defaults are in `defaults.rs`.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;

use super::{RedisUrl, StoreUrl, defaults};
use crate::domain::{LimitRule, OnFull, Partition, Role, UserId, Victim};

/// A set of defaults for a place to run; single keys still override it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// A person at a terminal.
    Development,
    /// A service on a machine, behind a proxy on the same one.
    Production,
    /// A pod that is reached from outside and killed 30 s after it was asked to stop.
    Kubernetes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// How much of the newer device's address the older one is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeIp {
    /// The last 8 bits of IPv4, the last 80 of IPv6 are zeroed.
    Masked,
    Full,
    None,
}

/// What a node that is cut off from the store does with its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnStoreLoss {
    /// It keeps them and says so in `/readyz`.
    Hold,
    /// It closes them after `fence_after`.
    Fence,
}

/// What an API key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Create, read and end sessions.
    Sessions,
    /// Ask about tokens.
    Introspect,
    /// Everything under `/api/admin` and the active-session view.
    Admin,
    /// Of that, what only reads.
    Audit,
}

impl Scope {
    pub const ALL: [Self; 4] = [Self::Sessions, Self::Introspect, Self::Admin, Self::Audit];
}

/// An API key; `hash` is the SHA-256 of the key in hexadecimal (keys are random and long, unlike passwords).
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    pub name: String,
    pub hash: [u8; 32],
    pub scopes: Vec<Scope>,
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey")
            .field("name", &self.name)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

/// A built-in account.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    pub username: UserId,
    /// PHC string of Argon2id.
    pub password_hash: String,
    pub roles: Vec<Role>,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("username", &self.username)
            .field("roles", &self.roles)
            .finish_non_exhaustive()
    }
}

/// The seats of a user and how they are given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeatConfig {
    pub limits: Vec<LimitRule>,
    pub on_full: OnFull,
    pub victim: Victim,
    pub ghost_after: Duration,
    pub idle_ttl: Duration,
    pub absolute_ttl: Duration,
    pub notice_ip: NoticeIp,
}

/// How a node keeps its sessions alive and finds those that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeConfig {
    pub renew_interval: Duration,
    pub heartbeat: Duration,
    pub sweep_interval: Duration,
    pub on_store_loss: OnStoreLoss,
    pub fence_after: Duration,
    pub drain_timeout: Duration,
    /// How long a check may be answered from memory; `None` (off) reads the store each time.
    pub check_cache: Option<Duration>,
}

/// Who may talk to the node and how it sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpConfig {
    pub listen: SocketAddr,
    /// Without a trailing slash. HTTPS makes cookies `__Host-` and `Secure`.
    pub public_url: Option<String>,
    /// As browsers send them, lower case, without a trailing slash.
    pub allowed_origins: Vec<String>,
    pub trusted_proxies: Vec<IpNet>,
    /// Of a request's head, so that half-sent ones do not pile up.
    pub header_timeout: Duration,
}

/// A bucket of `burst` units that refills one unit each `period`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub burst: u32,
    pub period: Duration,
}

/// The brakes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateConfig {
    /// Failed passwords of one account.
    pub login: Rate,
    /// Failed passwords from one address.
    pub login_address: Rate,
    /// Calls with one API key; `None` leaves them alone.
    pub api_key: Option<Rate>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// A filter as of tracing's EnvFilter: `info`, `hotseat=debug`.
    pub filter: String,
    pub format: LogFormat,
}

/// Where the sessions are and how the store is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreConfig {
    pub url: StoreUrl,
    pub tls: TlsFiles,
    pub wait: WaitConfig,
    pub events: EventsConfig,
}

/// A Redis, a Redis behind Sentinels or a Redis Cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisConfig {
    pub url: RedisUrl,
    pub tls: TlsFiles,
    pub wait: WaitConfig,
    pub events: EventsConfig,
    /// How often a server is asked whether it still knows what it was told: within this a node notices a
    /// `FLUSHALL` that nothing else tells of.
    pub look_every: Duration,
}

/// PEM files for TLS to Redis.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Whose certificates are believed; `None`: those that the system believes.
    pub ca: Option<PathBuf>,
    /// This node's own certificate, and what it was signed by.
    pub cert: Option<PathBuf>,
    /// The private key of `cert`.
    pub key: Option<PathBuf>,
}

/// How many replicas must have a login before it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitConfig {
    /// 0: none, it is answered at once.
    pub replicas: u8,
    /// How long they may take.
    pub timeout: Duration,
}

/// How much of the log is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventsConfig {
    /// In all, if they are spread over the partitions as users are.
    pub max: u32,
    pub ttl: Duration,
}

impl EventsConfig {
    /// How many each partition keeps.
    pub(crate) fn per_partition(self) -> u32 {
        (self.max / u32::from(Partition::COUNT)).max(1)
    }

    pub(crate) fn ttl_ms(self) -> u64 {
        u64::try_from(self.ttl.as_millis()).unwrap_or(u64::MAX)
    }
}

impl Default for EventsConfig {
    fn default() -> Self {
        super::defaults::EVENTS
    }
}

/// Everything together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    pub profile: Profile,
    pub store: StoreConfig,
    pub demo: bool,
    pub log: LogConfig,
    pub http: HttpConfig,
    pub seats: SeatConfig,
    pub node: NodeConfig,
    pub rate: RateConfig,
    pub api_keys: Vec<ApiKey>,
    pub accounts: Vec<Account>,
}

impl RedisConfig {
    /// With everything else left to its default.
    pub fn of(url: RedisUrl) -> Self {
        Self {
            url,
            tls: TlsFiles::default(),
            wait: defaults::WAIT,
            look_every: defaults::LOOK_EVERY,
            events: EventsConfig::default(),
        }
    }

    /// As the operator chose, for a node that renews so often. Who heals within one renewal must notice within one.
    pub fn for_node(store: &StoreConfig, url: RedisUrl, renew_every: Duration) -> Self {
        let look_every = renew_every.min(defaults::LOOK_EVERY);
        Self { url, tls: store.tls.clone(), wait: store.wait, look_every, events: store.events }
    }
}

impl Config {
    /// How often the node really renews.
    pub fn renew_every(&self) -> Duration {
        self.node.renew_every(self.seats.ghost_after)
    }
}

impl NodeConfig {
    /// How often the node really renews: `min(renew_interval, ghost_after / 3)`.
    pub fn renew_every(&self, ghost_after: Duration) -> Duration {
        self.renew_interval.min(ghost_after / 3)
    }
}
