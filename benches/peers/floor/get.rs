//! The floor of a session check: a plain GET.

use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;

use super::drive::{Work, told};
use super::redis_client;

/// About what a session takes in Redis (docs/benchmarks.md has it with its indexes).
const VALUE_BYTES: usize = 300;

pub struct Get {
    key: String,
    connection: MultiplexedConnection,
}

/// One connection for all: calls that are under way together travel together.
pub async fn workers(url: &str, count: usize) -> Result<Vec<Get>, String> {
    let client = redis_client::open(url).map_err(told)?;
    let mut connection = redis_client::connect(&client, &redis_client::config()).await.map_err(told)?;
    let mut gets = Vec::with_capacity(count);
    for worker in 0..count {
        let key = format!("floor:{worker}");
        let mut set = redis::cmd("SET");
        set.arg(&key).arg(vec![b'x'; VALUE_BYTES]);
        set.exec_async(&mut connection).await.map_err(told)?;
        gets.push(Get { key, connection: connection.clone() });
    }
    Ok(gets)
}

impl Work for Get {
    async fn once(&mut self) -> Result<Duration, String> {
        let start = Instant::now();
        let value: Vec<u8> =
            redis::cmd("GET").arg(&self.key).query_async(&mut self.connection).await.map_err(told)?;
        let took = start.elapsed();
        if value.len() == VALUE_BYTES { Ok(took) } else { Err("another value came back".to_owned()) }
    }
}
