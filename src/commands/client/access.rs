//! Which node is asked, and with which key.

use std::io::{BufRead as _, Read as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use hotseat::config::{self, Flags, Sources};
use hyper::Uri;
use hyper::header::HeaderValue;

use super::Failure;

const KEY_VARIABLE: &str = "HOTSEAT_KEY";
/// Longer than any key; more of a file is not read.
const MAX_KEY_BYTES: u64 = 1024;

/// What the paths of the API are put behind: scheme, host and port, and perhaps a path of a proxy.
pub(crate) fn parse(text: &str) -> Result<Uri, Failure> {
    let wrong = |what: &str| Failure::Wrong(format!("--url {what}, such as http://127.0.0.1:8000"));
    let url: Uri = text.trim_end_matches('/').parse().map_err(|_| wrong("must be a URL"))?;
    if !matches!(url.scheme_str(), Some("http" | "https")) {
        return Err(wrong("must begin with http:// or https://"));
    }
    if url.authority().is_none_or(|authority| authority.as_str().contains('@')) || url.query().is_some() {
        return Err(wrong("must name a host and perhaps a port and a path, and no user and no query"));
    }
    Ok(url)
}

/// Where a node of this configuration listens. Not its `public_url`: that is for browsers, and whatever stands in
/// between may keep the administrator's calls away.
pub(crate) fn configured(file: Option<&Path>) -> Result<Uri, Failure> {
    let loaded = Sources::of_process(file, Flags::default()).and_then(|sources| config::load(&sources));
    let loaded = loaded.map_err(|error| {
        Failure::Wrong(format!(
            "without --url the configuration says where the node is, and it is refused: {error}"
        ))
    })?;
    let listen = reachable(loaded.config.http.listen);
    format!("http://{listen}").parse().map_err(|_| Failure::Wrong(format!("{listen} is no address to ask")))
}

/// Who listens on all addresses is asked on the loopback.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    };
    SocketAddr::new(ip, listen.port())
}

/// The API key: what the command line says beats the environment.
pub(crate) fn key(given: Option<&str>, file: Option<&Path>) -> Result<String, Failure> {
    let key = match (given, file) {
        (Some(key), _) => key.to_owned(),
        (None, Some(file)) => read(file)?,
        (None, None) => std::env::var(KEY_VARIABLE).unwrap_or_default(),
    };
    let key = key.trim();
    if key.is_empty() {
        return Err(Failure::Wrong(format!("there is no API key: set {KEY_VARIABLE}, or name a --key-file")));
    }
    Ok(key.to_owned())
}

/// What a request says to be made with this key, or as the session of this token.
pub(crate) fn bearer(secret: &str) -> Result<HeaderValue, Failure> {
    let mut authorization = HeaderValue::from_str(&format!("Bearer {secret}"))
        .map_err(|_| Failure::Wrong("the API key has characters that no key has".to_owned()))?;
    authorization.set_sensitive(true);
    Ok(authorization)
}

/// The first line of a file, or of standard input.
fn read(file: &Path) -> Result<String, Failure> {
    let mut line = String::new();
    let done = if file == Path::new("-") {
        std::io::stdin().lock().take(MAX_KEY_BYTES).read_line(&mut line)
    } else {
        std::fs::File::open(file)
            .and_then(|open| std::io::BufReader::new(open.take(MAX_KEY_BYTES)).read_line(&mut line))
    };
    done.map_err(|error| Failure::Wrong(format!("the key can't be read from {}: {error}", file.display())))?;
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_and_a_host_and_no_secrets() {
        for (text, path) in [
            ("http://127.0.0.1:8000", "/"),
            ("https://hotseat.example/", "/"),
            ("https://[::1]:8443/inside/", "/inside"),
        ] {
            assert_eq!(parse(text).unwrap().path(), path, "{text}");
        }
        for text in ["", "localhost:8000", "ftp://a", "http://me:secret@a", "http://a/?q", "http://", "/x"] {
            let Err(Failure::Wrong(what)) = parse(text) else { panic!("{text}") };
            assert!(!what.contains("secret"), "{what}");
        }
    }

    #[test]
    fn who_listens_everywhere_is_asked_on_the_loopback() {
        for (listen, asked) in
            [("0.0.0.0:8000", "127.0.0.1:8000"), ("[::]:8000", "[::1]:8000"), ("10.0.0.7:81", "10.0.0.7:81")]
        {
            assert_eq!(reachable(listen.parse().unwrap()).to_string(), asked);
        }
    }
}
