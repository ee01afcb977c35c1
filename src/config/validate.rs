//! Relations between keys: what no single value can tell.

use std::collections::HashSet;
use std::hash::Hash;

use super::load::Origins;
use super::parse::show;
use super::problem::{Problem, Refusal};
use super::{Config, OnStoreLoss, Profile, StoreUrl, defaults};

/// Settles the defaults that follow from other keys, then names each relation that does not hold.
pub(super) fn settle(config: &mut Config, origins: &Origins) -> Vec<Problem> {
    // Whoever shortens only the absolute end must not be told of an idle end that they never set.
    if !origins.contains_key("idle_ttl") {
        config.seats.idle_ttl = defaults::IDLE_TTL.min(config.seats.absolute_ttl);
    }
    let checks = [times(config, origins), demo(config), doubles(config), store(config)];
    let refusals = checks.into_iter().flatten();
    refusals.map(|(key, problem)| Refusal::new(problem).of(key, origins.get(key))).collect()
}

/// Key and problem.
type Found = Vec<(&'static str, String)>;

fn times(config: &Config, origins: &Origins) -> Found {
    let mut found = Found::new();
    let (idle, absolute) = (config.seats.idle_ttl, config.seats.absolute_ttl);
    if idle > absolute {
        let (idle, absolute) = (show(idle), show(absolute));
        found.push(("idle_ttl", format!("must be at most absolute_ttl, which is {absolute}, not {idle}")));
    }
    // Two renewals must fail before a node cuts itself off. Where it never does, only a number that somebody wrote
    // down is checked.
    let fences = config.node.on_store_loss == OnStoreLoss::Fence || origins.contains_key("fence_after");
    let renewal = config.node.renew_every(config.seats.ghost_after);
    if fences && renewal >= config.node.fence_after / 2 {
        let (fence, least) = (show(config.node.fence_after), show(renewal * 2));
        found.push((
            "fence_after",
            format!(
                "must be more than {least}, two renewals (a renewal is the lesser of renew_interval and a third \
                 of ghost_after), not {fence}"
            ),
        ));
    }
    found
}

fn demo(config: &Config) -> Found {
    let mut found = Found::new();
    if !config.demo {
        return found;
    }
    let listen = config.http.listen;
    if !listen.ip().is_loopback() {
        found.push((
            "listen",
            format!("must be a loopback address with demo, whose passwords are public, not {listen}"),
        ));
    }
    if config.profile != Profile::Development {
        found.push((
            "demo",
            "must be off unless profile = \"development\": its passwords are public".to_owned(),
        ));
    }
    found
}

/// What means something for some stores only.
fn store(config: &Config) -> Found {
    let mut found = Found::new();
    let (tls, wait) = (&config.store.tls, &config.store.wait);
    let has_tls = matches!(&config.store.url, StoreUrl::Redis(url) if url.tls);
    for (key, file) in [("redis_tls.ca", &tls.ca), ("redis_tls.cert", &tls.cert), ("redis_tls.key", &tls.key)]
    {
        if file.is_some() && !has_tls {
            found.push((key, "must be left out unless store begins with rediss".to_owned()));
        }
    }
    match (&tls.cert, &tls.key) {
        (Some(_), None) => found.push(("redis_tls.cert", "must come with redis_tls.key".to_owned())),
        (None, Some(_)) => found.push(("redis_tls.key", "must come with redis_tls.cert".to_owned())),
        _ => {}
    }
    if wait.replicas > 0 && matches!(config.store.url, StoreUrl::Embedded(_)) {
        found.push(("wait_replicas", "must be 0 unless store is a Redis: there are no replicas".to_owned()));
    }
    found
}

/// What stands twice where one of the two would be without effect.
fn doubles(config: &Config) -> Found {
    let mut found = Found::new();
    let limits = config.seats.limits.iter().map(|rule| (rule.role.as_str(), rule.class.as_str()));
    if let Some((role, class)) = first_double(limits) {
        found.push(("limits", format!("must have one rule for role {role:?} and class {class:?}, not two")));
    }
    if let Some(name) = first_double(config.accounts.iter().map(|account| account.username.as_str())) {
        found.push(("accounts", format!("must have one account {name:?}, not two")));
    }
    if let Some(name) = first_double(config.api_keys.iter().map(|key| key.name.as_str())) {
        found.push(("api_keys", format!("must have one key called {name:?}, not two")));
    }
    let hashes: HashSet<_> = config.api_keys.iter().map(|key| key.hash).collect();
    if hashes.len() < config.api_keys.len() {
        found.push(("api_keys", "must each have a hash of their own".to_owned()));
    }
    found
}

fn first_double<T: Hash + Eq + Copy>(items: impl Iterator<Item = T>) -> Option<T> {
    let mut seen = HashSet::new();
    items.into_iter().find(|item| !seen.insert(*item))
}

/// What is allowed and probably not meant.
pub(super) fn advise(config: &Config) -> Vec<String> {
    let mut advice = Vec::new();
    if config.accounts.is_empty() && config.api_keys.is_empty() {
        advice.push("accounts and api_keys are both empty: nobody can log in".to_owned());
    }
    let https = config.http.public_url.as_ref().is_some_and(|url| url.starts_with("https://"));
    if config.profile != Profile::Development && !https {
        advice.push("public_url is not https://…: cookies are not marked Secure".to_owned());
    }
    let renewal = config.node.renew_every(config.seats.ghost_after);
    if config.seats.idle_ttl < renewal * 4 {
        let (idle, least) = (show(config.seats.idle_ttl), show(renewal * 4));
        advice.push(format!(
            "idle_ttl is {idle}, less than four renewals, {least}: most uses cost a call to the store of their own"
        ));
    }
    if config.http.trusted_proxies.iter().any(|network| network.prefix_len() == 0) {
        advice.push("trusted_proxies has everybody in it: any client can choose its address".to_owned());
    }
    if config.profile == Profile::Kubernetes && matches!(config.store.url, StoreUrl::Embedded(_)) {
        advice.push("store is embedded, which serves one pod only: two need a Redis".to_owned());
    }
    advice
}
