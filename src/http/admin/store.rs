//! `GET /api/admin/store`: how the store is doing, and what to look at before it is too late.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::App;
use crate::http::caller::AuditCaller;
use crate::http::openapi::CallerRefusals;
use crate::http::problem::Problem;
use crate::store::{ServerStatus, StoreStatus};

/// Memory in use, of what may be used, in percent: at `noeviction` the rest is what writes have left.
const MEMORY_PERCENT: f64 = 75.0;
/// A round trip, in microseconds: a login is one.
const ROUND_TRIP_US: f64 = 5_000.0;
/// What a replica is behind, in bytes: what a failover would lose.
const LAG_BYTES: f64 = 1_048_576.0;
/// Clients of one server; its own limit is 10,000 by default.
const CLIENTS: f64 = 5_000.0;
/// Reads that find their key, in percent: many checks of tokens that nobody was given find less.
const HIT_PERCENT: f64 = 50.0;
/// So many reads and keys have to be there before that says anything: what sweeps and counts look for in a store that is
/// nearly empty they do not find, all day long.
const MIN_READS: u64 = 100_000;
const MIN_KEYS: u64 = 10_000;

#[derive(Serialize, ToSchema)]
pub(crate) struct StoreView {
    #[schema(example = "Redis 7.0.15 (standalone)")]
    description: String,
    /// One for each primary; the embedded store has one.
    servers: Vec<ServerView>,
    /// What makes it unfit. Each completes "the store …".
    faults: Vec<String>,
    /// What is risky.
    warnings: Vec<String>,
    thresholds: Vec<Threshold>,
}

/// What a server says of itself; null for what it does not have.
#[derive(Serialize, ToSchema)]
#[schema(as = StoreServer)]
pub(crate) struct ServerView {
    /// Its address, or the directory of the embedded store.
    name: String,
    version: Option<String>,
    uptime_s: Option<u64>,
    memory_bytes: Option<u64>,
    /// 0: no limit.
    memory_max_bytes: Option<u64>,
    disk_bytes: Option<u64>,
    clients: Option<u64>,
    commands_per_s: Option<u64>,
    /// Of reads of keys, those that found one, 0 to 1.
    hit_rate: Option<f64>,
    keys: Option<u64>,
    replicas: Option<u64>,
    /// Of the replica furthest behind.
    replication_lag_bytes: Option<u64>,
    /// One round trip just now.
    round_trip_us: Option<u64>,
}

/// A figure that is held against a bound, of the server where it is worst.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Threshold {
    #[schema(example = "memory_percent")]
    name: &'static str,
    /// On which server.
    server: String,
    value: f64,
    limit: f64,
    /// `ok` or `warn`.
    #[schema(example = "ok")]
    state: &'static str,
}

/// Show the store
///
/// Version, memory, clients, hit rates, lag, and what is near a bound.
#[utoipa::path(
    get, path = "/api/admin/store", tag = "admin",
    security(("token" = []), ("cookie" = []), ("key" = [])),
    responses((status = 200, description = "The store", body = StoreView), CallerRefusals),
)]
pub(crate) async fn show_store(State(app): State<App>, _: AuditCaller) -> Result<Json<StoreView>, Problem> {
    Ok(Json(app.enforcer.store_status().await?.into()))
}

impl From<StoreStatus> for StoreView {
    fn from(status: StoreStatus) -> Self {
        Self {
            thresholds: thresholds(&status.servers),
            description: status.description,
            servers: status.servers.into_iter().map(ServerView::from).collect(),
            faults: status.faults,
            warnings: status.warnings,
        }
    }
}

impl From<ServerStatus> for ServerView {
    fn from(server: ServerStatus) -> Self {
        Self {
            name: server.name,
            version: server.version,
            uptime_s: server.uptime_s,
            memory_bytes: server.memory_bytes,
            memory_max_bytes: server.memory_max_bytes,
            disk_bytes: server.disk_bytes,
            clients: server.clients,
            commands_per_s: server.commands_per_s,
            hit_rate: server.hit_rate,
            keys: server.keys,
            replicas: server.replicas,
            replication_lag_bytes: server.replication_lag_bytes,
            round_trip_us: server.round_trip_us,
        }
    }
}

