//! One connection to a node, plain or with TLS, and one request over it.
//!
//! hyper's own client and the TLS that the store's crate brings along: what a client with pools, proxies, redirects and
//! cookies would add is what must not happen to a key. Nothing here follows a redirect.

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
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::failure::Failure;

const CONNECTED_WITHIN: Duration = Duration::from_secs(5);
/// Until the head of the answer is there. The node itself gives up on its store earlier.
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);

trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// Sends `request`, whose URI is absolute, and answers as soon as the head of the answer is there.
pub(super) async fn send(
    base: &Uri,
    mut request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, Failure> {
    let unreachable = |why: &str| Failure::Unavailable(format!("{base} can't be reached: {why}"));
    let wire = timeout(CONNECTED_WITHIN, connect(request.uri())).await;
    let wire = wire.map_err(|_| unreachable("it does not answer"))?.map_err(|why| unreachable(&why))?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(wire)).await.map_err(|error| unreachable(&error.to_string()))?;
    // Ends with the answer's body. What breaks it is told by the body as well.
    tokio::spawn(connection);
    // What goes over the wire is the path; the host is in a header.
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    *request.uri_mut() = path.parse().map_err(|_| Failure::Wrong(format!("{path} is no path")))?;
    // From here on it may have been carried out.
    let lost =
        |why: &str| Failure::Unavailable(format!("{base} did not answer, and may have done it: {why}"));
    let answer = timeout(ANSWERED_WITHIN, sender.send_request(request)).await;
    answer.map_err(|_| lost("it takes too long"))?.map_err(|error| lost(&error.to_string()))
}

async fn connect(uri: &Uri) -> Result<Box<dyn Wire>, String> {
    let is_tls = uri.scheme_str() == Some("https");
    // An IPv6 address stands in brackets there and nowhere else.
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    let tcp = TcpStream::connect((host.as_str(), port)).await.map_err(|error| error.to_string())?;
    if !is_tls {
        return Ok(Box::new(tcp));
    }
    let name = ServerName::try_from(host).map_err(|error| error.to_string())?;
    let tls = TlsConnector::from(trusting_the_machine()?).connect(name, tcp).await;
    Ok(Box::new(tls.map_err(|error| error.to_string())?))
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
