//! How a server is greeted: credentials, TLS, database, time-outs, RESP3.
//!
//! Knows no addresses: whoever asks for a connection says where to.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion,
    PushInfo, RedisConnectionInfo, RedisError,
};

use super::layout::Address;
use super::tls;
use crate::config::{Login, TlsFiles};

/// From the first packet to Redis's greeting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Commands that may wait for a connection to write them. More than the crate's 50, so that a few hundred requests at once
/// are written together and need not wake each other one by one.
const WAITING: usize = 512;
/// How long any reply may take. Ours take well under a millisecond; what takes two seconds is not coming.
pub(super) const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);

/// What the operator decided about Redis and can't be. Never shows a URL, which may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub(super) String);

/// How to greet the servers of one kind. Cheap to clone but for the certificates.
#[derive(Clone)]
pub(super) struct Connector {
    greeting: RedisConnectionInfo,
    /// An address with the certificates in it, whose host and port are replaced; `None` without TLS.
    tls: Option<ConnectionAddr>,
}

impl Connector {
    /// `tls` is `None` for plain connections.
    ///
    /// # Errors
    /// When a file of `tls` can't be read or is not what it should be.
    pub(super) fn new(
        login: Option<&Login>,
        database: u16,
        tls: Option<&TlsFiles>,
    ) -> Result<Self, ConfigError> {
        let tls = tls.map(tls::certificates).transpose()?;
        Ok(Self { greeting: RedisConnectionInfo::default(), tls }.greeting(login, database))
    }

    /// The same way of connecting, another greeting.
    fn greeting(mut self, login: Option<&Login>, database: u16) -> Self {
        // RESP3, because only its pushes say at once that an idle connection is gone. No name of a library: the
        // command that tells it is one more to allow (`deploy/redis/hotseat.acl`).
        let mut greeting = RedisConnectionInfo::default()
            .set_protocol(ProtocolVersion::RESP3)
            .set_skip_set_lib_name()
            .set_db(database.into());
        if let Some(login) = login {
            greeting = greeting.set_password(&login.password);
            if let Some(user) = &login.user {
                greeting = greeting.set_username(user);
            }
        }
        self.greeting = greeting;
        self
    }

    /// For Sentinels, which have users of their own and no databases.
    pub(super) fn for_sentinels(&self, login: Option<&Login>) -> Self {
        self.clone().greeting(login, 0)
    }

    pub(super) fn database(&self) -> i64 {
        self.greeting.db()
    }

    /// A new connection. `on_push` is called for every push, in the connection's own task: it must not block.
    pub(super) async fn connect(
        &self,
        to: &Address,
        on_push: impl Fn(PushInfo) + Send + Sync + 'static,
    ) -> Result<MultiplexedConnection, RedisError> {
        let mut connection = self.connect_unbounded(to, on_push).await?;
        connection.set_response_timeout(RESPONSE_TIMEOUT);
        Ok(connection)
    }

    /// The same without a time-out for answers, for those who bound each command themselves.
    pub(super) async fn connect_unbounded(
        &self,
        to: &Address,
        on_push: impl Fn(PushInfo) + Send + Sync + 'static,
    ) -> Result<MultiplexedConnection, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(None)
            .set_pipeline_buffer_size(WAITING)
            .set_push_sender(move |push| {
                on_push(push);
                Ok::<(), ()>(())
            });
        let client = Client::open(self.info(to)?)?;
        // The crate's own time-out does not cover looking up the name.
        tokio::time::timeout(
            CONNECT_TIMEOUT + Duration::from_secs(1),
            client.get_multiplexed_async_connection_with_config(&config),
        )
        .await
        .unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()))
        .map_err(|error| match tls::advice(&error) {
            Some(advice) if self.tls.is_some() => {
                let kind = std::io::ErrorKind::ConnectionRefused;
                std::io::Error::new(kind, format!("{advice} ({error})")).into()
            }
            _ => error,
        })
    }

    fn info(&self, to: &Address) -> Result<ConnectionInfo, RedisError> {
        let (host, port) = (to.host.clone(), to.port);
        let addr = match &self.tls {
            Some(ConnectionAddr::TcpTls { tls_params, .. }) => {
                ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: tls_params.clone() }
            }
            _ => ConnectionAddr::Tcp(host, port),
        };
        // Small packets that somebody waits for; the crate's default would delay them.
        let tcp = TcpSettings::default().set_nodelay(true);
        Ok(addr.into_connection_info()?.set_redis_settings(self.greeting.clone()).set_tcp_settings(tcp))
    }
}
