//! What a watcher is told, as frames of a stream of Server-Sent Events.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::response::sse::Event as Frame;
use serde::Serialize;
use serde_json::json;

use crate::domain::{SessionId, Timestamp};
use crate::enforcer::Movements;
use crate::http::admin::event::EventView;
use crate::store::{Event, EventKind, SessionPresence};

/// How long a client whose stream broke off waits before it comes back.
const RETRY: Duration = Duration::from_secs(2);

/// The first frame: it gets the answer's head through proxies, and says when to come back.
pub(super) fn hello() -> Frame {
    Frame::default().comment("hello").retry(RETRY)
}

pub(super) fn heartbeat() -> Frame {
    Frame::default().comment("")
}

pub(super) fn event(event: &Event) -> Frame {
    frame("event", &EventView::from(event)).id(event.id.to_string())
}

pub(super) fn summary(skipped: &BTreeMap<EventKind, u64>) -> Frame {
    let skipped: BTreeMap<_, _> = skipped.iter().map(|(kind, count)| (kind.as_str(), count)).collect();
    frame("summary", &json!({"skipped": skipped}))
}

pub(super) fn presence(movements: &Movements) -> Frame {
    let sessions: Vec<_> = movements.sessions.iter().map(Presence::from).collect();
    frame("presence", &json!({"sessions": sessions, "more": movements.is_cut}))
}

/// The members of a session that move while it is connected.
#[derive(Serialize)]
struct Presence {
    id: SessionId,
    node: Option<String>,
    connections: u32,
    last_seen_at: Timestamp,
}

impl From<&SessionPresence> for Presence {
    fn from(presence: &SessionPresence) -> Self {
        let SessionPresence { id, connections, node, seen_at } = *presence;
        Self { id, node: node.map(|node| node.to_string()), connections, last_seen_at: seen_at }
    }
}

pub(super) fn gap(connected: bool) -> Frame {
    frame("gap", &json!({"connected": connected}))
}

pub(super) fn reset() -> Frame {
    frame("reset", &json!({}))
}

fn frame(name: &str, data: &impl Serialize) -> Frame {
    // These types can be written, and JSON has no line breaks of its own.
    Frame::default().event(name).data(serde_json::to_string(data).unwrap_or_default())
}
