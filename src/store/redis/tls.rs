//! TLS to Redis: whose certificates are believed, which one is shown, and what refusals mean.
//!
//! Certificates and the names in them are always verified; there is no way to ask otherwise.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Once};

use redis::{Client, ClientTlsConfig, ConnectionAddr, RedisError, TlsCertificates};
use rustls::{AlertDescription, CertificateError};

use super::connector::ConfigError;
use crate::config::TlsFiles;

/// The certificates as the client library holds them: inside an address, whose host and port mean nothing.
pub(super) fn certificates(files: &TlsFiles) -> Result<ConnectionAddr, ConfigError> {
    static PROVIDER: Once = Once::new();
    // An error means that the program around us has chosen one already.
    PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    let client_tls = match (&files.cert, &files.key) {
        (Some(cert), Some(key)) => Some(ClientTlsConfig {
            client_cert: read_pem("redis_tls.cert", cert, "CERTIFICATE")?,
            client_key: read_pem("redis_tls.key", key, "PRIVATE KEY")?,
        }),
        _ => None,
    };
    let root_cert = files.ca.as_deref().map(|ca| read_pem("redis_tls.ca", ca, "CERTIFICATE")).transpose()?;
    let anywhere = ConnectionAddr::TcpTls { host: String::new(), port: 0, insecure: false, tls_params: None };
    let client = Client::build_with_tls(anywhere, TlsCertificates { client_tls, root_cert })
        .map_err(|error| ConfigError(format!("redis_tls can't be used: {error}")))?;
    Ok(client.get_connection_info().addr().clone())
}

/// The library would take a file without any certificate, and then believe nobody.
fn read_pem(key: &str, file: &Path, kind: &str) -> Result<Vec<u8>, ConfigError> {
    let pem = fs::read(file)
        .map_err(|error| ConfigError(format!("{key} can't be read from {}: {error}", file.display())))?;
    let text = String::from_utf8_lossy(&pem);
    let mut starts = text.lines().filter(|line| line.starts_with("-----BEGIN "));
    if !starts.any(|line| line.trim_end().ends_with(&format!("{kind}-----"))) {
        let file = file.display();
        return Err(ConfigError(format!("{key} must be a PEM file with a {kind} in it, and {file} is none")));
    }
    Ok(pem)
}

/// What an operator can do about a hand-shake that failed; `None` if it was something else.
pub(super) fn advice(error: &RedisError) -> Option<&'static str> {
    // Redis takes a hand-shake for the beginning of a command, and waits for the rest.
    if error.is_timeout() {
        return Some("it does not answer; perhaps it does not speak TLS there");
    }
    let refusal = error.source()?.downcast_ref::<Arc<dyn Error + Send + Sync>>()?;
    let refusal = refusal.downcast_ref::<std::io::Error>()?.get_ref()?.downcast_ref::<rustls::Error>()?;
    Some(match refusal {
        // Another authority, or another one of the same name.
        rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => "its certificate is signed by nobody that redis_tls.ca (or the system) names",
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "its certificate is not for the name that it was reached by",
        rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => "its certificate has expired",
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "it asks for a certificate: set redis_tls.cert and redis_tls.key"
        }
        rustls::Error::AlertReceived(
            AlertDescription::UnknownCA | AlertDescription::BadCertificate | AlertDescription::DecryptError,
        ) => "it does not accept the certificate of redis_tls.cert",
        _ => return None,
    })
}
