//! Single values from text. Each function refuses with the end of the sentence "`key` …".

use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use axum::http::Uri;
use ipnet::IpNet;
use tracing_subscriber::EnvFilter;

use super::Rate;
use super::problem::Refusal;

const MS: Duration = Duration::from_millis(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest a bucket of a [`Rate`] may take to refill.
const LONGEST_WINDOW: Duration = DAY;
/// The most units of a [`Rate`]: far above what a person or a service does, far below what would overflow.
const LARGEST_BURST: u32 = 1_000_000;

/// One of `choices`; the words in `later` are known and not there yet.
pub(super) fn one_of<T: Copy>(text: &str, choices: &[(&str, T)], later: &[&str]) -> Result<T, Refusal> {
    if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
        return Ok(*value);
    }
    let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
    let words = words.join(", ");
    if later.contains(&text) {
        return Err(Refusal::new(format!("must be one of {words}: {text} {}", super::LATER)));
    }
    Err(Refusal::new(format!("must be one of {words}, not {text:?}")))
}

/// A duration such as `15s`, within bounds.
pub(super) fn duration(text: &str, bounds: &RangeInclusive<Duration>) -> Result<Duration, Refusal> {
    let value = humantime::parse_duration(text)
        .map_err(|_| Refusal::new(format!("must be a duration such as 15s, 5m or 24h, not {text:?}")))?;
    if !bounds.contains(&value) {
        let (least, most) = (show(*bounds.start()), show(*bounds.end()));
        return Err(Refusal::new(format!("must be {least} to {most}, not {text}")));
    }
    Ok(value)
}

/// A number within bounds.
pub(super) fn number<T>(value: i64, bounds: &RangeInclusive<T>) -> Result<T, Refusal>
where
    T: TryFrom<i64> + PartialOrd + Display,
{
    T::try_from(value)
        .ok()
        .filter(|value| bounds.contains(value))
        .ok_or_else(|| Refusal::new(format!("must be {} to {}, not {value}", bounds.start(), bounds.end())))
}

/// The path of a file. Whether it can be read is found out when it is.
pub(super) fn file(text: &str) -> Result<PathBuf, Refusal> {
    if text.is_empty() {
        return Err(Refusal::new("must be the path of a PEM file"));
    }
    Ok(PathBuf::from(text))
}

/// A duration as the configuration writes it, in the largest unit that divides it.
pub(super) fn show(duration: Duration) -> String {
    let ms = duration.as_millis();
    let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
    let (unit, size) =
        units.into_iter().find(|(_, size)| ms > 0 && ms.is_multiple_of(*size)).unwrap_or(("ms", 1));
    format!("{}{unit}", ms / size)
}

/// A rate such as `10 per 15m`: a bucket of 10 that refills one unit each 90 s.
pub(super) fn rate(text: &str) -> Result<Rate, Refusal> {
    let wrong = || Refusal::new(format!("must be a rate such as \"10 per 15m\", not {text:?}"));
    let (burst, window) = text.split_once(" per ").ok_or_else(wrong)?;
    let burst: u32 = burst.trim().parse().map_err(|_| wrong())?;
    let window = humantime::parse_duration(window.trim()).map_err(|_| wrong())?;
    if !(1..=LARGEST_BURST).contains(&burst) || window > LONGEST_WINDOW {
        let most = show(LONGEST_WINDOW);
        return Err(Refusal::new(format!("must be 1 to {LARGEST_BURST} per at most {most}, not {text:?}")));
    }
    // The store counts in milliseconds.
    if window / burst < MS {
        return Err(Refusal::new(format!("must be at most 1000 per 1s, not {text:?}")));
    }
    Ok(Rate { burst, period: window / burst })
}

/// `off`, or what `parse` makes of the text.
pub(super) fn or_off<T>(
    text: &str,
    parse: impl FnOnce(&str) -> Result<T, Refusal>,
) -> Result<Option<T>, Refusal> {
    if text == "off" { Ok(None) } else { parse(text).map(Some) }
}

/// An address and a port. Names are not looked up: what a node listens on must not depend on a resolver.
pub(super) fn address(text: &str) -> Result<SocketAddr, Refusal> {
    text.parse().map_err(|_| {
        Refusal::new(format!("must be an address and a port such as 127.0.0.1:8000, not {text:?}"))
    })
}

/// A filter of tracing's `EnvFilter`. A lone word must be a level: the library would take a misspelt one for the
/// name of a module, and log nothing.
pub(super) fn log_filter(text: &str) -> Result<String, Refusal> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let wrong = || {
        let levels = LEVELS.join(", ");
        Refusal::new(format!("must be a filter such as info or hotseat=debug,warn ({levels}), not {text:?}"))
    };
    let lone_words = text.split(',').map(str::trim).filter(|part| !part.contains(['=', '[', ']', '{', '}']));
    for word in lone_words {
        if !LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word)) {
            return Err(wrong());
        }
    }
    EnvFilter::try_new(text).map_err(|_| wrong())?;
    Ok(text.to_owned())
}

