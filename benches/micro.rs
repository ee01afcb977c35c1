//! What each request or message costs the node itself: no network, no store, half a minute in all.
//!
//! `cargo bench --bench micro`, or with a part of a name after `--`. Times are of one thread; compare two builds in one
//! sitting, for the machine is another one tomorrow.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use divan::{Bencher, black_box};
use hotseat::domain::{
    By, Device, DeviceClass, DeviceId, Generation, Holder, NodeId, OnFull, Partition, Question, Reason,
    Record, Role, SeatLimits, Session, SessionId, Timestamp, Token, Tombstone, UserId, Victim, decide,
};
use hotseat::inside::{CheckCache, Connection, Eviction, Hub, ServerMessage, SessionView};
use tokio::runtime::Runtime;
use tokio::time::Instant;

/// In the registry beside the session that is told.
const SESSIONS: u64 = 10_000;

fn main() {
    divan::main();
}

fn session_id(number: u64) -> SessionId {
    let user = UserId::parse("user_id", &format!("user-{number}")).expect("a user id");
    SessionId::new(Partition::of(&user), Timestamp::from_millis(number), number.to_be_bytes())
}

fn device() -> Device {
    let name = "Firefox 128 on Windows".to_owned();
    Device { id: DeviceId::of_cookie("Zm9vYmFyYmF6cXV4"), name, class: DeviceClass::Desktop }
}

fn record(token: &Token) -> Record {
    let session = Session {
        id: token.session(),
        user: UserId::parse("user_id", "customer-0000001").expect("a user id"),
        generation: Generation(1_763_750_000_000_000),
        token_hash: token.hash(),
        device: device(),
        user_agent: "Firefox 128 on Windows".to_owned(),
        ip: Some([192, 0, 2, 7].into()),
        roles: Role::parse("member").into_iter().collect(),
        created_at: Timestamp::from_millis(1_763_750_000_000),
        seen_at: Timestamp::from_millis(1_763_750_000_000),
        absolute_at: Timestamp::from_millis(1_766_342_000_000),
        idle_ttl_ms: 86_400_000,
        presence: Vec::new(),
    };
    Record { session, end: None, data: None, connections: 1, nodes: Vec::new() }
}

fn token() -> Token {
    Token::new(session_id(1), [7; 32])
}

fn end() -> Tombstone {
    let by = By { session_id: session_id(2), device: device(), ip: Some("192.0.2.0".to_owned()) };
    Tombstone { reason: Reason::Takeover, at: Timestamp::from_millis(1_763_750_000_000), by: Some(by) }
}

/// Who has to go, of so many that hold a seat, when one more comes.
#[divan::bench(args = [1, 3, 100])]
fn policy(bencher: Bencher<'_, '_>, seats: u32) {
    let holders: Vec<Holder> = (0..seats)
        .map(|number| Holder {
            id: session_id(number.into()),
            generation: Generation(u64::from(seats - number)),
            seen_at: Timestamp::from_millis(1),
            class: DeviceClass::Desktop,
            same_device: false,
            present: true,
        })
        .collect();
    let question = Question {
        class: DeviceClass::Desktop,
        limits: SeatLimits { of_class: None, in_all: Some(seats) },
        on_full: OnFull::KickOld,
        victim: Victim::Oldest,
        replace: &[],
        now: Timestamp::from_millis(2),
        ghost_after_ms: 60_000,
    };
    bencher.bench(|| decide(black_box(&question), black_box(&holders)));
}

#[divan::bench]
fn encode_force_logout(bencher: Bencher<'_, '_>) {
    let end = end();
    bencher.bench(|| ServerMessage::force_logout(black_box(&end)).to_text());
}

#[divan::bench]
fn encode_welcome(bencher: Bencher<'_, '_>) {
    let record = record(&token());
    let welcome = |record: Record| {
        let session = SessionView::from(record);
        let server_time = Timestamp::from_millis(1_763_750_000_000);
        ServerMessage::Welcome { session: &session, server_time, heartbeat_s: 30 }.to_text()
    };
    bencher.with_inputs(|| record.clone()).bench_values(welcome);
}

/// The connections of one session, as long as they are wanted.
struct Tabs<'a> {
    hub: &'a Hub,
    connections: Vec<Connection>,
}

impl Drop for Tabs<'_> {
    fn drop(&mut self) {
        for connection in self.connections.drain(..) {
            self.hub.remove(connection.session, connection.id);
        }
    }
}

/// From the message's session to the mailbox of each of its connections, among [`SESSIONS`] others.
#[divan::bench(args = [1, 16])]
fn registry_delivery(bencher: Bencher<'_, '_>, tabs: usize) {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));
    let _inside = RUNTIME.enter();
    let hub = Hub::new(NodeId::from_bytes([1; 8]), Duration::from_secs(30));
    let _others: Vec<Connection> =
        (0..SESSIONS).map(|number| hub.register(session_id(number)).connection).collect();
    let eviction = Arc::new(Eviction { end: end(), on_written: None, on_delivered: None });
    // A connection takes one eviction only, so each is of a session of its own.
    let numbers = AtomicU64::new(SESSIONS);
    let connect = || {
        let id = session_id(numbers.fetch_add(1, Ordering::Relaxed));
        Tabs { hub: &hub, connections: (0..tabs).map(|_| hub.register(id).connection).collect() }
    };
    bencher.with_inputs(connect).bench_values(|told| {
        let taken = hub.evict(told.connections[0].session, &eviction);
        assert_eq!(taken, tabs);
        told
    });
}

/// What a check costs beside reading the record.
#[divan::bench]
fn token_check(bencher: Bencher<'_, '_>) {
    let token = token();
    let record = record(&token);
    let text = token.reveal().to_owned();
    bencher.bench(|| {
        Token::parse(black_box(&text)).is_some_and(|token| token.hash() == record.session.token_hash)
    });
}

/// A check that `check_cache` answers.
#[divan::bench]
fn token_check_cached(bencher: Bencher<'_, '_>) {
    let token = token();
    let cache = CheckCache::new(Duration::from_secs(3600));
    cache.put(&cache.begin(), Instant::now(), &Arc::new(record(&token)));
    let text = token.reveal().to_owned();
    bencher.bench(|| {
        let token = Token::parse(black_box(&text))?;
        let record = cache.get(token.session(), Timestamp::from_millis(1_763_750_000_001))?;
        (record.session.token_hash == token.hash()).then_some(record)
    });
}
