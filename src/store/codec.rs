//! How a session lies in the store: one string, the same in Redis and in SQLite.
//!
//! A fixed big-endian header that a Lua script reads and patches in place, then length-prefixed fields, of which
//! scripts know the first few. See the table in this module's code.

use super::StoreError;
use crate::domain::{Reason, Session, SessionId, Tombstone};

/// A session as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub session: Session,
    pub end: Option<Tombstone>,
    /// What its login ended, so that the same login sent again is answered as the first time.
    pub replaced: Vec<(SessionId, Reason)>,
    /// There is data, under a key of its own.
    pub has_data: bool,
}

/// The bytes of a record.
pub(crate) fn encode(stored: &Stored) -> Vec<u8> {
    unimplemented!("{stored:?}")
}

/// # Errors
/// `Corrupt` when the bytes are not a record of this version.
pub(crate) fn decode(id: SessionId, bytes: &[u8]) -> Result<Stored, StoreError> {
    unimplemented!("{id} {bytes:?}")
}