/// A network, or an address as a network of one.
pub(super) fn network(text: &str) -> Result<IpNet, Refusal> {
    let lone = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse::<IpNet>().or_else(|_| lone()).map_err(|_| {
        Refusal::new(format!("must be a network such as 10.0.0.0/8 or an address, not {text:?}"))
    })
}

/// An origin as browsers send it (RFC 6454): scheme, host and port in lower case, without the default port.
pub(super) fn origin(text: &str) -> Result<String, Refusal> {
    if text == "*" {
        return Err(Refusal::new("must name each origin: with * every site could act for whoever visits it"));
    }
    let wrong = || Refusal::new(format!("must be an origin such as https://app.example.com, not {text:?}"));
    let uri: Uri = text.trim_end_matches('/').parse().map_err(|_| wrong())?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(wrong()) };
    // A user, a path or a query is no part of an origin; `Uri` reads a missing path as "/".
    if authority.as_str().contains('@') || !matches!(uri.path(), "" | "/") || uri.query().is_some() {
        return Err(wrong());
    }
    let (scheme, host) = (scheme.to_ascii_lowercase(), authority.host().to_ascii_lowercase());
    let port = match authority.as_str().get(host.len()..) {
        Some("") => None,
        Some(rest) => Some(rest.trim_start_matches(':').parse::<u16>().map_err(|_| wrong())?),
        None => return Err(wrong()),
    };
    if host.is_empty() {
        return Err(wrong());
    }
    Ok(match (scheme.as_str(), port) {
        ("http", Some(80)) | ("https", Some(443)) | (_, None) => format!("{scheme}://{host}"),
        (_, Some(port)) => format!("{scheme}://{host}:{port}"),
    })
}

/// The origin under which people reach the node.
pub(super) fn public_url(text: &str) -> Result<String, Refusal> {
    let url = origin(text).map_err(|_| {
        Refusal::new(format!("must be a URL without a path such as https://app.example.com, not {text:?}"))
    })?;
    if url.starts_with("https://") || url.starts_with("http://") {
        return Ok(url);
    }
    Err(Refusal::new(format!("must begin with https:// or http://, not be {text:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_shown_in_the_same_form() {
        let bounds = MS..=365 * DAY;
        for text in ["200ms", "15s", "5m", "24h", "30d", "90s"] {
            let value = duration(text, &bounds).unwrap();
            assert_eq!(duration(&show(value), &bounds).unwrap(), value, "{text}");
        }
        assert_eq!(show(DAY), "1d");
        assert_eq!(show(Duration::from_millis(1_500)), "1500ms");
        assert_eq!(show(Duration::ZERO), "0ms");
        for text in ["", "15", "-1s", "1 fortnight", "99999999999999999999d", "0s", "366d"] {
            assert!(duration(text, &bounds).is_err(), "{text}");
        }
    }

    #[test]
    fn a_rate_is_a_bucket_that_refills_over_its_window() {
        assert_eq!(rate("10 per 15m").unwrap(), Rate { burst: 10, period: Duration::from_secs(90) });
        assert_eq!(rate("1000 per 1s").unwrap(), Rate { burst: 1000, period: MS });
        for text in ["", "10", "10/15m", "0 per 1m", "-1 per 1m", "10 per soon", "2000 per 1s", "1 per 2d"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn origins_are_kept_as_browsers_send_them() {
        for (text, kept) in [
            ("https://App.Example.com", "https://app.example.com"),
            ("https://app.example.com:443/", "https://app.example.com"),
            ("http://localhost:5173", "http://localhost:5173"),
            ("http://[::1]:80", "http://[::1]"),
            ("capacitor://localhost", "capacitor://localhost"),
        ] {
            assert_eq!(origin(text).unwrap(), kept);
        }
        for text in [
            "",
            "*",
            "null",
            "app.example.com",
            "https://",
            "https://a/b",
            "https://a?b",
            "https://u@a",
            "https://a:99999",
            "https://a:",
            "https://:1",
            "//a",
        ] {
            assert!(origin(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_public_url_is_for_browsers() {
        assert_eq!(public_url("https://app.example.com/").unwrap(), "https://app.example.com");
        assert!(public_url("capacitor://localhost").is_err());
        assert!(public_url("https://example.com/app").is_err());
    }

    #[test]
    fn a_misspelt_level_is_no_filter() {
        for text in ["info", "WARN", "hotseat=debug,warn", "off", "hotseat[login]=trace"] {
            assert_eq!(log_filter(text).unwrap(), text);
        }
        for text in ["", "verbose", "hotseat", "hotseat=loud", "info,,warn"] {
            assert!(log_filter(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_is_a_network_of_one() {
        assert_eq!(network("10.1.2.3").unwrap().to_string(), "10.1.2.3/32");
        assert_eq!(network("fd00::/8").unwrap().to_string(), "fd00::/8");
        assert!(network("10.0.0.0/33").is_err());
        assert!(network("proxy.internal").is_err());
    }
}
