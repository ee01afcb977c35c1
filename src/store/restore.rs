//! What a node remembers of sessions, to be put back into a store that has forgotten them.

use super::StoreError;
use super::codec::{self, Stored};
use crate::domain::{By, Record, SeatLimits, Session, SessionId, Timestamp};

/// A session as a node remembers it, live or ended: the bytes of its record, some 250, without its connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    id: SessionId,
    bytes: Box<[u8]>,
    data: Option<Box<str>>,
}

impl Image {
    /// How long ago a node may have last known a session live and still register it again, in milliseconds. Far
    /// below [`crate::domain::Tombstone::KEPT_MS`], so that a session whose tombstone has lapsed never comes back.
    pub const LIVE_FOR_MS: u64 = 24 * 60 * 60 * 1000;

    pub fn of(record: &Record) -> Self {
        let session = Session { presence: Vec::new(), ..record.session.clone() };
        let stored = Stored {
            session,
            end: record.end.clone(),
            replaced: Vec::new(),
            has_data: record.data.is_some(),
        };
        Self {
            id: record.session.id,
            bytes: codec::encode(&stored).into(),
            data: record.data.as_deref().map(Box::from),
        }
    }

    pub fn id(&self) -> SessionId {
        self.id
    }

    /// When it ended; the epoch while it is live.
    pub fn ended_at(&self) -> Timestamp {
        codec::ended_at(&self.bytes)
    }

    /// The record, with its data and without connections.
    ///
    /// # Errors
    /// `Corrupt`, which would be a fault of ours.
    pub fn record(&self) -> Result<Record, StoreError> {
        let Stored { session, end, .. } = codec::decode(self.id, &self.bytes)?;
        let data = self.data.as_deref().map(str::to_owned);
        Ok(Record { session, end, data, connections: 0, nodes: Vec::new() })
    }

    /// As it lies in the store.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn data(&self) -> Option<&str> {
        self.data.as_deref()
    }
}

/// A session that the store may have forgotten.
#[derive(Debug, Clone)]
pub struct Restore {
    pub image: Image,
    /// When the node last knew it live, by the store's clock of then; of an ended one nobody asks.
    pub live_at: Timestamp,
    /// Of its roles and class.
    pub limits: SeatLimits,
    /// This session as those that it ends are told of it.
    pub by: By,
}

/// What became of it.
#[derive(Debug, Clone)]
pub enum Restored {
    /// It is live, again or still; also one that was seated anew since the end that was told.
    Live,
    /// It has ended, as known here or otherwise.
    Ended(Record),
    /// A newer login holds its seat: this one, of a higher generation and without its data. Nothing changed; it is
    /// to be restored as ended by that one.
    Yields(Record),
    /// Last known live more than [`Image::LIVE_FOR_MS`] ago; nothing changed.
    TooOld,
}
