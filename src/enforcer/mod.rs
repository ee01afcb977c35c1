//! Who is in and who is out: the one place where the store's truth meets this node's sockets.
//!
//! Stub of the interface; the implementation follows.
#![allow(unused_variables, clippy::unused_async)]

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::{
    By, DeviceClass, DeviceId, Reason, Record, Role, SessionId, Timestamp, Token, Tombstone, UserId,
};
use crate::hub::Connection;
use crate::store::{Census, Inspection, StoreError, Target};

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
    /// The header as it came, at most 512 bytes of it are looked at.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Takeover {
    /// Nothing ended.
    None,
    /// The message is on its way.
    Sent,
    /// Every node known to hold an ended connection has answered.
    Confirmed,
}

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

/// What a token is worth.
#[derive(Debug, Clone)]
pub enum Checked {
    Live(Record),
    Ended(Tombstone),
    /// Never seen.
    Unknown,
}

/// What became of a WebSocket that presented a token.
pub enum Attached {
    /// It is registered; run it.
    Live {
        record: Record,
        connection: Connection,
    },
    /// Upgrade, tell, close.
    Ended(Tombstone),
    /// Too many connections (close 4429).
    Crowded,
    Unknown,
}

pub struct Enforcer;

impl Enforcer {
    pub async fn login(&self, new: NewSession) -> Result<LoginAnswer, StoreError> {
        unimplemented!()
    }

    /// What `token` is worth, read from the store (or, with `check_cache`, at most that old). A live session is
    /// marked as seen. `with_data` also reads its data.
    pub async fn check(&self, token: &Token, with_data: bool) -> Result<Checked, StoreError> {
        unimplemented!()
    }

    /// A session by its id, without its token; live or ended. Not a use.
    pub async fn session(&self, id: SessionId) -> Result<Option<Record>, StoreError> {
        unimplemented!()
    }

    /// A user's live sessions, newest first.
    pub async fn sessions_of(&self, user: &UserId) -> Result<Vec<Record>, StoreError> {
        unimplemented!()
    }

    /// Ends sessions and puts their sockets out; answers those that it ended.
    pub async fn end(
        &self,
        target: Target,
        reason: Reason,
        by: Option<By>,
    ) -> Result<Vec<Record>, StoreError> {
        unimplemented!()
    }

    /// `by` as others are told of `session`: its address as `notice_ip` says.
    pub fn by(&self, session: &Record) -> By {
        unimplemented!()
    }

    pub async fn set_data(&self, id: SessionId, data: Option<&str>) -> Result<Option<Record>, StoreError> {
        unimplemented!()
    }

    /// The active-session view, at most 5 s old.
    pub async fn active_sessions(&self) -> Result<Arc<Census>, StoreError> {
        unimplemented!()
    }

    /// A bucket of the store; see `Store::throttle`.
    pub async fn throttle(
        &self,
        key: &str,
        rate: crate::config::Rate,
        cost: u32,
    ) -> Result<Option<Duration>, StoreError> {
        unimplemented!()
    }

    /// Registers a connection for the session of `token`: subscribe, then check again, then count.
    pub async fn attach(self: &Arc<Self>, token: &Token) -> Result<Attached, StoreError> {
        unimplemented!()
    }

    /// The connection is over: uncount it. To be called exactly once for each `Attached::Live`.
    pub async fn detach(self: &Arc<Self>, connection: Connection) {
        unimplemented!()
    }

    /// A person did something; written with the next renewal.
    pub fn touch(&self, id: SessionId) {
        unimplemented!()
    }

    /// The store's clock, as this node last knew it; for display.
    pub fn now(&self) -> Timestamp {
        unimplemented!()
    }

    /// Whether the node can serve: `Err` says why not.
    pub async fn ready(&self) -> Result<(), String> {
        unimplemented!()
    }

    pub async fn inspect(&self) -> Result<Inspection, StoreError> {
        unimplemented!()
    }
}
