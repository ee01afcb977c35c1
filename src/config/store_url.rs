//! Where sessions are kept, as a URL that never shows its password.

use std::fmt;
use std::path::PathBuf;

use redis::IntoConnectionInfo as _;

use super::problem::Refusal;

/// Where sessions are kept.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// A directory of this machine, for one node.
    Embedded(PathBuf),
    /// A Redis URL. May hold a password, hence no derived `Debug`.
    Redis(String),
}

impl StoreUrl {
    /// Reads `embedded:DIR` or a Redis URL. What it refuses never repeats the text: that may hold a password.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err(Refusal::new("must be embedded:DIR or redis://HOST:PORT"));
        };
        match scheme {
            "embedded" if rest.is_empty() => {
                Err(Refusal::new("must name a directory after embedded:, such as embedded:./data"))
            }
            "embedded" => Ok(Self::Embedded(PathBuf::from(rest))),
            // The client's own parser is asked, because it is the one that will connect.
            "redis" if text.into_connection_info().is_ok() => Ok(Self::Redis(text.to_owned())),
            "redis" => Err(Refusal::new("must be like redis://USER:PASSWORD@HOST:PORT/DATABASE")),
            "rediss" | "redis+sentinel" | "redis+cluster" => {
                Err(Refusal::new(format!("must be embedded:DIR or redis://…: {scheme}:// {}", super::LATER)))
            }
            _ => Err(Refusal::new("must begin with embedded: or redis://")),
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// As it may be shown: without user and password.
impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded(dir) => write!(f, "embedded:{}", dir.display()),
            // The part before the last @ of the authority holds user and password. The query can hold anything.
            Self::Redis(url) => {
                let url = url.split_once('?').map_or(url.as_str(), |(shown, _)| shown);
                match (url.split_once("://"), url.rsplit_once('@')) {
                    (Some((scheme, _)), Some((_, host))) => write!(f, "{scheme}://…@{host}"),
                    _ => f.write_str(url),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_engines_are_told_apart() {
        assert_eq!(StoreUrl::parse("embedded:./data").unwrap(), StoreUrl::Embedded("./data".into()));
        for url in ["redis://127.0.0.1:6379", "redis://user:secret@cache.internal:6380/3", "redis://[::1]"] {
            assert_eq!(StoreUrl::parse(url).unwrap(), StoreUrl::Redis(url.to_owned()));
        }
    }

    #[test]
    fn what_is_no_store_is_refused_without_repeating_a_password() {
        for url in [
            "",
            "data",
            "embedded:",
            "redis://user:secret@",
            "redis://user:secret@host:port",
            "redis://user:secret@host/no-number",
            "postgres://user:secret@host",
            "redis+sentinel://user:secret@a:1,b:2/main",
        ] {
            let refusal = StoreUrl::parse(url).unwrap_err().to_string();
            assert!(!refusal.contains("secret"), "{refusal}");
        }
    }

    #[test]
    fn engines_to_come_say_so() {
        for url in ["rediss://h", "redis+sentinel://a:1,b:2/main", "redis+cluster://a:1"] {
            assert!(StoreUrl::parse(url).unwrap_err().to_string().contains("comes in a later version"));
        }
    }

    #[test]
    fn a_shown_url_has_no_password() {
        let shown = |url: &str| format!("{:?}", StoreUrl::Redis(url.to_owned()));
        assert_eq!(shown("redis://user:p@ss@host:1/2?x=secret"), "redis://…@host:1/2");
        assert_eq!(shown("redis://host:1"), "redis://host:1");
    }
}
