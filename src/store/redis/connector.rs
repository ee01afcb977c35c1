//! From a URL to a connection with the primary.
//!
//! Owns how Redis is found and greeted: address, credentials, database, time-outs, RESP3. The one place to grow
//! for Sentinel, Cluster and TLS: whoever asks for a connection gets one to the server that takes writes.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, PushInfo, RedisError,
};

/// From the first packet to Redis's greeting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long any reply may take. Ours take well under a millisecond; what takes two seconds is not coming.
pub(super) const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);

/// A store URL that is none. Never shows the URL, which may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("store {0}")]
pub struct ConfigError(String);

pub(super) struct Connector {
    client: Client,
    database: i64,
    /// `host:port`, for people.
    address: String,
}

impl Connector {
    /// # Errors
    /// When `url` is not `redis://[user[:password]@]host[:port][/database]`.
    pub(super) fn parse(url: &str) -> Result<Self, ConfigError> {
        let wrong = || ConfigError("must be redis://[user[:password]@]host[:port][/database]".to_owned());
        if !url.starts_with("redis://") {
            return Err(wrong());
        }
        let info: ConnectionInfo = url.into_connection_info().map_err(|_| wrong())?;
        let database = info.redis_settings().db();
        let address = info.addr().to_string();
        // RESP3, because only its pushes say at once that an idle connection is gone.
        let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        // Small packets that somebody waits for; the crate's default would delay them.
        let tcp = TcpSettings::default().set_nodelay(true);
        let info = info.set_redis_settings(settings).set_tcp_settings(tcp);
        let client = Client::open(info).map_err(|_| wrong())?;
        Ok(Self { client, database, address })
    }

    pub(super) fn database(&self) -> i64 {
        self.database
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// A new connection. `on_push` is called for every push, in the connection's own task: it must not block.
    pub(super) async fn connect(
        &self,
        on_push: impl Fn(PushInfo) + Send + Sync + 'static,
    ) -> Result<MultiplexedConnection, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT))
            .set_push_sender(move |push| {
                on_push(push);
                Ok::<(), ()>(())
            });
        // The crate's own time-out does not cover looking up the name.
        tokio::time::timeout(
            CONNECT_TIMEOUT + Duration::from_secs(1),
            self.client.get_multiplexed_async_connection_with_config(&config),
        )
        .await
        .unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_refusals_hide_the_password() {
        let connector = Connector::parse("redis://u:secret@example.org:7000/3").unwrap();
        assert_eq!((connector.database(), connector.address()), (3, "example.org:7000"));
        for wrong in ["", "http://u:secret@h", "redis://", "redis://u:secret@h:port", "redis://u:secret@h/x"]
        {
            let error = Connector::parse(wrong).err().unwrap_or_else(|| panic!("{wrong} was taken"));
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
