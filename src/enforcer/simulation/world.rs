//! Nodes, their clients, and what people do: one seed from its start to its verdict.
//!
//! Owns the workload. Every node is a real hub and a real enforcer with its tasks; what they are told and what they
//! answer goes to the judge.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::fate::Draws;
use super::flaw::Flaw;
use super::judge::{Judge, Wish};
use super::line::Line;
use super::plan::{Event, GHOST_AFTER, Plan, RENEW};
use super::server::Server;
use super::tally::Fault;
use super::wire::{Client, Wire};
use crate::chance::Chance;
use crate::config::{Config, NodeConfig, SeatConfig};
use crate::domain::{DeviceId, LimitRule, NodeId, Reason, SessionId, Timestamp, Token, Tombstone, UserId};
use crate::enforcer::{Attached, Checked, Enforcer, LoginAnswer, NewSession, Parts};
use crate::hub::{Fact, Hub};
use crate::metrics::Metrics;
use crate::protocol::CloseCode;
use crate::store::blank::Blank;
use crate::store::{Act, Notice, Target};

const DEVICES: u64 = 4;

pub(super) struct World {
    pub server: Arc<Server>,
    pub nodes: Vec<Node>,
    pub clients: Mutex<Vec<Socket>>,
    judge: Mutex<Judge>,
    tasks: TaskTracker,
}

pub(super) struct Node {
    pub id: NodeId,
    pub enforcer: Arc<Enforcer>,
    pub hub: Arc<Hub>,
    pub stop: CancellationToken,
}

/// A client and where it hangs.
pub(super) struct Socket {
    pub session: SessionId,
    pub node: usize,
    pub client: Client,
    pub left: bool,
}

/// When a client was told why its session ended, and when it was closed with which code.
pub(super) type Farewell = (Option<(Instant, Tombstone)>, Option<(Instant, CloseCode)>);

/// One thing that somebody does.
#[derive(Debug, Clone)]
enum Deed {
    Login(UserId, String, bool),
    Attach(SessionId),
    Check(SessionId),
    Kick(Target),
    Logout(SessionId),
    EndOthers(SessionId),
    Disable(UserId),
    Leave(u64),
}

impl World {
    pub(super) fn new(seed: u64, plan: Plan, flaw: Flaw, is_traced: bool) -> Arc<Self> {
        let (server, notices) = Server::new(seed, plan.clone(), flaw, is_traced);
        let nodes = notices.into_iter().enumerate();
        let nodes = nodes.map(|(number, notices)| Node::start(seed, number, &server, notices)).collect();
        let judge = Mutex::new(Judge::new(plan));
        let (clients, tasks) = (Mutex::default(), TaskTracker::new());
        Arc::new(Self { server, nodes, clients, judge, tasks })
    }

