//! What the unit tests of this layer share.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest, Sha256};

use crate::config::{
    ApiKey, Config, HttpConfig, LogConfig, LogFormat, NodeConfig, NoticeIp, OnStoreLoss, Rate, RateConfig,
    Scope, SeatConfig, StoreUrl,
};
use crate::domain::{
    Device, DeviceClass, DeviceId, Generation, LimitRule, OnFull, Partition, Record, Session, SessionId,
    Timestamp, Token, UserId, Victim,
};

pub(crate) const ADMIN_KEY: &str = "a key with every scope";

/// A configuration as a node has it by default, with an API key.
pub(crate) fn config() -> Config {
    let rate = Rate { burst: 10, period: Duration::from_secs(60) };
    Config {
        store: StoreUrl::Embedded("unused".into()),
        demo: false,
        log: LogConfig { filter: "info".to_owned(), format: LogFormat::Text },
        http: HttpConfig {
            listen: ([127, 0, 0, 1], 0).into(),
            public_url: None,
            allowed_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            header_timeout: Duration::from_secs(10),
        },
        seats: SeatConfig {
            limits: vec![LimitRule::one_in_all()],
            on_full: OnFull::KickOld,
            victim: Victim::Oldest,
            ghost_after: Duration::from_secs(60),
            idle_ttl: Duration::from_secs(86_400),
            absolute_ttl: Duration::from_secs(30 * 86_400),
            notice_ip: NoticeIp::Masked,
        },
        node: NodeConfig {
            renew_interval: Duration::from_secs(15),
            heartbeat: Duration::from_secs(30),
            sweep_interval: Duration::from_secs(300),
            on_store_loss: OnStoreLoss::Hold,
            fence_after: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(20),
            check_cache: None,
        },
        rate: RateConfig { login: rate, login_address: rate, api_key: None },
        api_keys: vec![ApiKey {
            name: "admin".to_owned(),
            hash: Sha256::digest(ADMIN_KEY.as_bytes()).into(),
            scopes: Scope::ALL.to_vec(),
        }],
        accounts: Vec::new(),
    }
}

pub(crate) fn token(user: &str) -> Token {
    let user = UserId::parse("user_id", user).unwrap();
    let id = SessionId::new(Partition::of(&user), Timestamp::from_millis(1_790_000_000_123), [7; 8]);
    Token::new(id, [9; 32])
}

/// A live session of `user` with the token of [`token`].
pub(crate) fn record(user: &str) -> Record {
    let token = token(user);
    let created_at = Timestamp::from_millis(1_790_000_000_123);
    let session = Session {
        id: token.session(),
        user: UserId::parse("user_id", user).unwrap(),
        generation: Generation(7),
        token_hash: token.hash(),
        device: Device {
            id: DeviceId::parse("device").unwrap(),
            name: "Firefox 128 on Windows".to_owned(),
            class: DeviceClass::Desktop,
        },
        user_agent: "Firefox 128 on Windows".to_owned(),
        ip: Some([192, 0, 2, 7].into()),
        roles: Vec::new(),
        created_at,
        seen_at: created_at,
        absolute_at: created_at.plus_millis(30 * 86_400_000),
        idle_ttl_ms: 86_400_000,
        presence: Vec::new(),
    };
    Record { session, end: None, data: None, connections: 0, nodes: Vec::new() }
}

pub(crate) fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap()))
        .collect()
}
