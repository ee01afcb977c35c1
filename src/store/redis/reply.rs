//! Reading what Redis answers. Every step checks what is there: a reply of another shape is `Corrupt`, never a
//! panic.

use std::collections::HashMap;

use redis::Value;

use crate::domain::{NodeId, Record, SessionId, Timestamp, Tombstone};
use crate::store::codec::{self, Stored};
use crate::store::{StoreError, connections_of};

/// The values of a reply, one after the other.
pub(super) struct Reply(std::vec::IntoIter<Value>);

impl Reply {
    /// A list; a map is the list of its keys and values, as it was before RESP3.
    pub(super) fn of(value: Value) -> Result<Self, StoreError> {
        match value {
            Value::Array(values) => Ok(Self(values.into_iter())),
            Value::Map(pairs) => {
                let flat: Vec<Value> = pairs.into_iter().flat_map(|(key, value)| [key, value]).collect();
                Ok(Self(flat.into_iter()))
            }
            other => Err(unexpected(&other)),
        }
    }

    pub(super) fn of_values(values: Vec<Value>) -> Self {
        Self(values.into_iter())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.len() == 0
    }

    pub(super) fn value(&mut self) -> Result<Value, StoreError> {
        self.0.next().ok_or_else(|| StoreError::Corrupt("a reply is too short".to_owned()))
    }

    pub(super) fn list(&mut self) -> Result<Self, StoreError> {
        Self::of(self.value()?)
    }

    pub(super) fn bytes(&mut self) -> Result<Vec<u8>, StoreError> {
        bytes(self.value()?)
    }

    /// `None` for null, which is also what Lua's `false` becomes.
    pub(super) fn optional(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        match self.value()? {
            Value::Nil => Ok(None),
            value => bytes(value).map(Some),
        }
    }

    /// A number from 0, whether as an integer or in decimal.
    pub(super) fn int(&mut self) -> Result<u64, StoreError> {
        int(self.value()?)
    }

    pub(super) fn session_id(&mut self) -> Result<SessionId, StoreError> {
        let bytes = self.bytes()?;
        let id = bytes.as_slice().try_into().ok().and_then(SessionId::from_bytes);
        id.ok_or_else(|| StoreError::Corrupt("a session id is none".to_owned()))
    }

    /// All that is left, which are ids.
    pub(super) fn session_ids(mut self) -> Result<Vec<SessionId>, StoreError> {
        let mut ids = Vec::new();
        while !self.is_empty() {
            ids.push(self.session_id()?);
        }
        Ok(ids)
    }

    /// The moment and the nodes, with which most replies of scripts begin. `node_ttl_ms` as the caller says, else
    /// as each node said itself.
    pub(super) fn snapshot(&mut self, node_ttl_ms: Option<u64>) -> Result<Snapshot, StoreError> {
        let now = Timestamp::from_millis(self.int()?);
        Ok(Snapshot { now, nodes: nodes(self.list()?)?, node_ttl_ms })
    }
}

/// What is needed to make a record out of stored bytes.
pub(super) struct Snapshot {
    pub now: Timestamp,
    nodes: HashMap<NodeId, Stamp>,
    node_ttl_ms: Option<u64>,
}

/// When a node last renewed, and how long that holds.
struct Stamp {
    at: Timestamp,
    ttl_ms: u64,
}

impl Snapshot {
    pub(super) fn new(now: Timestamp, nodes_reply: Reply) -> Result<Self, StoreError> {
        Ok(Self { now, nodes: nodes(nodes_reply)?, node_ttl_ms: None })
    }

