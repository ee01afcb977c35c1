//! What one server's `INFO` says about its fitness.

use std::collections::HashMap;
use std::time::Duration;

use super::super::info::{fields, version_fault};
use super::super::layout::Address;
use super::findings::Findings;
use crate::store::ServerStatus;

/// What a primary says of itself.
pub(super) struct ServerInfo(pub(super) String);

/// A replica, as its primary says.
struct Replica<'a> {
    place: String,
    state: &'a str,
    /// How much of what its primary wrote it has, in bytes.
    offset: Option<u64>,
}

/// Such as `Redis 7.0.15 (standalone)` or `Redis 7.0.15, 3 primaries, 3 replicas`.
pub(super) fn describe<'a>(servers: impl Iterator<Item = &'a ServerInfo>) -> String {
    let servers: Vec<HashMap<&str, &str>> = servers.map(|server| fields(&server.0)).collect();
    let mut versions: Vec<&str> =
        servers.iter().filter_map(|info| info.get("redis_version").copied()).collect();
    versions.sort_unstable();
    versions.dedup();
    let replicas: usize = servers.iter().map(|info| replicas(info).count()).sum();
    let name = format!("Redis {}", versions.join(" and ")).trim_end().to_owned();
    let count =
        |count: usize, one: &str, more: &str| format!("{count} {}", if count == 1 { one } else { more });
    let replicas = count(replicas, "replica", "replicas");
    match servers.as_slice() {
        [] => name,
        [info] if info.get("redis_mode") == Some(&"cluster") => format!("{name}, 1 primary, {replicas}"),
        [info] if info.contains_key("slave0") => format!("{name}, {replicas}"),
        [info] => format!("{name} ({})", info.get("redis_mode").copied().unwrap_or_default()),
        several => format!("{name}, {}, {replicas}", count(several.len(), "primary", "primaries")),
    }
}

fn replicas<'a>(info: &'a HashMap<&str, &'a str>) -> impl Iterator<Item = Replica<'a>> {
    (0..).map_while(|index| info.get(format!("slave{index}").as_str())).map(|line| {
        let fields: HashMap<&str, &str> = line.split(',').filter_map(|field| field.split_once('=')).collect();
        let field = |name: &str| fields.get(name).copied().unwrap_or_default();
        Replica {
            place: format!("{}:{}", field("ip"), field("port")),
            state: field("state"),
            offset: field("offset").parse().ok(),
        }
    })
}

impl ServerInfo {
    /// Its figures; one that this version of Redis does not tell is `None`.
    pub(super) fn status(&self, server: &Address, round_trip: Duration) -> ServerStatus {
        let info = fields(&self.0);
        let number = |name: &str| info.get(name).and_then(|value| value.parse::<u64>().ok());
        let reads = number("keyspace_hits").zip(number("keyspace_misses"));
        let written = number("master_repl_offset");
        let behind = replicas(&info).filter_map(|replica| Some(written?.saturating_sub(replica.offset?)));
        let keys = info.iter().filter(|(name, value)| name.starts_with("db") && value.starts_with("keys="));
        let keys =
            keys.filter_map(|(_, value)| value["keys=".len()..].split(',').next()?.parse::<u64>().ok());
        ServerStatus {
            name: server.to_string(),
            version: info.get("redis_version").map(|version| (*version).to_owned()),
            uptime_s: number("uptime_in_seconds"),
            memory_bytes: number("used_memory"),
            memory_max_bytes: number("maxmemory"),
            disk_bytes: None,
            clients: number("connected_clients"),
            commands_per_s: number("instantaneous_ops_per_sec"),
            reads: reads.map(|(hits, misses)| hits.saturating_add(misses)),
            hit_rate: reads.and_then(hit_rate),
            keys: Some(keys.sum()),
            replicas: Some(replicas(&info).count() as u64),
            replication_lag_bytes: behind.max(),
            round_trip_us: u64::try_from(round_trip.as_micros()).ok(),
        }
    }

    pub(super) fn judge(&self, server: &Address, in_cluster: bool, watched: bool, findings: &mut Findings) {
        let info = fields(&self.0);
        let field = |name: &str| info.get(name).copied().unwrap_or_default();
        let place = Some(server);
        if let Some(fault) = version_fault(&self.0) {
            findings.fault(place, &fault);
        }
        if field("role") == "slave" {
            findings.fault(place, "is a replica, which takes no writes: name the primary");
        }
        if field("cluster_enabled") == "1" && !in_cluster {
            findings.fault(place, "is a node of a Redis Cluster: name it as redis+cluster://");
        }
        let policy = field("maxmemory_policy");
        if !matches!(field("maxmemory"), "" | "0") && policy != "noeviction" {
            let text = "may throw sessions away: maxmemory-policy is";
            findings.fault(place, &format!("{text} {policy} and must be noeviction"));
        }
        for name in ["rdb_last_bgsave_status", "aof_last_write_status", "aof_last_bgrewrite_status"] {
            if field(name) == "err" {
                findings.warn(place, &format!("failed to write to disk ({name} is err)"));
            }
        }
        if field("aof_enabled") == "0" {
            findings.warn(
                place,
                "keeps no append-only file: a crash forgets the logins since the last snapshot, or all where there is \
                 none; set appendonly yes",
            );
        }
        if in_cluster || watched {
            judge_replicas(&info, server, watched, findings);
        }
    }
}

/// `None` before the first read.
#[expect(clippy::cast_precision_loss, reason = "for people")]
fn hit_rate((hits, misses): (u64, u64)) -> Option<f64> {
    let reads = hits.saturating_add(misses);
    (reads > 0).then(|| hits as f64 / reads as f64)
}

fn judge_replicas(info: &HashMap<&str, &str>, server: &Address, watched: bool, findings: &mut Findings) {
    let place = Some(server);
    if replicas(info).next().is_none() {
        findings.warn(place, "has no replica: if it dies nothing takes its place");
    }
    for replica in replicas(info).filter(|replica| replica.state != "online") {
        let Replica { place: replica, state, .. } = replica;
        findings.warn(place, &format!("has a replica at {replica} that is not in sync ({state})"));
    }
    // Is there only where min-replicas-to-write is set. A Cluster's primary that is cut off stops by itself.
    if watched && !info.contains_key("min_slaves_good_slaves") {
        findings.warn(
            place,
            "goes on taking logins when it is cut off from its replicas, and a failover then forgets them; set \
             min-replicas-to-write 1",
        );
    }
}
