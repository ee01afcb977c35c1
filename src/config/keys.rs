//! The table of all keys: name, form, and where the value goes.
//!
//! File, environment and flags all go through it, so that a key is spelt, read and refused in one way. Numbers
//! that bound a key stand here with their reason; relations between keys are in `validate.rs`.

use std::ops::RangeInclusive;
use std::time::Duration;

use toml::Value;

use super::problem::Refusal;
use super::{Config, LogFormat, NoticeIp, OnStoreLoss, Profile, StoreUrl, lists, parse};
use crate::domain::{OnFull, Victim};

/// A key of the configuration.
pub(super) struct Key {
    /// As in the file, a table's members with a dot: `rate.login`.
    pub name: &'static str,
    /// A right value in TOML.
    example: &'static str,
    form: Form,
}

/// Reads a value and puts it in its place.
enum Form {
    Text(fn(&mut Config, &str) -> Result<(), Refusal>),
    Switch(fn(&mut Config, bool)),
    Number(fn(&mut Config, i64) -> Result<(), Refusal>),
    List(fn(&mut Config, &[Value]) -> Result<(), Refusal>),
}

impl Key {
    const fn text(
        name: &'static str,
        example: &'static str,
        set: fn(&mut Config, &str) -> Result<(), Refusal>,
    ) -> Self {
        Self { name, example, form: Form::Text(set) }
    }

    const fn list(
        name: &'static str,
        example: &'static str,
        set: fn(&mut Config, &[Value]) -> Result<(), Refusal>,
    ) -> Self {
        Self { name, example, form: Form::List(set) }
    }

    pub(super) fn named(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.name == name)
    }

    /// Reads `value` into its place in `config`.
    pub(super) fn set(&self, config: &mut Config, value: &Value) -> Result<(), Refusal> {
        let wrong =
            || Refusal::new(format!("must be like {}, not of type {}", self.example, value.type_str()));
        match self.form {
            Form::Text(set) => set(config, value.as_str().ok_or_else(wrong)?),
            Form::Switch(set) => {
                set(config, value.as_bool().ok_or_else(wrong)?);
                Ok(())
            }
            Form::Number(set) => set(config, value.as_integer().ok_or_else(wrong)?),
            Form::List(set) => set(config, value.as_array().ok_or_else(wrong)?),
        }
    }

    /// The value in a variable: plain text, `true` or `false`, a number, or a list as JSON.
    pub(super) fn read_variable(&self, text: &str) -> Result<Value, Refusal> {
        match self.form {
            Form::Text(_) => Ok(Value::String(text.to_owned())),
            Form::Switch(_) => {
                parse::one_of(text, &[("true", true), ("false", false)], &[]).map(Value::Boolean)
            }
            Form::Number(_) => {
                let wrong =
                    |_| Refusal::new(format!("must be a number such as {}, not {text:?}", self.example));
                text.parse().map(Value::Integer).map_err(wrong)
            }
            Form::List(_) => serde_json::from_str(text).map_err(|error| {
                let (example, at) = (self.example, error.column());
                Refusal::new(format!(
                    "must be a list in JSON, as {example} is one in TOML (wrong at column {at})"
                ))
            }),
        }
    }
}

const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

const MINUTE: Duration = ms(60_000);
const HOUR: Duration = ms(3_600_000);
const DAY: Duration = ms(86_400_000);

/// Shorter intervals would keep a node and its store busy with nothing else.
const SHORTEST: Duration = ms(50);
/// A node renews three times within it; above a day a session is no longer registered again after a failover.
const GHOST_AFTER: RangeInclusive<Duration> = ms(150)..=DAY;
/// Browsers keep no cookie longer than 400 days.
const TTL: RangeInclusive<Duration> = SHORTEST..=ms(365 * 86_400_000);
/// The longest that a lost message may keep an ended device in.
const RENEW_INTERVAL: RangeInclusive<Duration> = SHORTEST..=ms(600_000);
/// A half-open socket lives twice as long.
const HEARTBEAT: RangeInclusive<Duration> = SHORTEST..=ms(600_000);
const SWEEP_INTERVAL: RangeInclusive<Duration> = SHORTEST..=HOUR;
const FENCE_AFTER: RangeInclusive<Duration> = ms(2 * 50 + 1)..=HOUR;
const DRAIN_TIMEOUT: RangeInclusive<Duration> = SHORTEST..=ms(600_000);
/// A cache that outlives a minute would be a promise broken.
const CHECK_CACHE: RangeInclusive<Duration> = SHORTEST..=MINUTE;
/// More replicas than that nobody has; 0 is none.
const WAIT_REPLICAS: RangeInclusive<u8> = 0..=10;
/// A login waits at most three seconds in all (docs/protocol.md).
const WAIT_TIMEOUT: RangeInclusive<Duration> = SHORTEST..=ms(2_000);
/// From a hundred of each partition, of which a stream keeps whole blocks, to as much as fits into a big Redis.
const EVENTS_MAX: RangeInclusive<u32> = 100_000..=100_000_000;
/// They name people and their addresses.
const EVENTS_TTL: RangeInclusive<Duration> = MINUTE..=ms(90 * 86_400_000);
const HEADER_TIMEOUT: RangeInclusive<Duration> = SHORTEST..=MINUTE;