/// A figure of a server, if it has that.
type Figure<'a> = &'a dyn Fn(&ServerStatus) -> Option<f64>;

/// Each figure that some server has, with the server where it is worst.
fn thresholds(servers: &[ServerStatus]) -> Vec<Threshold> {
    #[expect(clippy::cast_precision_loss, reason = "bytes and counts for display")]
    let float = |value: Option<u64>| value.map(|value| value as f64);
    let memory = move |server: &ServerStatus| {
        let limit = float(server.memory_max_bytes).filter(|limit| *limit > 0.0)?;
        Some(float(server.memory_bytes)? * 100.0 / limit)
    };
    let most: [(&str, f64, Figure<'_>); 4] = [
        ("memory_percent", MEMORY_PERCENT, &memory),
        ("round_trip_us", ROUND_TRIP_US, &|server| float(server.round_trip_us)),
        ("replication_lag_bytes", LAG_BYTES, &|server| float(server.replication_lag_bytes)),
        ("clients", CLIENTS, &|server| float(server.clients)),
    ];
    let values = |of: Figure<'_>| -> Vec<(String, f64)> {
        servers.iter().filter_map(|server| Some((server.name.clone(), of(server)?))).collect()
    };
    let worst_first = |a: &(String, f64), b: &(String, f64)| a.1.total_cmp(&b.1);
    let threshold = |name, limit, is_bad: bool, (server, value): (String, f64)| Threshold {
        name,
        server,
        value: (value * 100.0).round() / 100.0,
        limit,
        state: if is_bad { "warn" } else { "ok" },
    };
    let mut found = Vec::new();
    for (name, limit, of) in most {
        if let Some(worst) = values(of).into_iter().max_by(worst_first) {
            found.push(threshold(name, limit, worst.1 >= limit, worst));
        }
    }
    let hits = values(&|server| {
        let has_enough = server.reads.is_some_and(|reads| reads >= MIN_READS)
            && server.keys.is_some_and(|keys| keys >= MIN_KEYS);
        server.hit_rate.filter(|_| has_enough).map(|rate| rate * 100.0)
    });
    if let Some(worst) = hits.into_iter().min_by(worst_first) {
        found.push(threshold("hit_percent", HIT_PERCENT, worst.1 < HIT_PERCENT, worst));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_server_is_held_against_the_bound() {
        let server = |name: &str, memory_bytes, memory_max_bytes, hit_rate| ServerStatus {
            name: name.to_owned(),
            memory_bytes: Some(memory_bytes),
            memory_max_bytes: Some(memory_max_bytes),
            hit_rate,
            reads: Some(MIN_READS),
            keys: Some(MIN_KEYS),
            ..ServerStatus::default()
        };
        let servers =
            [server("a", 10, 100, Some(0.9)), server("b", 80, 100, Some(0.2)), server("c", 900, 0, None)];
        let found = thresholds(&servers);
        let states: Vec<_> = found.iter().map(|t| (t.name, t.server.as_str(), t.value, t.state)).collect();
        assert_eq!(states, [("memory_percent", "b", 80.0, "warn"), ("hit_percent", "b", 20.0, "warn")]);
        let young = ServerStatus { reads: Some(MIN_READS - 1), ..server("d", 10, 0, Some(0.0)) };
        assert!(thresholds(&[young]).is_empty(), "a few reads say nothing");
        let idle = ServerStatus { keys: Some(MIN_KEYS - 1), ..server("d", 10, 0, Some(0.0)) };
        assert!(thresholds(&[idle]).is_empty(), "nor does a store that is nearly empty");
        assert!(thresholds(&[ServerStatus::default()]).is_empty(), "what is not known is not judged");
    }
}
