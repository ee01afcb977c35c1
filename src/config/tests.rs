//! The whole way from sources to a configuration.

use std::collections::BTreeSet;
use std::time::Duration;

use super::keys::KEYS;
use super::*;
use crate::domain::{OnFull, Victim};

const EXAMPLE: &str = include_str!("../../hotseat.example.toml");

fn sources(file: &str, environment: &[(&str, &str)], flags: Flags) -> Sources {
    Sources {
        file: Some(("hotseat.toml".to_owned(), file.to_owned())),
        environment: environment
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect(),
        flags,
    }
}

fn of_file(file: &str) -> Result<Config, String> {
    load(&sources(file, &[], Flags::default())).map(|loaded| loaded.config).map_err(|error| error.to_string())
}

fn of_environment(environment: &[(&str, &str)]) -> Result<Loaded, String> {
    load(&sources("", environment, Flags::default())).map_err(|error| error.to_string())
}

/// The example file with the lines that begin with `mark` and a key or a bracket brought to life.
fn brought_to_life(marks: &[&str]) -> String {
    let mut text = String::new();
    for line in EXAMPLE.lines() {
        let mark = if line.starts_with("##") { "##" } else { "#" };
        let rest = line
            .strip_prefix(mark)
            .filter(|rest| !rest.is_empty() && (!rest.starts_with([' ', '#']) || mark == "##"));
        match rest {
            Some(rest) if marks.contains(&mark) => text += rest,
            _ => text += line,
        }
        text.push('\n');
    }
    text
}

#[test]
fn the_example_file_shows_the_defaults() {
    assert_eq!(of_file(EXAMPLE).unwrap(), Config::default(), "as it lies it changes nothing");
    assert_eq!(of_file(&brought_to_life(&["#"])).unwrap(), Config::default());
}

#[test]
fn the_example_file_shows_every_key_and_its_examples_are_right() {
    let examples = of_file(&brought_to_life(&["##"])).unwrap();
    assert_eq!((examples.accounts.len(), examples.api_keys.len(), examples.seats.limits.len()), (1, 1, 3));

    let defaults: toml::Table = brought_to_life(&["#"]).parse().unwrap();
    let examples: toml::Table = brought_to_life(&["##"]).parse().unwrap();
    let mut shown = BTreeSet::new();
    for (name, value) in defaults.into_iter().chain(examples) {
        match value {
            toml::Value::Table(members) => {
                shown.extend(members.into_iter().map(|(member, _)| format!("{name}.{member}")))
            }
            _ => drop(shown.insert(name)),
        }
    }
    assert_eq!(shown, KEYS.iter().map(|key| key.name.to_owned()).collect());
}

#[test]
fn flags_beat_environment_beats_file_beats_profile_beats_default() {
    let file = "profile = \"kubernetes\"\nheartbeat = \"10s\"\nsweep_interval = \"1m\"\nlog = \"warn\"";
    let environment =
        [("HOTSEAT_HEARTBEAT", "20s"), ("HOTSEAT_LISTEN", "127.0.0.1:1"), ("HOTSEAT_DRAIN_TIMEOUT", "7s")];
    let flags = Flags { listen: Some("127.0.0.1:2".to_owned()), ..Flags::default() };
    let config = load(&sources(file, &environment, flags)).unwrap().config;
    assert_eq!(config.http.listen.port(), 2, "flag over environment");
    assert_eq!(config.node.heartbeat, Duration::from_secs(20), "environment over file");
    assert_eq!(config.node.sweep_interval, Duration::from_secs(60), "file over default");
    assert_eq!(config.node.drain_timeout, Duration::from_secs(7), "environment over profile");
    assert_eq!(
        config.log,
        LogConfig { filter: "warn".to_owned(), format: LogFormat::Json },
        "profile over default"
    );
}

