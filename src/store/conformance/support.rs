//! What the cases have in common: a store to test, logins to send, time that passes.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use crate::chance::Chance;
use crate::domain::{
    By, Device, DeviceClass, DeviceId, Generation, NodeId, OnFull, Partition, Presence, Record, Role,
    SeatLimits, Session, SessionId, Timestamp, TokenHash, UserId, Victim,
};
use crate::store::{
    Engine, Event, EventFilter, Fed, Feed, Image, Log, Login, LoginOutcome, Message, Notice, Period, Restore,
    SessionPresence, Store, View,
};

/// No case waits longer than that for anything.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// `ghost_after` where a case does not play with it.
pub(crate) const GHOST_AFTER_MS: u64 = 60_000;

/// A fresh store under test.
pub(crate) struct Bench {
    pub store: Arc<dyn Store>,
    /// The same engine.
    pub view: Arc<dyn View>,
    pub log: Arc<dyn Log>,
    pub notices: mpsc::Receiver<Notice>,
    feed: Feed,
    /// A second node's handle on the same store, where the engine allows one.
    second: Option<Second>,
    /// The directory or server behind it; dropped last.
    _behind: Box<dyn Any + Send>,
}

impl Bench {
    pub(crate) fn new(
        engine: Arc<impl Engine>,
        notices: mpsc::Receiver<Notice>,
        behind: impl Any + Send,
    ) -> Self {
        let (view, log) = (Arc::clone(&engine) as Arc<dyn View>, Arc::clone(&engine) as Arc<dyn Log>);
        let feed = engine.feed().expect("nobody has taken it");
        Self { store: engine, view, log, notices, feed, second: None, _behind: Box::new(behind) }
    }

    /// Adds a second node's handle on the same store.
    #[allow(dead_code, reason = "for engines that serve more than one node")]
    pub(crate) fn with_second(mut self, engine: Arc<impl Engine>, notices: mpsc::Receiver<Notice>) -> Self {
        let log = Arc::clone(&engine) as Arc<dyn Log>;
        self.second = Some(Second { store: engine, log, notices });
        self
    }

    /// A second node's handle, or the first where the engine serves one node.
    pub(crate) fn second(&self) -> &Arc<dyn Store> {
        self.second.as_ref().map_or(&self.store, |second| &second.store)
    }

    /// The same for the log.
    pub(crate) fn second_log(&self) -> &Arc<dyn Log> {
        self.second.as_ref().map_or(&self.log, |second| &second.log)
    }

    /// The next message at the second node, where there is one.
    pub(crate) async fn message_at_second_if_any(&mut self) -> Option<Message> {
        match &mut self.second {
            Some(second) => Some(next_message(&mut second.notices).await),
            None => None,
        }
    }

    pub(crate) async fn close(self) {
        self.store.close().await;
        if let Some(second) = &self.second {
            second.store.close().await;
        }
    }

    /// Sends a login that is expected to be seated.
    pub(crate) async fn seat(&self, login: &Login) -> Seated {
        seated(self.store.login(login).await.unwrap())
    }

    pub(crate) async fn get(&self, id: SessionId) -> Record {
        self.store.get(id, true).await.unwrap().expect("the session is known")
    }

    pub(crate) async fn sessions_of(&self, user: &UserId) -> Vec<Record> {
        self.store.sessions_of(user, GHOST_AFTER_MS).await.unwrap()
    }

    /// A user's newest events.
    pub(crate) async fn events_of(&self, user: &UserId, limit: usize) -> Vec<Event> {
        events_of(&*self.log, user, limit).await
    }