    pub(super) fn judge(&self) -> MutexGuard<'_, Judge> {
        self.judge.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn clients(&self) -> MutexGuard<'_, Vec<Socket>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.server.plan
    }

    pub(super) fn users(&self) -> Vec<UserId> {
        (0..self.plan().users).map(|number| user(number as u64)).collect()
    }

    /// What people do, and what happens meanwhile, until both are over and all is calm again.
    pub(super) async fn live(self: &Arc<Self>) {
        let happening = tokio::spawn(Arc::clone(self).happen());
        let mut draws = self.server.fate.next("deeds", b"");
        for _ in 0..self.plan().steps {
            sleep(Duration::from_millis(draws.below(self.plan().pace_ms))).await;
            if let Some((node, deed)) = self.choose(&mut draws) {
                self.tasks.spawn(Arc::clone(self).act(node, deed));
            }
        }
        happening.await.expect("what happens does not fail");
        self.tasks.close();
        self.tasks.wait().await;
        self.server.calm_down();
        let calm_at = self.judge().calm_down();
        sleep_until(calm_at).await;
    }

    /// The plan's events, each at its time.
    async fn happen(self: Arc<Self>) {
        let start = Instant::now();
        let mut away = start;
        for (at, event) in self.plan().events.clone() {
            sleep_until(start + Duration::from_millis(at)).await;
            match event {
                Event::Away => {
                    away = Instant::now();
                    self.server.go_away();
                }
                Event::Back => self.server.come_back(),
                Event::Cut(node) => self.server.set_deaf(node, true),
                Event::Joined(node) => self.server.set_deaf(node, false),
                Event::Lag => self.server.lag(),
                Event::Promote | Event::Empty => {
                    self.server.fail_over(matches!(event, Event::Promote));
                    self.judge().store_forgets(away);
                    self.count_forgotten();
                }
                Event::Gap(node) => self.server.gap_of(node),
                Event::Crash(node) => {
                    self.judge().node_dies(node);
                    self.server.set_deaf(node, true);
                    self.nodes[node].stop.cancel();
                    // Its sockets are gone with it; nobody closes them.
                    self.clients().retain(|socket| socket.node != node);
                }
            }
        }
    }

    /// What was answered, and is not so in the store that came back.
    fn count_forgotten(&self) {
        let judge = self.judge();
        for (id, known) in &judge.sessions {
            match self.server.record_of(*id) {
                None => self.server.count(Fault::LoginForgotten),
                Some(record) if record.is_live() && !known.ends.is_empty() => {
                    self.server.count(Fault::EndForgotten);
                }
                Some(_) => {}
            }
        }
    }

    /// What somebody does next, and through which node.
    fn choose(&self, draws: &mut Draws) -> Option<(usize, Deed)> {
        let alive: Vec<usize> =
            (0..self.nodes.len()).filter(|node| !self.nodes[*node].stop.is_cancelled()).collect();
        let node = draws.one_of(&alive);
        let roll = draws.below(100);
        let user = user(draws.below(self.plan().users as u64));
        let (device, pick) = (draws.below(DEVICES), draws.number());
        let known = self.known(pick);
        let deed = match roll {
            0..45 => Deed::Login(user, format!("device-{device}"), draws.percent(20)),
            45..68 => Deed::Attach(known?),
            68..82 => Deed::Check(known?),
            82..86 => Deed::Kick(Target::Session(known?)),
            86..88 => Deed::Kick(Target::User(user)),
            88..92 => Deed::Logout(known?),
            92..94 => Deed::EndOthers(known?),
            94..95 => Deed::Disable(user),
            _ => Deed::Leave(pick),
        };
        Some((node, deed))
    }

    /// One of the sessions that were answered, the newer ones rather.
    fn known(&self, pick: u64) -> Option<SessionId> {
        let judge = self.judge();
        let mut all: Vec<_> = judge.sessions.iter().map(|(id, known)| (known.generation, *id)).collect();
        all.sort_unstable();
        let newest = all.len().saturating_sub(6);
        let some = &all[newest..];
        some.get(usize::try_from(pick % (some.len() as u64).max(1)).unwrap_or_default()).map(|(_, id)| *id)
    }

    async fn act(self: Arc<Self>, node: usize, deed: Deed) {
        match deed {
            Deed::Login(user, device, confirm) => self.log_in(node, user, device, confirm).await,
            Deed::Attach(id) => self.attach(node, id).await,
            Deed::Check(id) => self.check(node, id).await,
            Deed::Kick(target) => self.end(node, target, Reason::Kicked).await,
            Deed::Logout(id) => self.end(node, Target::Session(id), Reason::Logout).await,
            Deed::EndOthers(id) => {
                let user = self.judge().sessions.get(&id).map(|known| known.user.clone());
                let Some(user) = user else { return };
                self.end(node, Target::Others(user, id), Reason::Logout).await;
            }
            Deed::Disable(user) => self.disable(node, user).await,
            Deed::Leave(pick) => {
                let mut clients = self.clients();
                let count = clients.len() as u64;
                let at = usize::try_from(pick % count.max(1)).unwrap_or_default();
                if let Some(socket) = clients.get_mut(at) {
                    socket.left = true;
                    socket.client.leave();
                }
            }
        }
    }

    async fn log_in(self: &Arc<Self>, node: usize, user: UserId, device: String, confirm: bool) {
        let new = NewSession {
            user: user.clone(),
            device_id: DeviceId::parse(&device).ok(),
            device_name: Some(device),
            device_class: None,
            user_agent: String::new(),
            ip: None,
            roles: Vec::new(),
            data: None,
            ttl: None,
            replace: None,
            confirm,
        };
        // Until it is answered, it may be who others are told of.
        *self.judge().ghosts.entry(user.clone()).or_default() += 1;
        let answer = self.nodes[node].enforcer.login(new).await;
        let mut judge = self.judge();
        if answer.is_ok()
            && let Some(ghosts) = judge.ghosts.get_mut(&user)
        {
            *ghosts -= 1;
            if *ghosts == 0 {
                judge.ghosts.remove(&user);
            }
        }
        if let Ok(LoginAnswer::Seated { token, session, replaced, .. }) = answer {
            judge.seated(node, token, &session, &replaced);
        }
    }

    fn token(&self, id: SessionId) -> Option<Token> {
        self.judge().sessions.get(&id).map(|known| known.token.clone())
    }

    async fn attach(self: &Arc<Self>, node: usize, id: SessionId) {
        let (began, Some(token)) = (Instant::now(), self.token(id)) else { return };
        let enforcer = &self.nodes[node].enforcer;
        match enforcer.attach(&token).await {
            Ok(Attached::Live { record, mut connection }) => {
                self.judge().checked_live(began, id, &record);
                let (mut wire, client) = Wire::new();
                if !self.nodes[node].stop.is_cancelled() {
                    self.clients().push(Socket { session: id, node, client, left: false });
                }
                let enforcer = Arc::clone(enforcer);
                tokio::spawn(async move {
                    while connection.next(&mut wire).await != Fact::Closed {}
                    enforcer.detach(connection.session, connection.id).await;
                });
            }
            Ok(Attached::Ended(end)) => self.judge().checked_ended(id, &end),
            Ok(Attached::Unknown) => self.judge().checked_unknown(began, id),
            Ok(Attached::Crowded) | Err(_) => {}
        }
    }

    pub(super) async fn check(&self, node: usize, id: SessionId) {
        let (began, Some(token)) = (Instant::now(), self.token(id)) else { return };
        match self.nodes[node].enforcer.check(&token, false).await {
            Ok(Checked::Live(record)) => self.judge().checked_live(began, id, &record),
            Ok(Checked::Ended(end)) => self.judge().checked_ended(id, &end),
            Ok(Checked::Unknown) => self.judge().checked_unknown(began, id),
            Err(_) => {}
        }
    }

    async fn end(&self, node: usize, target: Target, reason: Reason) {
        let wish = match &target {
            Target::Session(id) => Wish::Session(*id, reason),
            Target::User(user) | Target::Others(user, _) => Wish::User(user.clone(), reason),
        };
        self.judge().wishes.push(wish);
        if let Ok(ended) = self.nodes[node].enforcer.end(target, reason, None, &Act::NONE).await {
            let mut judge = self.judge();
            ended.iter().for_each(|record| judge.ended(node, record));
        }
    }

    /// And enables the user again, sooner or later.
    async fn disable(&self, node: usize, user: UserId) {
        self.judge().wishes.push(Wish::User(user.clone(), Reason::Disabled));
        let enforcer = &self.nodes[node].enforcer;
        if let Ok(ended) = enforcer.set_disabled(&user, true, &Act::NONE).await {
            let mut judge = self.judge();
            ended.iter().for_each(|record| judge.ended(node, record));
        }
        sleep(Duration::from_millis(50)).await;
        for _ in 0..20 {
            if enforcer.set_disabled(&user, false, &Act::NONE).await.is_ok() {
                return;
            }
            sleep(RENEW).await;
        }
    }

    /// When a client was told why its session ended, and with which code it was closed.
    pub(super) fn farewell(client: &Client) -> Farewell {
        let heard = client.heard();
        let told = heard.told.as_ref().map(|(at, said)| {
            let field = |name: &str| serde_json::from_value(said[name].clone());
            let end = Tombstone {
                reason: serde_json::from_value(said["reason"].clone()).expect("a reason"),
                at: serde_json::from_value::<Timestamp>(said["at"].clone()).expect("a time"),
                by: field("by").expect("a session or null"),
            };
            (*at, end)
        });
        (told, heard.closed.map(|(at, code)| (at, CloseCode(code))))
    }
}