const PROFILES: [(&str, Profile); 3] = [
    ("development", Profile::Development),
    ("production", Profile::Production),
    ("kubernetes", Profile::Kubernetes),
];
const LOG_FORMATS: [(&str, LogFormat); 2] = [("text", LogFormat::Text), ("json", LogFormat::Json)];
const ON_FULL: [(&str, OnFull); 3] = [
    (OnFull::KickOld.as_str(), OnFull::KickOld),
    (OnFull::DenyNew.as_str(), OnFull::DenyNew),
    (OnFull::Choose.as_str(), OnFull::Choose),
];
const VICTIMS: [(&str, Victim); 2] =
    [(Victim::Oldest.as_str(), Victim::Oldest), (Victim::Idle.as_str(), Victim::Idle)];
const NOTICE_IP: [(&str, NoticeIp); 3] =
    [("masked", NoticeIp::Masked), ("full", NoticeIp::Full), ("none", NoticeIp::None)];
const ON_STORE_LOSS: [(&str, OnStoreLoss); 2] = [("hold", OnStoreLoss::Hold), ("fence", OnStoreLoss::Fence)];

/// All keys, in the order of the example file.
pub(super) const KEYS: &[Key] = &[
    Key::text("profile", "\"production\"", |config, text| {
        put(&mut config.profile, parse::one_of(text, &PROFILES, &[]))
    }),
    Key::text("listen", "\"127.0.0.1:8000\"", |config, text| {
        put(&mut config.http.listen, parse::address(text))
    }),
    Key::text("store", "\"embedded:./data\"", |config, text| {
        put(&mut config.store.url, StoreUrl::parse(text))
    }),
    Key {
        name: "wait_replicas",
        example: "0",
        form: Form::Number(|config, count| {
            put(&mut config.store.wait.replicas, parse::number(count, &WAIT_REPLICAS))
        }),
    },
    Key::text("wait_timeout", "\"1s\"", |config, text| {
        put(&mut config.store.wait.timeout, parse::duration(text, &WAIT_TIMEOUT))
    }),
    Key {
        name: "events_max",
        example: "1000000",
        form: Form::Number(|config, count| {
            put(&mut config.store.events.max, parse::number(count, &EVENTS_MAX))
        }),
    },
    Key::text("events_ttl", "\"7d\"", |config, text| {
        put(&mut config.store.events.ttl, parse::duration(text, &EVENTS_TTL))
    }),
    Key { name: "demo", example: "true", form: Form::Switch(|config, on| config.demo = on) },
    Key::text("log", "\"info\"", |config, text| put(&mut config.log.filter, parse::log_filter(text))),
    Key::text("log_format", "\"json\"", |config, text| {
        put(&mut config.log.format, parse::one_of(text, &LOG_FORMATS, &[]))
    }),
    Key::text("public_url", "\"https://app.example.com\"", |config, text| {
        put(&mut config.http.public_url, parse::public_url(text).map(Some))
    }),
    Key::list("allowed_origins", "[\"https://app.example.com\"]", |config, rows| {
        put(&mut config.http.allowed_origins, lists::texts(rows, parse::origin))
    }),
    Key::list("trusted_proxies", "[\"10.0.0.0/8\"]", |config, rows| {
        put(&mut config.http.trusted_proxies, lists::texts(rows, parse::network))
    }),
    Key::text("header_timeout", "\"10s\"", |config, text| {
        put(&mut config.http.header_timeout, parse::duration(text, &HEADER_TIMEOUT))
    }),
    Key::list("limits", "[{ role = \"*\", class = \"*\", max = 1 }]", |config, rows| {
        put(&mut config.seats.limits, lists::limits(rows))
    }),
    Key::text("on_full", "\"kick_old\"", |config, text| {
        put(&mut config.seats.on_full, parse::one_of(text, &ON_FULL, &["ask_old"]))
    }),
    Key::text("victim", "\"oldest\"", |config, text| {
        put(&mut config.seats.victim, parse::one_of(text, &VICTIMS, &[]))
    }),
    Key::text("ghost_after", "\"60s\"", |config, text| {
        put(&mut config.seats.ghost_after, parse::duration(text, &GHOST_AFTER))
    }),
    Key::text("idle_ttl", "\"24h\"", |config, text| {
        put(&mut config.seats.idle_ttl, parse::duration(text, &TTL))
    }),
    Key::text("absolute_ttl", "\"30d\"", |config, text| {
        put(&mut config.seats.absolute_ttl, parse::duration(text, &TTL))
    }),
    Key::text("notice_ip", "\"masked\"", |config, text| {
        put(&mut config.seats.notice_ip, parse::one_of(text, &NOTICE_IP, &[]))
    }),
    Key::text("renew_interval", "\"15s\"", |config, text| {
        put(&mut config.node.renew_interval, parse::duration(text, &RENEW_INTERVAL))
    }),
    Key::text("heartbeat", "\"30s\"", |config, text| {
        put(&mut config.node.heartbeat, parse::duration(text, &HEARTBEAT))
    }),
    Key::text("sweep_interval", "\"5m\"", |config, text| {
        put(&mut config.node.sweep_interval, parse::duration(text, &SWEEP_INTERVAL))
    }),
    Key::text("check_cache", "\"off\"", |config, text| {
        put(&mut config.node.check_cache, parse::or_off(text, |text| parse::duration(text, &CHECK_CACHE)))
    }),
    Key::text("on_store_loss", "\"hold\"", |config, text| {
        put(&mut config.node.on_store_loss, parse::one_of(text, &ON_STORE_LOSS, &[]))
    }),
    Key::text("fence_after", "\"60s\"", |config, text| {
        put(&mut config.node.fence_after, parse::duration(text, &FENCE_AFTER))
    }),
    Key::text("drain_timeout", "\"20s\"", |config, text| {
        put(&mut config.node.drain_timeout, parse::duration(text, &DRAIN_TIMEOUT))
    }),
    Key::text("rate.login", "\"10 per 15m\"", |config, text| put(&mut config.rate.login, parse::rate(text))),
    Key::text("rate.login_address", "\"100 per 15m\"", |config, text| {
        put(&mut config.rate.login_address, parse::rate(text))
    }),
    Key::text("rate.api_key", "\"off\"", |config, text| {
        put(&mut config.rate.api_key, parse::or_off(text, parse::rate))
    }),
    Key::text("redis_tls.ca", "\"/etc/hotseat/redis-ca.pem\"", |config, text| {
        put(&mut config.store.tls.ca, parse::file(text).map(Some))
    }),
    Key::text("redis_tls.cert", "\"/etc/hotseat/redis.pem\"", |config, text| {
        put(&mut config.store.tls.cert, parse::file(text).map(Some))
    }),
    Key::text("redis_tls.key", "\"/etc/hotseat/redis.key\"", |config, text| {
        put(&mut config.store.tls.key, parse::file(text).map(Some))
    }),
    Key::list(
        "api_keys",
        "[{ name = \"shop\", hash = \"…\", scopes = [\"sessions\"] }]",
        |config, rows| put(&mut config.api_keys, lists::api_keys(rows)),
    ),
    Key::list("accounts", "[{ username = \"ann\", password_hash = \"…\", roles = [] }]", |config, rows| {
        put(&mut config.accounts, lists::accounts(rows))
    }),
];

/// The tables of the file whose members are keys.
pub(super) const TABLES: [&str; 2] = ["rate", "redis_tls"];

fn put<T>(place: &mut T, value: Result<T, Refusal>) -> Result<(), Refusal> {
    *place = value?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_in_the_table_is_toml_of_its_form() {
        for key in KEYS {
            let table: toml::Table = format!("x = {}", key.example).parse().unwrap();
            let value = table.get("x").unwrap();
            assert!(
                match key.form {
                    Form::Text(_) => value.is_str(),
                    Form::Switch(_) => value.is_bool(),
                    Form::Number(_) => value.is_integer(),
                    Form::List(_) => value.is_array(),
                },
                "{}",
                key.name
            );
        }
    }
}
