//! The way to a node, plain or with TLS, and one request over a connection of its own.
//!
//! hyper's own client and the TLS that the store's crate brings along: what a client with pools, proxies, redirects and
//! cookies would add is what must not happen to a key. Nothing here follows a redirect.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::failure::Failure;

const CONNECTED_WITHIN: Duration = Duration::from_secs(5);
/// Until the head of the answer is there. The node itself gives up on its store earlier.
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);

/// A connection, whatever is under it.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

pub(crate) type Wire = Box<dyn Stream>;

/// A node, or the balancer before it, and how it is reached.
#[derive(Clone)]
pub(crate) struct Place {
    /// Scheme, host and port, and perhaps a path of a proxy.
    pub base: Uri,
    /// A name, or an address without brackets.
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Place {
    pub fn new(base: Uri) -> Result<Self, Failure> {
        let unreachable = |why: String| Failure::Unavailable(format!("{base} can't be reached: {why}"));
        let is_tls = base.scheme_str() == Some("https");
        // An IPv6 address stands in brackets there and nowhere else.
        let host = base.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let port = base.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let tls = if is_tls {
            let name = ServerName::try_from(host.clone()).map_err(|error| unreachable(error.to_string()))?;
            Some((TlsConnector::from(trusting_the_machine().map_err(unreachable)?), name))
        } else {
            None
        };
        Ok(Self { base, host, port, tls })
    }

    /// The same for good: who connects thousands of times looks its name up once.
    pub async fn pinned(mut self) -> Result<Self, Failure> {
        let base = self.base.clone();
        let unreachable = |why: &str| Failure::Unavailable(format!("{base} can't be reached: {why}"));
        let found = timeout(CONNECTED_WITHIN, lookup_host((self.host.as_str(), self.port))).await;
        let found = found.map_err(|_| unreachable("its name is not found in time"))?;
        let first = found.map_err(|error| unreachable(&error.to_string()))?.next();
        self.host = first.ok_or_else(|| unreachable("its name has no address"))?.ip().to_string();
        Ok(self)
    }

    /// What a request's `Host` says.
    pub fn authority(&self) -> &str {
        self.base.authority().map_or("", |authority| authority.as_str())
    }

    /// What stands in the request line for a path of the API.
    pub fn path(&self, path: &str) -> String {
        format!("{}{path}", self.base.path().trim_end_matches('/'))
    }

    /// Its address, where that is what the URL has or where it is pinned to.
    pub fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// A new connection; from an address of this machine's, if one is named and it is of the kind of the node's.
    pub async fn connect(&self, from: Option<IpAddr>) -> io::Result<Wire> {
        let too_long = || io::Error::new(io::ErrorKind::TimedOut, "it does not answer");
        timeout(CONNECTED_WITHIN, self.open(from)).await.unwrap_or_else(|_| Err(too_long()))
    }

    async fn open(&self, from: Option<IpAddr>) -> io::Result<Wire> {
        let tcp = match (from, self.address()) {
            (Some(from), Some(to)) if from.is_ipv4() == to.is_ipv4() => {
                let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
                // Or a port could not be taken again for a minute after it was left.
                socket.set_reuseaddr(true)?;
                socket.bind(SocketAddr::new(from, 0))?;
                socket.connect(SocketAddr::new(to, self.port)).await?
            }
            _ => TcpStream::connect((self.host.as_str(), self.port)).await?,
        };
        // Requests are small and wanted now.
        tcp.set_nodelay(true)?;
        Ok(match &self.tls {
            Some((connector, name)) => Box::new(connector.connect(name.clone(), tcp).await?),
            None => Box::new(tcp),
        })
    }

    /// Sends `request`, whose URI is what stands in the request line, over a connection of its own, and answers as soon
    /// as the head of the answer is there.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Failure> {
        let unreachable =
            |why: String| Failure::Unavailable(format!("{} can't be reached: {why}", self.base));
        let wire = self.connect(None).await.map_err(|error| unreachable(error.to_string()))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(wire)).await.map_err(|error| unreachable(error.to_string()))?;
        // Ends with the answer's body. What breaks it is told by the body as well.
        tokio::spawn(connection);
        // From here on it may have been carried out.
        let lost = |why: &str| {
            Failure::Unavailable(format!("{} did not answer, and may have done it: {why}", self.base))
        };
        let answer = timeout(ANSWERED_WITHIN, sender.send_request(request)).await;
        answer.map_err(|_| lost("it takes too long"))?.map_err(|error| lost(&error.to_string()))
    }
}

/// Believes whom this machine believes, or the file that SSL_CERT_FILE names.
fn trusting_the_machine() -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if added == 0 {
        return Err("this machine trusts no certificate authority; SSL_CERT_FILE may name one".to_owned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}
