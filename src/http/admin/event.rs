//! Events of the log as JSON.

use std::net::IpAddr;

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{By, Device, Reason, SessionId, Timestamp, UserId};
use crate::store::{Event, EventKind};

/// Something that happened.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Event)]
pub(crate) struct EventView {
    /// Unique; a cursor, and what `Last-Event-ID` is given.
    #[schema(example = "1790000000123-516-0")]
    id: String,
    #[schema(value_type = String, format = DateTime)]
    time: Timestamp,
    #[serde(rename = "type")]
    #[schema(value_type = EventKind)]
    kind: &'static str,
    #[schema(value_type = Option<String>)]
    user: Option<UserId>,
    /// What logged in, ended or was restored; null for an end that was asked for where nothing was live.
    #[schema(value_type = Option<uuid::Uuid>)]
    session: Option<SessionId>,
    /// On whose word: `user:<id>` of an administrator, `key:<name>` of an API key; null for the user's own doing.
    actor: Option<String>,
    /// The administrator's session in which it was said.
    #[schema(value_type = Option<uuid::Uuid>)]
    actor_session: Option<SessionId>,
    /// Why it ended.
    reason: Option<Reason>,
    /// By which session.
    by: Option<By>,
    /// For a login: the sessions that it ended.
    ended: Vec<EndedView>,
    /// What the actor had to say about it.
    note: Option<String>,
    /// From where: of an act that has an actor theirs, else of the login of this session.
    #[schema(value_type = Option<String>)]
    ip: Option<IpAddr>,
    /// On which the session was that logged in, ended or was restored, or the login that was refused.
    device: Option<Device>,
}

/// A session that a login ended.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct EndedView {
    #[schema(value_type = uuid::Uuid)]
    session: SessionId,
    reason: Reason,
}

impl From<&Event> for EventView {
    fn from(event: &Event) -> Self {
        let ended = event.ended.iter().map(|&(session, reason)| EndedView { session, reason });
        Self {
            id: event.id.to_string(),
            time: event.at,
            kind: event.kind.as_str(),
            user: event.user.clone(),
            session: event.session,
            actor: event.act.actor.clone(),
            actor_session: event.act.session,
            reason: event.reason,
            by: event.by.clone(),
            ended: ended.collect(),
            note: event.act.note.clone(),
            ip: event.address(),
            device: event.device.clone(),
        }
    }
}

/// `events` as JSON, in the same order.
pub(crate) fn event_views(events: &[Event]) -> Vec<EventView> {
    events.iter().map(EventView::from).collect()
}

/// The kind of that word.
pub(crate) fn kind_of(word: &str) -> Option<EventKind> {
    EventKind::ALL.into_iter().find(|kind| kind.as_str() == word)
}
