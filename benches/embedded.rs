//! What the embedded store costs: logins a second, bytes a session, seconds until it serves again.
//!
//! `cargo bench --bench embedded -- 1000000` (the number of sessions; 100,000 without it).

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use hotseat::chance::Chance;
use hotseat::domain::{
    By, Device, DeviceClass, DeviceId, Generation, OnFull, Partition, SeatLimits, SessionId, Timestamp,
    Token, UserId, Victim,
};
use hotseat::store::embedded::{Embedded, SystemClock};
use hotseat::store::{Login, Store};

// The program's, for its memory is told.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Logins under way at once.
const CONCURRENT: u32 = 512;
/// How often it is opened again, and how many takeovers are timed.
const OPENINGS: usize = 5;
const TAKEOVERS: u32 = 2_000;
/// The first login of those, beyond all that filled the store.
const FIRST_AGAIN: u32 = 1 << 31;

#[tokio::main]
async fn main() {
    // `cargo bench` adds `--bench`; the number is what else is there.
    let sessions = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(100_000);
    let dir = tempfile::tempdir().expect("a temporary directory");

    let before = resident_bytes();
    let store = open(dir.path());
    let logins_per_s = f64::from(sessions) / log_in(&store, sessions).await.as_secs_f64();
    let memory = resident_bytes().saturating_sub(before) / u64::from(sessions);
    let disk = disk_bytes(dir.path()) / u64::from(sessions);
    println!("logins          {logins_per_s:>12.0} a second");
    println!("memory          {memory:>12} bytes a session");
    println!("disk            {disk:>12} bytes a session");
    println!("one get         {:>12.1} µs", get_us(&store).await);
    let takeover_ms = takeover_ms(&store).await;
    println!("one takeover    {takeover_ms:>12.3} ms");

    let (mut store, mut openings) = (store, Vec::new());
    for _ in 0..OPENINGS {
        store.close().await;
        drop(store);
        let (start, cpu) = (Instant::now(), cpu_seconds());
        store = open(dir.path());
        openings.push((start.elapsed().as_secs_f64(), cpu_seconds() - cpu));
    }
    openings.sort_by(|one, other| one.0.total_cmp(&other.0));
    let ((open_s, open_cpu_s), (open_worst_s, _)) = (openings[OPENINGS / 2], openings[OPENINGS - 1]);
    println!(
        "open again      {open_s:>12.2} s, {open_cpu_s:.2} s of them computing; at worst {open_worst_s:.2} s"
    );
    let start = Instant::now();
    let census = store.census(1_000, 60_000).await.expect("a census");
    let census_ms = start.elapsed().as_secs_f64() * 1e3;
    println!("census of {:>9} {census_ms:>8.2} ms", census.count);
    assert_eq!(census.count, u64::from(sessions));
    store.close().await;
    if std::env::args().any(|word| word == "--json") {
        let told = serde_json::json!({
            "sessions": sessions, "logins_per_s": logins_per_s, "memory_bytes_per_session": memory,
            "takeover_p50_ms": takeover_ms, "open_worst_s": open_worst_s,
            "disk_bytes_per_session": disk, "open_s": open_s, "open_cpu_s": open_cpu_s, "census_ms": census_ms,
        });
        println!("{told}");
    }
}

fn open(dir: &Path) -> Arc<dyn Store> {
    Embedded::open(dir, SystemClock).expect("the store opens").0
}

async fn log_in(store: &Arc<dyn Store>, sessions: u32) -> Duration {
    let start = Instant::now();
    let next = Arc::new(AtomicU32::new(0));
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..CONCURRENT {
        let (store, next) = (Arc::clone(store), Arc::clone(&next));
        running.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= sessions {
                    return;
                }
                store.login(&login(number)).await.expect("a login");
            }
        });
    }
    running.join_all().await;
    start.elapsed()
}

async fn get_us(store: &Arc<dyn Store>) -> f64 {
    const TIMES: u32 = 100_000;
    let newest = store.census(1, 60_000).await.expect("a census").newest;
    let start = Instant::now();
    for _ in 0..TIMES {
        store.get(newest[0].session.id, false).await.expect("it is known");
    }
    start.elapsed().as_secs_f64() * 1e6 / f64::from(TIMES)
}

/// The median of logins of one user, one after the other, each of which ends the one before: what is left of a takeover
/// without HTTP and sockets.
async fn takeover_ms(store: &Arc<dyn Store>) -> f64 {
    let mut times = Vec::with_capacity(TAKEOVERS as usize);
    for number in 0..TAKEOVERS {
        let login = login_of(0, FIRST_AGAIN + number);
        let start = Instant::now();
        store.login(&login).await.expect("a login");
        times.push(start.elapsed());
    }
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e3
}

/// A user of its own for every number.
fn login(number: u32) -> Login {
    login_of(number, number)
}

fn login_of(user: u32, number: u32) -> Login {
    let chance = Chance::seeded(number.into());
    let user = UserId::parse("user", &format!("user-{user}@example.org")).expect("a user");
    let now = Timestamp::from_millis(1_790_000_000_000 + u64::from(number));
    let id = SessionId::new(Partition::of(&user), now, chance.bytes());
    let device = Device {
        id: DeviceId::of_cookie(&number.to_string()),
        name: "Firefox 128 on Windows".to_owned(),
        class: DeviceClass::Desktop,
    };
    Login {
        id,
        token_hash: Token::new(id, chance.bytes()).hash(),
        user,
        by: By { session_id: id, device: device.clone(), ip: None },
        device,
        user_agent: "Firefox 128 on Windows".to_owned(),
        ip: Some(std::net::Ipv4Addr::from(number).into()),
        roles: Vec::new(),
        data: None,
        ttl_ms: 30 * 24 * 3_600_000,
        idle_ttl_ms: 24 * 3_600_000,
        limits: SeatLimits { of_class: None, in_all: Some(1) },
        on_full: OnFull::KickOld,
        victim: Victim::Oldest,
        replace: Vec::new(),
        ghost_after_ms: 60_000,
        generation_floor: Generation(0),
        confirm: false,
    }
}

/// Of this process, as Linux tells it; 0 elsewhere.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// Of this process so far, as Linux tells it in hundredths (proc(5), utime and stime); 0 elsewhere. On a busy
/// machine it says more than the time that passed.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2);
    ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn disk_bytes(dir: &Path) -> u64 {
    let files = std::fs::read_dir(dir).into_iter().flatten().flatten();
    files.filter_map(|file| Some(file.metadata().ok()?.len())).sum()
}
