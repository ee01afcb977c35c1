//! What holds where nothing is configured, with the reason of each number.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::{
    Config, EventsConfig, HttpConfig, LogConfig, LogFormat, NodeConfig, NoticeIp, OnStoreLoss, Profile, Rate,
    RateConfig, SeatConfig, StoreConfig, StoreUrl, TlsFiles, WaitConfig,
};
use crate::domain::{LimitRule, OnFull, Victim};

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

const PORT: u16 = 8000;
/// A browser sends a head in one packet; ten seconds suit the worst mobile link.
const HEADER_TIMEOUT: Duration = seconds(10);
/// Three renewals may fail before a device counts as gone, and nobody waits longer than a minute for a ghost.
const GHOST_AFTER: Duration = seconds(MINUTE);
/// A working day and the night after it.
pub(super) const IDLE_TTL: Duration = seconds(DAY);
/// The usual "stay signed in".
const ABSOLUTE_TTL: Duration = seconds(30 * DAY);
/// What a lost message costs at most; one small script a partition each 15 s is no load.
const RENEW_INTERVAL: Duration = seconds(15);
/// Below the 60 s after which proxies and mobile networks drop a silent connection.
const HEARTBEAT: Duration = seconds(30);
/// Readers treat a session past its deadline as over anyway; the sweep only tidies.
const SWEEP_INTERVAL: Duration = seconds(5 * MINUTE);
/// As long as a ghost, and four renewals.
const FENCE_AFTER: Duration = seconds(MINUTE);
/// Half of it spreads the closes, the other half is for requests under way; Docker kills after 10 s unless told
/// otherwise, most supervisors after 30 s or more.
const DRAIN_TIMEOUT: Duration = seconds(20);
/// Kubernetes kills 30 s after it asked; 5 s are left for the endpoint to leave the service.
const DRAIN_TIMEOUT_IN_A_POD: Duration = seconds(25);
/// One small write for each node and primary; a connection that died in silence is found as soon. Nodes that renew more
/// often look more often.
pub(super) const LOOK_EVERY: Duration = seconds(5);
/// A wait costs a round trip to the replica: whether that is worth it is the operator's to say. A replica that follows
/// acknowledges within milliseconds; one that does not must not hold up logins for longer than a second.
pub(super) const WAIT: WaitConfig = WaitConfig { replicas: 0, timeout: seconds(1) };
/// A week of 140,000 logins a day, in about 160 MB of Redis. Who has more, or asks later, knows better.
pub(super) const EVENTS: EventsConfig = EventsConfig { max: 1_000_000, ttl: seconds(7 * DAY) };
/// Ten wrong passwords at once, then one each 90 s: a person with a bad memory passes, a guesser gets 970 a day.
const RATE_LOGIN: Rate = Rate { burst: 10, period: seconds(90) };
/// Ten times as many from one address: an office behind one router.
const RATE_LOGIN_ADDRESS: Rate = Rate { burst: 100, period: seconds(9) };

impl Default for Config {
    fn default() -> Self {
        Self::of_profile(Profile::Development)
    }
}

impl Config {
    /// The defaults of a profile. `log_format`, `listen` and `drain_timeout` are all that differ.
    pub(super) fn of_profile(profile: Profile) -> Self {
        let development = Self {
            profile,
            store: store(),
            demo: false,
            log: LogConfig { filter: "info".to_owned(), format: LogFormat::Text },
            http: http(),
            seats: seats(),
            node: node(),
            rate: RateConfig { login: RATE_LOGIN, login_address: RATE_LOGIN_ADDRESS, api_key: None },
            api_keys: Vec::new(),
            accounts: Vec::new(),
        };
        match profile {
            Profile::Development => development,
            Profile::Production => in_json(development),
            Profile::Kubernetes => {
                let mut config = in_json(development);
                // A pod is alone in its network namespace, and its probes come from outside.
                config.http.listen = SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT));
                config.node.drain_timeout = DRAIN_TIMEOUT_IN_A_POD;
                config
            }
        }
    }
}

fn store() -> StoreConfig {
    StoreConfig {
        url: StoreUrl::Embedded("./data".into()),
        tls: TlsFiles::default(),
        wait: WAIT,
        events: EVENTS,
    }
}

/// Logs for machines.
fn in_json(mut config: Config) -> Config {
    config.log.format = LogFormat::Json;
    config
}

fn http() -> HttpConfig {
    HttpConfig {
        // Nobody outside reaches it until somebody decided so.
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)),
        public_url: None,
        allowed_origins: Vec::new(),
        trusted_proxies: Vec::new(),
        header_timeout: HEADER_TIMEOUT,
    }
}

fn seats() -> SeatConfig {
    SeatConfig {
        limits: vec![LimitRule::one_in_all()],
        on_full: OnFull::KickOld,
        victim: Victim::Oldest,
        ghost_after: GHOST_AFTER,
        idle_ttl: IDLE_TTL,
        absolute_ttl: ABSOLUTE_TTL,
        notice_ip: NoticeIp::Masked,
    }
}

fn node() -> NodeConfig {
    NodeConfig {
        renew_interval: RENEW_INTERVAL,
        heartbeat: HEARTBEAT,
        sweep_interval: SWEEP_INTERVAL,
        on_store_loss: OnStoreLoss::Hold,
        fence_after: FENCE_AFTER,
        drain_timeout: DRAIN_TIMEOUT,
        check_cache: None,
    }
}
