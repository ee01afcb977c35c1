//! A login: from checked credentials to a seat.
//!
//! Owns what the node adds to the question (ids, the token, limits, device) and the wait for confirmation. Refuses to
//! decide: the store does, in one step.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use tokio::time::{Instant, timeout};
use utoipa::ToSchema;

use super::{Enforcer, by, millis};
use crate::domain::{
    By, Device, DeviceClass, DeviceId, Generation, NodeId, Partition, Record, Role, SeatLimits, SessionId,
    Token, UserAgent, UserId,
};
use crate::store::{Login, LoginOutcome, StoreError};

/// How long a login with `confirm` waits for the nodes of the older devices.
const CONFIRM_WITHIN: Duration = Duration::from_secs(1);

/// A login whose credentials have been checked.
#[derive(Debug, Clone)]
pub struct NewSession {
    pub user: UserId,
    /// Unknown devices get an id of their own.
    pub device_id: Option<DeviceId>,
    /// At most 64 characters; from the user agent where absent.
    pub device_name: Option<String>,
    /// From the user agent where absent.
    pub device_class: Option<DeviceClass>,
    /// The header as it came; at most 512 bytes of it are looked at.
    pub user_agent: String,
    pub ip: Option<IpAddr>,
    pub roles: Vec<Role>,
    /// JSON text of at most 4 KiB.
    pub data: Option<String>,
    /// At most `absolute_ttl`, which is the default.
    pub ttl: Option<Duration>,
    pub replace: Option<Vec<SessionId>>,
    /// Wait up to 1 s until the nodes that held the ended connections have answered.
    pub confirm: bool,
}

/// How far the older devices are known to be out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Takeover {
    /// Nothing ended.
    None,
    /// The message is on its way.
    Sent,
    /// Every node known to hold an ended connection has answered.
    Confirmed,
}

/// What a login is told.
#[derive(Debug)]
pub enum LoginAnswer {
    Seated {
        token: Token,
        session: Record,
        replaced: Vec<Record>,
        takeover: Takeover,
    },
    /// Newest first.
    Full {
        sessions: Vec<Record>,
    },
    Disabled,
}

impl Enforcer {
    /// Asks the store for a seat. One round trip; with `confirm` also the wait for the older devices' nodes, which
    /// never decides the login: where messages do not arrive it is seated all the same, and says `sent`.
    ///
    /// # Errors
    /// The store's. After `OutcomeUnknown` the login may have been seated; nobody holds its token then, so it
    /// is a ghost and blocks nobody.
    pub async fn login(self: &Arc<Self>, new: NewSession) -> Result<LoginAnswer, StoreError> {
        let confirm = new.confirm;
        let (token, login) = self.compose(new);
        // Who wants to hear the answers has to listen before the question is asked.
        let asked = Instant::now();
        let expectation = confirm.then(|| self.confirmations.expect(&login.user));
        let _hold = match confirm {
            true => timeout(CONFIRM_WITHIN, self.subscriptions.hold(&login.user)).await.ok(),
            false => None,
        };
        let listening = asked.elapsed();
        let failovers = self.failovers_so_far();
        let outcome = self.metrics.store_call("login", self.store.login(&login)).await;
        let (session, replaced) = match outcome {
            Ok(LoginOutcome::Seated { session, replaced }) => (session, replaced),
            Ok(LoginOutcome::Full { sessions }) => {
                self.metrics.login("full");
                return Ok(LoginAnswer::Full { sessions });
            }
            Ok(LoginOutcome::Disabled) => {
                self.metrics.login("disabled");
                return Ok(LoginAnswer::Disabled);
            }
            Err(error) => {
                self.metrics.login("unavailable");
                return Err(error);
            }
        };
        self.metrics.login("seated");
        self.note_generation(session.session.generation);
        self.journal.seated(&session, session.session.created_at);
        let generation = session.session.generation;
        // Where the store's message may not arrive the sockets of this node are told from here, and say so from here.
        let direct = confirm && !self.channel_whole.load(Ordering::Acquire);
        self.settle_by(&replaced, direct.then(|| self.acknowledgement(&session.session.user, generation)));
        self.on_answered(session.session.id.partition(), failovers);
        let takeover = match expectation {
            _ if replaced.is_empty() => Takeover::None,
            None => Takeover::Sent,
            Some(expectation) => {
                let nodes: HashSet<NodeId> =
                    replaced.iter().flat_map(|record| record.nodes.iter().copied()).collect();
                let within = CONFIRM_WITHIN.saturating_sub(listening);
                if expectation.all(generation, &nodes, within).await {
                    Takeover::Confirmed
                } else {
                    self.metrics.unconfirmed.inc();
                    Takeover::Sent
                }
            }
        };
        Ok(LoginAnswer::Seated { token, session, replaced, takeover })
    }

    /// Everything that the store needs to decide, and the token that goes with it.
    fn compose(&self, new: NewSession) -> (Token, Login) {
        let id = SessionId::new(Partition::of(&new.user), self.clock.now(), self.chance.bytes());
        let token = Token::new(id, self.chance.bytes());
        let agent = UserAgent::parse(&new.user_agent);
        let device = self.device(new.device_id.clone(), new.device_name.clone(), new.device_class, &agent);
        let absolute = self.seats.absolute_ttl;
        let login = Login {
            id,
            token_hash: token.hash(),
            limits: SeatLimits::resolve(&self.seats.limits, &new.roles, device.class),
            by: By { session_id: id, device: device.clone(), ip: by::shown_ip(new.ip, self.seats.notice_ip) },
            user: new.user,
            device,
            user_agent: agent.short,
            ip: new.ip,
            roles: new.roles,
            data: new.data,
            ttl_ms: millis(new.ttl.map_or(absolute, |ttl| ttl.min(absolute))),
            idle_ttl_ms: millis(self.seats.idle_ttl),
            on_full: self.seats.on_full,
            victim: self.seats.victim,
            replace: new.replace.unwrap_or_default(),
            ghost_after_ms: self.ghost_after_ms(),
            generation_floor: Generation(self.generation.load(Ordering::Acquire)),
            confirm: new.confirm,
        };
        (token, login)
    }

    /// A device by what it says of itself and what its user agent suggests.
    pub(super) fn device(
        &self,
        id: Option<DeviceId>,
        name: Option<String>,
        class: Option<DeviceClass>,
        agent: &UserAgent,
    ) -> Device {
        let random = || DeviceId::stored(URL_SAFE_NO_PAD.encode(self.chance.bytes::<16>()));
        let name = name.filter(|name| !name.is_empty());
        Device {
            id: id.unwrap_or_else(random),
            name: name.unwrap_or_else(|| match agent.short.as_str() {
                "" => "Unknown device".to_owned(),
                short => short.to_owned(),
            }),
            class: class.unwrap_or(agent.class),
        }
    }
}
