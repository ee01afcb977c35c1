//! The spawned binary, seen as its users see it: the command line, HTTP, WebSocket, logs and metrics.
//!
//! Each module proves one part of `docs/protocol.md`; each test starts what it needs (nodes, a Redis, a proxy) and
//! ends it. Where both stores owe a behaviour, a test runs on each (`on_both_stores!`).

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "shared with other test targets, of which none uses everything")]
mod support;

mod accounts;
mod administration;
mod audit;
mod balancer;
mod bench_command;
mod clocks;
mod cluster_clocks;
mod drain;
mod durability;
mod endings;
mod failover;
mod forgetting;
mod gateway;
mod ghosts;
mod jobs;
mod login;
mod lost_messages;
mod nodelay;
mod observed;
mod origins;
mod paused;
mod prometheus;
mod promoted_clocks;
mod race;
mod refusals;
mod seats;
mod secrets;
mod secured;
mod sessions_command;
mod slow_reader;
mod socket_refusals;
mod store_loss;
mod tabs;
mod takeover;
mod tombstones;
