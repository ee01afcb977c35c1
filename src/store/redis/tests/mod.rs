//! The engine against a real redis-server.

use std::sync::Arc;

use super::Redis;
use crate::chance::Chance;
use crate::store::conformance::Bench;

#[path = "../../../../tests/support/redis_server.rs"]
mod redis_server;

use redis_server::RedisServer;

mod conformance {
    crate::store::conformance::conformance_suite!(crate::store::redis::tests::open);
}

async fn open() -> Bench {
    let server = RedisServer::start().await;
    let (store, notices) = Redis::open(&server.url(), Arc::new(Chance::seeded(1))).unwrap();
    let (second, more_notices) = Redis::open(&server.url(), Arc::new(Chance::seeded(2))).unwrap();
    Bench::new(store, notices, server).with_second(second, more_notices)
}