    /// A session past its deadline has ended, whether or not anybody has swept it.
    pub(super) fn record(&self, stored: Stored, data: Option<Vec<u8>>) -> Result<Record, StoreError> {
        let Stored { session, end, .. } = stored;
        let end = end.or_else(|| {
            let reason = session.lapsed(self.now)?;
            Some(Tombstone { reason, at: session.deadline(), by: None })
        });
        let (connections, nodes) = connections_of(&session, |node| {
            self.nodes.get(&node).is_some_and(|stamp| {
                self.now.millis_since(stamp.at) < self.node_ttl_ms.unwrap_or(stamp.ttl_ms)
            })
        });
        let data = data
            .map(String::from_utf8)
            .transpose()
            .map_err(|_| StoreError::Corrupt(format!("the data of {} are no text", session.id)))?;
        Ok(Record { session, end, data, connections, nodes })
    }

    /// A list of session ids and records.
    pub(super) fn records(&self, mut list: Reply) -> Result<Vec<Record>, StoreError> {
        let mut records = Vec::new();
        while !list.is_empty() {
            let id = list.session_id()?;
            records.push(self.record(codec::decode(id, &list.bytes()?)?, None)?);
        }
        Ok(records)
    }

    /// The same, and the ids of those that can't be read.
    pub(super) fn readable_records(
        &self,
        mut list: Reply,
    ) -> Result<(Vec<Record>, Vec<SessionId>), StoreError> {
        let (mut records, mut damaged) = (Vec::new(), Vec::new());
        while !list.is_empty() {
            let (id, bytes) = (list.session_id()?, list.bytes()?);
            match codec::decode(id, &bytes) {
                Ok(stored) => records.push(self.record(stored, None)?),
                Err(_) => damaged.push(id),
            }
        }
        Ok((records, damaged))
    }

    /// A list of session ids, records and data.
    pub(super) fn records_with_data(&self, mut list: Reply) -> Result<Vec<Record>, StoreError> {
        let mut records = Vec::new();
        while !list.is_empty() {
            let id = list.session_id()?;
            let stored = codec::decode(id, &list.bytes()?)?;
            records.push(self.record(stored, list.optional()?)?);
        }
        Ok(records)
    }
}

fn nodes(mut list: Reply) -> Result<HashMap<NodeId, Stamp>, StoreError> {
    let wrong = || StoreError::Corrupt("the list of nodes is damaged".to_owned());
    let mut nodes = HashMap::new();
    while !list.is_empty() {
        let node: [u8; 8] = list.bytes()?.as_slice().try_into().map_err(|_| wrong())?;
        let [a, b, c, d, e, f, g, h, i, j, k, l] =
            <[u8; 12]>::try_from(list.bytes()?.as_slice()).map_err(|_| wrong())?;
        let at = Timestamp::from_millis(u64::from_be_bytes([0, 0, a, b, c, d, e, f]));
        let ttl_ms = u64::from_be_bytes([0, 0, g, h, i, j, k, l]);
        // A node that has just been stamped stands there twice, the new stamp last.
        nodes.insert(NodeId::from_bytes(node), Stamp { at, ttl_ms });
    }
    Ok(nodes)
}

pub(super) fn bytes(value: Value) -> Result<Vec<u8>, StoreError> {
    match value {
        Value::BulkString(bytes) => Ok(bytes),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Ok(text.into_bytes()),
        other => Err(unexpected(&other)),
    }
}

pub(super) fn int(value: Value) -> Result<u64, StoreError> {
    let number = match &value {
        Value::Int(number) => u64::try_from(*number).ok(),
        Value::BulkString(digits) => std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()),
        // The score of a sorted set; ours are whole and below 2^53.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
        Value::Double(number) => (0.0..9_007_199_254_740_992.0).contains(number).then_some(*number as u64),
        _ => None,
    };
    number.ok_or_else(|| unexpected(&value))
}

/// Names the kind of a reply, not its content, which may be somebody's data.
fn unexpected(value: &Value) -> StoreError {
    let kind = match value {
        Value::Nil => "null",
        Value::Int(_) => "an integer",
        Value::BulkString(_) | Value::SimpleString(_) => "a string",
        Value::Array(_) => "a list",
        Value::Map(_) => "a map",
        _ => "a reply of another kind",
    };
    StoreError::Corrupt(format!("{kind} where something else was expected"))
}
