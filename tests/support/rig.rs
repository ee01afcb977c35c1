//! A store and the nodes on it.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::client::{Answer, Client, Login};
use super::patience::eventually;
use super::redis_server::RedisServer;
use super::{Node, NodeOptions};

/// Which store a behaviour is shown on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Embedded,
    Redis,
}

/// A store of its own for one test.
pub struct Rig {
    url: String,
    /// Of the embedded store.
    _directory: TempDir,
    redis: Option<RedisServer>,
}

impl Rig {
    pub async fn new(engine: Engine) -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        match engine {
            Engine::Embedded => {
                let url = format!("embedded:{}", directory.path().join("data").display());
                Self { url, _directory: directory, redis: None }
            }
            Engine::Redis => {
                // A killed server has written everything to the kernel; only a power failure needs more.
                let redis =
                    RedisServer::start_with(&["--save", "", "--appendonly", "yes", "--appendfsync", "no"])
                        .await;
                Self { url: redis.url(), _directory: directory, redis: Some(redis) }
            }
        }
    }

    pub async fn redis() -> Self {
        Self::new(Engine::Redis).await
    }

    /// The Redis of a rig that has one.
    pub fn server(&mut self) -> &mut RedisServer {
        self.redis.as_mut().expect("a rig on Redis")
    }

    /// What `--store` is given.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where its Redis listens.
    pub fn redis_address(&self) -> SocketAddr {
        let redis = self.redis.as_ref().expect("a rig on Redis");
        SocketAddr::from((Ipv4Addr::LOCALHOST, redis.port()))
    }

    pub fn options(&self) -> NodeOptions {
        NodeOptions::new(&self.url)
    }

    /// A ready demo node on the store.
    pub async fn node(&self) -> Node {
        self.node_with(&[]).await
    }

    /// A ready demo node with these keys of the configuration.
    pub async fn node_with(&self, keys: &[(&str, &str)]) -> Node {
        Node::start(self.options().set_all(keys)).await
    }
}

/// A login by API key that has to be seated.
pub async fn sign_in(node: &Node, user: &str) -> Login {
    sign_in_with(node, user, json!({})).await
}

/// A login by API key with more members in its body; it has to be seated.
pub async fn sign_in_with(node: &Node, user: &str, more: Value) -> Login {
    try_sign_in(node, user, more).await.seated()
}

pub async fn try_sign_in(node: &Node, user: &str, more: Value) -> Answer {
    Client::service(node).create(user, more).await
}

/// A login by API key, once the seats are free; they may not be at first.
pub async fn seated_at_last(node: &Node, user: &str) -> Login {
    eventually("the newcomer is seated", async || {
        let answer = try_sign_in(node, user, json!({})).await;
        (answer.status != 409).then(|| answer.seated())
    })
    .await
}

/// What a token is told at `/api/auth/session`.
pub async fn whoami(node: &Node, token: &str) -> Answer {
    Client::bearer(node, token).get("/api/auth/session").await
}
