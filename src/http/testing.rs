//! What the unit tests of this layer share.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest, Sha256};

use crate::config::{ApiKey, Config, Scope};
use crate::domain::{
    Device, DeviceClass, DeviceId, Generation, Partition, Record, Session, SessionId, Timestamp, Token,
    UserId,
};

pub(crate) const ADMIN_KEY: &str = "a key with every scope";

/// The default configuration with an API key.
pub(crate) fn config() -> Config {
    Config { api_keys: vec![api_key("admin", ADMIN_KEY, &Scope::ALL)], ..Config::default() }
}

pub(crate) fn api_key(name: &str, key: &str, scopes: &[Scope]) -> ApiKey {
    ApiKey { name: name.to_owned(), hash: Sha256::digest(key.as_bytes()).into(), scopes: scopes.to_vec() }
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
