//! A store and the nodes on it.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::client::{Answer, Client, Login};
use super::patience::eventually;
use super::redis_cluster::RedisCluster;
use super::redis_sentinel::RedisSentinel;
use super::redis_server::RedisServer;
use super::{Node, NodeOptions};

/// Which store a behaviour is shown on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Embedded,
    /// A single one.
    Redis,
    /// Behind three Sentinels, with two replicas.
    Sentinel,
    /// Three primaries.
    Cluster,
}

/// A store of its own for one test.
pub struct Rig {
    url: String,
    servers: Servers,
}

/// What runs for a store, until it is dropped.
#[allow(clippy::large_enum_variant, reason = "one for each test")]
enum Servers {
    Embedded { _directory: TempDir },
    Redis(RedisServer),
    Sentinel(RedisSentinel),
    Cluster(RedisCluster),
}

impl Rig {
    pub async fn new(engine: Engine) -> Self {
        match engine {
            Engine::Embedded => {
                let directory = TempDir::new().expect("a temporary directory");
                let url = format!("embedded:{}", directory.path().join("data").display());
                Self { url, servers: Servers::Embedded { _directory: directory } }
            }
            Engine::Redis => {
                // A killed server has written everything to the kernel; only a power failure needs more.
                let redis =
                    RedisServer::start_with(&["--save", "", "--appendonly", "yes", "--appendfsync", "no"])
                        .await;
                Self { url: redis.url(), servers: Servers::Redis(redis) }
            }
            Engine::Sentinel => {
                let redis = RedisSentinel::start().await;
                Self { url: redis.url(), servers: Servers::Sentinel(redis) }
            }
            Engine::Cluster => {
                let redis = RedisCluster::start(3).await;
                Self { url: redis.url(), servers: Servers::Cluster(redis) }
            }
        }
    }

    pub async fn redis() -> Self {
        Self::new(Engine::Redis).await
    }

    /// The Redis of a rig that has a single one.
    pub fn server(&mut self) -> &mut RedisServer {
        match &mut self.servers {
            Servers::Redis(redis) => redis,
            _ => panic!("a rig on a single Redis"),
        }
    }

    /// The servers of a rig behind Sentinels.
    pub fn sentinel(&mut self) -> &mut RedisSentinel {
        match &mut self.servers {
            Servers::Sentinel(redis) => redis,
            _ => panic!("a rig behind Sentinels"),
        }
    }

    /// The members of a rig on a Cluster.
    pub fn cluster(&mut self) -> &mut RedisCluster {
        match &mut self.servers {
            Servers::Cluster(redis) => redis,
            _ => panic!("a rig on a Cluster"),
        }
    }

    /// What `--store` is given.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where its Redis listens.
    pub fn redis_address(&self) -> SocketAddr {
        match &self.servers {
            Servers::Redis(redis) => redis.address(),
            _ => panic!("a rig on a single Redis"),
        }
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

/// The nodes of the administrator's view, once so many have said that they are there.
pub async fn listed_nodes(service: &Client, count: usize) -> Vec<Value> {
    eventually("the nodes are listed", async || {
        let answer = service.get("/api/admin/nodes").await.expect(200);
        answer["nodes"].as_array().filter(|nodes| nodes.len() == count).cloned()
    })
    .await
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
