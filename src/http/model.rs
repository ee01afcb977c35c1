//! Sessions as JSON: what CONTRACT calls `Session`.

use std::net::IpAddr;

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::domain::{Device, Generation, NodeId, Record, Role, SessionId, Timestamp, UserId};

/// A session as the holder of another one may see it before anybody is signed in: without data and roles.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SeatHolder)]
pub(crate) struct SeatView {
    #[schema(value_type = uuid::Uuid)]
    id: SessionId,
    #[schema(value_type = String, min_length = 1, max_length = 128)]
    user_id: UserId,
    device: Device,
    /// In short form, such as "Firefox 128 on Windows".
    user_agent: String,
    #[schema(value_type = Option<String>)]
    ip: Option<IpAddr>,
    /// The node of the latest connection, 16 hexadecimal digits; null without a connection.
    #[schema(value_type = Option<String>)]
    node: Option<NodeId>,
    /// Connections on the nodes that are renewing.
    connections: u32,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    last_seen_at: Timestamp,
    /// When it ends if nobody uses it.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// Rises with each login of the user; below 2^53.
    #[schema(value_type = u64)]
    generation: Generation,
}

/// A session.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Session)]
pub struct SessionView {
    #[serde(flatten)]
    seat: SeatView,
    #[schema(value_type = Vec<String>)]
    roles: Vec<Role>,
    /// Whatever the application keeps with the session: any JSON of at most 4 KiB.
    #[schema(value_type = serde_json::Value)]
    data: Option<Box<RawValue>>,
}

/// Some sessions, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionList {
    pub sessions: Vec<SessionView>,
}

/// The sessions that a call ended.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EndedList {
    pub ended: Vec<SessionView>,
}

impl From<Record> for SeatView {
    fn from(record: Record) -> Self {
        let (expires_at, node) = (record.session.deadline(), record.node());
        let session = record.session;
        Self {
            id: session.id,
            user_id: session.user,
            device: session.device,
            user_agent: session.user_agent,
            ip: session.ip,
            node,
            connections: record.connections,
            created_at: session.created_at,
            last_seen_at: session.seen_at,
            expires_at,
            generation: session.generation,
        }
    }
}

impl From<Record> for SessionView {
    fn from(mut record: Record) -> Self {
        let roles = std::mem::take(&mut record.session.roles);
        // The store only holds JSON that came in through this API; were it none, null is better than a broken answer.
        let data = record.data.take().and_then(|text| RawValue::from_string(text).ok());
        Self { seat: record.into(), roles, data }
    }
}

/// `records` as JSON, in the same order.
pub(crate) fn views(records: Vec<Record>) -> Vec<SessionView> {
    records.into_iter().map(SessionView::from).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::http::testing;

    #[test]
    fn a_session_has_the_members_of_the_contract() {
        let mut record = testing::record("user1");
        record.data = Some(r#"{"theme": "dark"}"#.to_owned());
        let json = serde_json::to_value(SessionView::from(record)).unwrap();
        let mut members: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
        members.sort_unstable();
        let mut wanted = vec![
            "id",
            "user_id",
            "device",
            "user_agent",
            "ip",
            "roles",
            "data",
            "node",
            "connections",
            "created_at",
            "last_seen_at",
            "expires_at",
            "generation",
        ];
        wanted.sort_unstable();
        assert_eq!(members, wanted);
        assert_eq!(json["data"], json!({"theme": "dark"}));
        assert_eq!(json["created_at"], "2026-09-21T14:13:20.123Z");
        assert!(json["node"].is_null());
    }

    #[test]
    fn a_seat_holder_is_shown_without_data_and_roles() {
        let mut record = testing::record("user1");
        record.data = Some("1".to_owned());
        let json = serde_json::to_value(SeatView::from(record)).unwrap();
        assert_eq!((json.get("data"), json.get("roles")), (None, None));
        assert_eq!(json["user_id"], "user1");
    }

    #[test]
    fn broken_data_is_shown_as_null() {
        let mut record = testing::record("user1");
        record.data = Some("{".to_owned());
        assert_eq!(serde_json::to_value(SessionView::from(record)).unwrap()["data"], Value::Null);
    }
}
