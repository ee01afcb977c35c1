//! How the peers in Rust reach Redis: with the options that Hotseat sets (`src/store/redis/connector.rs`), so that no
//! difference between it and them is one of a socket or a queue.

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{AsyncConnectionConfig, Client, IntoConnectionInfo as _, RedisError};

/// Commands that may wait for a connection to write them; the crate's own choice is 50.
const WAITING: usize = 512;

pub fn open(url: &str) -> Result<Client, RedisError> {
    let nodelay = TcpSettings::default().set_nodelay(true);
    Client::open(url.into_connection_info()?.set_tcp_settings(nodelay))
}

pub fn config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new().set_pipeline_buffer_size(WAITING)
}

pub async fn connect(
    client: &Client,
    config: &AsyncConnectionConfig,
) -> Result<MultiplexedConnection, RedisError> {
    client.get_multiplexed_async_connection_with_config(config).await
}
