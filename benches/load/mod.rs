//! A Redis full of sessions as they are in life: a browser, an address, a role, a connection.
#![allow(dead_code, reason = "each bench uses its part")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hotseat::chance::Chance;
use hotseat::domain::{
    By, Device, DeviceClass, DeviceId, Generation, NodeId, OnFull, Partition, Presence, Role, SeatLimits,
    SessionId, Timestamp, TokenHash, UserId, Victim,
};
use hotseat::store::{Login, LoginOutcome, Store};
use tokio::task::JoinSet;

/// Logins in flight: enough to keep Redis busy and to fill each write with several of them.
const IN_FLIGHT: usize = 64;
pub const GHOST_AFTER_MS: u64 = 3_600_000;
/// How long sessions last that must not expire while they are measured.
pub const LONG_MS: u64 = 30 * 24 * 3_600_000;

/// The number after `--` on the command line, or another.
pub fn count_or(default: usize) -> usize {
    std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(default)
}

/// Whether the figures are wanted for a program: a last line of JSON, which is told and not judged.
pub fn wants_json() -> bool {
    std::env::args().any(|arg| arg == "--json")
}

/// Seats one session for each number and attaches a connection to it; they last `ttl_ms`.
pub async fn fill<S: Store>(store: &Arc<S>, numbers: std::ops::Range<usize>, ttl_ms: u64) {
    let next = Arc::new(AtomicUsize::new(numbers.start));
    let chance = Arc::new(Chance::seeded(numbers.start as u64));
    let mut workers = JoinSet::new();
    for _ in 0..IN_FLIGHT {
        let (store, next, chance) = (Arc::clone(store), Arc::clone(&next), Arc::clone(&chance));
        workers.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= numbers.end {
                    return;
                }
                let login = login(number, ttl_ms, &chance);
                let outcome = store.login(&login).await.expect("a login");
                assert!(matches!(outcome, LoginOutcome::Seated { .. }), "{outcome:?}");
                let presence = Presence { node: NodeId::from_bytes([1; 8]), count: 1, sequence: 1 };
                store.attach(login.id, presence, GHOST_AFTER_MS).await.expect("a connection");
            }
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker.expect("no worker panics");
    }
}

fn login(number: usize, ttl_ms: u64, chance: &Chance) -> Login {
    let user = UserId::parse("user_id", &format!("customer-{number:07}")).expect("a user id");
    let id = SessionId::new(Partition::of(&user), Timestamp::from_millis(number as u64), chance.bytes());
    let device = Device {
        id: DeviceId::of_cookie(&format!("{number}")),
        name: "Firefox 128 on Windows".to_owned(),
        class: DeviceClass::Desktop,
    };
    Login {
        id,
        token_hash: TokenHash(chance.bytes()),
        user,
        by: By { session_id: id, device: device.clone(), ip: Some("192.0.2.0".to_owned()) },
        device,
        user_agent: "Firefox 128 on Windows".to_owned(),
        ip: Some([192, 0, 2, 7].into()),
        roles: Role::parse("member").into_iter().collect(),
        data: None,
        ttl_ms,
        idle_ttl_ms: 24 * 3_600_000,
        limits: SeatLimits { of_class: None, in_all: Some(1) },
        on_full: OnFull::KickOld,
        victim: Victim::Oldest,
        replace: Vec::new(),
        ghost_after_ms: GHOST_AFTER_MS,
        generation_floor: Generation(0),
        confirm: false,
    }
}
