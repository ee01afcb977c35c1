//! Whose address a request comes from, behind any number of trusted proxies.
//!
//! `X-Forwarded-For` is a list that each proxy appends its peer to; only what a trusted proxy wrote can be
//! believed. So it is read from the right, from the socket's peer on, and the first address that is not a
//! trusted proxy's is the client. Everything to the left of it may be made up.

use std::net::{IpAddr, SocketAddr};

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use ipnet::IpNet;

use super::App;

/// The peer of the socket on which a request came in; an extension of each request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub SocketAddr);

/// The client's address; none where a request comes from no socket, as in tests.
pub(crate) struct ClientAddress(pub Option<IpAddr>);

impl ClientAddress {
    /// Of the request with this head.
    pub(crate) fn of(parts: &Parts, app: &App) -> Self {
        let peer = parts.extensions.get::<Peer>();
        let trusted = &app.config.http.trusted_proxies;
        Self(peer.map(|Peer(peer)| client_address(peer.ip(), &parts.headers, trusted)))
    }
}

impl FromRequestParts<App> for ClientAddress {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        Ok(Self::of(parts, app))
    }
}

/// How many hops are looked at; a longer list is somebody's joke.
const MAX_HOPS: usize = 64;

/// The client's address.
fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |ip: IpAddr| trusted.iter().any(|net| net.contains(&ip));
    let mut client = peer.to_canonical();
    if !is_trusted(client) {
        return client;
    }
    let lines: Vec<&str> =
        headers.get_all("x-forwarded-for").iter().map(|value| value.to_str().unwrap_or("")).collect();
    let hops = lines.iter().rev().flat_map(|line| line.rsplit(','));
    for hop in hops.take(MAX_HOPS) {
        // A hop that is no address ends what can be known: the last believed one stays.
        let Some(ip) = parse(hop.trim()) else { break };
        client = ip;
        if !is_trusted(client) {
            break;
        }
    }
    client
}

/// An address as proxies write it: bare, in brackets, or with a port.
fn parse(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop);
    let ip = bare.parse().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|address| address.ip()))?;
    Some(ip.to_canonical())
}

/// What a brake counts an address by: IPv4 as it is, IPv6 by its /64, since one customer has that many.
pub(crate) fn bucket_of(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::testing;

    fn client(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let headers: Vec<_> = forwarded.iter().map(|line| ("x-forwarded-for", *line)).collect();
        let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
        client_address(peer.parse().unwrap(), &testing::headers(&headers), &trusted).to_string()
    }

    const PROXIES: [&str; 2] = ["10.0.0.0/8", "fd00::/8"];

    #[test]
    fn nobody_is_believed_who_is_not_trusted() {
        assert_eq!(client("203.0.113.9", &["198.51.100.1"], &PROXIES), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &["198.51.100.1"], &[]), "10.0.0.1");
    }

    #[test]
    fn the_first_untrusted_hop_from_the_right_is_the_client() {
        for (forwarded, wanted) in [
            (&["198.51.100.1"][..], "198.51.100.1"),
            (&["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
            (&["1.1.1.1, 198.51.100.1, 10.2.2.2"], "198.51.100.1"),
            (&["198.51.100.1", "10.2.2.2, 10.3.3.3"], "198.51.100.1"),
            (&["10.4.4.4, 10.2.2.2"], "10.4.4.4"),
            (&["198.51.100.1, unknown, 10.2.2.2"], "10.2.2.2"),
            (&["198.51.100.1:4711"], "198.51.100.1"),
            (&["[2001:db8::1]:443"], "2001:db8::1"),
            (&["[2001:db8::1]"], "2001:db8::1"),
            (&["::ffff:198.51.100.1"], "198.51.100.1"),
            (&[""], "10.0.0.1"),
            (&[], "10.0.0.1"),
        ] {
            assert_eq!(client("10.0.0.1", forwarded, &PROXIES), wanted, "{forwarded:?}");
        }
    }

    #[test]
    fn a_mapped_peer_is_the_same_as_its_ipv4_address() {
        assert_eq!(client("::ffff:10.0.0.1", &["198.51.100.1"], &PROXIES), "198.51.100.1");
    }

    #[test]
    fn an_ipv6_customer_is_one_bucket() {
        let bucket = |text: &str| bucket_of(text.parse().unwrap());
        assert_eq!(bucket("2001:db8:1:2:3:4:5:6"), bucket("2001:db8:1:2::1"));
        assert_ne!(bucket("2001:db8:1:2::1"), bucket("2001:db8:1:3::1"));
        assert_eq!(bucket("192.0.2.1"), "192.0.2.1");
        assert_eq!(bucket("::ffff:192.0.2.1"), "192.0.2.1");
    }
}