#[test]
fn the_profile_of_the_environment_beats_that_of_the_file() {
    let environment = [("HOTSEAT_PROFILE", "development")];
    let config = load(&sources("profile = \"production\"", &environment, Flags::default())).unwrap().config;
    assert_eq!((config.profile, config.log.format), (Profile::Development, LogFormat::Text));
}

#[test]
fn a_profile_alone_brings_its_defaults() {
    let config = of_file("profile = \"kubernetes\"").unwrap();
    assert_eq!(config, Config::of_profile(Profile::Kubernetes));
    assert_eq!(config.http.listen.to_string(), "0.0.0.0:8000");
}

#[test]
fn every_key_is_a_variable_too() {
    let hash = "ab".repeat(32);
    let keys = format!(r#"[{{"name": "shop", "hash": "{hash}", "scopes": ["sessions"]}}]"#);
    let config = of_environment(&[
        ("HOTSEAT_ON_FULL", "deny_new"),
        ("HOTSEAT_VICTIM", "idle"),
        ("HOTSEAT_RATE", r#"{"login": "1 per 1s", "api_key": "9 per 1s"}"#),
        ("HOTSEAT_RATE__LOGIN", "5 per 5s"),
        ("HOTSEAT_LIMITS", r#"[{"role": "pro", "max": 3}]"#),
        ("HOTSEAT_API_KEYS", &keys),
        ("HOTSEAT_TRUSTED_PROXIES", r#"["10.0.0.0/8"]"#),
        ("HOTSEAT_PUBLIC_URL", ""),
        ("HOTSEAT_STORE", "rediss+sentinel://u:p@a,b:2/main"),
        ("HOTSEAT_REDIS_TLS__CA", "/etc/ca.pem"),
        ("HOTSEAT_WAIT_REPLICAS", "1"),
        ("HOTSEAT_WAIT_TIMEOUT", "500ms"),
    ]);
    let config = config.unwrap().config;
    assert_eq!((config.seats.on_full, config.seats.victim), (OnFull::DenyNew, Victim::Idle));
    assert_eq!(config.rate.login, Rate { burst: 5, period: Duration::from_secs(1) }, "the closer name wins");
    assert_eq!(config.rate.api_key.unwrap().burst, 9);
    assert_eq!((config.seats.limits[0].class.as_str(), config.seats.limits[0].max), ("*", 3));
    assert_eq!(config.api_keys[0].hash, [0xab; 32]);
    assert_eq!(config.store.url.to_string(), "rediss+sentinel://…@a:26379,b:2/main");
    assert_eq!(config.store.tls.ca.as_deref(), Some(std::path::Path::new("/etc/ca.pem")));
    assert_eq!(config.store.wait, WaitConfig { replicas: 1, timeout: Duration::from_millis(500) });
    assert_eq!(config.http.public_url, None, "an empty variable counts as unset");
}

#[test]
fn an_unknown_variable_is_warned_of_and_not_fatal() {
    let loaded =
        of_environment(&[("HOTSEAT_ON_FUL", "choose"), ("HOTSEAT_PORT_8000_TCP", "x"), ("PATH", "/bin")]);
    let warnings = loaded.unwrap().warnings.join("\n");
    assert!(
        warnings.contains("HOTSEAT_ON_FUL is ignored: it is no key; did you mean HOTSEAT_ON_FULL?"),
        "{warnings}"
    );
    assert!(warnings.contains("HOTSEAT_PORT_8000_TCP is ignored"), "{warnings}");
    assert!(!warnings.contains("PATH"), "{warnings}");
    assert!(of_environment(&[("HOTSEAT_CONFIG", "x"), ("HOTSEAT_LOG", "info")]).unwrap().warnings.len() == 1);
}

#[test]
fn a_wrong_variable_is_refused_by_key_and_variable() {
    for (variable, text, wanted) in [
        (
            "HOTSEAT_ON_FULL",
            "kick",
            "on_full must be one of kick_old, deny_new, choose, not \"kick\" (in HOTSEAT_ON_FULL)",
        ),
        ("HOTSEAT_DEMO", "yes", "demo must be one of true, false, not \"yes\" (in HOTSEAT_DEMO)"),
        ("HOTSEAT_WAIT_REPLICAS", "one", "wait_replicas must be a number such as 0, not \"one\""),
        ("HOTSEAT_LIMITS", "pro=3", "limits must be a list in JSON"),
        ("HOTSEAT_LIMITS", "{}", "limits must be like [{ role"),
        ("HOTSEAT_RATE", "10", "rate must be a table"),
        (
            "HOTSEAT_RATE",
            r#"{"logn": "x"}"#,
            "rate.logn is no key; did you mean rate.login? (in HOTSEAT_RATE)",
        ),
    ] {
        let refusal = of_environment(&[(variable, text)]).unwrap_err();
        assert!(refusal.starts_with(wanted), "{refusal}");
    }
}

#[test]
fn an_unknown_key_of_the_file_is_refused_by_name_with_its_neighbour() {
    for (file, wanted) in [
        ("on_fulll = \"choose\"", "on_fulll is no key; did you mean on_full? (in hotseat.toml)"),
        ("[rate]\nlogn = \"1 per 1s\"", "rate.logn is no key; did you mean rate.login?"),
        ("login = \"1 per 1s\"", "login is no key; did you mean rate.login?"),
        ("[rate]\non_full = \"choose\"", "rate.on_full is no key; did you mean on_full, which belongs above"),
        ("[seats]\non_full = \"choose\"", "seats is no key; there are profile, listen, store"),
        ("colour = 1", "colour is no key; there are profile, listen, store"),
    ] {
        let refusal = of_file(file).unwrap_err();
        assert!(refusal.starts_with(wanted), "{refusal}");
    }
}

#[test]
fn a_wrong_value_is_refused_by_name_with_what_would_be_right() {
    for (file, wanted) in [
        (
            "on_full = \"ask_old\"",
            "on_full must be one of kick_old, deny_new, choose: ask_old comes in a later version",
        ),
        ("on_store_loss = \"wait\"", "on_store_loss must be one of hold, fence"),
        (
            "store = \"redis+cluster://a:1/5\"",
            "store must be like redis+cluster://USER:PASSWORD@HOST:PORT,HOST:PORT: a Cluster has no databases",
        ),
        ("store = \"postgres://secret@h\"", "store must begin with embedded:, redis://"),
        ("wait_replicas = 11", "wait_replicas must be 0 to 10, not 11"),
        ("wait_replicas = \"1\"", "wait_replicas must be like 0, not of type string"),
        ("ghost_after = 60", "ghost_after must be like \"60s\", not of type integer"),
        ("ghost_after = \"60\"", "ghost_after must be a duration such as 15s, 5m or 24h, not \"60\""),
        ("heartbeat = \"1ms\"", "heartbeat must be 50ms to 10m, not 1ms"),
        ("absolute_ttl = \"366d\"", "absolute_ttl must be 50ms to 365d, not 366d"),
        ("limits = 3", "limits must be like [{ role = \"*\", class = \"*\", max = 1 }], not of type integer"),
        ("rate = 3", "rate must be a table"),
        ("[rate]\nlogin = \"often\"", "rate.login must be a rate such as \"10 per 15m\", not \"often\""),
        ("listen = \"8000\"", "listen must be an address and a port such as 127.0.0.1:8000, not \"8000\""),
        ("allowed_origins = [\"https://a.example\", \"*\"]", "allowed_origins[1] must name each origin"),
        ("[[accounts]]\nusername = \"ann\"", "accounts[0] must be like { username, password_hash, roles }"),
    ] {
        let refusal = of_file(file).unwrap_err();
        assert!(refusal.starts_with(wanted), "{refusal}");
    }
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let refusal = of_file("on_full = \"x\"\nvictim = \"y\"\nwhat = 1").unwrap_err();
    assert_eq!(refusal.lines().count(), 3, "{refusal}");
}

#[test]
fn a_file_that_is_not_toml_is_refused_by_line_without_showing_it() {
    let refusal = of_file("log = \"info\"\nstore = redis://:secret@host").unwrap_err();
    assert!(refusal.starts_with("hotseat.toml is not TOML: line 2 (store): "), "{refusal}");
    assert!(!refusal.contains("secret"), "{refusal}");
    let refusal = of_file("store = \"\"\"\nredis://:secret@host?a=b\"\nx").unwrap_err();
    assert!(!refusal.contains("secret"), "{refusal}");
    let refusal = of_file("redis://:secret@host?a=b").unwrap_err();
    assert!(!refusal.contains("secret"), "{refusal}");
    let refusal = of_file("log = \"info\"\nlog = \"warn\"").unwrap_err();
    assert!(refusal.starts_with("hotseat.toml is not TOML: line 2 (log): duplicate key"), "{refusal}");
}

#[test]
fn keys_that_contradict_each_other_are_refused_by_name() {
    for (file, wanted) in [
        (
            "idle_ttl = \"48h\"\nabsolute_ttl = \"24h\"",
            "idle_ttl must be at most absolute_ttl, which is 1d, not 2d (in hotseat.toml)",
        ),
        ("fence_after = \"20s\"", "fence_after must be more than 30s, two renewals"),
        ("demo = true\nlisten = \"0.0.0.0:8000\"", "listen must be a loopback address with demo"),
        ("demo = true\nprofile = \"production\"", "demo must be off unless profile"),
        ("wait_replicas = 1", "wait_replicas must be 0 unless store is a Redis"),
        (
            "store = \"redis://h\"\n[redis_tls]\nca = \"ca.pem\"",
            "redis_tls.ca must be left out unless store begins with rediss (in hotseat.toml)",
        ),
        (
            "store = \"rediss+cluster://h\"\n[redis_tls]\ncert = \"c.pem\"",
            "redis_tls.cert must come with redis_tls.key",
        ),
        ("store = \"rediss://h\"\n[redis_tls]\nkey = \"k\"", "redis_tls.key must come with redis_tls.cert"),
        (
            "limits = [{ max = 1 }, { max = 2 }]",
            "limits must have one rule for role \"*\" and class \"*\", not two",
        ),
    ] {
        let refusal = of_file(file).unwrap_err();
        assert!(refusal.starts_with(wanted), "{refusal}");
    }
}

#[test]
fn accounts_and_api_keys_are_distinct() {
    let account = |name: &str| {
        format!(
            "[[accounts]]\nusername = \"{name}\"\npassword_hash = \"{}\"\n",
            crate::password::decoy(None).unwrap()
        )
    };
    let key = |name: &str, digit: &str| {
        format!("[[api_keys]]\nname = \"{name}\"\nhash = \"{}\"\nscopes = [\"admin\"]\n", digit.repeat(64))
    };
    of_file(&(account("ann") + &account("bob") + &key("a", "a") + &key("b", "b"))).unwrap();
    let refusal = of_file(&(account("ann") + &account("ann"))).unwrap_err();
    assert!(refusal.starts_with("accounts must have one account \"ann\""), "{refusal}");
    let refusal = of_file(&(key("a", "a") + &key("a", "b"))).unwrap_err();
    assert!(refusal.starts_with("api_keys must have one key called \"a\""), "{refusal}");
    let refusal = of_file(&(key("a", "a") + &key("b", "A"))).unwrap_err();
    assert!(refusal.starts_with("api_keys must each have a hash of their own"), "{refusal}");
}

#[test]
fn an_idle_end_that_nobody_set_follows_the_absolute_one() {
    let config = of_file("absolute_ttl = \"8h\"").unwrap();
    assert_eq!(config.seats.idle_ttl, config.seats.absolute_ttl);
}

#[test]
fn times_short_enough_for_tests_are_allowed() {
    let file = "ghost_after = \"600ms\"\nrenew_interval = \"200ms\"\nheartbeat = \"1s\"\nidle_ttl = \"1s\"\n\
                sweep_interval = \"200ms\"";
    let config = of_file(file).unwrap();
    assert_eq!(config.node.renew_every(config.seats.ghost_after), Duration::from_millis(200));
}

#[test]
fn the_demo_is_on_loopback_with_everything_it_needs() {
    let flags = Flags { demo: true, ..Flags::default() };
    let loaded = load(&Sources { flags, ..Sources::default() }).unwrap();
    assert!(loaded.config.http.listen.ip().is_loopback());
    assert_eq!((loaded.config.accounts.len(), loaded.config.api_keys.len()), (5, 1));
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}

#[test]
fn what_is_allowed_and_probably_not_meant_is_said() {
    let file = "profile = \"kubernetes\"\ntrusted_proxies = [\"0.0.0.0/0\"]\nidle_ttl = \"50s\"";
    let loaded = load(&sources(file, &[], Flags::default())).unwrap();
    let warnings = loaded.warnings.join("\n");
    for wanted in [
        "nobody can log in",
        "public_url is not https",
        "trusted_proxies has everybody",
        "store is embedded",
        "idle_ttl is 50s, less than four renewals, 1m",
    ] {
        assert!(warnings.contains(wanted), "{warnings}");
    }
}

#[test]
fn a_configuration_can_be_printed_without_its_secrets() {
    let file = "store = \"redis://user:secret@host:6379\"\n[[api_keys]]\nname = \"a\"\nhash = \
                \"abababababababababababababababababababababababababababababababab\"\nscopes = [\"admin\"]";
    let shown = format!("{:?}", of_file(file).unwrap());
    assert!(!shown.contains("secret") && !shown.contains("171") && !shown.contains("abab"), "{shown}");
}

mod generated {
    use proptest::prelude::*;

    use super::*;

    /// What people write into a value, and what they should not.
    fn value() -> impl Strategy<Value = toml::Value> {
        let text = prop_oneof![
            any::<String>(),
            "[0-9]{0,25}(ms|s|m|h|d|y)?",
            "[0-9]{0,12} per [0-9]{0,12}(ms|s|d)",
            "[a-z]{0,9}:/{0,2}[a-z@:.\\[\\]/?*0-9]{0,20}",
            "[0-9a-f:.]{0,20}/?[0-9]{0,3}",
            "[a-z_:]{0,8}[=\\[]?[a-z{}\\]]{0,8}",
            "\\$argon2id\\$v=19\\$m=[0-9]{0,11},t=[0-9]{0,4}\\$[a-zA-Z0-9+/]{0,30}\\$[a-zA-Z0-9+/]{0,60}",
        ];
        let leaf = prop_oneof![
            4 => text.prop_map(toml::Value::String),
            1 => any::<i64>().prop_map(toml::Value::Integer),
            1 => any::<bool>().prop_map(toml::Value::Boolean),
        ];
        let names = "(role|class|max|name|hash|scopes|username|password_hash|roles|login|x)";
        leaf.prop_recursive(3, 12, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(toml::Value::Array),
                prop::collection::btree_map(names, inner, 0..4)
                    .prop_map(|members| toml::Value::Table(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// No value of any key makes it panic, and a refusal names the key.
        #[test]
        fn every_value_is_taken_or_refused_by_name(key in 0..KEYS.len(), value in value()) {
            let key = &KEYS[key];
            if let Err(refusal) = key.set(&mut Config::default(), &value) {
                let problem = refusal.of(key.name, None).to_string();
                prop_assert!(problem.starts_with(key.name) && problem.contains("must "), "{problem}");
            }
        }

        /// No file and no variable makes it panic.
        #[test]
        fn every_source_is_taken_or_refused(file: String, name in "HOTSEAT_[A-Z_]{0,20}", text: String) {
            let _ = load(&sources(&file, &[(&name, &text)], Flags::default()));
        }
    }
}