    pub(crate) async fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.store.time_us().await.unwrap() / 1000)
    }

    /// Waits until the store's clock has passed `at`.
    pub(crate) async fn pass(&self, at: Timestamp) {
        let start = Instant::now();
        while self.now().await <= at {
            assert!(start.elapsed() < PATIENCE, "the store's clock stands still");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Waits until the store's clock shows another millisecond.
    pub(crate) async fn tick(&self) {
        self.pass(self.now().await).await;
    }

    /// The next message on the notices; gaps are passed over.
    pub(crate) async fn message(&mut self) -> Message {
        next_message(&mut self.notices).await
    }

    /// The next word on how sessions are connected; events are passed over.
    pub(crate) async fn presence(&mut self) -> Vec<SessionPresence> {
        loop {
            if let Fed::Presence(presence) = self.fed().await {
                return presence;
            }
        }
    }

    /// What the feed has not brought yet to anybody, if it is there already.
    pub(crate) async fn fed_by_now(&mut self) -> Option<Fed> {
        tokio::select! {
            biased;
            fed = self.feed.recv() => fed,
            () = std::future::ready(()) => None,
        }
    }

    async fn fed(&mut self) -> Fed {
        let fed = timeout(PATIENCE, self.feed.recv()).await.expect("it arrives");
        fed.expect("the feed has not ended")
    }

    /// The next event of the feed; how sessions are connected is passed over.
    pub(crate) async fn event(&mut self) -> Event {
        loop {
            match self.fed().await {
                Fed::Event(event) => return event,
                Fed::Presence(_) => {}
                Fed::Missed => panic!("something was dropped"),
            }
        }
    }
}

/// A second node's handle.
struct Second {
    store: Arc<dyn Store>,
    log: Arc<dyn Log>,
    notices: mpsc::Receiver<Notice>,
}

async fn next_message(notices: &mut mpsc::Receiver<Notice>) -> Message {
    let message = |notice| match notice {
        Notice::Message(message) => Some(message),
        _ => None,
    };
    next(notices, message).await
}

/// The next notice of which something is wanted; others are passed over.
async fn next<T>(notices: &mut mpsc::Receiver<Notice>, wanted: impl Fn(Notice) -> Option<T>) -> T {
    let next = async {
        loop {
            let notice = notices.recv().await.expect("the notices have not ended");
            if let Some(wanted) = wanted(notice) {
                return wanted;
            }
        }
    };
    timeout(PATIENCE, next).await.expect("it arrives")
}

/// A user's newest events.
pub(crate) async fn events_of(log: &dyn Log, user: &UserId, limit: usize) -> Vec<Event> {
    let filter = EventFilter { user: Some(user.clone()), ..EventFilter::default() };
    log.newest(&filter, limit).await.unwrap().events
}

/// Takeovers and rank of a user.
pub(crate) async fn rank_of(view: &dyn View, user: &UserId, period: Period) -> Option<(u64, u64)> {
    let takeovers = view.takeovers_of(user, period).await.unwrap()?;
    Some((takeovers, view.rank_at(takeovers, period).await.unwrap()))
}

/// A login that was seated, and what it ended.
pub(crate) struct Seated {
    pub session: Record,
    pub replaced: Vec<Record>,
}

pub(crate) fn seated(outcome: LoginOutcome) -> Seated {
    match outcome {
        LoginOutcome::Seated { session, replaced } => Seated { session, replaced },
        other => panic!("not seated: {other:?}"),
    }
}

pub(crate) fn full(outcome: LoginOutcome) -> Vec<Record> {
    match outcome {
        LoginOutcome::Full { sessions } => sessions,
        other => panic!("not full: {other:?}"),
    }
}

pub(crate) fn ids(records: &[Record]) -> Vec<SessionId> {
    records.iter().map(|record| record.session.id).collect()
}

pub(crate) fn user(name: &str) -> UserId {
    UserId::parse("user", name).unwrap()
}

pub(crate) fn node(number: u8) -> NodeId {
    NodeId::from_bytes([number; 8])
}

pub(crate) fn held(node: NodeId, count: u16, sequence: u64) -> Presence {
    Presence { node, count, sequence }
}

/// Users that all lie in one partition, and that partition.
pub(crate) fn neighbours(count: usize) -> (Partition, Vec<UserId>) {
    let partition = Partition::of(&user("neighbour"));
    let all = (0..).map(|number| user(&format!("neighbour{number}")));
    (partition, all.filter(|user| Partition::of(user) == partition).take(count).collect())
}

/// A session id that no store has seen.
pub(crate) fn fresh_id(user: &UserId) -> SessionId {
    let random = Chance::system().bytes();
    SessionId::new(Partition::of(user), Timestamp::from_millis(1_790_000_000_000), random)
}

/// A login of `user` on a device of its own, under one seat in all and `kick_old`, with long deadlines.
pub(crate) fn login(user: &UserId) -> Login {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let id = fresh_id(user);
    let device = Device {
        id: DeviceId::parse(&format!("device-{number}")).unwrap(),
        name: format!("Device {number}"),
        class: DeviceClass::Desktop,
    };
    Login {
        id,
        token_hash: TokenHash(Chance::system().bytes()),
        user: user.clone(),
        by: By { session_id: id, device: device.clone(), ip: Some("192.0.2.0".into()) },
        device,
        user_agent: "Firefox 128 on Linux".into(),
        ip: Some("192.0.2.7".parse().unwrap()),
        roles: vec![Role::parse("member").unwrap()],
        data: None,
        ttl_ms: 3_600_000,
        idle_ttl_ms: 1_800_000,
        limits: in_all(1),
        on_full: OnFull::KickOld,
        victim: Victim::Oldest,
        replace: Vec::new(),
        ghost_after_ms: GHOST_AFTER_MS,
        generation_floor: Generation(0),
        confirm: false,
    }
}

/// The same with `seats` in all.
pub(crate) fn login_of(user: &UserId, seats: u32) -> Login {
    Login { limits: in_all(seats), ..login(user) }
}

pub(crate) fn in_all(seats: u32) -> SeatLimits {
    SeatLimits { of_class: None, in_all: Some(seats) }
}

/// Puts a login on another device.
pub(crate) fn on_device(mut login: Login, device: &Device) -> Login {
    login.device = device.clone();
    login.by.device = device.clone();
    login
}

/// Puts a login on a device of another class.
pub(crate) fn of_class(mut login: Login, class: DeviceClass) -> Login {
    login.device.class = class;
    login.by.device.class = class;
    login
}

/// A session that no store knows, as a node remembers it at `now`: on a device of its own, just seen, with data.
pub(crate) fn forgotten(now: Timestamp, user: &UserId, generation: u64) -> Record {
    let Login { id, token_hash, device, user_agent, ip, roles, idle_ttl_ms, ttl_ms, .. } = login(user);
    let session = Session {
        id,
        user: user.clone(),
        generation: Generation(generation),
        token_hash,
        device,
        user_agent,
        ip,
        roles,
        created_at: now.minus_millis(1_000),
        seen_at: now.minus_millis(500),
        absolute_at: now.plus_millis(ttl_ms),
        idle_ttl_ms,
        presence: Vec::new(),
    };
    Record { session, end: None, data: Some(generation.to_string()), connections: 0, nodes: Vec::new() }
}

/// A session as those that it ends are told of it.
pub(crate) fn by(record: &Record) -> By {
    By { session_id: record.session.id, device: record.session.device.clone(), ip: Some("192.0.2.0".into()) }
}

/// The wish to put a session back that was last known live at `live_at`.
pub(crate) fn restoring(record: &Record, limits: SeatLimits, live_at: Timestamp) -> Restore {
    Restore { image: Image::of(record), live_at, limits, by: by(record) }
}
