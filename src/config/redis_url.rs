//! Redis URLs: of one server, of Sentinels, of a Cluster; with TLS or without.
//!
//! ```text
//! redis[s]://           [[USER]:PASSWORD@]HOST[:6379][/DATABASE]
//! redis[s]+sentinel://  [[USER]:PASSWORD@]HOST[:26379],…/MASTER[/DATABASE][?sentinel_user=U&sentinel_password=P]
//! redis[s]+cluster://   [[USER]:PASSWORD@]HOST[:6379],…
//! ```
//! User, password and the values of the query are percent-encoded; a `+` is a plus. User and password are those of
//! Redis; Sentinels are greeted with theirs of the query alone.
//!
//! Invariant: what is refused is never repeated, and what is shown is made of checked parts: no secret in either.

use std::fmt;

use super::problem::Refusal;

const REDIS_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26_379;

/// Where Redis is and how it is greeted. Hides its secrets in `Debug` and `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl {
    pub(crate) tls: bool,
    /// At least one.
    pub(crate) servers: Vec<Address>,
    pub(crate) topology: Topology,
    pub(crate) login: Option<Login>,
    /// 0 on a Cluster, which has no other.
    pub(crate) database: u16,
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Address {
    pub host: String,
    pub port: u16,
}

/// What the servers of a URL are.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Topology {
    Single,
    /// Sentinels, which know where the primary called `master` is.
    Sentinel {
        master: String,
        login: Option<Login>,
    },
    Cluster,
}

/// How a server is greeted.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Login {
    /// `None`: the user `default`.
    pub user: Option<String>,
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(…)")
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Single,
    Sentinel,
    Cluster,
}

impl Kind {
    const fn right(self) -> &'static str {
        match self {
            Self::Single => "must be like redis://USER:PASSWORD@HOST:PORT/DATABASE",
            Self::Sentinel => {
                "must be like redis+sentinel://USER:PASSWORD@HOST:PORT,HOST:PORT/MASTER/DATABASE"
            }
            Self::Cluster => "must be like redis+cluster://USER:PASSWORD@HOST:PORT,HOST:PORT",
        }
    }
}

impl RedisUrl {
    /// Reads a URL. The refusal does not repeat any part of it.
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        let (scheme, rest) = text.split_once(':').unwrap_or_default();
        let Some((kind, tls)) = kind_of(scheme) else {
            return Err(Refusal::new(
                "must begin with embedded:, redis://, redis+sentinel:// or redis+cluster:// (rediss… for TLS)",
            ));
        };
        let rest = rest.strip_prefix("//").ok_or("after the colon stands //");
        rest.and_then(|rest| read(kind, tls, rest))
            .map_err(|problem| Refusal::new(format!("{}: {problem}", kind.right())))
    }

    pub(crate) fn is_cluster(&self) -> bool {
        self.topology == Topology::Cluster
    }

    fn scheme(&self) -> String {
        let suffix = match self.topology {
            Topology::Single => "",
            Topology::Sentinel { .. } => "+sentinel",
            Topology::Cluster => "+cluster",
        };
        format!("redis{}{suffix}", if self.tls { "s" } else { "" })
    }
}

fn kind_of(scheme: &str) -> Option<(Kind, bool)> {
    let (base, kind) = match scheme.split_once('+') {
        None => (scheme, Kind::Single),
        Some((base, "sentinel")) => (base, Kind::Sentinel),
        Some((base, "cluster")) => (base, Kind::Cluster),
        Some(_) => return None,
    };
    match base {
        "redis" => Some((kind, false)),
        "rediss" => Some((kind, true)),
        _ => None,
    }
}

