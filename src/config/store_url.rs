//! Where sessions are kept, as a URL that never shows its password.

use std::fmt;
use std::path::PathBuf;

use super::RedisUrl;
use super::problem::Refusal;

/// Where sessions are kept.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// A directory of this machine, for one node.
    Embedded(PathBuf),
    Redis(RedisUrl),
}

impl StoreUrl {
    /// Reads `embedded:DIR` or a Redis URL. What it refuses never repeats the text: that may hold a password.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        match text.strip_prefix("embedded:") {
            Some("") => Err(Refusal::new("must name a directory after embedded:, such as embedded:./data")),
            Some(dir) => Ok(Self::Embedded(PathBuf::from(dir))),
            None => RedisUrl::parse(text).map(Self::Redis),
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
            Self::Redis(url) => url.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_engines_are_told_apart() {
        assert_eq!(StoreUrl::parse("embedded:./data").unwrap(), StoreUrl::Embedded("./data".into()));
        for url in
            ["redis://127.0.0.1", "rediss://u:p@h:1/3", "redis+sentinel://a,b/m", "redis+cluster://a:1"]
        {
            assert!(matches!(StoreUrl::parse(url).unwrap(), StoreUrl::Redis(_)), "{url}");
        }
    }

    #[test]
    fn what_is_no_store_is_refused_without_repeating_a_password() {
        for url in ["", "data", "embedded:", "postgres://user:secret@host", "secret"] {
            let refusal = StoreUrl::parse(url).unwrap_err().to_string();
            assert!(refusal.contains("must ") && !refusal.contains("secret"), "{refusal}");
        }
    }
}
