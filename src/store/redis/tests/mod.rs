//! The engine against a real redis-server, on a good wire and on bad ones.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::Redis;
use crate::chance::Chance;
use crate::domain::{
    By, Device, DeviceClass, DeviceId, Generation, OnFull, Partition, PartitionSet, Record, SeatLimits,
    SessionId, Timestamp, TokenHash, UserId, Victim,
};
use crate::store::conformance::Bench;
use crate::store::conformance::support::events_of;
use crate::store::{Login, LoginOutcome, Message, Notice};

#[path = "../../../../tests/support/certificates.rs"]
mod certificates;
mod channels;
#[path = "../../../../tests/support/chaos_proxy.rs"]
mod chaos_proxy;
mod cluster;
#[path = "../../../../tests/support/faked_clock.rs"]
mod faked_clock;
mod faults;
mod finder;
mod inspect;
mod keyspace;
mod late;
mod library;
mod lives;
mod logs;
mod moved_channels;
mod moves;
#[path = "../../../../tests/support/redis_cluster.rs"]
mod redis_cluster;
#[path = "../../../../tests/support/redis_sentinel.rs"]
mod redis_sentinel;
#[path = "../../../../tests/support/redis_server.rs"]
mod redis_server;
mod refusals;
mod replication;
mod rights;
mod tls;
mod tls_sentinel;

use redis_server::RedisServer;

mod conformance {
    crate::store::conformance::conformance_suite!(crate::store::redis::tests::open);
}

async fn open() -> Bench {
    let server = RedisServer::start().await;
    let (store, notices) = connect(&server.url());
    let (second, more_notices) = connect(&server.url());
    Bench::new(store, notices, server).with_second(second, more_notices)
}

fn connect(url: &str) -> (Arc<Redis>, mpsc::Receiver<Notice>) {
    Redis::open(url, Arc::new(Chance::system())).unwrap()
}

fn user(name: &str) -> UserId {
    UserId::parse("user_id", name).unwrap()
}

/// A login of `user` on a device of its own: one seat in all, the older goes.
fn login(user: &UserId) -> Login {
    let id = SessionId::new(Partition::of(user), Timestamp::from_millis(1), Chance::system().bytes());
    let device =
        Device { id: DeviceId::parse(&id.to_string()).unwrap(), name: "n".into(), class: DeviceClass::Tv };
    Login {
        id,
        token_hash: TokenHash([7; 32]),
        user: user.clone(),
        by: By { session_id: id, device: device.clone(), ip: None },
        device,
        user_agent: String::new(),
        ip: None,
        roles: Vec::new(),
        data: None,
        ttl_ms: 3_600_000,
        idle_ttl_ms: 1_800_000,
        limits: SeatLimits { of_class: None, in_all: Some(1) },
        on_full: OnFull::KickOld,
        victim: Victim::Oldest,
        replace: Vec::new(),
        ghost_after_ms: 60_000,
        generation_floor: Generation(0),
        confirm: false,
    }
}

fn seated(outcome: LoginOutcome) -> (Record, Vec<Record>) {
    match outcome {
        LoginOutcome::Seated { session, replaced } => (session, replaced),
        other => panic!("not seated: {other:?}"),
    }
}

/// The next notice; no test waits longer than that for one.
async fn next(notices: &mut mpsc::Receiver<Notice>) -> Notice {
    timeout(Duration::from_secs(20), notices.recv()).await.expect("a notice in time").expect("an open store")
}

/// Waits for a gap of that kind; messages and other gaps before it are passed over.
async fn gap(notices: &mut mpsc::Receiver<Notice>, wanted: bool) {
    while !matches!(next(notices).await, Notice::Gap { connected } if connected == wanted) {}
}

/// Waits for a suspicion that writes are forgotten; everything before it is passed over.
async fn failover(notices: &mut mpsc::Receiver<Notice>) -> PartitionSet {
    loop {
        if let Notice::Failover(partitions) = next(notices).await {
            return partitions;
        }
    }
}

/// Waits for a message about a user; gaps and other messages before it are passed over.
async fn message_about(notices: &mut mpsc::Receiver<Notice>, wanted: &UserId) {
    loop {
        if let Notice::Message(Message::Ended(ended)) = next(notices).await
            && ended.user == wanted.as_str()
        {
            return;
        }
    }
}