impl Node {
    fn start(
        seed: u64,
        number: usize,
        server: &Arc<Server>,
        notices: tokio::sync::mpsc::Receiver<Notice>,
    ) -> Self {
        let plan = &server.plan;
        let id = NodeId::from_bytes([u8::try_from(number + 1).unwrap_or(u8::MAX); 8]);
        let hub = Hub::new(id, Duration::from_secs(2));
        let defaults = Config::default();
        let limits = vec![LimitRule { max: plan.limit, ..LimitRule::one_in_all() }];
        let enforcer = Enforcer::new(Parts {
            node: id,
            seats: SeatConfig {
                limits,
                on_full: plan.on_full,
                victim: plan.victim,
                ghost_after: GHOST_AFTER,
                ..defaults.seats
            },
            config: NodeConfig { renew_interval: RENEW, ..defaults.node },
            name: id.to_string(),
            store: Arc::new(Line { server: Arc::clone(server), node: number }),
            view: Arc::new(Blank::default()),
            log: Arc::new(Blank::default()),
            hub: Arc::clone(&hub),
            chance: Arc::new(Chance::seeded(seed.wrapping_mul(31).wrapping_add(number as u64))),
            metrics: Arc::new(Metrics::new()),
        });
        let stop = CancellationToken::new();
        tokio::spawn(Arc::clone(&enforcer).run_notices(notices, stop.clone()));
        tokio::spawn(Arc::clone(&enforcer).run_repairs(stop.clone()));
        tokio::spawn(Arc::clone(&enforcer).run_renewal(stop.clone()));
        Self { id, enforcer, hub, stop }
    }
}

fn user(number: u64) -> UserId {
    UserId::parse("user", &format!("user{number}")).expect("a good name")
}
