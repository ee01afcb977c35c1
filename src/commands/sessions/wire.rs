//! Sessions and events as the API tells them, and as rows of a table.
//!
//! What a member is called is the API's; what is not shown is not read, so that a newer node may say more.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::commands::client::table::Column;

/// Something that is a row.
pub(super) trait Row: DeserializeOwned {
    const COLUMNS: &'static [Column];

    /// One for each column.
    fn cells(self) -> Vec<String>;
}

#[derive(Deserialize)]
struct Device {
    name: Option<String>,
    class: String,
}

#[derive(Deserialize)]
pub(super) struct Session {
    id: String,
    user_id: String,
    device: Device,
    user_agent: String,
    ip: Option<String>,
    node: Option<String>,
    connections: u32,
    created_at: String,
    last_seen_at: String,
}

impl Row for Session {
    const COLUMNS: &'static [Column] = &[
        Column { title: "SESSION", min: 36 },
        Column { title: "USER", min: 8 },
        Column { title: "LAST SEEN", min: 20 },
        Column { title: "DEVICE", min: 8 },
        Column { title: "CLASS", min: 7 },
        Column { title: "ADDRESS", min: 15 },
        Column { title: "CONNS", min: 5 },
        Column { title: "NODE", min: 16 },
        Column { title: "SIGNED IN", min: 20 },
    ];

    fn cells(self) -> Vec<String> {
        let device = self.device.name.filter(|name| !name.is_empty()).unwrap_or(self.user_agent);
        vec![
            self.id,
            self.user_id,
            to_the_second(&self.last_seen_at),
            device,
            self.device.class,
            self.ip.unwrap_or_default(),
            self.connections.to_string(),
            self.node.unwrap_or_default(),
            to_the_second(&self.created_at),
        ]
    }
}

#[derive(Deserialize)]
struct By {
    device: Option<Device>,
    ip: Option<String>,
}

#[derive(Deserialize)]
struct PutOut {
    reason: String,
}

#[derive(Deserialize)]
pub(super) struct Event {
    time: String,
    #[serde(rename = "type")]
    kind: String,
    user: Option<String>,
    session: Option<String>,
    actor: Option<String>,
    reason: Option<String>,
    by: Option<By>,
    #[serde(default)]
    ended: Vec<PutOut>,
    note: Option<String>,
    ip: Option<String>,
    device: Option<Device>,
}

impl Row for Event {
    const COLUMNS: &'static [Column] = &[
        Column { title: "TIME", min: 20 },
        Column { title: "EVENT", min: 8 },
        Column { title: "USER", min: 8 },
        Column { title: "DETAIL", min: 16 },
        Column { title: "SESSION", min: 36 },
        Column { title: "ADDRESS", min: 15 },
        Column { title: "DEVICE", min: 8 },
    ];

    fn cells(self) -> Vec<String> {
        let detail = self.detail();
        // An end is known by why it was one.
        let what = self.reason.filter(|_| self.kind == "ended").unwrap_or(self.kind);
        vec![
            to_the_second(&self.time),
            what,
            self.user.unwrap_or_default(),
            detail,
            self.session.unwrap_or_default(),
            self.ip.unwrap_or_default(),
            self.device.map(|device| device.name.unwrap_or(device.class)).unwrap_or_default(),
        ]
    }
}

impl Event {
    /// On whose word, by which device, with which consequence and why.
    fn detail(&self) -> String {
        let mut parts = Vec::new();
        if let Some(actor) = &self.actor {
            parts.push(format!("by {actor}"));
        }
        if let Some(by) = &self.by {
            let device = by.device.as_ref().map(|device| device.name.as_ref().unwrap_or(&device.class));
            let from = device.into_iter().chain(&by.ip).map(String::as_str).collect::<Vec<_>>().join(", ");
            parts.push(if from.is_empty() { "for a newer login".to_owned() } else { format!("for {from}") });
        }
        if let Some(first) = self.ended.first() {
            parts.push(format!("put out {} ({})", self.ended.len(), first.reason));
        }
        parts.extend(self.note.clone());
        parts.join("; ")
    }
}

/// A time without its milliseconds: of the RFC 3339 form that the API has, and any other as it is.
fn to_the_second(time: &str) -> String {
    match time.split_once('.') {
        Some((seconds, rest)) if rest.ends_with('Z') => format!("{seconds}Z"),
        _ => time.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_has_a_cell_for_each_column() {
        let session: Session = serde_json::from_value(json!({
            "id": "0199", "user_id": "ada", "device": {"id": "d", "name": null, "class": "desktop"},
            "user_agent": "Firefox 140 on Linux", "ip": null, "node": null, "connections": 2, "data": {"a": 1},
            "created_at": "2026-11-21T09:30:00.123Z", "last_seen_at": "2026-11-21T09:31:00Z",
        }))
        .unwrap();
        let cells = session.cells();
        assert_eq!(cells.len(), Session::COLUMNS.len());
        assert_eq!((cells[3].as_str(), cells[8].as_str()), ("Firefox 140 on Linux", "2026-11-21T09:30:00Z"));
    }

    #[test]
    fn an_event_says_on_whose_word_and_why() {
        let ended = json!({
            "id": "1-2-3", "time": "2026-11-21T09:30:00.123Z", "type": "ended", "user": "ada", "session": "0199",
            "actor": "key:ops", "reason": "kicked", "by": null, "ended": [], "note": "lost laptop", "ip": null,
            "device": null,
        });
        let cells = serde_json::from_value::<Event>(ended).unwrap().cells();
        assert_eq!(cells.len(), Event::COLUMNS.len());
        assert_eq!(cells[1..4], ["kicked", "ada", "by key:ops; lost laptop"]);
        let login = json!({
            "time": "t", "type": "login", "user": "ada", "session": "s", "actor": null, "reason": null, "note": null,
            "by": null, "ended": [{"session": "r", "reason": "takeover"}], "ip": "10.0.0.1", "device": null,
        });
        let cells = serde_json::from_value::<Event>(login).unwrap().cells();
        assert_eq!(cells[1..4], ["login", "ada", "put out 1 (takeover)"]);
    }
}
