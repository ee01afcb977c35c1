//! Which web pages may speak for a browser: the rule against cross-site requests.
//!
//! One function judges; the middleware of state-changing calls, the extractors (where a cookie authenticates)
//! and the WebSocket handshake act on it. Browsers send `Origin` with every request that changes something and
//! with every WebSocket handshake, and no page can forge it.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::Response;

use super::App;
use super::problem::Problem;
use crate::config::HttpConfig;

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Not from a page, or by a method with which browsers do not say.
    Absent,
    Allowed,
    Foreign,
}

/// The first of these that is configured decides: `allowed_origins`, `public_url`, the request's own Host.
#[derive(Debug, Clone)]
pub(crate) struct OriginRule {
    allowed: Vec<String>,
}

impl OriginRule {
    pub(crate) fn new(config: &HttpConfig) -> Self {
        let allowed = if config.allowed_origins.is_empty() {
            config.public_url.iter().map(|url| origin_of(url).to_owned()).collect()
        } else {
            config.allowed_origins.clone()
        };
        Self { allowed }
    }

    pub(crate) fn judge(&self, headers: &HeaderMap) -> Origin {
        let mut values = headers.get_all(header::ORIGIN).iter();
        let Some(origin) = values.next() else { return Origin::Absent };
        let allowed = match (origin.to_str(), values.next()) {
            (Ok(origin), None) if self.allowed.is_empty() => is_own(origin, headers),
            (Ok(origin), None) => self.allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)),
            _ => false,
        };
        if allowed { Origin::Allowed } else { Origin::Foreign }
    }
}

/// Refuses a state-changing request of a foreign page, whatever else it brings.
pub(crate) async fn guard(State(app): State<App>, request: Request, next: Next) -> Result<Response, Problem> {
    if changes_state(request.method()) && app.origins().judge(request.headers()) == Origin::Foreign {
        return Err(Problem::OriginNotAllowed(
            "the origin of the page that sent this is not allowed here: `allowed_origins` of the configuration says which are",
        ));
    }
    Ok(next.run(request).await)
}

/// Everything but the safe methods of RFC 9110, 9.2.1.
pub(crate) fn changes_state(method: &Method) -> bool {
    !method.is_safe()
}

/// Scheme and authority of a URL: what a browser would send as Origin.
fn origin_of(url: &str) -> &str {
    let authority = url.find("://").map_or(0, |at| at + 3);
    let end = url[authority..].find('/').map_or(url.len(), |at| authority + at);
    &url[..end]
}

/// Whether `origin` is the host that was asked. The scheme is not compared: behind a proxy that ends TLS the
/// node does not know it, and a page of the same host over plain HTTP is the same site's own.
fn is_own(origin: &str, headers: &HeaderMap) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let default_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return false,
    };
    let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else { return false };
    let bare = |name: &'_ str| name.strip_suffix(default_port).unwrap_or(name).to_ascii_lowercase();
    !host.is_empty() && bare(authority) == bare(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::testing;

    fn judge(allowed: &[&str], public_url: Option<&str>, headers: &[(&str, &str)]) -> Origin {
        let mut config = testing::config().http;
        config.allowed_origins = allowed.iter().map(|origin| (*origin).to_owned()).collect();
        config.public_url = public_url.map(str::to_owned);
        OriginRule::new(&config).judge(&testing::headers(headers))
    }

    #[test]
    fn the_list_decides_where_there_is_one() {
        let list = ["https://app.example", "http://localhost:3000"];
        let host = ("host", "hotseat.example");
        for (origin, verdict) in [
            ("https://app.example", Origin::Allowed),
            ("http://localhost:3000", Origin::Allowed),
            ("https://hotseat.example", Origin::Foreign),
            ("https://app.example.evil.example", Origin::Foreign),
            ("https://app.example:8443", Origin::Foreign),
            ("null", Origin::Foreign),
            ("", Origin::Foreign),
        ] {
            let headers = [host, ("origin", origin)];
            assert_eq!(judge(&list, Some("https://hotseat.example"), &headers), verdict, "{origin}");
        }
    }

    #[test]
    fn else_the_public_url_decides() {
        let public = Some("https://hotseat.example");
        let with = |origin| judge(&[], public, &[("host", "10.0.0.7:8000"), ("origin", origin)]);
        assert_eq!(with("https://hotseat.example"), Origin::Allowed);
        assert_eq!(with("http://hotseat.example"), Origin::Foreign);
        assert_eq!(with("http://10.0.0.7:8000"), Origin::Foreign);
    }

    #[test]
    fn else_the_host_decides() {
        let with = |host, origin| judge(&[], None, &[("host", host), ("origin", origin)]);
        assert_eq!(with("localhost:8000", "http://localhost:8000"), Origin::Allowed);
        assert_eq!(with("LOCALHOST:8000", "http://localhost:8000"), Origin::Allowed);
        assert_eq!(with("hotseat.example:443", "https://hotseat.example"), Origin::Allowed);
        assert_eq!(with("hotseat.example", "https://hotseat.example"), Origin::Allowed);
        assert_eq!(with("localhost:8000", "http://localhost:8001"), Origin::Foreign);
        assert_eq!(with("localhost:8000", "null"), Origin::Foreign);
        assert_eq!(with("localhost:8000", "file://localhost:8000"), Origin::Foreign);
        assert_eq!(with("", "http://"), Origin::Foreign);
    }

    #[test]
    fn no_origin_is_absent_and_two_are_foreign() {
        assert_eq!(judge(&[], None, &[("host", "a")]), Origin::Absent);
        let twice = [("host", "a"), ("origin", "http://a"), ("origin", "http://a")];
        assert_eq!(judge(&[], None, &twice), Origin::Foreign);
    }

    #[test]
    fn a_path_of_the_public_url_is_no_part_of_its_origin() {
        assert_eq!(origin_of("https://example.org/hotseat"), "https://example.org");
        assert_eq!(origin_of("https://example.org"), "https://example.org");
    }
}