fn read(kind: Kind, tls: bool, rest: &str) -> Result<RedisUrl, &'static str> {
    if rest.contains('#') {
        return Err("a # in a password is written %23, and there is nothing else to say after one");
    }
    let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (login, hosts) = match authority.rsplit_once('@') {
        Some((login, hosts)) => (Some(read_login(login)?), hosts),
        None => (None, authority),
    };
    let port = if kind == Kind::Sentinel { SENTINEL_PORT } else { REDIS_PORT };
    let servers = hosts.split(',').map(|host| read_address(host, port)).collect::<Result<Vec<_>, _>>()?;
    let (topology, database) = match kind {
        Kind::Single if servers.len() > 1 => {
            return Err("several servers are Sentinels (redis+sentinel://) or a Cluster (redis+cluster://)");
        }
        Kind::Single => (Topology::Single, path),
        Kind::Cluster if !matches!(path, "" | "0") => return Err("a Cluster has no databases"),
        Kind::Cluster => (Topology::Cluster, ""),
        Kind::Sentinel => {
            let (master, database) = path.split_once('/').unwrap_or((path, ""));
            let login = read_query(query.unwrap_or_default())?;
            (Topology::Sentinel { master: read_master(master)?, login }, database)
        }
    };
    if query.is_some() && kind != Kind::Sentinel {
        return Err("nothing stands after a ?, which in a password is written %3F");
    }
    let database = match database {
        "" => 0,
        number if number.bytes().all(|byte| byte.is_ascii_digit()) => {
            number.parse::<u16>().map_err(|_| "the database is a small number")?
        }
        _ => return Err("the database is a number (a / in a password is written %2F)"),
    };
    Ok(RedisUrl { tls, servers, topology, login, database })
}

fn read_login(text: &str) -> Result<Login, &'static str> {
    let (user, password) = text
        .split_once(':')
        .ok_or("a user needs a password after a colon, and a lone password a colon before it")?;
    let user = Some(decode(user)?).filter(|user| !user.is_empty());
    Ok(Login { user, password: decode(password)? })
}

fn read_address(text: &str, default_port: u16) -> Result<Address, &'static str> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or("an IPv6 address ends with a ]")?;
            host.parse::<std::net::Ipv6Addr>().map_err(|_| "only IPv6 addresses stand in brackets")?;
            (
                host,
                port.strip_prefix(':')
                    .or_else(|| port.is_empty().then_some(""))
                    .ok_or("a port follows a colon")?,
            )
        }
        None => {
            let (host, port) = text.split_once(':').unwrap_or((text, ""));
            let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            if host.is_empty() || !host.bytes().all(sound) {
                return Err("each server is a host name or an address, with a port after a colon");
            }
            (host, port)
        }
    };
    let port = match port {
        "" => default_port,
        port => port.parse().ok().filter(|port| *port > 0).ok_or("a port is a number from 1 to 65535")?,
    };
    Ok(Address { host: host.to_owned(), port })
}

/// The characters that Sentinel allows in the name of a master.
fn read_master(text: &str) -> Result<String, &'static str> {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if text.is_empty() || !text.bytes().all(sound) {
        return Err("the path names the master as the Sentinels do, with letters, digits, dots, - and _");
    }
    Ok(text.to_owned())
}

/// The Sentinels' own user and password.
fn read_query(query: &str) -> Result<Option<Login>, &'static str> {
    let (mut user, mut password) = (None, None);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("sentinel_user", value)) => user = Some(decode(value)?),
            Some(("sentinel_password", value)) => password = Some(decode(value)?),
            _ => return Err("after the ? stand sentinel_user and sentinel_password alone"),
        }
    }
    match (user, password) {
        (user, Some(password)) => Ok(Some(Login { user, password })),
        (None, None) => Ok(None),
        (Some(_), None) => Err("sentinel_user needs sentinel_password"),
    }
}

/// Undoes percent-encoding (RFC 3986, section 2.1).
fn decode(text: &str) -> Result<String, &'static str> {
    let wrong = "a % is followed by two hexadecimal digits of UTF-8; itself it is written %25";
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let digit =
                    |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                bytes.push(digit(*high).ok_or(wrong)? << 4 | digit(*low).ok_or(wrong)?);
                after
            }
            (b'%', _) => return Err(wrong),
            _ => {
                bytes.push(*first);
                after
            }
        };
    }
    String::from_utf8(bytes).map_err(|_| wrong)
}

/// As it may be shown: without users, passwords and query.
impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let login = if self.login.is_some() { "…@" } else { "" };
        write!(f, "{}://{login}", self.scheme())?;
        for (index, server) in self.servers.iter().enumerate() {
            write!(f, "{}{server}", if index > 0 { "," } else { "" })?;
        }
        if let Topology::Sentinel { master, .. } = &self.topology {
            write!(f, "/{master}")?;
        }
        if self.database > 0 { write!(f, "/{}", self.database) } else { Ok(()) }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests;
